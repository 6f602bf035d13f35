#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Functions are called through check, and the paths in $dir have no blanks.
# shellcheck disable=SC2317,SC2086
#
# Runs in the guest: the tap on a kernel as it is shipped, with a module that knows
# nothing of kspan. Prints "ok WHAT" or "not ok WHAT"; profiles go to /out for
# scripts/tests/tap to read.

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh
pages=$dir/pages slab=$dir/slab
dir=$slab

# save DIR: every file of the tap.
save() {
	mkdir -p "/out/$1"
	for file in heap allocs heap.txt heap.folded live stats; do
		cat $dir/$file >"/out/$1/$file" || return 1
	done
}

# kb NAME: of /proc/meminfo.
kb() {
	sed -n "s/^$1: *\([0-9]*\) kB/\1/p" /proc/meminfo
}

slab_kb() {
	kb Slab
}

# With the free pages that CPUs have at hand, which are no MemFree: some megabytes.
free_kb() {
	at_hand=$(awk '$1 == "count:" { sum += $2 } END { print 4 * sum }' /proc/zoneinfo)
	echo $(($(kb MemFree) + at_hand))
}

# in_pages COMMAND...: of the other tap.
in_pages() {
	dir=$pages
	"$@" && result=0 || result=1
	dir=$slab
	return $result
}

hooks_are() {
	! grep '^hook_' $dir/stats | grep -v " $1\$"
}

# Files, mounts, processes and what goes through the network, for a minute or less.
work() {
	mkdir -p /tmp/busy/a /tmp/busy/b
	(cd /tmp/busy/a && seq 1 8000 | xargs touch)
	tar -C /tmp/busy/a -c . | tar -C /tmp/busy/b -x
	for i in 1 2 3 4 5 6 7 8; do
		mkdir -p /tmp/busy/mnt$i
		mount -t tmpfs none /tmp/busy/mnt$i
		(cd /tmp/busy/mnt$i && seq 1 300 | xargs touch)
	done
	ifconfig lo 127.0.0.1 up
	nc -l -p 7 >/dev/null &
	sleep 1
	dd if=/dev/zero bs=4096 count=2000 2>/dev/null | nc 127.0.0.1 7
	wait
	i=0
	while [ $i -lt 300 ]; do
		(true | cat) &
		i=$((i + 1))
	done
	wait
	umount /tmp/busy/mnt1 /tmp/busy/mnt2
}

check "kspan loads" insmod /kspan.ko
check "the tap is off" grep -qx 0 $dir/enable
check "no hook is in" hooks_are 0
check "its default is 512 KiB" grep -qx 524288 $dir/sample_bytes
echo 1 >$dir/sample_bytes
check "it is switched on" sh -c "echo 1 >$dir/enable"
check "every hook is in" hooks_are 1

check "the client loads" insmod /kspan_tapclient.ko
# Frees that wait for a grace period wait in a batch, for some seconds.
sleep 8
save known || status=1
check "the client leaves" rmmod kspan_tapclient
sleep 8
save gone || status=1
check "no sample was dropped" stat_is samples_dropped 0
check "no free was missed" stat_is missed_frees 0

echo 1 >$dir/reset
check "a reset leaves what is in use" grep -q '^live_samples [1-9]' $dir/stats
check "it is switched off" sh -c "echo 0 >$dir/enable"
check "no hook is left" hooks_are 0
check "no sample is left" stat_is live_samples 0

# On and off, while there is something to see.
work >/dev/null 2>&1 &
for i in 1 2 3 4 5 6 7 8 9 10; do
	echo 1 >$dir/enable || status=1
	echo 0 >$dir/enable || status=1
done
check "it can be switched under load" stat_is live_samples 0
echo 1 >$dir/enable
check "kspan leaves while the tap is on" rmmod kspan
wait
umount /tmp/busy/mnt* 2>/dev/null
rm -rf /tmp/busy

