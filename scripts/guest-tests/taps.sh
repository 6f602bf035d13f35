# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# What the tests of taps share that run in a guest: taps are switched, also under load, a machine is
# busy, and what is said of it goes to /out. Sourced after check.sh, with the names of the taps in
# $taps; $dir is the directory of the first one from then on. A test brings work(), which keeps the
# machine busy for a while, and clean_up(), which takes away what that leaves.
# shellcheck disable=SC2034,SC2154

top=$dir
dir=$top/${taps%% *}

# save NAME: every file of the taps, below /out/NAME.
save() {
	for tap in $taps; do
		mkdir -p "/out/$1/$tap"
		for file in heap allocs peak lifetime heap.txt heap.folded sample_bytes stats; do
			cat "$top/$tap/$file" >"/out/$1/$tap/$file" || return
		done
	done
}

# set_taps FILE VALUE: of all of them.
set_taps() {
	for tap in $taps; do
		echo "$2" >"$top/$tap/$1" || return
	done
}

switch() {
	set_taps enable "$1"
}

rate() {
	set_taps sample_bytes "$1"
}

# hooks_are 0|1: all of the first tap's.
hooks_are() {
	! grep '^hook_' "$dir/stats" | grep -v " $1\$"
}

# wait_until COMMAND...: for a minute at most.
wait_until() {
	turns=0
	until "$@"; do
		turns=$((turns + 1))
		[ $turns -lt 600 ] || return
		sleep 0.1
	done
}

# use_all_memory: until the kernel ends who does that. Nothing else may suffer.
use_all_memory() {
	free=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)
	all=$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)
	# As much as there is no more, and less than the kernel refuses at once.
	dd if=/dev/zero of=/dev/null bs=$(((all * 3 + free) / 4))K count=1 iflag=fullblock
	# By SIGKILL.
	[ $? = 137 ]
}

# switch_under_load: until the work is done, and then once more.
switch_under_load() {
	work >/dev/null 2>&1 &
	worker=$!
	times=0
	while kill -0 $worker 2>/dev/null; do
		switch 1 && stat_is enabled 1 && switch 0 && stat_is enabled 0 || return
		times=$((times + 1))
	done
	wait $worker
	echo "$times" >/out/times
	switch 1 && switch 0
}

# What CPUs have at hand goes back to the slabs, so that what is in use can be counted.
shrink_slabs() {
	for cache in /sys/kernel/slab/*/shrink; do
		echo 1 >"$cache" 2>/dev/null
	done
}

# What waits for a grace period, or in a batch, is done, and what is at hand has gone back: what is in use
# of files does not become less any more.
settle() {
	sync
	turns=0 now=0
	while [ $turns -lt 60 ]; do
		turns=$((turns + 1))
		before=$now
		sleep 1
		shrink_slabs
		now=$(awk '$1 ~ /^(dentry|.*inode_cache)$/ { sum += $2 } END { print sum }' /proc/slabinfo)
		[ $turns -lt 3 ] || [ $((before - now)) -gt 10 ] || break
	done
}

# busy NAME RATE FILE...: the work at that rate; what these files of /proc have before and after, and
# the profiles.
busy() {
	busy=$1
	mkdir -p "/out/$busy"
	rate "$2"
	shift 2
	echo 3 >/proc/sys/vm/drop_caches
	settle
	note before "$@"
	switch 1 || return
	work >/dev/null 2>&1
	settle
	note after "$@"
	save "$busy" || return
	switch 0
	clean_up
}

# All of a slab that a CPU takes from counts as in use: none does between the look at slabs and what
# they say. So the files are there before.
note() {
	when=$1
	shift
	for file; do
		: >"/out/$busy/$file.$when"
	done
	shrink_slabs
	for file; do
		cat "/proc/$file" >"/out/$busy/$file.$when"
	done
}
