#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Functions are called through check, and the paths in $dir have no blanks.
# shellcheck disable=SC2317,SC2086
#
# Runs in the guest: the torture module, and around it what only a shell can do:
# the rate, exports, resets, memory pressure, tracing, the taps, CPUs that go and come, a
# client and kspan itself that are loaded and unloaded, failures injected. In the
# end everything must be free. Prints "ok WHAT" or "not ok WHAT"; what was done goes
# to /out/sums, one "shell NAME COUNT" a line, for scripts/tests/torture.
#
# usage: torture.sh SECONDS SEED [THREADS]

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh

seconds=$1 seed=$2 threads=${3:-0}
rounds=3

# did NAME: one more of that.
did() {
	eval "did_$1=\$((\${did_$1:-0} + 1))"
}

# now: sets now to the seconds since the guest's start; where a failure that is injected meets
# the question itself, it is asked again.
now() {
	until read -r now _ </proc/uptime; do
		:
	done 2>/dev/null
	now=${now%.*}
}

# ---- What happens meanwhile

export_all() {
	exports=0
	while [ ! -e /tmp/stop ]; do
		# An export may find no memory while failures are injected.
		cat $dir/heap $dir/allocs $dir/heap.txt $dir/heap.folded $dir/caches $dir/spans \
			$dir/specials $dir/stats $dir/sample_bytes $dir/peak $dir/lifetime \
			$dir/fragmentation $dir/slab/heap $dir/slab/heap.txt $dir/slab/peak \
			$dir/slab/stats >/dev/null 2>&1 &&
			exports=$((exports + 1))
		# The threads are to have the CPUs.
		sleep 1
	done
	echo $exports >/tmp/exports.part
	mv /tmp/exports.part /tmp/exports
}

# faults SETTING: of both kinds, where the kernel has them.
faults() {
	for fault in /sys/kernel/debug/failslab /sys/kernel/debug/fail_page_alloc; do
		[ -d $fault ] || return 0
		case $1 in
		off) echo 0 >$fault/probability ;;
		atomic)
			# Whatever may not sleep, in any context.
			echo N >$fault/task-filter
			echo Y >$fault/ignore-gfp-wait
			;;
		all)
			# Whatever the torture threads ask for.
			echo Y >$fault/task-filter
			echo N >$fault/ignore-gfp-wait
			;;
		esac
		[ "$1" = off ] || echo 5 >$fault/probability
	done
	did "faults_$1"
}

faults_begin() {
	for fault in /sys/kernel/debug/failslab /sys/kernel/debug/fail_page_alloc; do
		[ -d $fault ] || return 0
		echo 1 >$fault/interval
		echo -1 >$fault/times
		echo 0 >$fault/verbose
	done
	echo 0 >/sys/kernel/debug/fail_page_alloc/min-order
	for task in /proc/[0-9]*; do
		read -r name <$task/comm || continue
		case $name in
		kspan_torture*) echo 1 >$task/make-it-fail ;;
		esac
	done
}

cpu1=/sys/devices/system/cpu/cpu1/online

cpu_goes() {
	[ -w $cpu1 ] || return 0
	if echo 0 2>/dev/null >$cpu1; then
		did offline
	fi
}

cpu_comes() {
	[ -w $cpu1 ] || return 0
	if [ "$(cat $cpu1)" = 1 ] || echo 1 2>/dev/null >$cpu1; then
		did online
	fi
}

hotplug() {
	cpu_goes
	cat $dir/stats >/dev/null
	cpu_comes
}

# patched COMMAND...: what makes the kernel change instructions. On one CPU: an emulator
# with a thread for each may show one CPU a breakpoint that another has long taken out.
patched() {
	cpu_goes
	"$@"
	cpu_comes
}

client() {
	insmod /kspan_client.ko 2>/dev/null && did client_load
	grep -q '^kspan_client ' /proc/modules && rmmod kspan_client && did client_unload
}

trace_on() {
	echo 1 >/sys/kernel/tracing/events/kspan/enable && did tracing
	set_rate 4096
}

