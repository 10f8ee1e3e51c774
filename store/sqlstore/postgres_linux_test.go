package sqlstore

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast-security/holdfast/internal/hosttest"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/storetest"
)

// cluster is a PostgreSQL server of the test's own, on a socket in a folder of
// its own.
type cluster struct {
	folder    string
	databases atomic.Int32
}

// startCluster starts a server that is stopped and removed with the test. As
// root it runs as the user postgres, because PostgreSQL refuses root.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		hosttest.Missing(t, "needs PostgreSQL")
	}
	bin := filepath.Dir(found[len(found)-1])
	folder, err := os.MkdirTemp("", "hfpg") // short: names of sockets have 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	who := unprivileged(t, folder)
	data := filepath.Join(folder, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = who, folder
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	server := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200")
	server.SysProcAttr, server.Dir = who, folder
	var log strings.Builder
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Process.Signal(syscall.SIGINT); err != nil { // a fast shutdown
			t.Error(err)
		}
		if err := server.Wait(); err != nil {
			t.Errorf("PostgreSQL: %v\n%s", err, log.String())
		}
	})
	return &cluster{folder: folder}
}

func unprivileged(t *testing.T, folder string) *syscall.SysProcAttr {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		hosttest.Missing(t, "needs the user postgres")
	}
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	if err := os.Chown(folder, uid, gid); err != nil {
		t.Fatal(err)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

func (c *cluster) dsn(database string) string {
	return fmt.Sprintf("host=%s user=test dbname=%s", c.folder, database)
}

// make makes a database without rows.
func (c *cluster) make(t *testing.T) (dsn string) {
	t.Helper()
	number := c.databases.Add(1)
	name := fmt.Sprint("t", number)
	if number == 1 {
		c.prepare(t)
	}
	if err := c.exec(t.Context(), "postgres", "CREATE DATABASE "+name+" TEMPLATE prepared"); err != nil {
		t.Fatal(err)
	}
	return c.dsn(name)
}

// prepare makes the database whose copies the tests use, with the schema. It
// waits until the server is there.
func (c *cluster) prepare(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for err := c.exec(t.Context(), "postgres", "CREATE DATABASE prepared"); err != nil; err = c.exec(t.Context(), "postgres", "CREATE DATABASE prepared") {
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	s, err := Open(t.Context(), Config{DSN: c.dsn("prepared")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func (c *cluster) exec(ctx context.Context, database, query string) error {
	conn, err := pgx.Connect(ctx, c.dsn(database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, query)
	return err
}

func (c *cluster) open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{DSN: c.make(t)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPostgres(t *testing.T) {
	c := startCluster(t)
	t.Run("conforms", func(t *testing.T) {
		storetest.State(t, func(t *testing.T) store.State { return c.open(t) })
	})
	t.Run("backup names pg_dump", func(t *testing.T) {
		s := c.open(t)
		defer s.Close()
		if err := s.Backup(t.Context(), filepath.Join(t.TempDir(), "x")); err == nil || !strings.Contains(err.Error(), "pg_dump") {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("two servers see each other's alerts", func(t *testing.T) { twoServers(t, c) })
	t.Run("audit log is append-only", func(t *testing.T) {
		s := c.open(t)
		defer s.Close()
		auditIsAppendOnly(t, s)
	})
	t.Run("newer schema", func(t *testing.T) {
		s := c.open(t)
		defer s.Close()
		pretendNewer(t, s)
		_, err := Open(t.Context(), Config{DSN: c.dsn(fmt.Sprint("t", c.databases.Load()))})
		wantSentence(t, err, "newer version of Holdfast")
	})
	t.Run("wrong database", func(t *testing.T) {
		_, err := Open(t.Context(), Config{DSN: c.dsn("none") + " password=secret"})
		wantSentence(t, err, "none")
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the password: %v", err)
		}
	})
}

// twoServers has one server change alerts and another list them.
func twoServers(t *testing.T, c *cluster) {
	a := c.open(t)
	defer a.Close()
	b, err := Open(t.Context(), Config{DSN: c.dsn(fmt.Sprint("t", c.databases.Load()))})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	followEachOther(t, a, b)
}
