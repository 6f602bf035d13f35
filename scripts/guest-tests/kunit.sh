#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: loads kspan and then each module of suites, which runs them.
# The markers tell scripts/tests/kunit whose results follow; nothing else may
# print on the console in between, or it would break into the kernel's lines.
# The argument, if any, is where kspan.ko and kunit/ are, and in /out what is saved,
# if there is a file called graph.

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh

top=${1:-}

mark() {
	echo "<6>kspan-test: $*" >/dev/kmsg
}

insmod "$top/kspan.ko" || exit 1
for module in "$top"/kunit/*.ko; do
	name=$(basename "$module" .ko)
	mark begin "$name"
	insmod "$module" 2>/tmp/error || { mark "cannot insert $name"; status=1; }
	mark end "$name"
	cat /tmp/error
done

if [ -z "$top" ] || [ -e "$top/graph" ]; then
	mkdir -p "/out$top"
	save_lock_graph "/out$top"
	cat "$dir/stats" >"/out$top/stats"
fi

for module in "$top"/kunit/*.ko; do
	rmmod "$(basename "$module" .ko)" || status=1
done
rmmod kspan || status=1
exit $status
