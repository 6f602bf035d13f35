#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# What scripts/demo --live runs in the guest: the kernel as it is, with its own driver; a file
# system on the disk, a few thousand files, and the kernel's slab at three moments, in /out.
#
# usage: live.sh DRIVER FILES SAMPLE_BYTES

set -e
driver=$1 files=$2 sample_bytes=$3
slab=/sys/kernel/debug/kspan/slab

snapshot() {
	mkdir -p "/out/$1"
	cat /proc/uptime >"/out/$1/uptime"
	for file in heap allocs heap.txt heap.folded stats; do
		cat $slab/$file >"/out/$1/$file"
	done
	echo "demo: profile taken: $1"
}

insmod /kspan.ko
echo "$sample_bytes" >$slab/sample_bytes
echo 1 >$slab/enable
"mkfs.$driver" -q /dev/vda
mount -t "$driver" /dev/vda /mnt
snapshot empty
files /mnt "$files" make read rename delete
snapshot mounted
umount /mnt
# Inodes are freed a grace period after they are gone.
sleep 1
snapshot unmounted
echo 0 >$slab/enable
rmmod kspan
