#!/bin/sh
# Installs the Holdfast agent from {{.Server}}, enrols this
# machine and starts the agent. Needs root, curl and sha256sum. Where the agent
# is there already it becomes the server's version and keeps its enrolment.
#
#   curl … {{.Server}}/install | sudo sh -s -- TOKEN
set -eu

server={{quote .Server}}
pin={{quote .Pin}}
folder=/usr/local/bin
unit=/etc/systemd/system/holdfast-agent.service

fail() {
	echo "holdfast: $*" >&2
	exit 1
}

# sums prints the SHA-256 and the name of every program that the server offers.
sums() {
	cat <<'SUMS'
{{range .Sums}}{{.Sum}}  {{.Name}}
{{end}}SUMS
}

fetch() {
	if [ -n "$pin" ]; then
		curl -fsS -k --pinnedpubkey "$pin" -o "$2" "$server/download/$1"
	else
		curl -fsS -o "$2" "$server/download/$1"
	fi
}

# fetched prints where a program waits for its place: beside it, so that taking
# it is one step, and because /tmp may be a place where nothing can be run.
fetched() { echo "$folder/.$1.new"; }

# program NAME fetches NAME-linux-ARCH and checks it.
program() {
	file=$1-linux-$arch
	want=$(sums | awk -v name="$file" '$2 == name { print $1 }')
	if [ -z "$want" ]; then
		[ "$1" = holdfast ] && return 0 # the command is a help, not a need
		fail "the server has no $file; put it beside holdfast-server there"
	fi
	echo "holdfast: fetching $file"
	fetch "$file" "$(fetched "$1")" || fail "$server/download/$file could not be fetched"
	got=$(sha256sum "$(fetched "$1")" | awk '{ print $1 }')
	[ "$got" = "$want" ] || fail "$file is not what the server promised (SHA-256 $got, not $want); if the server was upgraded just now, try again"
	chmod 0755 "$(fetched "$1")"
}

# place NAME puts a program that was fetched where it belongs.
place() {
	[ ! -e "$(fetched "$1")" ] || mv -f "$(fetched "$1")" "$folder/$1"
}

# enrol uses the token, from standard input: a command line is for all to see.
# It says itself what went wrong.
enrol() {
	said=$(printf '%s\n' "$1" | "$(fetched holdfast-agent)" enroll -) || exit 1
	echo "holdfast: $said" | head -n 1
}

# service makes the agent start with the machine, and now.
service() {
	if [ ! -d /run/systemd/system ]; then
		echo "holdfast: systemd does not run here; start the agent with: $folder/holdfast-agent run"
		return 0
	fi
	cat >"$unit" <<'UNIT'
{{.Unit}}UNIT
	systemctl daemon-reload
	systemctl enable --quiet holdfast-agent
	systemctl restart holdfast-agent
	waited=0
	while [ $waited -lt 30 ]; do
		if "$folder/holdfast-agent" status >/dev/null 2>&1; then
			echo "holdfast: the agent runs; holdfast-agent status shows how it is"
			return 0
		fi
		sleep 1
		waited=$((waited + 1))
	done
	fail "the agent was started and does not answer; journalctl -u holdfast-agent says why"
}

clean() {
	rm -f "$(fetched holdfast-agent)" "$(fetched holdfast)"
}

# main is called in the last line, so that a script cut off on the way does
# nothing at all.
main() {
	token=${1:-}
	case $token in
	hfe1.?*) ;;
	*) fail "give the enrolment token: sh -s -- hfe1.…" ;;
	esac
	[ "$(id -u)" = 0 ] || fail "needs root: pipe into 'sudo sh -s -- TOKEN'"
	[ "$(uname -s)" = Linux ] || fail "installs on Linux only"
	case $(uname -m) in
	x86_64 | amd64) arch=amd64 ;;
	aarch64 | arm64) arch=arm64 ;;
	*) fail "there is no agent for $(uname -m)" ;;
	esac
	for needed in curl sha256sum awk; do
		command -v "$needed" >/dev/null || fail "needs the program $needed"
	done
	umask 077
	mkdir -p -m 0755 "$folder"
	trap clean EXIT
	trap 'exit 1' HUP INT TERM
	program holdfast-agent
	program holdfast
	enrol "$token"
	place holdfast-agent
	place holdfast
	umask 022
	service
}

main "$@"
