# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# What the tests that run in a guest share. Sourced from /check.sh; a test ends with
# `exit $status`.
# shellcheck disable=SC2034

dir=/sys/kernel/debug/kspan
status=0

# check WHAT COMMAND...: COMMAND must succeed. Prints "ok WHAT" or "not ok WHAT".
check() {
	what=$1
	shift
	if "$@" >/tmp/check 2>&1; then
		echo "ok $what"
	else
		echo "not ok $what"
		cat /tmp/check
		status=1
	fi
}

not() {
	if "$@"; then
		return 1
	fi
}

stat_of() {
	sed -n "s/^$1 //p" "$dir/stats"
}

stat_is() {
	[ "$(stat_of "$1")" = "$2" ] || { cat "$dir/stats"; return 1; }
}

# save_lock_graph DIR: the lock classes of all modules that are loaded and what was ever taken
# under them, for scripts/lock-graph.
save_lock_graph() {
	[ -r /proc/lockdep ] || return 0
	cat /proc/lockdep >"$1/lockdep"
	cat /proc/lockdep_stats >"$1/lockdep_stats"
	grep ']$' /proc/kallsyms >"$1/kallsyms"
}

nothing_in_use() {
	awk '!/^#/ && $4 { print; bad = 1 } END { exit bad }' "$dir/caches"
}

no_misuse() {
	awk '/^(invalid_frees|double_frees|wrong_cache_frees|caches_left_in_use|corruptions) / &&
		$2 { print; bad = 1 } END { exit bad }' "$dir/stats"
}

all_freed() {
	[ "$(stat_of allocations)" = "$(stat_of frees)" ] || { cat "$dir/stats"; return 1; }
}

no_specials() {
	awk '$2 { print; bad = 1 } END { exit bad }' "$dir/specials"
}
