#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Functions are called through check, and the paths in $dir have no blanks.
# shellcheck disable=SC2317,SC2086
#
# Runs in the guest: kspan.ko and a client module on a kernel without KUnit, as
# their users see them. Prints "ok WHAT" or "not ok WHAT"; profiles go to /out for
# scripts/tests/smoke to read.

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh

# save DIR: every file of debugfs that is read.
save() {
	mkdir -p "/out/$1"
	for file in heap allocs heap.txt heap.folded caches spans specials stats sample_bytes; do
		cat $dir/$file >"/out/$1/$file" || status=1
	done
}

check "a bad sample_bytes is refused" not insmod /kspan.ko sample_bytes=lots
check "a too large sample_bytes is refused" not insmod /kspan.ko sample_bytes=1099511627777
check "and the log says why" said 'kspan: sample_bytes=1099511627777 is above'
check "a too small max_profile_bytes is refused" not insmod /kspan.ko max_profile_bytes=1
check "and the log says why" said 'kspan: max_profile_bytes=1 is below'

check "kspan loads" load_kspan sample_bytes=1
echo 1 >/sys/kernel/tracing/events/kspan/enable
check "the client loads" insmod /kspan_client.ko
echo 0 >/sys/kernel/tracing/events/kspan/enable
save loaded
cp /sys/kernel/tracing/trace /out/trace
check "kspan stays while a client is loaded" not rmmod kspan

# CPU 1 goes away with objects in its arrays, which are not lost.
echo 0 >/sys/devices/system/cpu/cpu1/online
check "a CPU goes away" grep -qx 0 /sys/devices/system/cpu/cpu1/online
echo 1 >/sys/devices/system/cpu/cpu1/online

exec 4<$dir/heap
check "the client leaves" rmmod kspan_client
save after
check "kspan stays while a file is open" not rmmod kspan
exec 4<&-
echo 1 >$dir/reset
check "a reset forgets what is not in use" stat_is buckets 0
check "every sampled object is out of the profile" grep -qx 'profile 0' $dir/specials
echo 2 >/proc/sys/vm/drop_caches
check "memory pressure takes the empty spans" sh -c \
	"awk '!/^#/ && \$4 == 0 && \$5 > 0 && \$6 > 4 { exit 1 }' $dir/caches"
insmod /kspan_client.ko
echo 1 >$dir/reset
save reset
# Its own count of what it checked is for the host.
/debugfs >/out/debugfs || status=1
rmmod kspan_client
check "kspan leaves" rmmod kspan

# One sample in 512 KiB, the default.
check "kspan loads with defaults" load_kspan
check "the default is 512 KiB" grep -qx 524288 $dir/sample_bytes
check "a million allocations" insmod /kspan_client.ko mixed=1000000
save mixed
rmmod kspan_client
save mixed-after
rmmod kspan

# Misuse, last, since its reports are expected in the log only from here on.
load_kspan sample_bytes=1
insmod /kspan_client.ko misuse=1 leak=1
check "invalid frees are counted" stat_is invalid_frees 3
check "double frees are counted" stat_is double_frees 1
check "frees into the wrong cache are counted" stat_is wrong_cache_frees 1
check "invalid frees are reported" said 'kspan: report: free of memory that is not kspan'
check "with the caller's stack" said 'client_misuse+0x'
check "interior frees are reported" said 'report: free of an address inside an object, cache kspan-64'
check "double frees are reported" said 'report: double free, cache kspan-64'
check "wrong caches are reported" said 'wrong cache: client_objects, object of cache kspan-64'
rmmod kspan_client
check "objects left in a cache are reported" said 'cache client_objects destroyed with 2 objects in use'
check "with the stack that allocated them" said 'client_cache+0x'
check "kspan leaves all the same" rmmod kspan

exit $status
