#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Functions are called through check, and the commands of others' shells have variables.
# shellcheck disable=SC2016,SC2317
#
# Runs in the guest: what the documents say of a machine, each block by itself, with what it prints in
# /out; kspan is not loaded before each, unless the block is about one that is.

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh
mkdir -p /usr/bin
ln -s /bin/busybox /usr/bin/env
export PYTHONHOME=/usr PATH=/sbin:/usr/sbin:$PATH
cd /kspan || exit

gone() {
	rmmod kspan && ! grep '^kspan ' /proc/modules
}

# shows REGEX FILE
shows() {
	cat "/out/$2"
	grep -Eq "$1" "/out/$2"
}

check "README: three commands on a live machine" document live
check "they show who holds memory" shows '^heap of kspan|^ *[0-9]+ .*< ' live
check "kspan goes" gone

check "guide: objects of the kernel's" document bypass
check "it is so" grep -x Y /sys/module/kspan/parameters/bypass
check "kspan goes" gone

check "kspan and a client are loaded" sh -c "insmod kspan.ko sample_bytes=1 && insmod /kspan_client.ko"
check "guide: the rate as a parameter" document parameter
check "it is that" grep -x 65536 $dir/sample_bytes
check "guide: a tracepoint" document trace
check "it is on" grep -x 1 /sys/kernel/tracing/events/kspan/kspan_alloc/enable
echo 0 >/sys/kernel/tracing/events/kspan/kspan_alloc/enable
for file in heap lifetime fragmentation; do
	cat $dir/$file >/out/$file
done
check "kspan goes" sh -c "rmmod kspan_client && rmmod kspan"

check "tap: the heap of the whole kernel" document tap
cp heap /out/slab-heap
check "kspan goes" gone

cp /kspan_bench.ko /f2fs.ko .
check "bench: one group by hand" document group
check "it has measured" said 'bench: group=pairs .* kspan=[0-9]'
check "and that too" said 'bench: group=memory '
check "kspan goes" sh -c "rmmod kspan_bench && rmmod kspan"

check "shim: a driver on kspan, and a file system" document driver
check "it is mounted" grep '^/dev/vdb /mnt f2fs ' /proc/mounts
check "files are made" sh -c 'for i in 1 2 3 4 5 6 7 8 9; do mkdir /mnt/$i && echo $i >/mnt/$i/file || exit; done'
check "its inodes are known" sh -c "grep '[; ]f2fs_alloc_inode [1-9]' $dir/heap.folded || { echo 1 >$dir/sample_bytes &&
	mkdir /mnt/more && echo more >/mnt/more/file && grep '[; ]f2fs_alloc_inode [1-9]' $dir/heap.folded; }"
cat $dir/heap >/out/f2fs-heap
check "and it goes" sh -c "umount /mnt && rmmod f2fs && rmmod kspan"
exit $status
