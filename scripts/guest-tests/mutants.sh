#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest, for scripts/tests/mutants: loads the kspan of each name that is given, and
# its suites. Tests fail, and what a bug has broken may stay behind: nothing of that is an error.

mark() {
	echo "<6>kspan-test: mutant $*" >/dev/kmsg
}

for name; do
	top=/mutants/$name
	mkdir "$top/kunit"
	while read -r suite; do
		ln -s "/suites/kspan_${suite}_test.ko" "$top/kunit/"
	done <"$top/suites"
	mark "$name"
	# What warns once a boot does so once for each.
	echo 1 >/sys/kernel/debug/clear_warn_once
	printf %s "$(cat "$top/only")" >/sys/module/kunit/parameters/filter_glob
	/kunit.sh "$top" >/dev/null
	# Without this one gone there is no next one.
	[ ! -e /sys/module/kspan ] || exit 1
	mark end "$name"
done
