#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Functions are called through check.
# shellcheck disable=SC2317
#
# Runs in the guest, on the kernel that a Debian with kspan's packages has: that Debian is on a file
# system of the host's, which stays as it is, with commands of Documentation/install.rst in /out. It
# is used as its root would.

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh

mkdir -p /lower /changes /debian
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose root /lower || exit 1
mount -t tmpfs none /changes
mkdir /changes/upper /changes/work
mount -t overlay -o lowerdir=/lower,upperdir=/changes/upper,workdir=/changes/work none /debian || exit 1
for name in dev proc sys; do
	mount --rbind /$name /debian/$name
done

# debian COMMAND...: in that Debian.
debian() {
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive \
		chroot /debian "$@"
}

# document NAME: what install.rst says.
document() {
	debian bash -exc "$(cat /debian/out/"$1".sh)"
}

# live: what the page says of the first look, with what that prints in /out.
live() {
	document live >/out/live
}

# shows REGEX BLOCK: what that has printed.
shows() {
	cat "/out/$2"
	grep -Eq "$1" "/out/$2"
}

loaded() {
	grep -q "^$1 " /proc/modules
}

# refused TEXT COMMAND...: kspan says why not in one line, which has TEXT, and is not to be had.
refused() {
	text=$1
	shift
	got=0
	debian "$@" >/tmp/said 2>&1 || got=$?
	cat /tmp/said
	[ "$got" = 1 ] && [ "$(wc -l </tmp/said)" = 1 ] && grep -qF "$text" /tmp/said
}

# misused COMMAND...: it is told how it is used.
misused() {
	got=0
	debian "$@" >/tmp/said 2>&1 || got=$?
	cat /tmp/said
	[ "$got" = 2 ] && grep -q '^usage: ' /tmp/said
}

version=$(debian modinfo -F version kspan)
check "this is the kernel that DKMS has built for" test -n "$version"
check "kspan is loaded by its name" document load
check "it is that version" test "$(cat /sys/module/kspan/version)" = "$version"
check "it has no taint but being out of tree and not of this kernel's key" \
	grep -q '^kspan .*(OE)$' /proc/modules
if [ -e /debian/tmp/hello/hello.ko ] &&
	[ "$(debian modinfo -F vermagic /tmp/hello/hello.ko | cut -d' ' -f1)" = "$(uname -r)" ]; then
	check "what was built upon it is inserted" debian insmod /tmp/hello/hello.ko
	check "and removed" debian rmmod hello
	check "it has done its work" said 'hello: hello leaves'
fi
check "kspan caches" debian kspan caches
check "kspan top" debian sh -c 'kspan top | grep "^heap of kspan: "'
check "kspan profile" debian sh -c 'kspan profile -o /tmp/heap.pb.gz && test -s /tmp/heap.pb.gz'
check "kspan goes" document unload
check "and is gone" not loaded kspan
check "the command says that it is not there" refused "the module kspan is not loaded: sudo kspan on" kspan top
if [ "$(debian modinfo -F vermagic /tmp/src/driver/kspan_template.ko | cut -d' ' -f1)" = "$(uname -r)" ]; then
	check "the driver is loaded, used and removed" \
		debian sh -exc 'cd /tmp/src; sh -ex /out/driver-load.sh'
	check "its note was finalized" said 'kspan_template: 1 notes finalized'
	check "what the driver left is nothing" nothing_in_use
	check "kspan goes after it" document unload
fi
check "two commands are all that it takes" live
check "and show who holds the kernel's slab" shows "^the kernel's slab: .* in use" live
check "by stacks" shows ' < [a-z]' live
check "the tap is on" grep -qx 'enabled 1' $dir/slab/stats
check "all of it is switched off" debian kspan off
check "kspan is loaded again" debian kspan on sample_bytes=1
check "with its parameters" test "$(debian kspan rate)" = 1

# What may be missing, and what may be wrong.
# By its path: busybox has one of its own.
check "to others than root it says so" refused "only root may use /sys/kernel/debug/kspan: try sudo" \
	/usr/bin/setpriv --reuid 65534 --regid 65534 --clear-groups kspan top
debian umount /sys/kernel/debug
check "without debugfs it says so" \
	refused "debugfs is not mounted: sudo mount -t debugfs none /sys/kernel/debug" kspan top
mkdir "/debian/mnt/some where"
debian mount -t debugfs none "/mnt/some where"
check "elsewhere it finds it" debian kspan top
debian umount "/mnt/some where"
debian mount -t debugfs none /sys/kernel/debug
check "unknown words are told what there is" misused kspan nonsense
check "unknown options too" misused kspan top --nonsense
check "a disk that is full is told of" refused "standard output: No space left on device" \
	sh -c 'kspan top >/dev/full'
# It has left before anything is written.
check "a reader that leaves is none" debian python3 -c 'import os, subprocess, sys
reader, writer = os.pipe()
os.close(reader)
done = subprocess.run(["kspan", "top"], stdout=writer, stderr=subprocess.PIPE)
sys.exit("%s" % done if done.stderr or done.returncode != -13 else 0)'
check "and it is removed" debian kspan off
check "unknown parameters are told what there is, too" misused kspan on sample_byte=1
# As after a boot with Secure Boot: nobody has told the firmware of the key that DKMS has made.
echo 1 >/sys/module/module/parameters/sig_enforce
check "a key that the kernel does not know is told of" \
	refused "sudo mokutil --import /var/lib/dkms/mok.pub, and boot again" kspan on
exit $status