# The pages, in the same way.
insmod /kspan.ko
check "pages: the tap is off" grep -qx 0 $pages/enable
check "pages: its default is 512 KiB" grep -qx 524288 $pages/sample_bytes
echo 1 >$pages/sample_bytes
check "pages: it is switched on" sh -c "echo 1 >$pages/enable"
check "pages: every hook is in" in_pages hooks_are 1
check "pages: the other tap stays off" grep -qx 0 $dir/enable
insmod /kspan_tapclient.ko
check "pages: it is seen what there is" in_pages save pages-known
rmmod kspan_tapclient
check "pages: it is seen what is gone" in_pages save pages-gone
check "pages: no sample was dropped" in_pages stat_is samples_dropped 0
check "pages: no free was missed" in_pages stat_is missed_frees 0
work >/dev/null 2>&1 &
for i in 1 2 3 4 5 6 7 8 9 10; do
	echo 1 >$dir/enable || status=1
	echo 0 >$pages/enable || status=1
	echo 1 >$pages/enable || status=1
	echo 0 >$dir/enable || status=1
done
check "pages: both can be switched under load" stat_is live_samples 0
echo 0 >$pages/enable
check "pages: no sample is left" in_pages stat_is live_samples 0
check "pages: no hook is left" in_pages hooks_are 0
echo 1 >$pages/enable
check "pages: kspan leaves while the tap is on" rmmod kspan
wait
umount /tmp/busy/mnt* 2>/dev/null
rm -rf /tmp/busy

# What the machine has less of in the end, beside what the tap has seen taken: files, most of it.
insmod /kspan.ko
# What waits for a grace period is free before it begins.
sleep 2
echo 3 >/proc/sys/vm/drop_caches
sleep 2
echo 16384 >$pages/sample_bytes
echo 1 >$pages/enable
before=$(free_kb)
work >/dev/null 2>&1
seq 1 3000000 >/tmp/busy/file
after=$(free_kb)
in_pages save pages-busy || status=1
echo "$after $before" >/out/pages-busy/kb
rmmod kspan
umount /tmp/busy/mnt* 2>/dev/null
rm -rf /tmp/busy

# How well estimated memory agrees with the pages that the slab allocator has. Some 4,000 samples
# are in use in the end, so that chance is 1.6 % of it; the rest is what slabs have free.
insmod /kspan.ko
echo 3 >/proc/sys/vm/drop_caches
echo 4096 >$dir/sample_bytes
echo 1 >$dir/enable
before=$(slab_kb)
work >/dev/null 2>&1
after=$(slab_kb)
save busy || status=1
echo "$before $after" >/out/busy/slab_kb
echo 0 >$dir/enable
umount /tmp/busy/mnt* 2>/dev/null
rm -rf /tmp/busy

# Something is lost, somewhere: a megabyte a second.
echo 524288 >$dir/sample_bytes
echo 1 >$dir/enable
insmod /kspan_tapclient.ko leak=1000
sleep 3
save leak1 || status=1
work >/dev/null 2>&1 &
sleep 20
save leak2 || status=1
rmmod kspan_tapclient
wait
echo 0 >$dir/enable
check "kspan leaves" rmmod kspan

# Lockdown, which lasts until the guest ends.
check "kspan loads with both taps on" insmod /kspan.ko slab=1 slab_sample_bytes=65536 \
	pages=1 pages_sample_bytes=65536
for tap in $slab $pages; do
	check "${tap##*/}: it is on" grep -qx 1 $tap/enable
	check "${tap##*/}: at that rate" grep -qx 65536 $tap/sample_bytes
done
mount -t securityfs none /sys/kernel/security
check "the kernel is locked down" sh -c 'echo integrity >/sys/kernel/security/lockdown'
mkdir /tmp/busy
(cd /tmp/busy && seq 1 2000 | xargs touch)
for tap in slab pages; do
	dir=${slab%/slab}/$tap param=/sys/module/kspan/parameters/$tap
	check "$tap: debugfs does not switch it" not sh -c "echo 0 2>/dev/null >$dir/enable"
	check "$tap: the parameter knows" grep -qx Y $param
	check "$tap: what it sees can be read" grep -q '^heap profile: *[1-9]' $dir/heap.txt
	check "$tap: no samples are lost" stat_is samples_dropped 0
	check "$tap: the parameter switches it off" sh -c "echo N >$param"
	check "$tap: and knows" grep -qx N $param
	check "$tap: no hook is left" hooks_are 0
	check "$tap: the parameter switches it on" sh -c "echo Y >$param"
	check "$tap: every hook is in" hooks_are 1
	check "$tap: what is no switch is refused" not sh -c "echo perhaps 2>/dev/null >$param"
done
check "kspan leaves" rmmod kspan
exit $status
