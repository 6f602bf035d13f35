#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Functions are called through check, and the paths in variables have no blanks.
# shellcheck disable=SC2317,SC2086,SC2016
#
# Runs in the guest: a file system driver on kspan, worked hard, and everything read back
# and compared. Prints "ok WHAT" or "not ok WHAT".
#
# usage: soak.sh FS FILES SECONDS MODULE...
#
# The modules, in the order in which they are inserted, are the driver's, on kspan. What
# is known of the file system is in /fs.sh (scripts/soak.d), the tree to unpack and its
# checksums are a tar on the second disk. All is done twice, the first time only shortly:
# what the kernel keeps for the rest of its life it has then, and after the second time
# there has to be as much free memory as after the first.

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh

fs=$1 files=$2 seconds=$3
shift 3
disk=/dev/vda tree=/dev/vdb
fs_options=
fs_mount() {
	mount -t "$fs" -o "${fs_options:-rw}" "$disk" /mnt
}
fs_umount() {
	umount /mnt
}
# shellcheck source=/dev/null
. /fs.sh

# What is done to the file system at one time: each stressor is a process of its own and
# checks what it reads.
stressors="chdir dentry dirdeep dirmany fallocate fpunch getdent hdd iomix link
	rename revio seek symlink touch utime xattr"

# stress_ng OPTION...: of one size everywhere, so that a round of any kind stays short.
stress_ng() {
	stress-ng "$@" --hdd-bytes 8m --iomix-bytes 8m --seek-size 4m --revio-bytes 8m \
		--fallocate-bytes 8m --chdir-dirs 256 --dentries 256 --dirdeep-inodes 500 \
		--verify --metrics-brief --temp-path /mnt/stress
}

stress() {
	mkdir /mnt/stress && set --
	for stressor in $stressors; do
		set -- "$@" "--$stressor" 1
	done
	stress_ng "$@" --timeout "$seconds" >/tmp/stress 2>&1
}

# worked STRESSOR FILE: what stress-ng has printed there counts a round of it.
worked() {
	awk -v name="$1" '$4 == name && $5 > 0 { done = 1 } END { exit !done }' "$2"
}

# each_stressor: a slow machine may not have come to a round of each beside the others, so
# that those have one on their own; and a file system may lack what some are about.
each_stressor() {
	mkdir -p /mnt/stress
	for stressor in $stressors; do
		worked "$stressor" /tmp/stress && continue
		echo "late: $stressor" >/dev/console
		stress_ng "--$stressor" 1 "--$stressor-ops" 1 --timeout 60 >/tmp/late 2>&1
		# stress-ng exits with 3 or 4 where the kernel or the file system has no such thing.
		case $? in
		0 | 3 | 4) ;;
		*) cat /tmp/late; return 1 ;;
		esac
		worked "$stressor" /tmp/late || missing="$missing $stressor"
	done
	set -- $missing
	[ $# = 0 ] || echo "idle: $*" >/dev/console
	[ $# -le 3 ] || cat /tmp/stress
	[ $# -le 3 ]
}

unpack() {
	mkdir "$1" && tar -xf $tree -C "$1"
}

same() {
	(cd "$1" && sha256sum -c sums >/tmp/sums 2>&1) || { grep -v ': OK$' /tmp/sums; return 1; }
}

# beside: as long as the stressors run, a tree that comes and goes, what looks at kspan and
# what takes memory from it.
beside() {
	rounds=0
	while [ ! -e /tmp/stressed ]; do
		cat $dir/heap $dir/heap.txt $dir/caches $dir/spans $dir/stats >/dev/null &&
			unpack /mnt/beside && same /mnt/beside && rm -r /mnt/beside || return 1
		echo 2 >/proc/sys/vm/drop_caches
		rounds=$((rounds + 1))
	done
	[ $rounds -gt 0 ]
}

# together: both, each with its own result.
together() {
	rm -f /tmp/stressed
	(stress; echo $? >/tmp/stressed.part; mv /tmp/stressed.part /tmp/stressed) &
	check "$1: a tree comes and goes meanwhile" beside
	wait
	check "$1: stressors at one time, each content as it was written" \
		sh -c 'cat /tmp/stress; exit "$(cat /tmp/stressed)"'
	check "$1: of every kind" each_stressor
	rm -rf /mnt/stress
}

remount() {
	fs_umount && fs_mount
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

# The last one first.
unload() {
	reversed=
	for module; do
		reversed="${module%.ko} $reversed"
	done
	for module in $reversed; do
		rmmod "$module" || return 1
	done
}

# memory: sets free, in KiB, when all that can be dropped has been.
memory() {
	for _ in 1 2 3; do
		sync
		echo 3 >/proc/sys/vm/drop_caches
		sleep 1
	done
	grep -E '^(MemFree|MemAvailable|Slab|PageTables|VmallocUsed|Percpu):' /proc/meminfo
	free=$(awk '/^MemFree:/ { print $2 }' /proc/meminfo)
}

# cycle NAME FILES: from no kspan to no kspan.
cycle() {
	name=$1 count=$2
	shift 2
	check "$name: kspan loads" insmod /kspan.ko sample_bytes=65536
	check "$name: the driver loads" load "$@"
	check "$name: a file system is made" fs_make $disk
	check "$name: and mounted" fs_mount
	check "$name: $count files" files /mnt "$count" make read rename delete
	check "$name: a source tree is unpacked" unpack /mnt/tree
	check "$name: and is what it was" same /mnt/tree
	check "$name: mounted anew" remount
	check "$name: the tree is what it was" same /mnt/tree
	if [ "$name" = soak ]; then
		together "$name"
		check "$name: a copy of the tree" cp -a /mnt/tree /mnt/copy
		check "$name: read-only and back" read_only_and_back
		check "$name: mounted anew" remount
		check "$name: tree and copy are the same" diff -r /mnt/tree /mnt/copy
		check "$name: the copy is removed" rm -r /mnt/copy
	fi
	check "$name: the files are what they were" files /mnt "$count" check
	mkdir -p "/out/$name"
	cat $dir/heap.folded >"/out/$name/heap.folded"
	cat $dir/caches >"/out/$name/caches"
	check "$name: the driver's memory is kspan's" \
		awk '!/^#/ { used += $4 } END { exit used < 100 }' $dir/caches
	check "$name: unmounted" fs_umount
	check "$name: the file system is sound" fs_check $disk
	check "$name: mounted anew" fs_mount
	check "$name: the tree is what it was" same /mnt/tree
	check "$name: unmounted" fs_umount
	check "$name: the driver leaves" unload "$@"
	echo 2 >/proc/sys/vm/drop_caches
	cat $dir/stats >"/out/$name/stats"
	check "$name: what was allocated was freed" all_freed
	check "$name: no object is left" nothing_in_use
	check "$name: no record is left" no_specials
	check "$name: nor a cache of the driver's" \
		awk '!/^#/ && $1 !~ /^kspan-/ { print; bad = 1 } END { exit bad }' $dir/caches
	check "$name: ready objects take less than 4 MiB" [ "$(stat_of pages)" -lt 1024 ]
	check "$name: nothing was misused" no_misuse
	check "$name: kspan leaves" rmmod kspan
}

# KASAN keeps what was freed for a while, up to a thirty-second of all memory.
tolerance=8192
! grep -q ' kasan_report$' /proc/kallsyms || tolerance=65536
cycle short 100 "$@"
memory
before=$free
cycle soak "$files" "$@"
memory
echo "free: $before KiB before, $free KiB after"
check "memory is back to where it was, within $tolerance KiB" \
	[ $((before - free)) -le $tolerance ]
exit $status
