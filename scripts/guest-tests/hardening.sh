#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Functions are called through check, and the paths in $dir have no blanks.
# shellcheck disable=SC2317,SC2086
#
# Runs in the guest: kspan with each parameter that hardens it, and a client that does
# what it should and what it should not. Prints "ok WHAT" or "not ok WHAT".
#
# usage: hardening.sh GROUP...

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh

# did NAME: the client does it and is removed again; the log since then is in /tmp/log.
did() {
	dmesg -c >/dev/null
	insmod /kspan_hardening.ko do="$1" && rmmod kspan_hardening
	result=$?
	dmesg >/tmp/log
	return $result
}

said() {
	grep -q "$1" /tmp/log || { cat /tmp/log; return 1; }
}

said_nothing() {
	! grep 'kspan: report\|kspan_hardening: error' /tmp/log
}

# loads PARAMETER...: kspan, with each sample taken.
loads() {
	check "kspan loads with $*" insmod /kspan.ko sample_bytes=1 "$@"
}

leaves() {
	check "nothing is left" nothing_in_use
	check "kspan leaves" rmmod kspan
}

# Poison and red zones of every cache.
zones() {
	loads poison=1 red_zone=1
	check "good users are not disturbed" did stay
	check "nor reported" said_nothing
	check "an overrun" did overrun
	for size in 8 100 4096 70000; do
		check "of $size bytes is found" said "report: write behind an object of cache kspan-[0-9a-z]*: byte $size is 5a, not cc"
		check "at its first byte of $size" said "object of $size bytes in a slot of [0-9]*, damaged from byte $size to $size\$"
	done
	check "with the bytes" said 'bytes from    96: .. .. .. .. 5a cc cc cc'
	check "with what allocated it" sh -c "grep -A 1 'kspan: allocated at:' /tmp/log |
		grep -q 'hardening_allocates+0x'"
	check "counted" stat_is corruptions 4
	check "a write after free" did use-after-free
	check "is found" said 'report: write after free of cache kspan-96: byte 40 is 6c, not 6b'
	check "to its last byte" said 'object of .* damaged from byte 40 to 44$'
	check "with the text" said 'bytes from    32: 6b 6b 6b 6b 6b 6b 6b 6b 6c 61 74 65 21 6b 6b 6b'
	check "counted" stat_is corruptions 5
	leaves
	loads red_zone=1
	check "good users are not disturbed by red zones" did stay
	check "nor reported" said_nothing
	leaves
	loads poison=1
	check "good users are not disturbed by poison" did stay
	check "nor reported" said_nothing
	leaves
}

# copies TO-OR-FROM OFFSET BYTES: one copy of an object of 112 bytes, in one call.
copies() {
	dmesg -c >/dev/null
	if [ "$1" = to ]; then
		dd if=$shared of=/tmp/copy bs="$3" count=1 skip="$2" iflag=skip_bytes
	else
		dd if=/dev/zero of=$shared bs="$3" count=1 seek="$2" oflag=seek_bytes conv=notrunc
	fi
	result=$?
	dmesg >/tmp/log
	return $result
}

refused() {
	! copies "$@"
}

# Hardened usercopy. A task that it kills is an Oops, which must not be the guest's end.
usercopy() {
	shared=/sys/kernel/debug/kspan_hardening
	echo 0 >/proc/sys/kernel/panic_on_oops
	loads
	check "the client loads" insmod /kspan_hardening.ko do=usercopy
	check "without the parameter, a copy that leaves its object is not seen" copies to 0 113
	check "the client leaves" rmmod kspan_hardening
	check "a driver through the shim loads" insmod /kspan_hardening.ko do=shimmed
	check "what user space may see, to it" copies to 16 64
	check "a part of that" copies to 50 30
	check "what user space may see, from it" copies from 16 64
	check "one byte more to user space is refused" refused to 16 65
	check "and reported" said 'Kernel memory exposure attempt detected from object of cache shimmed (offset 16, size 65)'
	check "by the function that copied" said 'object_read+0x'
	check "one byte before is refused" refused to 15 8
	check "and reported" said 'from object of cache shimmed (offset 15, size 8)'
	check "one byte more from user space is refused" refused from 79 2
	check "and reported" said 'Kernel memory overwrite attempt detected to object of cache shimmed (offset 79, size 2)'
	check "copies go on" copies to 16 64
	check "the driver leaves" rmmod kspan_hardening
	leaves
	loads usercopy=1
	check "the client loads" insmod /kspan_hardening.ko do=usercopy
	check "a whole object to user space" copies to 0 112
	check "a part of one" copies to 60 52
	check "a whole object from user space" copies from 0 112
	check "a part of one" copies from 111 1
	check "one byte more to user space is refused" refused to 0 113
	check "and reported" said 'Kernel memory exposure attempt detected from object of cache kspan-112 (offset 0, size 113)'
	check "a part that leaves is refused" refused to 60 53
	check "and reported" said 'from object of cache kspan-112 (offset 60, size 53)'
	check "one byte more from user space is refused" refused from 0 113
	check "and reported" said 'Kernel memory overwrite attempt detected to object of cache kspan-112 (offset 0, size 113)'
	check "by the function that copied" said 'object_write+0x'
	check "copies go on" copies to 0 112
	check "the client leaves" rmmod kspan_hardening
	leaves
}

