# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The pieces that the scripts share. Sourced, never run: each script sets its
# own `set -euo pipefail` first. Everything here speaks on stderr, so that a
# script's stdout stays what its caller asked for.

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

# become_root: asks for sudo's password now, since later it could not.
become_root() {
	((EUID != 0)) || return 0
	command -v sudo >/dev/null || die "need root (or sudo) to install packages"
	sudo -n true 2>/dev/null || {
		say "sudo is needed to install packages"
		[ -t 0 ] || die "sudo would ask for a password: run sudo -v first"
		sudo -v || die "no sudo"
	}
}

# One at a time: rows and kernels are got side by side, and apt-get does not wait for
# all of its locks.
apt_get() {
	local sudo=()
	((EUID == 0)) || sudo=(sudo)
	with_lock apt "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o DPkg::Lock::Timeout=600 -o Acquire::Retries=5 -o APT::Sandbox::User=root "$@"
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

# apt_offers PACKAGE: whether this machine's archive does, by the lists that are here.
apt_offers() {
	! apt_lists_empty || apt_update || die "apt-get update failed"
	apt-get -q --print-uris download "$1" >/dev/null 2>&1
}

# this_suite: the name of this machine's Debian.
this_suite() {
	sed -n 's/^VERSION_CODENAME=//p' /etc/os-release
}

# sources_of SUITE: where the archive that this machine's apt uses has it, as lines of a
# sources.list; a suite of additions after what it adds to.
sources_of() {
	local suite=$1 own uri
	own=$(this_suite)
	[[ $suite != *-security ]] || own+=-security
	# shellcheck disable=SC2016 # apt's variable
	uri=$(apt-get indextargets --format '$(REPO_URI)' "Codename: $own" 'Component: main' \
		'Created-By: Packages' | head -n 1)
	[ -n "$uri" ] || die "this machine's apt has no archive of Debian to ask for $suite"
	[[ $suite != *-* ]] || sources_of "${suite%%-*}"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite main"
}

# private_apt ARCHIVE: sets $apt_options so that apt-get is for machines of another Debian
# architecture, or of another suite, with lists and a state of its own: neither dpkg nor apt
# learns of them here.
private_apt() {
	local state=$KSPAN_CACHE/apt/$1
	apt_options=(-o "Dir::State=$state" -o "Dir::State::status=$state/status"
		-o "Dir::Cache=$state" -o Acquire::Languages=none -o Acquire::Retries=5
		-o APT::Sandbox::User=root)
	if [ -e "$KSPAN_TOP/scripts/arch/$1" ]; then
		apt_options+=(-o "APT::Architecture=$1" -o "APT::Architectures=$1")
	else
		apt_options+=(-o "Dir::Etc::SourceList=$state/sources.list" -o Dir::Etc::SourceParts=/dev/null)
	fi
	[ ! -e "$state/updated" ] || return 0
	say "fetching the package lists of $1"
	mkdir -p "$state"/{lists,archives}/partial
	: >"$state/status"
	if [ ! -e "$KSPAN_TOP/scripts/arch/$1" ]; then
		need debian-archive-keyring
		! apt_lists_empty || apt_update || die "apt-get update failed"
		sources_of "$1" >"$state/sources.list"
	fi
	run_logged "apt-get update" "$KSPAN_CACHE/log/apt-$1.log" \
		apt-get -q "${apt_options[@]}" update || die "no package lists of $1"
	: >"$state/updated"
}

# apt_for [ARCHIVE]: sets $apt_options for an archive of private_apt, or for this machine's own.
apt_for() {
	apt_options=(-o Acquire::Retries=5 -o APT::Sandbox::User=root)
	if [ -n "${1:-}" ]; then
		with_lock "apt-$1" private_apt "$1"
	elif apt_lists_empty; then
		apt_update || die "apt-get update failed"
	fi
}

# refresh_apt [ARCHIVE]: fetches its lists again.
refresh_apt() {
	if [ -n "${1:-}" ]; then
		rm -f "$KSPAN_CACHE/apt/$1/updated"
		apt_for "$1"
	else
		apt_update
	fi
}

# unpack DIR ARCHIVE PACKAGE...: the files of Debian packages below DIR, without installing them:
# for what would conflict with, or change, the machine that runs this, or is for machines of
# another architecture or suite. An empty ARCHIVE is this machine's.
unpack() {
	local dir=$1 archive=$2 work attempt file apt_options
	shift 2
	apt_for "$archive"
	work=$(mktemp -d)
	for attempt in 1 2; do
		say "downloading $*"
		if run_logged "$1" "$KSPAN_CACHE/log/download-$1.log" \
			env -C "$work" apt-get -q "${apt_options[@]}" download "$@"; then
			mkdir -p "$dir"
			for file in "$work"/*.deb; do
				dpkg -x "$file" "$dir"
			done
			rm -rf "$work"
			return 0
		fi
		# Lists that are out of date name files that are gone.
		((attempt == 1)) || break
		refresh_apt "$archive" || break
	done
	rm -rf "$work"
	die "could not download $*"
}

# archive_of VERSION: the archive of private_apt that has Debian's kernels of that version;
# nothing if this machine's own does.
archive_of() {
	local suite="" file=$KSPAN_TOP/scripts/kernels/stock-$1
	# shellcheck source=scripts/kernels/stock-6.1
	[ ! -r "$file" ] || . "$file"
	[ "$suite" = "$(this_suite)" ] || echo "$suite"
}

# find_source VERSION: sets $tarball, Debian's source of that kernel, and $edition, its full name.
# shellcheck disable=SC2034
find_source() {
	local package=linux-source-$1 archive dir apt_options
	need xz-utils
	archive=$(archive_of "$1")
	if [ -z "$archive" ] || is_installed "$package" || apt_offers "$package"; then
		need "$package"
		tarball=/usr/src/$package.tar.xz
		edition=$1-$(dpkg-query -W -f '${Version}' "$package")
		return
	fi
	dir=$KSPAN_CACHE/archive/$package
	with_lock "$package" unpack_source "$package" "$dir" "$archive"
	tarball=$dir/usr/src/$package.tar.xz
	edition=$1-$(zcat "$dir/usr/share/doc/$package/changelog.Debian.gz" |
		sed -n '1s/.*(\(.*\)).*/\1/p')
}

unpack_source() {
	[ ! -d "$2" ] || return 0
	rm -rf "$2.part"
	unpack "$2.part" "$3" "$1"
	mv "$2.part" "$2"
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
	cp -r "$KSPAN_TOP"/{Kbuild,Makefile,include,mm,kunit} "$1/"
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
