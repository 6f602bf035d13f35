# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# What the tests that run in a guest share. Sourced from /check.sh; a test ends with
# `exit $status`.
# shellcheck disable=SC2034

dir=/sys/kernel/debug/kspan
status=0

# Of all chance in a guest, for a run that can be had again.
seed=${KSPAN_SEED:-1}

# result LINE [FILE]: shows it, with FILE, and keeps both for the host in a file that no
# message of the kernel gets into.
result() {
	{ echo "$1"; [ $# = 1 ] || cat "$2"; } | tee -a /out/results
}

# check WHAT COMMAND...: COMMAND must succeed. Prints "ok WHAT" or "not ok WHAT".
check() {
	what=$1
	shift
	if "$@" >/tmp/check.$$ 2>&1; then
		result "ok $what"
	else
		result "not ok $what" /tmp/check.$$
		status=1
	fi
}

# document NAME: the commands of a page, which are in /NAME.sh as they are written there; what they print
# is in /out/NAME.
document() {
	sh -ex "/$1.sh" 2>/tmp/said >"/out/$1" || { cat /tmp/said "/out/$1"; return 1; }
}

# load_kspan [PARAMETER...]: loads it, unless it is there and is to stay from test to test:
# then only the rate changes, and the table of stacks begins anew.
load_kspan() {
	if [ -z "${KSPAN_STAYS:-}" ]; then
		insmod /kspan.ko sample_seed="$seed" "$@"
		return
	fi
	for parameter; do
		case $parameter in
		sample_bytes=*) echo "${parameter#*=}" >$dir/sample_bytes || return ;;
		*) return 1 ;;
		esac
	done
	echo 1 >$dir/reset
}

# unload_kspan: and none of its threads stays, which would be those of a workqueue.
unload_kspan() {
	[ -z "${KSPAN_STAYS:-}" ] || return 0
	rmmod kspan || return
	# A worker that all share may still say for whom it worked last: kworker/u9:0-kspan.
	not grep -s '^\(kworker/R-\)\?kspan' /proc/[0-9]*/comm
}

# save_lock_graph: the lock classes, and what was ever taken under them, while kspan is there.
save_lock_graph() {
	cat /proc/lockdep >/out/lockdep 2>/dev/null
	cat /proc/lockdep_stats >/out/lockdep_stats 2>/dev/null
	grep ']$' /proc/kallsyms >/out/kallsyms
}

# is_done MODULE: it says that it has done its part.
is_done() {
	grep -qx Y "/sys/module/$1/parameters/done"
}

not() {
	if "$@"; then
		return 1
	fi
}

# said REGEX: the kernel's log does.
said() {
	dmesg | grep -q "$1"
}

stat_of() {
	sed -n "s/^$1 //p" "$dir/stats"
}

stat_is() {
	[ "$(stat_of "$1")" = "$2" ] || { cat "$dir/stats"; return 1; }
}

# begin_counting: what counters have counted by now is not this test's.
begin_counting() {
	cp $dir/stats /tmp/stats.before
}

# counted_since NAME: by how much it has grown since begin_counting.
counted_since() {
	echo $(($(stat_of "$1") - $(sed -n "s/^$1 //p" /tmp/stats.before)))
}

counted_is() {
	[ "$(counted_since "$1")" = "$2" ] || { cat /tmp/stats.before "$dir/stats"; return 1; }
}

nothing_in_use() {
	awk '!/^#/ && $4 { print; bad = 1 } END { exit bad }' "$dir/caches"
}

# no_misuse: none since begin_counting.
no_misuse() {
	for name in invalid_frees double_frees wrong_cache_frees caches_left_in_use corruptions \
		core_frees_lost; do
		counted_is $name 0 || return 1
	done
}
