#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Runs in the guest: loads kspan and then each module of suites, which runs them. The
# markers in the kernel's log tell scripts/tests/kunit whose results follow.
#
# usage: kunit.sh [DIR]
#
# Without DIR, /kspan.ko and what is in /kunit; else DIR/kspan.ko and what is in DIR/kunit,
# and only where there is a file DIR/graph is the lock graph saved, in /outDIR.

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh
top=${1:-}

mark() {
	echo "<6>kspan-test: $*" >/dev/kmsg
}

# shellcheck disable=SC2119
load_kspan || exit 1
for module in "$top"/kunit/*.ko; do
	name=$(basename "$module" .ko)
	mark begin "$name"
	insmod "$module" || { mark "cannot insert $name"; status=1; }
	mark end "$name"
done
if [ -z "$top" ]; then
	dmesg >/out/dmesg.suites
	cat $dir/stats >/out/stats
fi
if [ -z "$top" ] || [ -e "$top/graph" ]; then
	save_lock_graph "/out$top"
fi

for module in "$top"/kunit/*.ko; do
	rmmod "$(basename "$module" .ko)" || status=1
done
unload_kspan || status=1
exit $status
