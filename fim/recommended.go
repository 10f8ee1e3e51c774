package fim

import "github.com/holdfast-security/holdfast/finding"

// RecommendedLinux returns the watch list for a Linux server: what attackers
// change to stay, to gain rights or to hide, and what hardly ever changes
// otherwise but by the package manager. The caller may change the result.
func RecommendedLinux() Selection {
	var watches []Watch
	for _, group := range recommendedLinux {
		for _, root := range group.roots {
			w := group.watch
			w.Root = root
			watches = append(watches, w)
		}
	}
	return Selection{Watches: watches}
}

type recommendation struct {
	watch Watch
	roots []string
}

// recommendedLinux has both names of directories that were merged into /usr:
// where one is a link, the link is watched and nothing twice.
var recommendedLinux = []recommendation{
	{
		Watch{Name: "system programs", Recursive: true, Severity: finding.High},
		[]string{"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/libexec"},
	},
	{
		Watch{Name: "programs by which people get in", Severity: finding.High},
		[]string{"/bin/login", "/bin/passwd", "/usr/bin/login", "/usr/bin/passwd"},
	},
	{
		Watch{Name: "system libraries and kernel modules", Recursive: true, Severity: finding.High, Exclude: []string{"__pycache__", "*.pyc", "modules.*"}},
		[]string{"/lib", "/lib32", "/lib64", "/libx32", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32"},
	},
	{
		Watch{Name: "locally installed programs", Recursive: true, Severity: finding.Medium, Exclude: []string{"__pycache__", "*.pyc"}},
		[]string{"/usr/local/bin", "/usr/local/sbin", "/usr/local/lib", "/opt/bin", "/opt/sbin"},
	},
	{
		Watch{Name: "kernel and boot loader", Recursive: true, Severity: finding.High, Exclude: []string{"grub/grubenv", "grub2/grubenv", "loader/random-seed"}},
		[]string{"/boot", "/etc/default/grub", "/etc/default/grub.d", "/etc/grub.d", "/etc/kernel", "/etc/dracut.conf", "/etc/dracut.conf.d", "/etc/initramfs-tools"},
	},
	{
		Watch{Name: "kernel settings and modules to load", Recursive: true, Severity: finding.Medium},
		[]string{"/etc/modules", "/etc/modules-load.d", "/etc/modprobe.d", "/etc/sysctl.conf", "/etc/sysctl.d", "/etc/udev/rules.d", "/etc/binfmt.d"},
	},
	{
		Watch{Name: "accounts", Severity: finding.High},
		[]string{"/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/subuid", "/etc/subgid", "/etc/login.defs", "/etc/nsswitch.conf", "/etc/shells"},
	},
	{
		Watch{Name: "rights of accounts", Recursive: true, Severity: finding.High},
		[]string{"/etc/sudoers", "/etc/sudoers.d", "/etc/sudo.conf", "/etc/doas.conf", "/etc/polkit-1", "/etc/security"},
	},
	{
		Watch{Name: "authentication", Recursive: true, Severity: finding.High},
		[]string{"/etc/pam.conf", "/etc/pam.d", "/etc/sssd", "/etc/krb5.conf", "/etc/krb5.keytab", "/etc/nslcd.conf", "/etc/ldap"},
	},
	{
		Watch{Name: "remote access", Recursive: true, Severity: finding.High, Exclude: []string{"moduli"}},
		[]string{"/etc/ssh", "/root/.ssh", "/etc/hosts.allow", "/etc/hosts.deny", "/etc/hosts.equiv", "/root/.rhosts", "/root/.shosts"},
	},
	{
		Watch{Name: "scheduled work", Recursive: true, Severity: finding.Medium},
		[]string{
			"/etc/crontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly", "/etc/cron.allow",
			"/etc/cron.deny", "/etc/at.allow", "/etc/at.deny", "/etc/anacrontab", "/var/spool/cron", "/var/spool/at",
		},
	},
	{
		Watch{Name: "services", Recursive: true, Severity: finding.Medium},
		[]string{
			"/etc/systemd", "/usr/local/lib/systemd", "/root/.config/systemd", "/etc/init.d", "/etc/rc.d", "/etc/rc.local", "/etc/inittab", "/etc/init", "/etc/xinetd.d",
			"/etc/xinetd.conf", "/etc/inetd.conf", "/etc/xdg/autostart", "/etc/dbus-1", "/etc/NetworkManager/dispatcher.d", "/etc/network", "/etc/rc0.d", "/etc/rc1.d",
			"/etc/rc2.d", "/etc/rc3.d", "/etc/rc4.d", "/etc/rc5.d", "/etc/rc6.d", "/etc/rcS.d",
		},
	},
	{
		Watch{Name: "loading of libraries", Recursive: true, Severity: finding.High},
		[]string{"/etc/ld.so.preload", "/etc/ld.so.conf", "/etc/ld.so.conf.d"},
	},
	{
		Watch{Name: "start of shells", Recursive: true, Severity: finding.Medium},
		[]string{
			"/etc/profile", "/etc/profile.d", "/etc/bash.bashrc", "/etc/bashrc", "/etc/zsh", "/etc/environment", "/etc/csh.cshrc", "/etc/csh.login", "/etc/skel",
			"/etc/update-motd.d", "/root/.bashrc", "/root/.bash_profile", "/root/.bash_login", "/root/.bash_logout", "/root/.profile", "/root/.zshrc", "/root/.zprofile",
		},
	},
	{
		Watch{Name: "what software is trusted", Recursive: true, Severity: finding.Medium},
		[]string{
			"/etc/apt", "/etc/dpkg", "/etc/yum.conf", "/etc/yum.repos.d", "/etc/dnf", "/etc/zypp", "/etc/apk", "/etc/pki", "/etc/ssl", "/etc/ca-certificates",
			"/etc/ca-certificates.conf", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
		},
	},
	{
		Watch{Name: "security tools and logging", Recursive: true, Severity: finding.High},
		[]string{
			"/etc/audit", "/etc/libaudit.conf", "/etc/apparmor", "/etc/apparmor.d", "/etc/selinux", "/etc/rsyslog.conf", "/etc/rsyslog.d", "/etc/syslog-ng",
			"/etc/logrotate.conf", "/etc/logrotate.d", "/etc/fail2ban", "/etc/nftables.conf", "/etc/iptables", "/etc/ufw", "/etc/firewalld", "/etc/holdfast",
		},
	},
	{
		Watch{Name: "other settings of the system", Severity: finding.Low, Include: []string{"*.conf"}, Exclude: []string{"resolv.conf"}},
		[]string{"/etc"},
	},
	{
		Watch{Name: "names of hosts and services", Severity: finding.Low},
		[]string{"/etc/hosts", "/etc/host.conf", "/etc/hostname", "/etc/services", "/etc/protocols", "/etc/fstab", "/etc/crypttab", "/etc/exports"},
	},
	{
		Watch{Name: "containers", Recursive: true, Severity: finding.Medium},
		[]string{"/etc/docker", "/etc/containerd", "/etc/containers", "/etc/cni", "/etc/kubernetes", "/etc/crio"},
	},
	{
		Watch{
			Name: "web content", Recursive: true, Severity: finding.Medium,
			Exclude: []string{"cache", "tmp", "temp", "sessions", "uploads/**/*.jpg", "uploads/**/*.jpeg", "uploads/**/*.png", "uploads/**/*.pdf", "*.log"},
		},
		[]string{"/var/www", "/srv/www", "/srv/http", "/usr/share/nginx/html", "/usr/local/www", "/opt/tomcat/webapps", "/var/lib/tomcat/webapps"},
	},
	{
		Watch{Name: "web server settings", Recursive: true, Severity: finding.Medium},
		[]string{"/etc/nginx", "/etc/apache2", "/etc/httpd", "/etc/lighttpd", "/etc/caddy", "/etc/haproxy", "/etc/php"},
	},
}
