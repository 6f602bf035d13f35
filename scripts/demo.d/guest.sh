#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# What scripts/demo runs in the guest: the driver on kspan, a file system on the disk,
# a few thousand files, and the profile at three moments, in /out.
#
# usage: guest.sh DRIVER FILES SAMPLE_BYTES

set -e
driver=$1 files=$2 sample_bytes=$3
debugfs=/sys/kernel/debug/kspan

snapshot() {
	mkdir -p "/out/$1"
	for file in heap allocs heap.txt heap.folded caches specials stats; do
		cat $debugfs/$file >"/out/$1/$file"
	done
	echo "demo: profile taken: $1"
}

insmod /kspan.ko sample_bytes="$sample_bytes"
insmod "/$driver.ko"
"mkfs.$driver" -q /dev/vda
mount -t "$driver" /dev/vda /mnt
files /mnt "$files" make read rename delete
snapshot mounted

# A second mount reads from the disk what the first one left there.
umount /mnt
mount -t "$driver" /dev/vda /mnt
files /mnt "$files" check
umount /mnt
# Inodes are freed a grace period after they are gone.
sleep 1
snapshot unmounted

rmmod "$driver"
snapshot unloaded
rmmod kspan
