package stream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/wire"
)

// Bounds of a NATS message. A frame that is a little too large still reaches
// the gateway and is refused in words; far larger ones cost the connection.
const (
	maxAgentPayload  = wire.MaxFrame + 4<<10
	maxServerPayload = wire.MaxFrame + 64<<10
)

const (
	startTimeout   = 30 * time.Second // a large log is checked when it is opened after a crash
	accountName    = "holdfast"
	systemName     = "system"
	agentSubs      = 16
	logMemory      = 64 << 20 // for consumers' state; frames are on disk
	spareLogBytes  = 1 << 30  // of the account's bound over the log's
	metadataSyncs  = time.Minute
	agentMaxOutput = 32 << 20 // bytes waiting for one slow reader before it is cut; this process is one as well
)

// embedded is the NATS server in this process.
type embedded struct {
	config   Config
	server   *server.Server
	options  *server.Options
	resolver *server.MemAccResolver
	user     *identity
	listens  bool
}

// openEmbedded starts the server. It listens only when everything else works.
func openEmbedded(c Config, refuse func(reason string)) (*embedded, error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the stream's directory: %w", err)
	}
	e := &embedded{config: c, resolver: &server.MemAccResolver{}, listens: c.Listen != ""}
	if err := e.storeAccounts(nil); err != nil {
		return nil, err
	}
	var err error
	if e.user, err = newIdentity(); err != nil {
		return nil, err
	}
	if e.options, err = e.makeOptions(); err != nil {
		return nil, err
	}
	return e, e.start(refuse)
}

func (e *embedded) start(refuse func(reason string)) error {
	var err error
	if e.server, err = server.NewServer(e.options); err != nil {
		return fmt.Errorf("set up the embedded stream: %w", err)
	}
	bridge := newBridge(e.config.Log, refuse)
	e.server.SetLoggerV2(bridge, false, false, false)
	e.server.Start()
	deadline := time.Now().Add(startTimeout)
	for !e.server.ReadyForConnections(50 * time.Millisecond) {
		text := bridge.fatal()
		if text == "" && time.Now().After(deadline) {
			text = "not ready in time"
		}
		if text != "" {
			e.close()
			return fmt.Errorf("start the embedded stream in %q: %s", e.config.Dir, text)
		}
	}
	return nil
}

// makeOptions sets every bound that has a dangerous default.
func (e *embedded) makeOptions() (*server.Options, error) {
	operator := jwt.NewOperatorClaims(e.config.Keys.Operator.PublicKey())
	operator.SystemAccount = e.config.Keys.System.PublicKey()
	o := &server.Options{
		ServerName:         "holdfast",
		DontListen:         true,
		NoSigs:             true, // signals belong to the process's owner
		JetStream:          true,
		StoreDir:           e.config.Dir,
		SyncAlways:         e.config.SyncInterval <= 0,
		SyncInterval:       metadataSyncs,
		JetStreamMaxStore:  e.config.MaxBytes + spareLogBytes,
		JetStreamMaxMemory: logMemory,
		TrustedOperators:   []*jwt.OperatorClaims{operator},
		SystemAccount:      operator.SystemAccount,
		AccountResolver:    e.resolver,
		MaxConn:            e.config.MaxConnections + 1, // this process's own
		MaxSubs:            agentSubs * 4,
		MaxPayload:         maxServerPayload,
		MaxControlLine:     4 << 10,
		MaxPending:         agentMaxOutput,
		WriteDeadline:      10 * time.Second,
		AuthTimeout:        10,
		TLSTimeout:         10,
		PingInterval:       time.Minute,
		MaxPingsOut:        2,
		// When many connect at once, an early ping comes before the answer to
		// the client's own, and clients give up.
		DisableShortFirstPing: true,
		MaxTracedMsgLen:       64,
		MaxClosedClients:      100,

		DisableJetStreamBanner: true,
	}
	if e.config.SyncInterval > 0 {
		o.SyncInterval = e.config.SyncInterval
	}
	if !e.listens {
		return o, nil
	}
	return o, e.listenOn(o)
}

func (e *embedded) listenOn(o *server.Options) error {
	host, port, err := net.SplitHostPort(e.config.Listen)
	if err != nil {
		return fmt.Errorf("stream address %q: %w", e.config.Listen, err)
	}
	if o.Port, err = strconv.Atoi(port); err != nil || o.Port < 0 || o.Port > math.MaxUint16 {
		return fmt.Errorf("stream address %q: the port is not a number from 0 to 65535", e.config.Listen)
	}
	if o.Host = host; host == "" {
		o.Host = "0.0.0.0"
	}
	// The server would log and go on; a taken port is to be said at once.
	probe, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return fmt.Errorf("open %s for agents: %w; stop what uses it, or set stream_listen to another one", e.config.Listen, err)
	}
	probe.Close()
	if o.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	o.DontListen = false
	o.TLSConfig = e.config.TLS.Clone()
	return nil
}

