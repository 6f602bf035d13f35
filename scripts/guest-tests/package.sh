#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# In a guest: the module that DKMS has built, and the driver of install.rst upon it, with
# the commands of install.rst, which are in /load and /driver-load.

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh

# reloaded: kspan goes, to be loaded with a rate by what install.rst says next.
# shellcheck disable=SC2317 # check calls these
reloaded() {
	rmmod kspan && sh -exc "$(cat /driver-load)"
}

# notes_in_use OBJECTS: the driver's cache has that many in use.
# shellcheck disable=SC2317
notes_in_use() {
	awk -v want="$1" '$1 == "note" { found = 1; in_use = $4 }
		{ print } END { exit !(found && in_use == want) }' "$dir/caches"
}

check "kspan is loaded" sh -exc "$(cat /load)"
check "the driver is loaded, used and removed" reloaded
check "its note was finalized" sh -c 'dmesg | grep "kspan_template: 1 notes finalized"'
check "the driver is inserted" insmod /driver/kspan_template.ko
check "a note is taken" sh -c 'echo remember me >/dev/kspan_template'
check "another note is taken" sh -c 'echo and me >/dev/kspan_template'
check "a note that is too long is not" \
	not dd if=/dev/zero of=/dev/kspan_template bs=5000 count=1
check "two notes are in use" notes_in_use 2
check "the profile knows the driver" grep -q 'template_write.* [1-9][0-9]*$' "$dir/heap.folded"

# What install.rst says of lockdown, which lasts until the guest ends.
mount -t securityfs none /sys/kernel/security
check "the kernel is locked down" sh -c 'echo confidentiality >/sys/kernel/security/lockdown'
check "profiles are readable then" grep -q template_write "$dir/heap.folded"
check "what is written is closed" not cat "$dir/sample_bytes"

check "the driver is removed" rmmod kspan_template
check "its notes were finalized" sh -c 'dmesg | grep "kspan_template: 2 notes finalized"'
check "nothing is left in use" nothing_in_use
check "nothing was misused" no_misuse
check "kspan is removed" rmmod kspan
check "an unsigned module is not inserted then" not insmod /driver/kspan_template.ko
exit $status
