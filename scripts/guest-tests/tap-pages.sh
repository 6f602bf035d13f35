#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Functions are called through check, and the paths in $dir have no blanks.
# shellcheck disable=SC2317,SC2086
#
# Runs in the guest: the tap on the page allocator, beside that on slab, on a kernel as it is shipped,
# with a module that knows nothing of kspan. Profiles go to /out for scripts/tests/tap-pages to read.

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh
taps="pages slab"
# shellcheck source=scripts/guest-tests/taps.sh
. /taps.sh

# in_use REGEX: how many bytes are, of stacks in which a function is called that.
in_use() {
	grep -E "(^|;)($1)(;| )" $dir/heap.folded | awk '{ sum += $NF } END { printf "%d\n", sum }'
}

# Files, mounts, processes and an area of 24 MB, of which all but the processes stays when it is done.
work() {
	mkdir -p /tmp/busy/a /tmp/busy/b
	mount -t tmpfs none /tmp/busy/a
	mount -t tmpfs none /tmp/busy/b
	for i in 1 2 3 4; do
		dd if=/dev/zero of=/tmp/busy/a/f$i bs=1M count=12
	done
	tar -C /tmp/busy/a -c f1 f2 | tar -C /tmp/busy/b -x
	insmod /kspan_pagesclient.ko area=24
	i=0
	while [ $i -lt 300 ]; do
		(true | cat) &
		i=$((i + 1))
	done
	wait
	rm /tmp/busy/a/f4
}

clean_up() {
	rmmod kspan_pagesclient
	umount /tmp/busy/a /tmp/busy/b
	rm -rf /tmp/busy
}

# A process that has 64 MB in huge pages, and does nothing but that until it is told to end.
start_hog() {
	echo always >/sys/kernel/mm/transparent_hugepage/enabled
	mkfifo /tmp/fifo
	# A reader that reads hardly anything.
	exec 3<>/tmp/fifo
	# Of zeros nothing would be left once they are split.
	tr '\000' x </dev/zero | dd of=/tmp/fifo bs=64M count=1 iflag=fullblock 2>/dev/null &
	hog=$!
	# Something is in the fifo once all is written, however long that takes.
	timeout 900 head -c 1 <&3 >/dev/null || return
	# Where its memory begins is not for it to say: a huge page less, perhaps.
	huge
	[ "$(huge)" -ge 60000000 ]
}

huge() {
	in_use '[a-z_]*huge_pmd_anonymous_page'
}

end_hog() {
	kill $hog
	wait $hog
	exec 3>&-
	rm /tmp/fifo
	turns=0
	while [ "$(huge)" != 0 ]; do
		turns=$((turns + 1))
		[ $turns -lt 300 ] || { huge; return 1; }
		sleep 0.1
	done
}

# event NAME: of /proc/vmstat.
event() {
	sed -n "s/^$1 //p" /proc/vmstat
}

# splits: each huge page is 512 small ones from then on, and as much is in use. What is printed here
# is memory too.
splits() {
	split=$(event thp_split_page) bytes=$(huge) live=$(sed -n 's/^live_samples //p' $dir/stats)
	echo 1 >/sys/kernel/debug/split_huge_pages
	split=$(($(event thp_split_page) - split)) now=$(huge)
	live=$(($(sed -n 's/^live_samples //p' $dir/stats) - live))
	echo "$split split, $bytes before, $now now, and $live more samples"
	[ $split -ge 20 ] && [ "$now" = "$bytes" ] && [ $live -gt 10000 ]
}

# moves: what is compacted lies elsewhere, and is in use there.
moves() {
	# Pages that are gone for their users and are still in some CPU's batch.
	echo 1 >/proc/sys/vm/drop_caches
	moved=$(event pgmigrate_success) bytes=$(in_use shmem_write_begin)
	echo 1 >/proc/sys/vm/compact_memory
	moved=$(($(event pgmigrate_success) - moved)) now=$(in_use shmem_write_begin)
	echo "$moved moved, $bytes before, $now now"
	[ $moved -ge 10 ] && [ "$now" = "$bytes" ]
}

# gigantic NR: so many pages of a gigabyte, which are put together out of what is free.
gigantic() {
	echo "$1" >/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages
	cat /sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages
	in_use 'nr_hugepages_store[a-z_]*'
	grep -E 'gigantic|contig' $dir/heap.folded
	[ "$(cat /sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages)" = "$1" ] &&
		[ "$(in_use 'nr_hugepages_store[a-z_]*')" = $(($1 << 30)) ]
}

