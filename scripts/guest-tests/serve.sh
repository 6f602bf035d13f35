#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Functions are called through check, and the paths in $dir have no blanks.
# shellcheck disable=SC2317,SC2086
#
# Runs in the guest: known allocations on kspan and on the kernel's own allocators, and all files of
# debugfs in /out at three moments, for scripts/tests/serve to serve.

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh

# save DIR: every file that may be read, of all heaps.
save() {
	mkdir -p "/out/$1/slab" "/out/$1/pages"
	for file in heap allocs peak lifetime fragmentation heap.txt heap.folded caches stats \
		sample_bytes; do
		cat $dir/$file >"/out/$1/$file" || status=1
	done
	for tap in slab pages; do
		for file in heap allocs peak lifetime heap.txt heap.folded live stats sample_bytes \
			enable; do
			cat $dir/$tap/$file >"/out/$1/$tap/$file" || status=1
		done
	done
}

poke() {
	i=0
	while [ $i -lt 100 ]; do
		echo 1 >/sys/module/kspan_client/parameters/poke || return 1
		i=$((i + 1))
	done
}

check "kspan loads" insmod /kspan.ko sample_bytes=1
for tap in slab pages; do
	echo 1 >$dir/$tap/sample_bytes
	check "the tap on $tap is on" sh -c "echo 1 >$dir/$tap/enable"
done
check "a client loads" insmod /kspan_client.ko
save one
check "it allocates and frees" poke
check "another one loads, that knows nothing of kspan" insmod /kspan_tapclient.ko
# Frees that wait for a grace period wait in a batch, for some seconds.
sleep 8
save two
check "the first one leaves" rmmod kspan_client
save three
rmmod kspan_tapclient
check "kspan leaves" rmmod kspan
exit $status
