# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The pieces that the scripts share: what they say, what they start and end, and where things
# are. Sourced, never run: each script sets its own `set -euo pipefail` first. Everything here
# speaks on stderr, so that a script's stdout stays what its caller asked for.

KSPAN_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
KSPAN_CACHE=${KSPAN_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/kspan}
KSPAN_BUILD=${KSPAN_BUILD:-$KSPAN_TOP/build}
# One clock for a script and the scripts that it calls.
KSPAN_START=${KSPAN_START:-$(date +%s)}
export KSPAN_TOP KSPAN_CACHE KSPAN_BUILD KSPAN_START

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

# A script that is told to end has its own children to end and files to remove, so
# whoever waits for it must be the more patient one: in tenths of a second.
export KSPAN_PATIENCE=$((${KSPAN_PATIENCE:-1280} / 2))

# end_children: ends every group that was started, with whatever is in it: what leads a group
# may end before the rest has cleaned up.
end_children() {
	local signal group groups tries left
	groups=$(jobs -rp)
	for signal in TERM KILL; do
		for ((tries = 0; tries < KSPAN_PATIENCE; tries++)); do
			left=0
			for group in $groups; do
				! kill -"$signal" -- "-$group" 2>/dev/null || left=1
			done
			((left)) || return 0
			# In a trap only waiting for a process has bash see that others have ended.
			sleep 0.1
		done
	done
}

# interrupted STATUS: deaf from here on, with whatever cleans up, since whoever sent
# the signal sends it again and again.
interrupted() {
	trap '' HUP INT TERM
	end_children
	exit "$1"
}

trap 'interrupted 129' HUP
trap 'interrupted 130' INT
trap 'interrupted 143' TERM

# A pipe that nobody writes to, both ends of it ours.
exec {KSPAN_SILENCE}<> <(:)

# pause SECONDS: sleep, without a process, of which loops would start many.
pause() {
	read -r -t "$1" -u "$KSPAN_SILENCE" || true
}

# watch_pid PID LABEL [DETAIL...]: a progress line every $PROGRESS_EVERY seconds (10)
# for as long as PID lives; DETAIL is a command whose output ends the line.
watch_pid() {
	local pid=$1 label=$2 began=$SECONDS every=${PROGRESS_EVERY:-10} next detail
	shift 2
	next=$((SECONDS + every))
	while kill -0 "$pid" 2>/dev/null; do
		pause 0.2
		if ((SECONDS >= next)); then
			detail=
			(($# == 0)) || detail=", $("$@" || true)"
			say "$label: $((SECONDS - began)) s$detail"
			next=$((SECONDS + every))
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

# make_jobs: make's option for as many jobs as there are CPUs; one that does nothing below a
# make that shares its own among all that it runs.
make_jobs() {
	if [[ ${MAKEFLAGS:-} == *--jobserver* ]]; then echo --no-print-directory; else echo "-j$(nproc)"; fi
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

# Rows: where they are, what gets a kernel, and how a row ends its output.
export KSPAN_ROWS=${KSPAN_ROWS:-$KSPAN_TOP/scripts/rows}
export KSPAN_GET_KERNEL=${KSPAN_GET_KERNEL:-$KSPAN_TOP/scripts/kernel}
export KSPAN_COUNTS='^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$'

# read_row NAME: sets what a row may say, as scripts/test explains it.
# shellcheck disable=SC2034
read_row() {
	about="" tier=matrix budget=60 run=() kernel="" modules=() packages=() inputs=()
	# shellcheck source=/dev/null
	. "$KSPAN_ROWS/$1.row"
}

# copy_tree DIR: the sources as they are now, where building leaves no trace in
# the tree that is worked in, and each kernel has its own objects.
copy_tree() {
	need make
	rm -rf "$1"
	mkdir -p "$1"
	cp -r "$KSPAN_TOP"/{Kbuild,Makefile,kspan.mk,include,mm,kunit} "$1/"
	make -s -C "$1" clean
}

# load_arch NAME: sets what scripts/arch/NAME does, and $kernel_make, which has make
# build for that machine. A kernel's directory says in the file arch what it is for.
# shellcheck disable=SC2034
load_arch() {
	arch=$1 cross="" compiler=gcc kernel_make=()
	# shellcheck source=scripts/arch/amd64
	. "$KSPAN_TOP/scripts/arch/$1"
	[ -z "$cross" ] || kernel_make=("ARCH=$kernel_arch" "CROSS_COMPILE=$cross")
}

# arch_of KERNEL-DIR
arch_of() {
	if [ -r "$1/arch" ]; then cat "$1/arch"; else echo amd64; fi
}

# shellcheck source=scripts/lib/packages.sh
. "$KSPAN_TOP/scripts/lib/packages.sh"
