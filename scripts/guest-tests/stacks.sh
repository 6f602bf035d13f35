#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Functions are called through check, and the paths in $dir have no blanks.
# shellcheck disable=SC2317,SC2086
#
# Runs in the guest: the stacks of what a program of user space makes the kernel allocate, in
# system calls, page faults of both kinds, softirqs and workers: whole, under the right
# root, and most of them by known steps. Prints "ok WHAT" or "not ok WHAT".
#
# usage: stacks.sh TIMES

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh
times=$1

# stacks_of FUNCTION: the lines of heap.folded that end with it.
stacks_of() {
	grep ";$1 [0-9]*\$" /tmp/folded
}

# objects: how many the lines on standard input have in use.
objects() {
	awk '{ sum += $NF } END { print sum / 64 }'
}

# allocated FUNCTION N REGEX: it has allocated N times from stacks that match.
allocated() {
	[ "$(stacks_of "$1" | grep -E "$3" | objects)" = "$2" ] || { stacks_of "$1"; return 1; }
}

# all_of FUNCTION REGEX: it has allocated as often as was asked for, and each stack matches.
all_of() {
	allocated "$1" "$times" "$2" && allocated "$1" "$times" '^'
}

# few COUNT: at most that many stacks were walked by the unwinder since begin_counting.
few() {
	counted_since samples
	counted_since stacks_walked
	[ "$(counted_since stacks_walked)" -le "$1" ]
}

call=entry_SYSCALL_64_after_hwframe
check "kspan loads" load_kspan sample_bytes=1
check "the client loads" insmod /kspan_stacks.ko
begin_counting
check "a program makes it allocate" /stacks "$times"
cat $dir/heap.folded >/tmp/folded
cp /tmp/folded /out/heap.folded
# Page faults of the kernel's and softirqs are the unwinder's, the others are 3 of 5.
check "the unwinder walked few of the others" few $((2 * times + 60))
check "system calls have one root" all_of stacks_read "^$call;"
check "and one stack" [ "$(stacks_of stacks_read | wc -l)" = 1 ]
check "page faults have theirs" allocated stacks_fault "$times" "^asm_exc_page_fault;"
check "those of a copy go on to the system call" allocated stacks_fault "$times" \
	"^$call;.*;stacks_write;(.*;)?asm_exc_page_fault;"
check "there are no others" allocated stacks_fault $((2 * times)) '^'
check "softirqs begin anew" all_of stacks_tasklet '^(handle_softirqs|__do_softirq);'
check "workers end with their thread" all_of stacks_work '^ret_from_fork(_asm)?;'
check "every frame has a name" not grep -E '(^|;)(0x|unknown)' /tmp/folded
check "no stack was cut" not grep truncated /tmp/folded
check "the client leaves" rmmod kspan_stacks
check "nothing is left" nothing_in_use
check "kspan leaves" unload_kspan
exit $status
