#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Runs in the guest, for scripts/tests/cost: pairs of an allocation and its free before
# each tap is switched on, while it is, and after; and a compressed tree of files unpacked
# without them and with each. Under -icount the clock counts instructions.

set -e

# measure GROUP: of the bench module.
measure() {
	insmod /kspan_bench.ko run="$1"
	rmmod kspan_bench
}

# switched TAP GROUP: the group with the tap off, on, and off again.
switched() {
	measure "$2"
	echo 1 >"$kspan/$1/enable"
	measure "$2"
	echo 0 >"$kspan/$1/enable"
	measure "$2"
}

# unpack NAME: unpacks the tree into memory, again and again as the clock ticks in hundredths of
# a second, and prints how long it took.
unpack() {
	read -r before _ </proc/uptime
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		mkdir /tmp/new
		tar -C /tmp/new -xzf /tmp/tree.tgz
		rm -r /tmp/new
	done
	read -r after _ </proc/uptime
	echo "unpack $1 $before $after"
}

insmod /kspan.ko
kspan=/sys/kernel/debug/kspan
switched slab pairs
switched pages pages

mkdir /tmp/tree
cd /tmp/tree
# Text, in a thousand files or so.
awk 'NR % 150 == 1 { close(name); name = "f" NR } { print >name }' /proc/kallsyms
tar -czf /tmp/tree.tgz .
cd /
rm -r /tmp/tree
unpack first
for _ in 1 2 3; do
	unpack off
	for tap in slab pages; do
		echo 1 >"$kspan/$tap/enable"
		unpack "$tap"
		echo 0 >"$kspan/$tap/enable"
	done
done
rmmod kspan
