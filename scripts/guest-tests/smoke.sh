#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Functions are called through check, and the paths in $dir have no blanks.
# shellcheck disable=SC2317,SC2086
#
# Runs in the guest: kspan.ko and a client module on a kernel without KUnit, as
# their users see them. Prints "ok WHAT" or "not ok WHAT"; profiles go to /out for
# scripts/tests/stock to read.

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh

# save DIR: every file of debugfs that is read.
save() {
	mkdir -p "/out/$1"
	for file in heap allocs peak lifetime fragmentation heap.txt heap.folded caches spans \
		specials stats sample_bytes; do
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
# What a CPU's array has is in a span that is not empty.
check "memory pressure takes the empty spans" sh -c \
	"awk '\$NF == \$(NF - 2) { print; bad = 1 } END { exit bad }' $dir/spans"
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
parameter=/sys/module/kspan/parameters/sample_bytes
check "as the parameter says" grep -qx 524288 $parameter
write() {
	echo "$1" >$parameter
}
check "which can be written" write 12345
check "and read" grep -qx 12345 $parameter
check "as can the file" grep -qx 12345 $dir/sample_bytes
for bad in lots -1 '' 1099511627777; do
	check "but not with '$bad'" not write "$bad"
done
check "which changes nothing" grep -qx 12345 $dir/sample_bytes
echo 524288 >$dir/sample_bytes
check "nor does the file go its own way" grep -qx 524288 $parameter
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
check "with how many" said 'kspan: about 2 of 72 bytes in cache client_objects, allocated at:'
check "and the stack that allocated them" said 'kspan:   client_cache+0x.* \[kspan_client\]'
echo 0 >$dir/sample_bytes
insmod /kspan_client.ko leak=1
rmmod kspan_client
check "without a sample, with the rate that would have shown them" said \
	'kspan: none of them was sampled.* at sample_bytes=0: with 48 at least one of as many'
echo 1 >$dir/sample_bytes
insmod /kspan_client.ko leak=1 abandon=1
rmmod kspan_client
check "a cache that its module did not destroy is reported" said \
	'report: cache client_objects with 2 objects in use was not destroyed by module kspan_client'
check "kspan leaves all the same" rmmod kspan
check "and tells of that cache again" sh -c \
	"dmesg | tail -n 60 | grep -q 'cache client_objects destroyed with 2 objects in use'"

# As with secure boot. No module can be loaded from here on.
load_kspan sample_bytes=1
insmod /kspan_client.ko
lock_down() {
	mount -t securityfs none /sys/kernel/security
	echo integrity >/sys/kernel/security/lockdown
	grep -q '\[integrity\]' /sys/kernel/security/lockdown
}
has_content() {
	[ "$(head -c 1 "$1" | wc -c)" = 1 ]
}
check "the kernel is locked down" lock_down
for file in heap allocs peak lifetime fragmentation heap.txt heap.folded caches spans specials stats; do
	check "$file can be read all the same" has_content $dir/$file
done
check "what can be written to cannot" not cat $dir/sample_bytes
check "but the rate can be read" grep -qx 1 $parameter
check "and changed" write 65536
check "which is in force" grep -qx 65536 $parameter
rmmod kspan_client
check "kspan leaves a locked kernel" rmmod kspan

exit $status