trace_off() {
	echo 0 >/sys/kernel/tracing/events/kspan/enable
}

tap_on() {
	echo 16384 >$dir/slab/sample_bytes
	# Its hooks may find no memory while failures are injected.
	echo 1 2>/dev/null >$dir/slab/enable && did tap
	echo 65536 >$dir/pages/sample_bytes
	echo 1 2>/dev/null >$dir/pages/enable && did tap_pages
}

tap_off() {
	echo 0 >$dir/slab/enable
	echo 0 >$dir/pages/enable
}

set_rate() {
	echo "$1" 2>/dev/null >$dir/sample_bytes && did rate
}

# chaos SECONDS: all of it, one after the other, beside the exports; longer, on a slow
# machine, if it is the last and not all has been.
turn=0
chaos() {
	rm -f /tmp/stop /tmp/exports
	export_all &
	now
	end=$((now + $1))
	while now; [ "$now" -lt $end ] || { [ $round = $rounds ] && [ $turn -lt 16 ]; }; do
		turn=$((turn + 1))
		case $((turn % 16)) in
		1) set_rate 1 ;;
		2) faults atomic ;;
		3) client ;;
		4) echo 1 2>/dev/null >$dir/reset && did reset ;;
		5) patched tap_on ;;
		6) sleep 1 ;;
		7) faults all ;;
		8) patched trace_on ;;
		9) hotplug ;;
		10) echo 2 >/proc/sys/vm/drop_caches && did pressure ;;
		11)
			faults off
			patched trace_off
			;;
		12) patched set_rate 0 ;;
		13) patched tap_off ;;
		14) client ;;
		15) patched tap_on ;;
		0) patched set_rate 524288 ;;
		esac
	done
	faults off
	patched trace_off
	patched tap_off
	touch /tmp/stop
	while [ ! -e /tmp/exports ]; do
		sleep 1
	done
	did_export=$((${did_export:-0} + $(cat /tmp/exports)))
}

# ---- What must be so in the end

no_heap() {
	grep -q '^heap profile: *0: *0 ' $dir/heap.txt || { head -n 5 $dir/heap.txt; return 1; }
}

no_pages() {
	[ "$(stat_of pages)" = 0 ] || { cat $dir/caches; return 1; }
}

long_enough() {
	now
	[ $((now - begin)) -ge $((seconds / rounds)) ] || { echo "$((now - begin)) s"; return 1; }
}

no_errors() {
	! dmesg | grep 'kspan_torture: error: '
}

round=0
while [ $round -lt $rounds ]; do
	round=$((round + 1))
	check "round $round: kspan loads" insmod /kspan.ko sample_bytes=1
	check "round $round: torture begins" insmod /kspan_torture.ko \
		seconds=$((seconds / rounds + 1)) seed=$((seed + round)) threads=$threads
	now
	begin=$now
	faults_begin
	chaos $((seconds / rounds))
	check "round $round: torture ends" rmmod kspan_torture
	check "round $round: it has lasted as long as it should" long_enough
	did torture_unload
	check "round $round: every object is as it was" no_errors
	check "round $round: what was allocated was freed" all_freed
	check "round $round: nothing was misused" no_misuse
	check "round $round: nothing was refused in NMI" stat_is nmi_refused 0
	check "round $round: nothing is in use" nothing_in_use
	check "round $round: no record is left" no_specials
	check "round $round: the profile is empty" no_heap
	check "round $round: no page is left" no_pages
	cat $dir/stats >"/out/stats.$round"
	save_lock_graph /out
	check "round $round: kspan leaves" rmmod kspan
	did kspan_unload
done

for name in rate reset export pressure tracing tap tap_pages offline online client_load client_unload \
	torture_unload kspan_unload; do
	eval "echo shell \$name \${did_$name:-0}"
done >/out/sums
if [ -d /sys/kernel/debug/failslab ]; then
	for name in faults_atomic faults_all faults_off; do
		eval "echo shell \$name \${did_$name:-0}"
	done >>/out/sums
fi
exit $status
