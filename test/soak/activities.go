//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// activities are the benign work, each with the distribution's own programs.
// What an administrator would set up once, cron tables and daemons, is set up
// before the watch begins.
var activities = []activity{
	{name: "packages", do: script(packages), pause: 2 * time.Second},
	{name: "packages-with-users", do: script(packagesWithUsers), pause: 5 * time.Second},
	{name: "go-build", do: script(goBuild), pause: time.Second},
	{name: "c-build", do: script(cBuild), pause: time.Second},
	{name: "web-server", prepare: startNginx, do: script(webLoad), pause: 100 * time.Millisecond},
	{name: "database", prepare: startPostgres, do: script(queries), pause: time.Second},
	{name: "cron", prepare: startCron, do: waitForCron, pause: time.Second},
	{name: "log-rotation", do: script(rotate), pause: 5 * time.Second},
	{name: "git", do: script(gitWork), pause: time.Second},
	{name: "keys", do: script(keys), pause: 5 * time.Second},
	{name: "backup", do: script(backup), pause: 10 * time.Second},
	{name: "administration", do: script(administration), pause: 3 * time.Second},
}

// comeAndGo defines a shell function that installs and removes a package; one
// that the machine has already is installed anew and stays.
const comeAndGo = `apt() { apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >out 2>&1 || { cat out; exit 1; }; }
come_and_go() {
	if dpkg -s "$1" >/dev/null 2>&1; then
		apt install --reinstall "$1"
	else
		apt install --no-install-recommends "$1"
		apt purge "$1"
	fi
}
`

const packages = comeAndGo + `come_and_go hello
come_and_go tree
dpkg -l >/dev/null
dpkg -S /bin/sh >/dev/null
apt-cache policy hello >/dev/null
`

// packagesWithUsers have scripts that make accounts, groups, keys, PAM
// services and units. A running SSH server is left alone.
const packagesWithUsers = comeAndGo + `come_and_go uuid-runtime
dpkg -s openssh-server >/dev/null 2>&1 || come_and_go openssh-server
`

const goBuild = `cat >go.mod <<'.'
module example.org/soak
go 1.24
.
cat >main.go <<'.'
package main

import "fmt"

func main() { fmt.Println("soak") }
.
cat >main_test.go <<'.'
package main

import "testing"

func TestMain1(t *testing.T) {}
.
export GOFLAGS=-mod=mod GOWORK=off
go vet .
go test -count=1 .
go build -o soak .
test "$(./soak)" = soak
`

const cBuild = `cat >main.c <<'.'
#include <stdio.h>
int twice(int);
int main(void) { printf("%d\n", twice(21)); return 0; }
.
echo 'int twice(int n) { return 2 * n; }' >twice.c
cat >Makefile <<'.'
soak: main.o twice.o
	$(CC) -o $@ $^
check: soak
	test "$$(./soak)" = 42
.
make -s -j2 check CC=gcc
strip soak
ar rcs libtwice.a twice.o
`

// nginxPort is where the web server of the soak listens, on loopback only.
const nginxPort = "18480"

// startNginx starts Debian's nginx with a configuration of its own and a log
// format and workers as Debian sets them.
func startNginx(ctx context.Context, dir string) (func(), error) {
	root := filepath.Join(dir, "nginx")
	config := fmt.Sprintf(`user www-data;
worker_processes auto;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log;
events { worker_connections 256; }
http {
	access_log %[1]s/access.log;
	server { listen 127.0.0.1:%[2]s; root %[1]s/html; autoindex on; }
}
`, root, nginxPort)
	if err := os.MkdirAll(filepath.Join(root, "html"), 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(root, "nginx.conf"), []byte(config), 0o644); err != nil {
		return nil, err
	}
	page := make([]byte, 20_000)
	if err := os.WriteFile(filepath.Join(root, "html", "page.bin"), page, 0o644); err != nil {
		return nil, err
	}
	stop, err := daemon(exec.Command("nginx", "-c", filepath.Join(root, "nginx.conf"), "-g", "daemon off;"), syscall.SIGQUIT)
	if err != nil {
		return nil, err
	}
	return stop, reachable(ctx, "tcp", "127.0.0.1:"+nginxPort)
}

const webLoad = `for i in 1 2 3 4 5 6 7 8 9 10; do
	curl -fsS -o page "http://127.0.0.1:` + nginxPort + `/page.bin" "http://127.0.0.1:` + nginxPort + `/?n=$i" >/dev/null
done
curl -s "http://127.0.0.1:` + nginxPort + `/missing.php?cmd=id" >/dev/null
`

// startPostgres makes a cluster under dir and starts it as the user postgres.
func startPostgres(ctx context.Context, dir string) (func(), error) {
	data := filepath.Join(dir, "postgres")
	if err := shell(ctx, dir, `mkdir postgres
chown postgres: postgres
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
runuser -u postgres -- "$bin/initdb" -D postgres/data -A trust >/dev/null
ln -s "$bin" postgres/bin
`); err != nil {
		return nil, err
	}
	server := exec.Command("runuser", "-u", "postgres", "--", filepath.Join(data, "bin", "postgres"),
		"-D", filepath.Join(data, "data"), "-k", data, "-c", "listen_addresses=")
	stop, err := daemon(server, syscall.SIGTERM)
	if err != nil {
		return nil, err
	}
	return stop, reachable(ctx, "unix", filepath.Join(data, ".s.PGSQL.5432"))
}

