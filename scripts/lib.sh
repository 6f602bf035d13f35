# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The pieces that the scripts share. Sourced, never run: each script sets its
# own `set -euo pipefail` first. Everything here speaks on stderr, so that a
# script's stdout stays what its caller asked for.

KSPAN_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
KSPAN_CACHE=${KSPAN_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/kspan}
# One clock for a script and the scripts that it calls.
KSPAN_START=${KSPAN_START:-$(date +%s)}
export KSPAN_TOP KSPAN_CACHE KSPAN_START

# say TEXT...: one progress line, with the seconds since the first script began.
say() {
	printf '[%4d s] %s\n' "$(($(date +%s) - KSPAN_START))" "$*" >&2
}

# die TEXT...: the clear line that a failing script ends with.
die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# usage: a script's help is the comment at its top, below the SPDX line.
usage() {
	sed -n '3,/^[^#]/ { s/^# \{0,1\}//p; }' "$0" | sed '1{/^$/d}'
}

# start COMMAND...: in the background, as a process group, whose id is then $child.
# Bash would let what it runs in the background outlive an interrupt, and would
# not look at a signal before what it runs in the foreground has ended.
start() {
	set -m
	"$@" &
	child=$!
	set +m
}

# end_children: ends every group that was started, with whatever is in it.
end_children() {
	local signal group tries
	for signal in TERM KILL; do
		for ((tries = 0; tries < 20; tries++)); do
			[ -n "$(jobs -rp)" ] || return 0
			for group in $(jobs -rp); do
				kill -"$signal" -- "-$group" 2>/dev/null || true
			done
			sleep 0.1
		done
	done
}

trap 'end_children; exit 129' HUP
trap 'end_children; exit 130' INT
trap 'end_children; exit 143' TERM

# watch_pid PID LABEL [DETAIL...]: a progress line every ten seconds for as long
# as PID lives; DETAIL is a command whose output ends the line.
watch_pid() {
	local pid=$1 label=$2 began=$SECONDS next detail
	shift 2
	next=$((SECONDS + 10))
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		if ((SECONDS >= next)); then
			detail=
			(($# == 0)) || detail=", $("$@" || true)"
			say "$label: $((SECONDS - began)) s$detail"
			next=$((SECONDS + 10))
		fi
	done
}

# run COMMAND...: as if in the foreground, but a signal ends it at once.
run() {
	local child
	start "$@"
	wait "$child"
}

# run_logged LABEL LOGFILE COMMAND...: runs COMMAND with its output in LOGFILE
# and progress on the terminal; shows the log's end when COMMAND fails.
run_logged() {
	local label=$1 log=$2 child status=0
	shift 2
	mkdir -p "$(dirname "$log")"
	start "$@" </dev/null >"$log" 2>&1
	watch_pid "$child" "$label" ${PROGRESS_DETAIL:+"$PROGRESS_DETAIL"}
	wait "$child" || status=$?
	if ((status)); then
		say "$label: failed (exit $status); the end of $log:"
		tail -n 30 "$log" >&2
	fi
	return "$status"
}

# become_root: asks for sudo's password now, since later it could not.
become_root() {
	((EUID != 0)) || return 0
	command -v sudo >/dev/null || die "need root (or sudo) to install packages"
	sudo -n true 2>/dev/null || {
		say "sudo is needed to install packages"
		sudo -v || die "no sudo"
	}
}

apt_get() {
	local sudo=()
	((EUID == 0)) || sudo=(sudo)
	"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o DPkg::Lock::Timeout=600 -o APT::Sandbox::User=root "$@"
}

# apt_update: fetches the package lists, once for a run of scripts.
apt_update() {
	[ -z "${KSPAN_APT_UPDATED:-}" ] || return 0
	become_root
	say "fetching the package lists"
	run_logged "apt-get update" "$KSPAN_CACHE/log/apt-update.log" apt_get update
	export KSPAN_APT_UPDATED=1
}

# apt_lists_empty: true on a machine where apt-get update has never run.
apt_lists_empty() {
	[ -z "$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -print -quit 2>/dev/null)" ]
}

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# need PACKAGE...: installs those that are missing.
need() {
	local package missing=()
	command -v apt-get >/dev/null ||
		die "these packages are needed, and there is no apt-get here: $*"
	for package; do
		is_installed "$package" || missing+=("$package")
	done
	((${#missing[@]})) || return 0
	! apt_lists_empty || apt_update || die "apt-get update failed"
	say "installing ${missing[*]}"
	apt_install "${missing[@]}" && return 0
	# Lists that are out of date name files that are gone.
	[ -z "${KSPAN_APT_UPDATED:-}" ] || die "could not install ${missing[*]}"
	apt_update || die "apt-get update failed"
	apt_install "${missing[@]}" || die "could not install ${missing[*]}"
}

# apt_install PACKAGE...: installs, or upgrades to what the archive has now.
apt_install() {
	become_root
	run_logged "apt-get install" "$KSPAN_CACHE/log/apt-install.log" \
		apt_get install --no-install-recommends "$@"
}

# apt_has PACKAGE: whether the archive offers it, by lists that are up to date.
apt_has() {
	apt-get -q --print-uris download "$1" >/dev/null 2>&1 && return 0
	apt_update || die "apt-get update failed"
	apt-get -q --print-uris download "$1" >/dev/null 2>&1
}

# unpack PACKAGE DIR: a Debian package's files below DIR, without installing it:
# for what would conflict with, or change, the machine that runs this.
unpack() {
	local package=$1 dir=$2 work attempt
	! apt_lists_empty || apt_update || die "apt-get update failed"
	work=$(mktemp -d)
	for attempt in 1 2; do
		say "downloading $package"
		if run_logged "$package" "$KSPAN_CACHE/log/download.log" \
			env -C "$work" apt-get -q -o APT::Sandbox::User=root download "$package"; then
			mkdir -p "$dir"
			dpkg -x "$work"/*.deb "$dir"
			rm -rf "$work"
			return 0
		fi
		((attempt == 2)) || apt_update || break
	done
	rm -rf "$work"
	die "could not download $package"
}

# with_lock NAME COMMAND...: one at a time for each name, over all runs of this
# user. The lock ends with the last process that COMMAND has started.
with_lock() {
	local name=$1 fd status=0
	shift
	mkdir -p "$KSPAN_CACHE/lock"
	exec {fd}>"$KSPAN_CACHE/lock/$name"
	if ! flock -n "$fd"; then
		say "waiting for another run to finish with $name"
		flock "$fd"
	fi
	"$@" || status=$?
	exec {fd}>&-
	return "$status"
}

# copy_tree DIR: the sources as they are now, where building leaves no trace in
# the tree that is worked in, and each kernel has its own objects.
copy_tree() {
	need make
	rm -rf "$1"
	mkdir -p "$1"
	cp -r "$KSPAN_TOP"/{Kbuild,Makefile,include,mm,kunit} "$1/"
	make -s -C "$1" clean
}
