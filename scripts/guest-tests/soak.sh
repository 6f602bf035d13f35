#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Functions are called through check, and the paths in variables have no blanks.
# shellcheck disable=SC2317,SC2086
#
# Runs in the guest: a filesystem driver on kspan, worked hard, and everything read back and
# compared. Prints "ok WHAT" or "not ok WHAT"; figures go to /out/notes.
#
# usage: soak.sh FILESYSTEM FILES TURNS MODULE...
#
#   FILES    how many are made, by two processes at a time
#   TURNS    times what each stressor does
#   MODULE   the driver's, on kspan, in the order in which they are inserted
#
# What is known of the filesystem is in /fs.sh (scripts/tests/soak.d); the tree to unpack, with its
# checksums, is a tar on the second disk. All is done twice, the first time only shortly: what
# the kernel keeps for the rest of its life it has then, and after the second time there has to
# be as much free memory as after the first.

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh

fs=$1 files=$2 turns=$3
shift 3
disk=/dev/vda tree=/dev/vdb
# shellcheck source=scripts/tests/soak.d/xfs.sh
. /fs.sh

# Each is a process of its own that works as often as is said here and checks what it reads. Those
# of stress-ng that work for a time, or thousands of times at least, are not among them.
stressors="chdir:2 dentry:512 dir:128 dirdeep:200 fallocate:2 getdent:100 hdd:200 rename:200
	revio:500 seek:400 touch:500 utime:500 xattr:4"

