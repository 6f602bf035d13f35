#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Runs in the guest: what gate.sh does, and then brings out how often each line of kspan ran. The
# kernel keeps the counters of a module that has left, and adds to them when it is loaded again.
#
# usage: coverage.sh TURNS ROUNDS

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh

/gate.sh "$@" || status=1

gcov=/sys/kernel/debug/gcov
find $gcov -name '*.gcda' | while read -r file; do
	mkdir -p "/out/gcov$(dirname "${file#"$gcov"}")"
	cat "$file" >"/out/gcov${file#"$gcov"}"
done
exit $status
