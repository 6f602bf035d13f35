# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Programs of this machine's Debian that are run and not installed: unpacked beside its files, with all
# that is missing here of what they need. Sourced, after scripts/lib/common.sh.

# beside PACKAGE...: sets $beside, where they are; for each version of the first one anew.
beside() {
	local version
	! apt_lists_empty || apt_update || die "apt-get update failed"
	version=$(LC_ALL=C apt-cache policy "$1" | sed -n 's/^ *Candidate: //p')
	beside=$KSPAN_CACHE/tools/$1-$version
	with_lock "beside-$1" unpack_beside "$beside" "$@" >&2
}

unpack_beside() {
	local dir=$1 work packages
	shift
	[ ! -d "$dir" ] || return 0
	# Those that installing them would bring, and what is installed as well.
	mapfile -t packages < <({
		printf '%s\n' "$@"
		LC_ALL=C apt-get -s install --no-install-recommends "$@" | sed -n 's/^Inst \([^ ]*\).*/\1/p'
	} | sort -u)
	mkdir -p "$KSPAN_CACHE/work" "${dir%/*}"
	work=$(mktemp -d "$KSPAN_CACHE/work/$1.XXXXXX")
	unpack "$work" "" "${packages[@]}"
	mv "$work" "$dir"
}

# get_browser: sets CHROMEDRIVER and CHROMIUM, and what they need to find their libraries and fonts.
get_browser() {
	local beside
	beside chromium chromium-driver fonts-dejavu-core
	export CHROMEDRIVER=$beside/usr/bin/chromedriver CHROMIUM=$beside/usr/lib/chromium/chromium
	export LD_LIBRARY_PATH=$beside/usr/lib/x86_64-linux-gnu:$beside/usr/lib/x86_64-linux-gnu/pulseaudio
	[ -e /etc/fonts/fonts.conf ] || export FONTCONFIG_SYSROOT=$beside
}

# get_prometheus: sets PROMETHEUS and PROMTOOL.
get_prometheus() {
	local beside
	beside prometheus
	export PROMETHEUS=$beside/usr/bin/prometheus PROMTOOL=$beside/usr/bin/promtool
}