# stress_on DIR: all of them at one time, until each has done its part.
stress_on() {
	dir_of_stress=$1
	set --
	for stressor in $stressors; do
		name=${stressor%:*}
		set -- "$@" "--$name" 1 "--$name-ops" $((${stressor#*:} * turns))
	done
	mkdir "$dir_of_stress" &&
		stress-ng "$@" --timeout 0 --no-rand-seed --hdd-bytes 4m --seek-size 4m \
			--seek-punch --revio-bytes 4m --fallocate-bytes 4m --chdir-dirs 256 --dentries 256 \
			--dir-dirs 64 --dirdeep-inodes 500 --verify --metrics-brief \
			--temp-path "$dir_of_stress" >/tmp/stress 2>&1
}

stressed_well() {
	cat /tmp/stress
	[ "$(cat /tmp/stressed)" = 0 ]
}

# each_worked: stress-ng leaves out, without a word in its status, what it takes to be missing.
each_worked() {
	for stressor in $stressors; do
		awk -v name="${stressor%:*}" '$4 == name && $5 > 0 { done = 1 } END { exit !done }' \
			/tmp/stress || { echo "${stressor%:*} did nothing"; cat /tmp/stress; return 1; }
	done
}

unpack() {
	mkdir "$1" && tar -xf $tree -C "$1"
}

same() {
	(cd "$1" && sha256sum -c sums >/tmp/sums 2>&1) || { grep -v ': OK$' /tmp/sums; return 1; }
}

# beside: as long as the stressors work, a tree that comes and goes, and what looks at kspan
# and takes memory from it.
beside() {
	rounds=0
	while [ $rounds = 0 ] || [ ! -e /tmp/stressed ]; do
		cat $dir/heap $dir/heap.txt $dir/caches $dir/spans $dir/stats >/dev/null &&
			unpack /mnt/beside && same /mnt/beside && rm -r /mnt/beside || return 1
		echo 2 >/proc/sys/vm/drop_caches
		rounds=$((rounds + 1))
	done
}

# together: both, each with its own result.
together() {
	rm -f /tmp/stressed
	(
		stress_on /mnt/stress
		echo $? >/tmp/stressed.part
		mv /tmp/stressed.part /tmp/stressed
	) &
	check "$1: a tree comes and goes meanwhile" beside
	wait
	check "$1: stressors at one time, each content as it was written" stressed_well
	check "$1: each of them did its part" each_worked
	check "$1: what they left is removed" rm -rf /mnt/stress
}

fs_mount() {
	mount -t "$fs" $disk /mnt
}

remount() {
	umount /mnt && fs_mount
}

read_only_and_back() {
	mount -o remount,ro /mnt && not touch /mnt/refused 2>/dev/null &&
		mount -o remount,rw /mnt && touch /mnt/allowed && rm /mnt/allowed
}

load() {
	for module; do
		insmod "/$module" || return 1
	done
}

# unload MODULE...: the last one first.
unload() {
	reversed=
	for module; do
		reversed="${module%.ko} $reversed"
	done
	for module in $reversed; do
		rmmod "$module" || return 1
	done
}

all_freed() {
	counted_is frees "$(counted_since allocations)"
}

no_specials() {
	awk '$2 { print; bad = 1 } END { exit bad }' $dir/specials
}

objects_are_kspans() {
	awk '!/^#/ { used += $4 } END { exit used < 100 }' $dir/caches
}

# Names of kspan's own caches begin with its own.
no_driver_cache() {
	! awk '!/^#/ && $1 !~ /^kspan-/' $dir/caches | grep .
}

# What CPUs keep of kspan_alloc()'s sizes they keep as long as kspan is there.
few_pages() {
	[ "$(stat_of pages)" -lt 1024 ] || { cat $dir/stats; return 1; }
}

# memory: sets free, in KiB, when all that can be dropped has been.
memory() {
	for _ in 1 2 3; do
		sync
		echo 3 >/proc/sys/vm/drop_caches
		sleep 1
	done
	free=$(awk '/^MemFree:/ { print $2 }' /proc/meminfo)
}

# cycle PART FILES MODULE...: from no kspan to no kspan.
cycle() {
	part=$1 count=$2
	shift 2
	check "$part: kspan loads" load_kspan sample_bytes=65536
	begin_counting
	check "$part: the driver loads" load "$@"
	check "$part: a filesystem is made" fs_make $disk
	check "$part: and mounted" fs_mount
	check "$part: $count files" files /mnt "$count" make read rename delete
	check "$part: a source tree is unpacked" unpack /mnt/tree
	check "$part: mounted anew" remount
	check "$part: the tree is what it was" same /mnt/tree
	if [ "$part" = soak ]; then
		together "$part"
		check "$part: a copy of the tree" cp -a /mnt/tree /mnt/copy
		check "$part: read-only and back" read_only_and_back
		check "$part: mounted anew" remount
		check "$part: tree and copy are the same" diff -r /mnt/tree /mnt/copy
		check "$part: the copy is removed" rm -r /mnt/copy
	fi
	check "$part: the files are what they were" files /mnt "$count" check
	mkdir -p "/out/$part"
	cp $dir/heap.folded $dir/caches "/out/$part/"
	check "$part: the driver's objects are kspan's" objects_are_kspans
	check "$part: unmounted" umount /mnt
	check "$part: the filesystem is sound" fs_check $disk
	check "$part: mounted anew" fs_mount
	check "$part: the tree is what it was" same /mnt/tree
	check "$part: unmounted" umount /mnt
	check "$part: the driver leaves" unload "$@"
	echo 2 >/proc/sys/vm/drop_caches
	cp $dir/stats "/out/$part/"
	check "$part: what was allocated was freed" all_freed
	check "$part: no object is left" nothing_in_use
	check "$part: no record is left" no_specials
	check "$part: nor a cache of the driver's" no_driver_cache
	check "$part: ready objects take less than 4 MiB" few_pages
	check "$part: nothing was misused" no_misuse
	check "$part: kspan leaves" rmmod kspan
}

# KASAN keeps what was freed for a while, up to a thirty-second of all memory.
tolerance=8192
! grep -q ' kasan_report$' /proc/kallsyms || tolerance=65536
cycle short 100 "$@"
memory
before=$free
cycle soak "$files" "$@"
memory
awk '$4 ~ /^[a-z]+$/ && $5 ~ /^[0-9]+$/ { print "stress-ng " $4 ": " $5 " operations" }' /tmp/stress >>/out/notes
echo "free memory: $before KiB before, $free KiB after" >>/out/notes
check "memory is back to where it was, within $tolerance KiB" \
	[ $((before - free)) -le $tolerance ]
exit $status
