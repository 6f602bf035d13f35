#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Functions are called through check, and the paths in $dir have no blanks.
# shellcheck disable=SC2317,SC2086
#
# Runs in the guest, for scripts/tests/tap-switch: both taps are switched on and off, again and
# again, while everything is sampled and all CPUs are at work: the torture module, processes and
# files. In some rounds memory fails, the table of stacks is full, a CPU goes and comes, the rate
# changes, profiles are read. In the end nothing may be left.
#
# usage: tap-switch.sh ROUNDS

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh
taps="slab pages"
# shellcheck source=scripts/guest-tests/taps.sh
. /taps.sh
rounds=$1

# ---- The load

files() {
	mkdir -p /tmp/load/$1
	while [ ! -e /tmp/stop ]; do
		dd if=/dev/zero of=/tmp/load/$1/f bs=64k count=20 2>/dev/null
		(cd /tmp/load/$1 && seq 1 50 | xargs touch)
		tar -C /tmp/load/$1 -c . | cat >/dev/null
		rm -r /tmp/load/$1/*
	done
}

begin_load() {
	rm -f /tmp/stop
	files a &
	files b &
	insmod /kspan_torture.ko seed=$((seed + 1)) seconds=100000
}

end_load() {
	touch /tmp/stop
	rmmod kspan_torture
	wait
	rm -r /tmp/load
}

# ---- What happens meanwhile

# did NAME: one more of that.
did() {
	eval "did_$1=\$((\${did_$1:-0} + 1))"
}

# faults off | atomic | task: nothing fails that is asked of the slab and the page allocator; or some of
# what may not wait, as what handlers want; or some of what a task wants that has said so.
faults() {
	for fault in /sys/kernel/debug/failslab /sys/kernel/debug/fail_page_alloc; do
		echo 0 >$fault/probability
		[ "$1" != off ] || continue
		echo 1 >$fault/interval
		echo -1 >$fault/times
		echo 0 >$fault/verbose
		case $1 in
		atomic)
			echo N >$fault/task-filter
			echo Y >$fault/ignore-gfp-wait
			;;
		task)
			echo Y >$fault/task-filter
			echo N >$fault/ignore-gfp-wait
			;;
		esac
		echo 20 >$fault/probability
	done
	[ "$1" = off ] || did "fault_$1"
}

# of TAP NAME: a number of its stats.
of() {
	sed -n "s/^$2 //p" "$top/$1/stats"
}

# is_off TAP: and has nothing.
is_off() {
	[ "$(of "$1" enabled)" = 0 ] && [ "$(of "$1" live_samples)" = 0 ] &&
		! grep '^hook_.* 1$' "$top/$1/stats" && return
	cat "$top/$1/stats"
	return 1
}

nothing_in_use_of() {
	grep -q '^heap profile: *0: *0 ' "$top/$1/heap.txt"
}

# one_round N: on, something, and off. Without memory it may not come on.
one_round() {
	if ! switch 1; then
		switch 0
		did refused
	fi
	case $(($1 % 6)) in
	1)
		cat $top/slab/heap $top/pages/heap.txt >/dev/null 2>&1 && did read
		;;
	2)
		faults atomic
		usleep 100000
		faults task
		(
			echo 1 >/proc/self/make-it-fail
			switch 0
			switch 1
		) || did refused
		faults off
		;;
	3)
		echo 0 >/sys/devices/system/cpu/cpu1/online && did offline
		echo 1 >/sys/devices/system/cpu/cpu1/online
		;;
	4)
		rate 4096 && rate 0 && rate 1 && did rate
		;;
	5)
		set_taps reset 1 && did reset
		;;
	esac
	usleep 50000
	for tap in $taps; do
		[ "$(of $tap samples)" = 0 ] || did sampled
		[ "$(of $tap samples_dropped)" = 0 ] || did dropped
	done
	switch 0 || return
	for tap in $taps; do
		is_off $tap && nothing_in_use_of $tap || return
	done
}

all_rounds() {
	round=0
	while [ $round -lt $rounds ]; do
		round=$((round + 1))
		one_round $round || return
	done
}

# by WHAT [PARAMETER]...: all of it, with these parameters.
by() {
	what_by=$1
	shift
	check "$what_by: kspan loads" insmod /kspan.ko sample_bytes=1 slab_sample_bytes=1 \
		pages_sample_bytes=1 sample_seed="$seed" "$@"
	check "$what_by: the load begins" begin_load
	check "$what_by: taps are switched, $rounds times" all_rounds
	check "$what_by: the load ends" end_load
	for tap in $taps; do
		check "$what_by: nothing is left of $tap" is_off $tap
	done
}

echo 0 >/sys/kernel/debug/fail_page_alloc/min-order
by "stacks have room"
switch 1
check "memory is used up" use_all_memory
check "they are switched off" switch 0
for tap in $taps; do
	check "nothing is left of $tap" is_off $tap
done
check "kspan leaves" rmmod kspan
# The table of stacks has room for few: samples are dropped, and what is counted is right.
by "few stacks have room" max_profile_bytes=65536
check "kspan leaves" rmmod kspan
for what in read fault_atomic fault_task refused offline rate reset sampled dropped; do
	eval "echo $what \${did_$what:-0}"
done >/out/sums
cat /out/sums
exit $status
