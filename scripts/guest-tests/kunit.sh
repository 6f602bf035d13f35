#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Runs in the guest: loads kspan and then each module of suites, which runs them. The
# markers in the kernel's log tell scripts/tests/kunit whose results follow. Modules that the
# file /kunit/first names come first, in its order.

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh

mark() {
	echo "<6>kspan-test: $*" >/dev/kmsg
}

modules() {
	[ ! -e /kunit/first ] || cat /kunit/first
	for module in /kunit/*.ko; do
		grep -qsx "${module##*/}" /kunit/first || echo "${module##*/}"
	done
}

# refusals PER_CENT: of memory, by the kernel's fault injection, where it is there: to tasks that
# ask for it alone.
refusals() {
	for fault in /sys/kernel/debug/failslab /sys/kernel/debug/fail_page_alloc; do
		[ -d $fault ] || continue
		echo 0 >$fault/verbose
		echo Y >$fault/task-filter
		echo N >$fault/ignore-gfp-wait
		echo -1 >$fault/times
		[ ! -e $fault/min-order ] || echo 0 >$fault/min-order
		echo "$1" >$fault/probability
	done
}

refusals 100
# shellcheck disable=SC2119
load_kspan || exit 1
for module in $(modules); do
	module=/kunit/$module
	name=$(basename "$module" .ko)
	mark begin "$name"
	insmod "$module" || { mark "cannot insert $name"; status=1; }
	mark end "$name"
done
dmesg >/out/dmesg.suites
refusals 0
save_lock_graph
cat $dir/stats >/out/stats

for module in /kunit/*.ko; do
	rmmod "$(basename "$module" .ko)" || status=1
done
unload_kspan || status=1
exit $status
