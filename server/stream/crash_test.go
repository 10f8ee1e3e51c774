package stream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/wire"
)

const (
	crashDir   = "HOLDFAST_STREAM_CRASH_DIR" // set in the process that is killed
	crashSeeds = "seeds.json"
)

// TestKilledServer is the process that is killed: it serves until then.
func TestKilledServer(t *testing.T) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		return // it runs as the child of TestKillLosesNothingAcknowledged
	}
	c := crashConfig(t, dir)
	certificate, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	c.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	c.Listen = "127.0.0.1:0"
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(s.Addr())
	if err := s.Serve(t.Context(), &hub{unknown: make(map[event.HostID]bool)}, nil); err != nil {
		t.Fatal(err)
	}
}

// crashConfig is one configuration for both processes, its keys in a file.
func crashConfig(t *testing.T, dir string) Config {
	t.Helper()
	path := filepath.Join(dir, crashSeeds)
	var seeds [4]string
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &seeds)
	} else {
		for i, prefix := range []nkeys.PrefixByte{nkeys.PrefixByteOperator, nkeys.PrefixByteAccount, nkeys.PrefixByteAccount, nkeys.PrefixByteAccount} {
			pair, err := nkeys.CreatePair(prefix)
			if err != nil {
				t.Fatal(err)
			}
			seed, err := pair.Seed()
			if err != nil {
				t.Fatal(err)
			}
			seeds[i] = string(seed)
		}
		data, _ = json.Marshal(seeds)
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	var keys [4]*keyPair
	for i, seed := range seeds {
		keys[i] = newSigner(t, func() (nkeys.KeyPair, error) { return nkeys.FromSeed([]byte(seed)) })
	}
	return Config{
		Dir: filepath.Join(dir, "stream"), MinFree: -1, MaxBytes: 256 << 20, Log: slog.New(slog.DiscardHandler),
		Keys: Keys{Operator: keys[0], Account: keys[1], System: keys[2], Signing: keys[3]},
	}
}

func TestKillLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	server, client := newTLS(t)
	writePEM(t, dir, server)
	c := crashConfig(t, dir)
	key := newSigner(t, nkeys.CreateUser)
	var acknowledged uint64
	for round := range 3 {
		child, addr := startChild(t, dir)
		a := &agent{host: hostID(1), key: key}
		token, err := encodeUser(agentClaims(a.host, key.public, c.Keys.Account.PublicKey()), c.Keys.Signing)
		if err != nil {
			t.Fatal(err)
		}
		a.jwt = token
		a.Conn = dialAt(t, addr, client, a)
		killed := make(chan struct{})
		for sent := 0; ; sent++ {
			if sent == 20+round {
				go func() { _ = child.Process.Kill(); close(killed) }()
			}
			ack, err := a.trySend(numbered(t, epoch1, acknowledged+1))
			if err == nil && ack.Code == wire.Accepted {
				acknowledged++
				continue
			}
			if sent >= 20+round {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		<-killed
		_ = child.Wait() // killed
		a.Close()
	}
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	seen := make(map[uint64]int)
	err = s.Read(context.Background(), 0, 1, func(m Message) error {
		h, err := wire.ParseHeader(m.Frame)
		seen[h.Sequence]++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := uint64(1); n <= acknowledged; n++ {
		if seen[n] != 1 {
			t.Errorf("frame %d was acknowledged and is there %d times", n, seen[n])
		}
	}
	t.Logf("%d frames acknowledged", acknowledged)
}

func startChild(t *testing.T, dir string) (*exec.Cmd, string) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(program, "-test.run", "^TestKilledServer$")
	child.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = child.Process.Kill() })
	var addr string
	if _, err := fmt.Fscanln(out, &addr); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return child, addr
}

// writePEM leaves the certificate where the child finds it.
func writePEM(t *testing.T, dir string, config *tls.Config) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(config.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: config.Certificates[0].Certificate[0]},
		"key.pem":  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
