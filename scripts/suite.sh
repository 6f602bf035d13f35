# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Programs of another suite of Debian than this machine's, which run here with that suite's
# libraries: nothing is installed, and apt's sources stay what they are. Sourced, after
# scripts/lib.sh.

# suite_apt SUITE: sets $apt_options so that apt-get is for that suite of the archive that this
# machine has Debian from, with lists and a state of its own.
suite_apt() {
	local suite=$1 state=$KSPAN_CACHE/apt/suite-$1 archive
	apt_options=(-o "Dir::State=$state" -o "Dir::State::status=$state/status" -o "Dir::Cache=$state"
		-o "Dir::Etc::sourcelist=$state/sources.list" -o Dir::Etc::sourceparts=-
		-o Acquire::Languages=none -o Acquire::Retries=5 -o APT::Sandbox::User=root)
	[ ! -e "$state/updated" ] || return 0
	! apt_lists_empty || apt_update || die "apt-get update failed"
	# shellcheck disable=SC2016
	archive=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' \
		"Codename: $(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" | sed 1q)
	[ -n "$archive" ] || die "apt does not know where this machine's packages come from"
	say "fetching the package lists of $suite"
	mkdir -p "$state"/{lists,archives}/partial
	: >"$state/status"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $suite main" \
		>"$state/sources.list"
	run_logged "apt-get update" "$KSPAN_CACHE/log/apt-$suite.log" \
		apt-get -q "${apt_options[@]}" update || die "no package lists of $suite"
	: >"$state/updated"
}

# suite_unpack DIR SUITE PACKAGE...: their files below DIR, all or none.
suite_unpack() {
	local dir=$1 suite=$2 work deb apt_options
	shift 2
	[ ! -d "$dir" ] || return 0
	suite_apt "$suite"
	mkdir -p "$KSPAN_CACHE/work"
	work=$(mktemp -d "$KSPAN_CACHE/work/${dir##*/}.XXXXXX")
	say "downloading $* of $suite"
	if ! run_logged "$1" "$KSPAN_CACHE/log/download-$1.log" \
		env -C "$work" apt-get -q "${apt_options[@]}" download "$@"; then
		# Lists that are out of date name files that are gone.
		rm -f "$KSPAN_CACHE/apt/suite-$suite/updated"
		suite_apt "$suite"
		run_logged "$1" "$KSPAN_CACHE/log/download-$1.log" \
			env -C "$work" apt-get -q "${apt_options[@]}" download "$@" ||
			die "could not download $*"
	fi
	for deb in "$work"/*.deb; do
		dpkg -x "$deb" "$work/root"
	done
	mkdir -p "${dir%/*}"
	mv "$work/root" "$dir"
	rm -rf "$work"
}

# suite_program SUITE PROGRAM PACKAGE...: prints a command for PROGRAM, which is in PACKAGE... of
# that suite, all that it needs included: libc6, for one. Unpacked once, in $KSPAN_CACHE.
suite_program() {
	local suite=$1 program=$2 dir=$KSPAN_CACHE/tools/$1-$3
	shift 2
	with_lock "suite-$suite" suite_unpack "$dir" "$suite" "$@" >&2
	[ -x "$dir/$program" ] || cat >"$dir/$program" <<-END
		#!/bin/sh
		exec "$dir/usr/lib64/ld-linux-x86-64.so.2" \\
			--library-path "$dir/usr/lib/x86_64-linux-gnu:$dir/usr/lib" \\
			"$dir/usr/bin/$program" "\$@"
	END
	chmod +x "$dir/$program"
	echo "$dir/$program"
}