// accountClaims describes the account of agents and server.
func (e *embedded) accountClaims(revoked map[string]time.Time) *jwt.AccountClaims {
	claims := jwt.NewAccountClaims(e.config.Keys.Account.PublicKey())
	claims.Name = accountName
	claims.SigningKeys.Add(e.config.Keys.Signing.PublicKey())
	claims.Limits.JetStreamLimits = jwt.JetStreamLimits{
		MemoryStorage: logMemory,
		DiskStorage:   e.config.MaxBytes + spareLogBytes,
		Streams:       maxPartitions,
		Consumer:      jwt.NoLimit,
	}
	claims.Limits.LeafNodeConn = 0
	for key, at := range revoked {
		claims.RevokeAt(key, at)
	}
	return claims
}

// storeAccounts puts both accounts where the server looks them up.
func (e *embedded) storeAccounts(revoked map[string]time.Time) error {
	system := jwt.NewAccountClaims(e.config.Keys.System.PublicKey())
	system.Name = systemName
	for _, claims := range []*jwt.AccountClaims{system, e.accountClaims(revoked)} {
		text, err := encodeAccount(claims, e.config.Keys.Operator)
		if err != nil {
			return err
		}
		if err := e.resolver.Store(claims.Subject, text); err != nil {
			return fmt.Errorf("store account %s: %w", claims.Name, err)
		}
	}
	return nil
}

func (e *embedded) connect() (*nats.Conn, error) {
	signer, account := e.issuer()
	token, err := serverCredential(signer, account, e.user.public)
	if err != nil {
		return nil, err
	}
	nc, err := nats.Connect("", append(connectionOptions(e.config.Log),
		nats.InProcessServer(e.server),
		nats.UserJWT(func() (string, error) { return token, nil }, e.user.sign))...)
	if err != nil {
		return nil, fmt.Errorf("connect to the embedded stream: %w", err)
	}
	return nc, nil
}

func (e *embedded) issuer() (Signer, string) {
	return e.config.Keys.Signing, e.config.Keys.Account.PublicKey()
}

// revoke puts the list in force: the server cuts connected agents at once.
func (e *embedded) revoke(_ context.Context, revoked map[string]time.Time, _ []string) error {
	if err := e.storeAccounts(revoked); err != nil {
		return err
	}
	account, err := e.server.LookupAccount(e.config.Keys.Account.PublicKey())
	if err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	text, err := e.resolver.Fetch(account.Name)
	if err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	claims, err := jwt.DecodeAccountClaims(text)
	if err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	e.server.UpdateAccountClaims(account, claims)
	return nil
}

func (e *embedded) room() bool {
	return e.config.MinFree < 0 || freeBytes(e.config.Dir) >= uint64(e.config.MinFree)
}

// fault looks whether a write has failed: JetStream answers no frame then, which
// each of them would find out by waiting.
func (e *embedded) fault() error {
	if health := e.server.Healthz(nil); health.Error != "" {
		return errors.New(health.Error)
	}
	return nil
}

// revive starts JetStream anew: after a write error it accepts nothing until
// its files have been opened again.
func (e *embedded) revive() error {
	if !e.room() {
		return errors.New("the disk is full")
	}
	if err := e.server.ShutdownJetStream(); err != nil {
		return fmt.Errorf("stop the stream's log: %w", err)
	}
	err := e.server.EnableJetStream(&server.JetStreamConfig{
		StoreDir:     e.options.StoreDir,
		SyncInterval: e.options.SyncInterval,
		SyncAlways:   e.options.SyncAlways,
		MaxMemory:    e.options.JetStreamMaxMemory,
		MaxStore:     e.options.JetStreamMaxStore,
		Strict:       true,
		CompressOK:   true,
	})
	if err != nil {
		return fmt.Errorf("open the stream's log again: %w", err)
	}
	return nil
}

func (e *embedded) replicas() int { return 1 }

func (e *embedded) addr() string {
	if !e.listens {
		return ""
	}
	return e.server.Addr().String()
}

// disconnect ends the busiest connection of a host.
func (e *embedded) disconnect(host event.HostID) {
	// Who floods is among the first, so that few credentials are decoded.
	list, err := e.server.Connz(&server.ConnzOptions{Username: true, Limit: e.options.MaxConn, Sort: server.ByInMsgs})
	if err != nil {
		e.config.Log.Warn("a flooding host could not be looked up", "host", host, "error", err)
		return
	}
	for _, c := range list.Conns {
		claims, err := jwt.DecodeUserClaims(c.JWT)
		if err == nil && claims.Name == string(host) {
			_ = e.server.DisconnectClientByID(c.Cid) // fails when it has gone by itself
			return
		}
	}
}

func (e *embedded) connections() int { return max(0, e.server.NumClients()-1) }

func (e *embedded) close() {
	e.server.Shutdown()
	e.server.WaitForShutdown()
}

// identity is an nkey of this process, made anew at each start.
type identity struct {
	pair   nkeys.KeyPair
	public string
}

func newIdentity() (*identity, error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return nil, fmt.Errorf("make the server's own key: %w", err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("make the server's own key: %w", err)
	}
	return &identity{pair: pair, public: public}, nil
}

func (i *identity) sign(nonce []byte) ([]byte, error) { return i.pair.Sign(nonce) }
