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

loaded() {
	grep -q "^$1 " /proc/modules
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
check "the command says that it is not there" \
	debian sh -c '! kspan top 2>/tmp/said && grep "^kspan top: the module kspan is not loaded" /tmp/said'
if [ "$(debian modinfo -F vermagic /tmp/src/driver/kspan_template.ko | cut -d' ' -f1)" = "$(uname -r)" ]; then
	check "the driver is loaded, used and removed" \
		debian sh -exc 'cd /tmp/src; sh -ex /out/driver-load.sh'
	check "its note was finalized" said 'kspan_template: 1 notes finalized'
	check "what the driver left is nothing" nothing_in_use
	check "kspan goes after it" document unload
fi
check "kspan is loaded again" debian kspan on sample_bytes=1
check "with its parameters" test "$(debian kspan rate)" = 1
check "and removed" debian kspan off
exit $status
