#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Runs in the guest: the suites, torture and recursion, one after the other with kspan
# loaded all the time, so that the lock graph that torture saves in the end is that of the
# suites as well. Recursion comes after: what is called from the middle of kspan, a free that
# is put off, has the kernel's debugging take locks of its own under kspan's.
#
# usage: gate.sh TURNS ROUNDS
#
#   TURNS    of each torture thread
#   ROUNDS   of the recursion module, each way

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh

check "kspan loads" load_kspan
export KSPAN_STAYS=1
/kunit.sh || status=1
/torture.sh --turns "$1" || status=1
/recursion.sh "$2" tracepoint kprobe nmi || status=1
check "kspan leaves" rmmod kspan
exit $status
