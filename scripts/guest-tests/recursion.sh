#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Functions are called through check, and the paths in $dir have no blanks.
# shellcheck disable=SC2317,SC2086
#
# Runs in the guest: the recursion module, by each way in turn, while the files of
# debugfs are read, which takes kspan's locks as well. None may hang, and in the end
# everything must be free. Prints "ok WHAT" or "not ok WHAT".
#
# usage: recursion.sh ROUNDS WAY...

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh

rounds=$1
shift

# counted NAME: the sum that the module printed last is not zero.
counted() {
	n=$(dmesg | sed -n "s/.*kspan_recursion: count $1 //p" | tail -n 1)
	echo "$1: ${n:-none}"
	[ "${n:-0}" -gt 0 ]
}

# by WAY: one run of the module.
by() {
	check "by $1: kspan loads" load_kspan sample_bytes=1
	begin_counting
	check "by $1: begins" insmod /kspan_recursion.ko by="$1" rounds="$rounds"
	while not is_done kspan_recursion; do
		cat $dir/heap $dir/lifetime $dir/fragmentation $dir/heap.txt $dir/caches $dir/spans $dir/stats >/dev/null
	done
	check "by $1: nothing hangs" rmmod kspan_recursion
	check "by $1: handlers were called" counted handlers
}

# over WAY: what must be so after it.
over() {
	cat $dir/stats >"/out/stats.$1"
	check "by $1: no object was lost" nothing_in_use
	check "by $1: nor freed twice" no_misuse
	check "by $1: no record is left" sh -c "! awk '\$2' $dir/specials | grep ."
	check "by $1: no page is left" stat_is pages 0
	check "by $1: kspan leaves" unload_kspan
}

for way; do
	by "$way"
	case $way in
	tracepoint)
		check "by tracepoint: allocations work" counted allocated
		check "by tracepoint: specials work" counted specials
		check "by tracepoint: nothing is refused" counted_is nested_refused 0
		;;
	kprobe)
		check "by kprobe: some under a lock" counted hits-under-lock
		check "by kprobe: some allocations work" counted allocated
		check "by kprobe: some are refused" counted refused
		check "by kprobe: frees under a lock are put off" not counted_is nested_frees 0
		;;
	nmi)
		check "by nmi: some came" counted nmis
		check "by nmi: some hit kspan" counted nmis-inside
		check "by nmi: some hit it with interrupts off" counted nmis-inside-interrupts-off
		check "by nmi: each allocation is refused" sh -c '! dmesg |
			grep -o "kspan_recursion: count allocated .*" | tail -n 1 | grep -v " 0$"'
		check "by nmi: and counted" not counted_is nmi_refused 0
		;;
	esac
	over "$way"
done

check "no error was found" sh -c '! dmesg | grep "kspan_recursion: error\|done, [1-9]"'
exit $status
