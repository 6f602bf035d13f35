#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Functions are called through check, and the paths in $dir have no blanks.
# shellcheck disable=SC2317,SC2086
#
# Runs in the guest: the commands of scripts/kspan where they belong, in a tree that was built, and
# a heap before and after known allocations, which goes to /out for scripts/tests/kspan to read.

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh
mkdir -p /usr/bin /lib/modules/"$(uname -r)"
ln -s /bin/busybox /usr/bin/env
export PYTHONHOME=/usr

# kspan COMMAND...
kspan() {
	/kspan/scripts/kspan "$@"
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

# misused COMMAND...: usage, and nothing is loaded.
misused() {
	got=0
	kspan "$@" >/tmp/said 2>&1 || got=$?
	cat /tmp/said
	[ $got = 2 ] && grep -q "^usage: kspan $1 " /tmp/said && ! loaded
}

# save NAME: a copy of what there is under debugfs.
save() {
	mkdir -p "/out/$1"
	for file in heap allocs heap.txt heap.folded caches sample_bytes; do
		cat $dir/$file >"/out/$1/$file" || status=1
	done
}

# save_tap NAME: the same of a tap, which is on.
save_tap() {
	mkdir -p "/out/after/$1"
	for file in heap heap.txt stats sample_bytes; do
		cat "$dir/$1/$file" >"/out/after/$1/$file" || status=1
	done
}

loaded() {
	grep -q '^kspan ' /proc/modules
}

sets_rate() {
	kspan rate 1 && grep -qx 1 $dir/sample_bytes && [ "$(kspan rate)" = 1 ]
}

check "without the module it says so" fails "the module kspan is not loaded: sudo kspan on" rate
check "what the module refuses is said" fails "the module does not take these parameters: see dmesg" \
	on guard_slots=0
check "a parameter that there is not is said to be none" misused on sample_byte=1
check "it loads the module of its tree" kspan on sample_seed="$seed"
check "which is there" loaded
check "it loads it once" kspan on
check "it removes it" kspan off
check "which is gone" not loaded
check "that again is no mistake" kspan off
check "it loads it with parameters" kspan on sample_bytes=4096 sample_seed="$seed"
check "which it has" test "$(kspan rate)" = 4096
umount /sys/kernel/debug
check "without debugfs it says so" \
	fails "debugfs is not mounted: sudo mount -t debugfs none /sys/kernel/debug" caches
mkdir "/tmp/some where"
mount -t debugfs none "/tmp/some where"
check "elsewhere it finds it" kspan caches
umount "/tmp/some where"
mount -t debugfs none /sys/kernel/debug
check "it sets the rate" sets_rate
check "what the kernel refuses is said" fails "the kernel refuses 1073741822926258176 bytes: see dmesg" \
	rate 999999999G
check "and changes nothing" grep -qx 1 $dir/sample_bytes

save before
check "a client is loaded" insmod /kspan_client.ko
check "while it is used it stays" fails "it is used by kspan_client: remove that first" off
check "it saves the heap" kspan profile -o /out/heap.pb.gz
check "it shows the caches" sh -c "/kspan/scripts/kspan caches --json >/out/caches.json"
check "it draws the heap" kspan flame -o /out/heap.svg
check "top shows the heap" sh -c "/kspan/scripts/kspan top --once --json --top 0 >/out/top.json"
save after

# live: the commands of the document, as they are written there.
live() {
	sed 's,^kspan ,/kspan/scripts/&,' /live.sh >/tmp/live.sh && sh -eux /tmp/live.sh
}

slab_shown() {
	kspan top --slab --once --json --top 0 >/out/slab.json && grep -q '"inuse_space": [1-9]' /out/slab.json
}

slab_rate() {
	kspan rate --slab 1 && grep -qx 1 $dir/slab/sample_bytes && [ "$(kspan rate)" = 1 ] &&
		[ "$(kspan rate --slab)" = 1 ]
}

pages_shown() {
	kspan top --pages --once --json --top 0 >/out/pages.json &&
		grep -q '"cache": "vmalloc"' /out/pages.json &&
		grep -q '"inuse_space": [1-9]' /out/pages.json
}

pages_rate() {
	kspan rate --pages 1 && grep -qx 1 $dir/pages/sample_bytes && [ "$(kspan rate --pages)" = 1 ]
}

check "without the tap it says so" fails "the tap is off: sudo kspan on --slab" top --slab --once
check "the tap has a rate of its own" slab_rate
check "the tap is switched on" kspan on --slab
check "and is on" grep -qx 'enabled 1' $dir/slab/stats
check "top shows the kernel's slab" slab_shown
check "it saves that" kspan profile --slab -o /out/slab.pb.gz
save_tap slab
# Where they are, for what kspan symbolize has to find out.
where() {
	grep ' _text$' /proc/kallsyms >/out/where &&
		echo "$(cat /sys/module/kspan_client/sections/.text) client" >>/out/where
}
check "where the code is can be seen" where
check "it draws that" kspan flame --slab -o /out/slab.svg
check "the tap is switched off" kspan off --slab
check "and is off" grep -qx 'enabled 0' $dir/slab/stats
check "and the module stays" loaded
check "without that on pages it says so" fails "the tap is off: sudo kspan on --pages" top --pages --once
check "which has a rate as well" pages_rate
check "and is switched on" kspan on --pages
check "by itself" grep -qx 'enabled 0' $dir/slab/stats
check "top shows the kernel's pages" pages_shown
check "it looks for leaks of them" kspan leaks --pages --interval 1
check "it saves that" kspan profile --pages -o /out/pages.pb.gz
save_tap pages
check "it draws that" kspan flame --pages -o /out/pages.svg
check "that tap is switched off" kspan off --pages
check "and is off" grep -qx 'enabled 0' $dir/pages/stats
check "the document's commands do that too" live

# In lockdown, which lasts until the guest ends.
mount -t securityfs none /sys/kernel/security
check "the kernel is locked down" sh -c 'echo confidentiality >/sys/kernel/security/lockdown'
check "the heap is shown then" kspan top --once
check "the rate is known" test "$(kspan rate)" = 1
check "and set" kspan rate 4096
check "to that" test "$(kspan rate)" = 4096
check "the tap is switched on then" kspan on --slab
check "and shown" slab_shown
check "and off" kspan off --slab
check "the client leaves" rmmod kspan_client
check "the module is removed" kspan off
check "no module that nobody has signed is loaded" \
	fails "/kspan/kspan.ko is not signed: install.rst says how" on
# Until the guest ends as well.
echo 1 >/proc/sys/kernel/modules_disabled
check "where no module comes any more it says so" fails "by kernel.modules_disabled: boot again without it" on
exit $status
