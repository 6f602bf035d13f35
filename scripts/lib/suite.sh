# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Programs of another suite of Debian than this machine's, which run here with that suite's
# libraries: nothing is installed, and apt's sources stay what they are. Sourced, after
# scripts/lib/common.sh.

# suite_unpack DIR SUITE PACKAGE...: their files below DIR, all or none.
suite_unpack() {
	local dir=$1 work
	shift
	[ ! -d "$dir" ] || return 0
	mkdir -p "$KSPAN_CACHE/work" "${dir%/*}"
	work=$(mktemp -d "$KSPAN_CACHE/work/${dir##*/}.XXXXXX")
	unpack "$work" "$@"
	mv "$work" "$dir"
}

# suite_program SUITE PROGRAM PACKAGE...: prints a command for PROGRAM, which is in PACKAGE... of
# that suite, all that it needs included: libc6, for one. Unpacked once, in $KSPAN_CACHE.
suite_program() {
	local suite=$1 program=$2 dir=$KSPAN_CACHE/tools/$1-$3
	shift 2
	with_lock "tools-$suite" suite_unpack "$dir" "$suite" "$@" >&2
	[ -x "$dir/$program" ] || cat >"$dir/$program" <<-END
		#!/bin/sh
		exec "$dir/usr/lib64/ld-linux-x86-64.so.2" \\
			--library-path "$dir/usr/lib/x86_64-linux-gnu:$dir/usr/lib" \\
			"$dir/usr/bin/$program" "\$@"
	END
	chmod +x "$dir/$program"
	echo "$dir/$program"
}
