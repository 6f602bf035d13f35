#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Functions are called through check, and the paths in $dir have no blanks.
# shellcheck disable=SC2317,SC2086
#
# Runs in the guest: the commands of scripts/kspan where they belong, and a heap before
# and after known allocations, which goes to /out for scripts/tests/kspan to read.

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh
mkdir -p /usr/bin
ln -s /bin/busybox /usr/bin/env
export PYTHONHOME=/usr

# kspan COMMAND...
kspan() {
	/kspan/kspan "$@"
}

# fails TEXT COMMAND...: with one line, which ends with TEXT, and status 1.
fails() {
	text=$1
	shift
	got=0
	kspan "$@" >/tmp/said 2>&1 || got=$?
	cat /tmp/said
	[ $got = 1 ] && [ "$(wc -l </tmp/said)" = 1 ] && grep -q "^kspan $1: .*$text\$" /tmp/said
}

# save NAME: a copy of what there is under debugfs.
save() {
	mkdir -p "/out/$1/slab" "/out/$1/pages"
	for file in heap allocs peak lifetime fragmentation heap.txt heap.folded caches sample_bytes; do
		cat $dir/$file >"/out/$1/$file" || status=1
	done
	for tap in slab pages; do
		for file in heap allocs peak lifetime heap.txt heap.folded live stats enable \
			sample_bytes; do
			cat $dir/$tap/$file >"/out/$1/$tap/$file" || status=1
		done
	done
}

# sets_rate FILE [OPTION]
sets_rate() {
	file=$dir/$1
	shift
	kspan rate "$@" 1 && grep -qx 1 $file && [ "$(kspan rate "$@")" = 1 ]
}

check "without the module it says so" fails "the module kspan is not loaded" rate
insmod /kspan.ko
for tap in slab pages; do
	check "without the tap on $tap it says so" \
		fails "the tap is off: echo 1 > $dir/$tap/enable" flame --$tap -o /tmp/flame.svg
done
umount /sys/kernel/debug
check "without debugfs it says so" \
	fails "debugfs is not mounted: mount -t debugfs none /sys/kernel/debug" caches
mount -t debugfs none /sys/kernel/debug
check "it sets the rate" sets_rate sample_bytes
check "what the kernel refuses is said" \
	fails "sample_bytes: Invalid argument" rate 999999999G
check "and changes nothing" grep -qx 1 $dir/sample_bytes
for tap in slab pages; do
	check "it sets the rate of the tap on $tap" sets_rate $tap/sample_bytes --$tap
	echo 1 >$dir/$tap/enable
done

save before
insmod /kspan_client.ko
insmod /kspan_tapclient.ko
grep -E '\[(kspan|kspan_client|kspan_tapclient)\]$| _text$' /proc/kallsyms >/out/kallsyms
check "it saves the heap" kspan profile -o /out/heap.pb.gz
check "it saves that of the slabs" kspan profile --slab -o /out/slab.pb.gz
check "it saves that of the pages" kspan profile --pages -o /out/pages.pb.gz
check "it shows the caches" sh -c "/kspan/kspan caches --json >/out/caches.json"
check "it draws the heap" kspan flame -o /out/heap.svg
check "top shows the heap" sh -c "/kspan/kspan top --once --json --top 0 >/out/top.json"
check "and the slabs" sh -c "/kspan/kspan top --once --slab --by cache --top 0 >/out/top"
check "and the pages" sh -c "/kspan/kspan top --once --pages --by cache --top 0 >/out/top.pages"
save after
check "it shows what grows" sh -c "/kspan/kspan leaks --interval 1 --json >/out/leaks.json"
check "and of the pages" \
	sh -c "/kspan/kspan leaks --pages --interval 1 --json >/out/leaks.pages.json"
rmmod kspan_tapclient
rmmod kspan_client
check "kspan leaves" rmmod kspan
exit $status
