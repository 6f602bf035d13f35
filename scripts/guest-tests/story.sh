#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Functions are called through check, and the commands of others' shells have variables.
# shellcheck disable=SC2016,SC2317
#
# Runs in the guest: what Documentation/story.rst says of a machine on which a slab grows, with what
# each of its blocks has printed in /out.

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh
mkdir -p /usr/bin
ln -s /bin/busybox /usr/bin/env
ln -s /kspan/scripts/kspan /bin/kspan
export PYTHONHOME=/usr
cd /tmp || exit

cp /sensor.ko .
check "the driver is loaded" insmod sensor.ko
reads /dev/sensor &
check "a slab grows" document grows
check "the stack that grows is shown" document leaks
check "a profile is saved" document save
cp slab.pb.gz /out
kill $!
wait
check "the driver is exchanged" document exchange
reads /dev/sensor &
check "the slab grows no more, and kspan goes" document after
kill $!
exit $status
