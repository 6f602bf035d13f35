#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Runs in the guest: thousands of files made, read, renamed and removed on ext4 on a disk in
# memory, and the instructions of the whole guest for each part, on the kernel's own driver and
# on the same driver built through the shim. Figures are lines of the kernel's log, as in
# guest.sh beside it.
#
# usage: load.sh FILES HOW...
#
#   HOW is one of
#     slab             the kernel's own driver
#     kspan:BYTES      the driver on kspan, at that rate of sampling
#     tap:BYTES        the kernel's own driver, with the tap on the kernel's slab at that rate

set -e
files=$1
shift
debugfs=/sys/kernel/debug/kspan

# executed: under -icount the clock counts instructions, and those of a CPU that waits for the
# next timer are none.
executed() {
	awk '/^now at/ { n = $3 } /(idle|iowait)_sleeptime/ { n -= $3 } END { printf "%.0f\n", n }' \
		/proc/timer_list
}

# part NAME COMMAND...: what is written and what waits for a grace period is part of it.
part() {
	name=$1
	shift
	before=$(executed)
	"$@"
	sync
	sleep 1
	echo "<6>bench: group=load name=$name how=${how%:*} rate=${how#*:} objects=$files" \
		"instructions=$(($(executed) - before))" >/dev/kmsg
}

drop_caches() {
	echo 3 >/proc/sys/vm/drop_caches
}

# all_parts: on a new filesystem, nothing of which is left for the driver to prepare later.
all_parts() {
	mkfs.ext4 -q -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 /dev/ram0
	mount -t ext4 -o commit=1000 /dev/ram0 /mnt
	drop_caches
	part make files /mnt "$files" make
	part read files /mnt "$files" read
	part rename files /mnt "$files" rename
	part drop drop_caches
	part delete files /mnt "$files" delete
	part remove files /mnt "$files" remove
	umount /mnt
	sync
}

set_up() {
	case $how in
	kspan:*)
		insmod /kspan.ko sample_bytes="${how#*:}"
		insmod /ext4.ko
		;;
	tap:*)
		insmod /kspan.ko
		echo "${how#*:}" >$debugfs/slab/sample_bytes
		echo 1 >$debugfs/slab/enable
		insmod /lib/modules/ext4.ko
		;;
	*) insmod /lib/modules/ext4.ko ;;
	esac
}

take_down() {
	[ "${how%:*}" != tap ] || echo 0 >$debugfs/slab/enable
	rmmod ext4
	[ "$how" = slab ] || rmmod kspan
}

# Nothing is written because it is time to: each part does what it is asked for, and syncs.
echo 0 >/proc/sys/vm/dirty_writeback_centisecs
rmmod ext4
rmmod brd
insmod /lib/modules/brd.ko rd_nr=1 rd_size=262144
# In turn, so that what the machine has seen before is not one side's advantage.
for _ in 1 2 3; do
	for how; do
		set_up
		all_parts
		take_down
	done
done
