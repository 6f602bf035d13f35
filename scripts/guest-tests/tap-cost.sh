#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Runs in the guest, for scripts/tests/tap-cost: pairs of an allocation and its free before a
# tap is switched on, while it is, and after, of objects and of pages; and a compressed tree of
# files unpacked without a tap and with it. Under -icount the clock counts instructions.

# Functions are called through check.
# shellcheck disable=SC2317
# shellcheck source=scripts/guest-tests/check.sh
. /check.sh

# pairs GROUP
pairs() {
	insmod /kspan_bench.ko run="$1" && rmmod kspan_bench
}

# switch TAP 1|0
switch() {
	echo "$2" >"$dir/$1/enable"
}

# unpack NAME: into memory, again and again as the clock ticks in hundredths of a second; a line of
# /out/unpack says when it began and ended.
unpack() {
	read -r before _ </proc/uptime
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		mkdir /tmp/new
		tar -C /tmp/new -xzf /tmp/tree.tgz || return
		rm -r /tmp/new
	done
	read -r after _ </proc/uptime
	echo "$1 $before $after" >>/out/unpack
}

# make_tree: text, in a thousand files or so.
make_tree() {
	mkdir /tmp/tree
	cd /tmp/tree || return
	awk 'NR % 150 == 1 { close(name); name = "f" NR } { print >name }' /proc/kallsyms
	tar -czf /tmp/tree.tgz .
	cd / || return
	rm -r /tmp/tree
}

check "kspan loads" insmod /kspan.ko
check "pairs without the tap" pairs pairs
check "it is switched on" switch slab 1
check "pairs with it" pairs pairs
check "it is switched off" switch slab 0
check "pairs without it again" pairs pairs

check "pages without the tap" pairs pages
check "it is switched on" switch pages 1
check "pages with it" pairs pages
check "it is switched off" switch pages 0
check "pages without it again" pairs pages

check "a tree of files" make_tree
check "it is unpacked" unpack first
for _ in 1 2 3; do
	check "without the tap" unpack off
	check "it is switched on" switch slab 1
	check "and with it" unpack on
	check "it is switched off" switch slab 0
	check "the other is switched on" switch pages 1
	check "and with that" unpack pages
	check "it is switched off" switch pages 0
done
check "kspan leaves" rmmod kspan
exit $status
