#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: loads kspan and then each module of suites, which runs them.
# The markers tell scripts/tests/kunit whose results follow; nothing else may
# print on the console in between, or it would break into the kernel's lines.

status=0

mark() {
	echo "<6>kspan-test: $*" >/dev/kmsg
}

insmod /kspan.ko || exit 1
for module in /kunit/*.ko; do
	name=$(basename "$module" .ko)
	mark begin "$name"
	insmod "$module" 2>/tmp/error || { mark "cannot insert $name"; status=1; }
	mark end "$name"
	cat /tmp/error
done

# The lock classes and what was ever taken under them, for scripts/lock-graph.
cat /proc/lockdep >/out/lockdep 2>/dev/null
cat /proc/lockdep_stats >/out/lockdep_stats 2>/dev/null
grep ']$' /proc/kallsyms >/out/kallsyms
cat /sys/kernel/debug/kspan/stats >/out/stats 2>/dev/null

for module in /kunit/*.ko; do
	rmmod "$(basename "$module" .ko)" || status=1
done
rmmod kspan || status=1
exit $status
