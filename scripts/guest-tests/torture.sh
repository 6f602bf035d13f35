#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Functions are called through check, and the paths in $dir have no blanks.
# shellcheck disable=SC2317,SC2086
#
# Runs in the guest: the torture module, and around it what only a shell can do:
# the rate, exports, resets, memory pressure, tracing, CPUs that go and come, a
# client and kspan itself that are loaded and unloaded, failures injected. In the
# end everything must be free. Prints "ok WHAT" or "not ok WHAT"; what was done goes
# to /out/sums, one "shell NAME COUNT" a line, for scripts/tests/torture.
#
# usage: torture.sh --seconds N | --turns N [THREADS]
#
#   --seconds N   the module works so long, in three rounds
#   --turns N     each of its threads has so many turns in each round, however long that
#                 takes; one round if kspan is to stay
#
# In the last round what a shell can do is done once at least.

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh

amount=$2 threads=${3:-0}
rounds=3
[ -z "${KSPAN_STAYS:-}" ] || rounds=1
case $1 in
--seconds) limit="seconds=$((amount / rounds + 1))" ;;
--turns) limit="turns=$amount" ;;
*) exit 1 ;;
esac

# did NAME: one more of that.
did() {
	eval "did_$1=\$((\${did_$1:-0} + 1))"
}

# now: sets now to the seconds since the guest's start.
now() {
	read -r now _ </proc/uptime
	now=${now%.*}
}

# ---- What happens meanwhile

export_all() {
	exports=0 stop=
	# Once more after the end, when no more failures are injected.
	while [ -z "$stop" ]; do
		[ ! -e /tmp/stop ] || stop=1
		# An export may find no memory while failures are injected.
		cat $dir/heap $dir/allocs $dir/peak $dir/lifetime $dir/fragmentation \
			$dir/heap.txt $dir/heap.folded $dir/caches $dir/spans $dir/specials $dir/stats \
			$dir/sample_bytes >/dev/null 2>&1 &&
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

set_rate() {
	echo "$1" 2>/dev/null >$dir/sample_bytes && did rate
}

# goes_on: the module has not done its part, or this shell has not.
turn=0
goes_on() {
	[ $round != $rounds ] || [ $turn -ge 13 ] || return 0
	case $limit in
	turns=*) not is_done kspan_torture ;;
	*)
		now
		[ "$now" -lt $until ]
		;;
	esac
}

# chaos: all of it, one after the other, beside the exports.
chaos() {
	rm -f /tmp/stop /tmp/exports
	export_all &
	now
	until=$((now + amount / rounds))
	while goes_on; do
		turn=$((turn + 1))
		case $((turn % 13)) in
		1) set_rate 1 ;;
		2) faults atomic ;;
		3) client ;;
		4) echo 1 2>/dev/null >$dir/reset && did reset ;;
		5) sleep 1 ;;
		6) faults all ;;
		7) patched trace_on ;;
		8) hotplug ;;
		9) echo 2 >/proc/sys/vm/drop_caches && did pressure ;;
		10)
			faults off
			patched trace_off
			;;
		11) patched set_rate 0 ;;
		12) client ;;
		0) patched set_rate 524288 ;;
		esac
	done
	faults off
	patched trace_off
	touch /tmp/stop
	while [ ! -e /tmp/exports ]; do
		sleep 1
	done
	did_export=$((${did_export:-0} + $(cat /tmp/exports)))
}

# ---- What must be so in the end

all_freed() {
	counted_is frees "$(counted_since allocations)"
}

no_specials() {
	awk '$2 { print; bad = 1 } END { exit bad }' $dir/specials
}

no_heap() {
	grep -q '^heap profile: *0: *0 ' $dir/heap.txt || { head -n 5 $dir/heap.txt; return 1; }
}

no_pages() {
	[ "$(stat_of pages)" = 0 ] || { cat $dir/caches; return 1; }
}

no_errors() {
	! dmesg | grep 'kspan_torture: error: '
}

round=0
while [ $round -lt $rounds ]; do
	round=$((round + 1))
	check "round $round: kspan loads" load_kspan sample_bytes=1
	begin_counting
	check "round $round: torture begins" insmod /kspan_torture.ko \
		"$limit" seed=$((seed + round)) threads="$threads"
	faults_begin
	chaos
	check "round $round: torture ends" rmmod kspan_torture
	did torture_unload
	check "round $round: every object is as it was" no_errors
	check "round $round: what was allocated was freed" all_freed
	check "round $round: nothing was misused" no_misuse
	check "round $round: nothing was refused in NMI" counted_is nmi_refused 0
	check "round $round: nothing is in use" nothing_in_use
	check "round $round: no record is left" no_specials
	check "round $round: the profile is empty" no_heap
	check "round $round: no page is left" no_pages
	cat $dir/stats >"/out/stats.$round"
	save_lock_graph
	check "round $round: kspan leaves" unload_kspan
	did kspan_unload
done

unloads=torture_unload
[ -n "${KSPAN_STAYS:-}" ] || unloads="$unloads kspan_unload"
for name in rate reset export pressure tracing offline online client_load client_unload \
	$unloads; do
	eval "echo shell \$name \${did_$name:-0}"
done >/out/sums
if [ -d /sys/kernel/debug/failslab ]; then
	for name in faults_atomic faults_all faults_off; do
		eval "echo shell \$name \${did_$name:-0}"
	done >>/out/sums
fi
exit $status