const queries = `cd ../postgres
run() { runuser -u postgres -- "$@"; }
run bin/psql -qX -h "$PWD" postgres <<'.'
CREATE TABLE IF NOT EXISTS visits (id serial PRIMARY KEY, page text, at timestamptz DEFAULT now());
INSERT INTO visits (page) SELECT md5(g::text) FROM generate_series(1, 2000) g;
SELECT count(*) FROM visits WHERE page LIKE 'a%';
DELETE FROM visits WHERE id % 2 = 0;
VACUUM ANALYZE visits;
.
run bin/pg_dump -h "$PWD" postgres | gzip >/tmp/soak-dump.gz
rm /tmp/soak-dump.gz
`

// cronTable is what the soak adds to the machine, before the watch begins.
const cronTable = "/etc/cron.d/holdfast-soak"

// startCron adds two jobs that run every minute and starts cron.
func startCron(_ context.Context, dir string) (func(), error) {
	table := fmt.Sprintf(`SHELL=/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
* * * * * root cd / && run-parts --test /etc/cron.daily >/dev/null; date >>%[1]s/cron.log
* * * * * www-data test -d /var/lib/php/sessions || true
`, dir)
	if err := os.WriteFile(cronTable, []byte(table), 0o644); err != nil {
		return nil, err
	}
	remove := func() { os.Remove(cronTable) }
	stop, err := daemon(exec.Command("cron", "-f"), syscall.SIGTERM)
	if err != nil {
		return remove, err
	}
	return func() { stop(); remove() }, nil
}

// waitForCron waits for the next run of cron's job.
func waitForCron(ctx context.Context, dir string) error {
	log := filepath.Join(filepath.Dir(dir), "cron.log")
	before := size(log)
	for range 90 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
		if size(log) > before {
			return nil
		}
	}
	return fmt.Errorf("cron ran nothing within 90 seconds")
}

func size(name string) int64 {
	info, err := os.Stat(name)
	if err != nil {
		return 0
	}
	return info.Size()
}

const rotate = `log=/var/log/holdfast-soak
mkdir -p "$log"
trap 'rm -rf "$log"' EXIT
cat >rotate.conf <<.
$log/*.log { rotate 3
  compress
  missingok
  create 0640 root adm
  postrotate
    true
  endscript
}
.
for i in 1 2 3; do
	seq 1 2000 >"$log/app.log"
	logrotate -f -s "$PWD/state" rotate.conf
done
`

const gitWork = `git init -q -b main project
cd project
git config user.name Soak
git config user.email soak@example.org
for i in 1 2 3; do
	echo "$i" >"file$i"
	git add .
	git commit -q -m "change $i"
done
git log --oneline | cat >/dev/null
cd ..
git clone -q project copy
cd copy
git gc -q
`

const keys = `ssh-keygen -q -t ed25519 -N '' -f key -C soak@example.org
ssh-keygen -l -f key.pub >/dev/null
ssh-keygen -y -f key >/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tls.key -out tls.crt -days 1 -subj /CN=soak 2>/dev/null
openssl x509 -in tls.crt -noout -text >/dev/null
`

const backup = `tar -czf etc.tar.gz -C / etc
tar -tzf etc.tar.gz >/dev/null
cp -a /etc/default copy
find /usr/share/doc -maxdepth 1 -newer etc.tar.gz | wc -l >/dev/null
sha256sum etc.tar.gz >sums
sha256sum -c --quiet sums
`

const administration = `id >/dev/null
uname -a >/dev/null
hostname >/dev/null
ps aux >/dev/null
df -h >/dev/null
free >/dev/null 2>&1 || true
ls -la /root /home /tmp >/dev/null
getent passwd root >/dev/null
cat /proc/loadavg /proc/meminfo >/dev/null
tail -n 5 /var/log/dpkg.log >/dev/null
grep -c processor /proc/cpuinfo >/dev/null
sudo -n -u nobody id >/dev/null
runuser -u www-data -- /bin/sh -c 'echo ok' >/dev/null
printf '#!/bin/sh\necho done\n' >task.sh
chmod +x task.sh
./task.sh >/dev/null
`

// daemon starts a program that stays and returns what stops it.
func daemon(cmd *exec.Cmd, stop syscall.Signal) (func(), error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w; test/prepare installs it", err)
	}
	return func() {
		_ = syscall.Kill(-cmd.Process.Pid, stop)
		ended := time.AfterFunc(10*time.Second, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		_ = cmd.Wait() // it ends by our signal
		ended.Stop()
	}, nil
}

// reachable waits until something listens on the address.
func reachable(ctx context.Context, network, address string) error {
	var dialer net.Dialer
	var err error
	for range 100 {
		var conn net.Conn
		if conn, err = dialer.DialContext(ctx, network, address); err == nil {
			return conn.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("nothing listens on %s: %w", strconv.Quote(address), err)
}
