#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Runs in the guest, on a kernel without KUnit: the commands of README.md, the shim's client,
# and at last the smoke test, which misuses kspan on purpose.

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh

check "README.md's commands" sh /readme.sh
check "kspan loads for the shim" load_kspan
check "a client that uses each name of the shim" insmod /shim_client.ko
check "each gave what it should" sh -c "dmesg | grep -q 'shim_client: pass'"
rmmod shim_client
check "the shim's client leaves nothing" nothing_in_use
check "kspan leaves" unload_kspan
/smoke.sh || status=1
exit $status
