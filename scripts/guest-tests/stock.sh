#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Runs in the guest, on a kernel without KUnit: the commands of README.md, the shim's client, the
# parameters that harden, and at last the smoke test, which misuses kspan on purpose.

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh

check "README.md's commands" sh /readme.sh
check "kspan loads for the shim" load_kspan
check "a client that uses each name of the shim" insmod /shim_client.ko
check "each gave what it should" sh -c "dmesg | grep -q 'shim_client: pass'"
check "all that the kernel frees is handed back" not said 'cannot be handed back'
check "and counted" not stat_is core_frees 0
check "and reported" said 'report: kfree() by the kernel itself of an object of cache kspan-'
check "with the function that freed it" said ' kfree_strarray+0x'
check "and nothing is lost" stat_is core_frees_lost 0
rmmod shim_client
check "the shim's client leaves nothing" nothing_in_use
check "kspan leaves" unload_kspan

# The kernel's own slab: what the processes that look are made of.
check "kspan loads with the tap on" load_kspan slab=1 slab_sample_bytes=1
check "every handler of it is in" not grep '^hook_.* 0$' "$dir/slab/stats"
check "it sees who holds memory" grep -q ';kernel_clone;.* [1-9][0-9]*$' "$dir/slab/heap.folded"
check "it is switched off" sh -c "echo 0 >$dir/slab/enable"
check "and no handler is left" not grep '^hook_.* 1$' "$dir/slab/stats"
check "kspan leaves" unload_kspan

# Where that cannot be: 64 strings and the array.
dmesg -c >/dev/null
check "kspan loads without handing back" load_kspan handback=0
check "what the kernel frees does no harm" insmod /shim_client.ko lost=1
check "it is counted" stat_is core_frees_lost 65
check "none twice" stat_is core_frees_lost 65
check "and reported with its caller" \
	said 'report: kfree() by the kernel itself in kfree_strarray of an object of cache kspan-'
rmmod shim_client
check "kspan leaves all the same" unload_kspan
check "no page was given away" not said 'Bad page'
/hardening.sh zones bypass || status=1
/smoke.sh || status=1
exit $status
