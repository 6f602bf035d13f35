#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Runs in the guest, where kspan and README.md's module are in /lib/modules: the commands of
# Documentation/install.rst, in /NAME.sh.
#
# usage: install.sh VERSION

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh
version=$1

# Functions are called through check.
# shellcheck disable=SC2317
says() {
	grep -qx "$1" "$2" || { cat "$2"; return 1; }
}

# shellcheck disable=SC2317
loaded() {
	grep -q "^$1 " /proc/modules
}

check "kspan is loaded by its name" sh -c 'sh -ex /load.sh >/tmp/load'
check "modinfo finds it in updates" says "filename: */lib/modules/$(uname -r)/updates/kspan.ko" /tmp/load
check "modinfo says its version" says "version: *$version" /tmp/load
check "and so does the module" says "$version" /tmp/load
check "and its files are there" says heap.folded /tmp/load
check "kspan goes" sh -ex /unload.sh
check "and is gone" not loaded kspan

mkdir -p /etc/modules-load.d /etc/modprobe.d
check "what a boot is to load is written" sh -ex /boot.sh
check "kspan can be loaded as a boot does" modprobe "$(cat /etc/modules-load.d/kspan.conf)"
check "with the parameters that were written" says 65536 $dir/sample_bytes
check "kspan goes again" modprobe -r kspan

check "a module brings kspan with it" modprobe hello
check "kspan is there" loaded kspan
check "kspan stays while it is used" not rmmod kspan
check "the last that uses it takes it along" modprobe -r hello
check "and neither is left" not loaded 'kspan\|hello'
check "the module has done its work" said 'hello: hello leaves'
exit $status