# Every second file is gone, so that there is something to compact.
scatter() {
	in_use shmem_write_begin >/tmp/others
	mkdir /tmp/scattered
	mount -t tmpfs none /tmp/scattered
	seq 1 12000 | (cd /tmp/scattered && while read -r i; do echo "$i" >"$i"; done)
	seq 1 2 12000 | (cd /tmp/scattered && xargs rm)
}

gather() {
	umount /tmp/scattered && rmdir /tmp/scattered
}

# nothing_left: but for files that are elsewhere, as those in which this is said.
nothing_left() {
	turns=0
	while [ $(($(in_use shmem_write_begin) - $(cat /tmp/others))) -gt 40960 ]; do
		turns=$((turns + 1))
		[ $turns -lt 300 ] || { cat /tmp/others; in_use shmem_write_begin; return 1; }
		echo 1 >/proc/sys/vm/drop_caches
		sleep 0.1
	done
}

# anonymous: memory of processes, and has_as_much: there is about as much as before.
anonymous() {
	in_use '[a-z_]*anonymous_page'
}

has_as_much() {
	[ "$(anonymous)" -lt $(($(cat /tmp/anonymous) + 4000000)) ]
}

# Most of the memory at once: what a process takes it takes page by page, each with a sample.
reserve() {
	echo 2200 >/proc/sys/vm/nr_hugepages
	cat /proc/sys/vm/nr_hugepages
	[ "$(cat /proc/sys/vm/nr_hugepages)" -gt 1100 ]
}

check "kspan loads" insmod /kspan.ko
check "the tap is off" grep -qx 0 $dir/enable
check "no handler is in" hooks_are 0
check "its default is 512 KiB" grep -qx 524288 $dir/sample_bytes
rate 1
check "both taps are switched on" switch 1
check "it is on" grep -qx 1 $dir/enable
check "every handler is in" hooks_are 1

check "a huge page of a gigabyte is taken" gigantic 1
check "and given back" gigantic 0

check "the client loads" insmod /kspan_pagesclient.ko
param=/sys/module/kspan_pagesclient/parameters
printf 'task %s 4096\ntimer %s 4096\n' "$(cat $param/hoarded)" "$(cat $param/gifted)" >/out/both
check "what is there is read" save known
in_use pages_area >/out/area.known
check "the client leaves" rmmod kspan_pagesclient
check "what is gone is read" save gone
in_use pages_area >/out/area.gone

check "files are scattered over memory" scatter
check "what is compacted stays known" moves
check "and goes" gather
check "and nothing is left of it" nothing_left
check "a process takes huge pages" start_hog
check "what is split stays known" splits
check "and goes, page by page" end_hog
check "no sample was dropped" stat_is samples_dropped 0
check "no free was missed" stat_is missed_frees 0
check "none was dropped" stat_is frees_dropped 0
check "they are switched off" switch 0
check "no handler is left" hooks_are 0
check "no sample is left" stat_is live_samples 0

check "they can be switched under load" switch_under_load
clean_up
check "no handler is left" hooks_are 0
check "no sample is left" stat_is live_samples 0
switch 1
work >/dev/null 2>&1 &
check "kspan leaves while they are on, under load" rmmod kspan
wait
clean_up

check "kspan loads with the tap on" insmod /kspan.ko pages=1 pages_sample_bytes=65536 sample_seed="$seed"
check "it is on" grep -qx 1 $dir/enable
check "at that rate" grep -qx 65536 $dir/sample_bytes
check "it is switched off" switch 0
check "a machine is busy" busy busy-1 1 vmstat meminfo zoneinfo
check "no sample was dropped" stat_is samples_dropped 0
check "a machine is busy, and looked at now and then" busy busy-65536 65536 vmstat meminfo zoneinfo

# Without memory there is none for samples either; what is known stays right.
rate 1
check "they are switched on" switch 1
anonymous >/tmp/anonymous
echo never >/sys/kernel/mm/transparent_hugepage/enabled
check "most of memory is taken" reserve
check "memory is used up" use_all_memory
echo 0 >/proc/sys/vm/nr_hugepages
check "who had it all has nothing" wait_until has_as_much
check "no free was missed" stat_is missed_frees 0
check "none was dropped" stat_is frees_dropped 0
cp $dir/stats /out/stats.full
check "they are switched off" switch 0
check "no sample is left" stat_is live_samples 0
check "kspan leaves" rmmod kspan
exit $status
