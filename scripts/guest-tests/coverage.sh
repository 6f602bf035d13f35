#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Runs in the guest, for scripts/tests/coverage: what exercises kspan.ko, one after the
# other, and then brings the counters of its lines out. The kernel keeps those of a
# module that has left, and adds to them when it is loaded again.
#
# usage: coverage.sh SECONDS SEED SCRIPT...

seconds=$1 seed=$2
shift 2
status=0
for script; do
	case $script in
	torture) set -- "$seconds" "$seed" 2 ;;
	recursion) set -- 2 kprobe tracepoint ;;
	*) set -- ;;
	esac
	echo "coverage: $script"
	"/$script.sh" "$@" || { echo "not ok coverage: $script"; status=1; }
done

gcov=/sys/kernel/debug/gcov
find $gcov -name '*.gcda' | while read -r file; do
	mkdir -p "/out/gcov$(dirname "${file#"$gcov"}")"
	cat "$file" >"/out/gcov${file#"$gcov"}"
done
exit $status
