package telemetrytest

import (
	"strconv"
	"strings"

	"github.com/holdfast-security/holdfast/event"
)

// What the fleet consists of and what is typed and run on it. In templates {n}
// stands for a number, {h} for eight hex digits, {w} for a word.
var (
	roles    = []string{"web", "db", "build", "mail", "cache", "proxy"}
	people   = []string{"alice", "bob", "carol", "deploy", "ansible"}
	packages = []string{"coreutils", "util-linux", "systemd", "openssh-server", "bash", "dash", "git", "curl", "postgresql-15", "procps"}
	words    = []string{
		"invoice", "session", "cache", "report", "billing", "customers", "index", "upload", "staging", "archive", "metrics", "orders",
		"backup", "profile", "catalog", "search", "queue", "worker", "thumbnail", "export",
	}
	commands = []string{
		"ls --color=auto -la /srv/{w}", "git status --short", "git diff HEAD~{n}", "git pull --rebase origin main", "vim /etc/nginx/sites-available/{w}.conf",
		"grep -rn {w} /var/log/{w}.log", "less /var/log/syslog", "tail -n {n} /var/log/{w}/{w}.log", "systemctl status {w}.service",
		"docker ps -a --filter name={w}", "docker logs --tail {n} {w}-{n}", "psql -h db.internal -U {w} -c select count(*) from {w} where id > {n}",
		"python3 /srv/{w}/manage.py migrate --database {w}", "curl -sS https://{w}.example.org/api/v1/{w}/{h}", "sudo systemctl restart {w}", "htop", "df -h",
		"find /srv/{w} -name *.{w} -mtime +{n} -print", "ssh -o BatchMode=yes {w}-{n}.internal uptime", "kubectl get pods -n {w} -o wide",
	}
	jobs = []string{
		"test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )", "/usr/local/bin/{w}-sync --since {n} >/dev/null 2>&1",
		"cd /srv/{w} && php artisan schedule:run >> /dev/null 2>&1", "/usr/lib/{w}/check_{w} -w {n} -c {n}", "/usr/bin/python3 /opt/{w}/bin/{w}.py --batch {h}",
	}
	jobPrograms = []string{
		"run-parts --report /etc/cron.hourly", "/usr/bin/awk {print $1} /var/lib/{w}/{h}.csv", "sed -e s/{w}/{w}/g /tmp/{w}.{h}", "mktemp -d /tmp/{w}.{h}",
		"gzip -9 /var/backups/{w}-{n}.sql", "rsync -a --delete /srv/{w}/ backup@{w}-{n}.internal:/backup/{h}", "stat -c %Y /var/run/{w}.pid", "sleep {n}",
		"date +%s", "cat /proc/loadavg", "cut -d: -f{n}", "logger -t {w} finished {n} in {n} ms", "find /var/tmp -type f -name {w}-* -delete",
		"openssl x509 -enddate -noout -in /etc/ssl/{w}.pem", "rm -f /tmp/{w}.{h}", "php /srv/{w}/artisan queue:work --once --job={h}",
	}
	checks = []string{
		"/bin/sh -c curl -fsS http://localhost:{n}/healthz || exit 1", "curl -fsS http://localhost:{n}/healthz", "pg_isready -U {w} -d {w}",
		"redis-cli ping", "/usr/bin/node /app/{w}/probe.js --port {n}", "runc --root /var/run/docker/runtime-runc/moby exec --process /tmp/runc-process{n} {h}",
	}
	files = []string{
		"/etc/{w}/{w}.conf", "/etc/cron.d/{w}", "/var/spool/cron/crontabs/tmp.{h}", "/etc/nginx/sites-enabled/{w}.conf", "/tmp/{w}.{h}",
		"/srv/{w}/releases/{n}/{w}.php", "/home/deploy/.ssh/known_hosts", "/var/lib/{w}/{h}.csv", "/etc/ssl/{w}.pem",
	}
)

// fill replaces the placeholders of a template.
func (h *host) fill(template string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(template, '{')
		if i < 0 || i+2 >= len(template) || template[i+2] != '}' {
			b.WriteString(template)
			return b.String()
		}
		b.WriteString(template[:i])
		switch template[i+1] {
		case 'n':
			b.WriteString(strconv.Itoa(1 + h.rng.IntN(500)))
		case 'h':
			b.WriteString(h.hex(8))
		default:
			b.WriteString(pick(h.rng, words))
		}
		template = template[i+3:]
	}
}

func (h *host) hex(n int) string {
	const digits = "0123456789abcdef"
	b := make([]byte, n)
	for i := range b {
		b[i] = digits[h.rng.IntN(16)]
	}
	return string(b)
}

// account returns the account of a name, numbered as Debian does.
func account(name string) event.User {
	switch name {
	case "root":
		return event.User{Name: name}
	case "www-data":
		return event.User{UID: 33, Name: name}
	case "postgres":
		return event.User{UID: 114, Name: name}
	case "nobody":
		return event.User{UID: 65534, Name: name}
	}
	for i, n := range people {
		if n == name {
			return event.User{UID: uint32(1000 + i), Name: name}
		}
	}
	return event.User{UID: event.UnsetUID, Name: name}
}