# faults NAME: a task of the client does it, and dies.
faults() {
	dmesg -c >/dev/null
	sh -c "echo $1 >/sys/kernel/debug/kspan_hardening"
	dmesg >/tmp/log
	said 'Oops: '
}

# by WHAT FUNCTION: among the frames of a stack.
by() {
	grep -A 3 "kspan: $1 by task [0-9]* on CPU [0-9]* at:" /tmp/log | grep -q "$2+0x" ||
		{ cat /tmp/log; return 1; }
}

# Guard mode: an access that leaves its object, or comes after the free, is an Oops.
guard() {
	echo 0 >/proc/sys/kernel/panic_on_oops
	check "slots there must be" not insmod /kspan.ko guard=1 guard_slots=0
	loads guard=1 guard_slots=40
	check "good users are not disturbed" did stay
	check "nor reported" said_nothing
	check "objects were guarded" not stat_is guarded 0
	check "a double free" did double-free
	check "is reported" said 'report: double free, cache kspan-192'
	check "with what allocated the object" by allocated hardening_allocates
	check "and what freed it" by freed hardening_frees
	leaves
	loads guard=1
	check "the client loads" insmod /kspan_hardening.ko do=fault
	check "an overrun of one byte kills" faults overrun
	check "and is reported" said 'report: overrun: write of byte 192 of an object of 192, address'
	check "with the object" said 'guarded object of 192 bytes of cache kspan-192, address'
	check "with what allocated it" by allocated hardening_allocates
	check "which nobody has freed" not said 'freed by task'
	check "an underrun kills" faults underrun
	check "and is reported" said 'report: underrun: write 3914 bytes before an object, address'
	check "a use after free kills" faults use-after-free
	check "and is reported" said 'report: use after free: read of byte 40, address'
	check "with what allocated the object" by allocated hardening_allocates
	check "and what freed it" by freed hardening_frees
	check "counted" stat_is guard_faults 3
	check "the client leaves" rmmod kspan_hardening
	leaves
}

# Objects of the kernel's own slab: users see no difference.
bypass() {
	loads bypass=1
	check "good users are not disturbed" did stay
	check "nor reported" said_nothing
	leaves
}

# KASAN sees each of them, as it does those of kspan's own spans.
kasan() {
	loads
	check "an overrun" did overrun
	check "is found, of each size" sh -c \
		"[ \"\$(grep -c 'BUG: KASAN: slab-[a-z-]* in do_overrun' /tmp/log)\" = 4 ]"
	check "a write after free" did use-after-free
	check "is found" said 'BUG: KASAN: slab-use-after-free in do_use_after_free'
	leaves
	bypass
	loads bypass=1
	check "an overrun" did overrun
	for size in 8 100 4096; do
		check "of $size bytes is found" said "allocated $size-byte region"
	done
	check "and of a large object, at once" sh -c \
		"[ \"\$(grep -c 'BUG: KASAN: slab-out-of-bounds in do_overrun' /tmp/log)\" = 4 ]"
	check "with what allocated it" said 'hardening_allocates+0x'
	check "a write after free" did use-after-free
	check "is found" said 'BUG: KASAN: slab-use-after-free in do_use_after_free'
	leaves
}

# leaked BYTES LEAST: so many unreferenced objects of that size. kmemleak takes every word for a
# pointer, so that stale ones hide a few; a way of allocating that does not tell it hides sixteen.
leaked() {
	n=$(grep -c "size $1)" /tmp/leaks)
	[ "$n" -ge "$2" ] || { echo "$n of size $1"; return 1; }
}

# leaks PARAMETER...: with kspan loaded so, every way of allocating tells kmemleak, and every
# way of freeing. A leak is reported by a scan that finds it as the one before did, at least
# five seconds after the allocation.
leaks() {
	loads "$@"
	dmesg -c >/dev/null
	check "the client leaks" insmod /kspan_hardening.ko do=leak
	sleep 6
	echo scan >/sys/kernel/debug/kmemleak
	echo scan >/sys/kernel/debug/kmemleak
	cat /sys/kernel/debug/kmemleak >/tmp/leaks
	dmesg >/tmp/log
	grep -o '(size [0-9]*)' /tmp/leaks | sort | uniq -c
	for size in 1001 1003 1004 1005 70001; do
		check "objects of $size bytes are found" leaked $size 12
	done
	check "objects of a cache are found" leaked 1002 24
	check "with what allocated them" grep -q 'do_leak\|leak_each_way' /tmp/leaks
	check "nothing that was freed is" sh -c "! grep 'size 1102)\|size 70002)\|size 5)' /tmp/leaks"
	# The dump of what is in an object may have any words.
	check "nor anything of kspan's own" sh -c "! grep '^unreferenced object ' /tmp/leaks |
		grep -v 'size 100[1-5])\|size 70001)'"
	check "no free was forgotten" sh -c "! grep 'kmemleak: Cannot\|kmemleak: .*overlap' /tmp/log"
	check "the client leaves" rmmod kspan_hardening
	check "kspan leaves" rmmod kspan
	echo clear >/sys/kernel/debug/kmemleak
}

kmemleak() {
	leaks
	leaks bypass=1
}

for group; do
	$group
done
exit $status
