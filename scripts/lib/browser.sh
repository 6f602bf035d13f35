# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A browser that is not installed: Debian's Chromium with its driver, unpacked beside this machine's
# files with all that is missing here of what it needs. Sourced, after scripts/lib/common.sh.

# browser_packages: those that installing it would bring.
browser_packages() {
	LC_ALL=C apt-get -s install --no-install-recommends chromium chromium-driver fonts-dejavu-core |
		sed -n 's/^Inst \([^ ]*\).*/\1/p' | sort
}

browser_unpack() {
	local dir=$1 work packages
	[ ! -d "$dir" ] || return 0
	mapfile -t packages < <(browser_packages)
	mkdir -p "$KSPAN_CACHE/work" "${dir%/*}"
	work=$(mktemp -d "$KSPAN_CACHE/work/browser.XXXXXX")
	unpack "$work" "" "${packages[@]}"
	mv "$work" "$dir"
}

# get_browser: sets CHROMEDRIVER and CHROMIUM, and what they need to find their libraries and fonts;
# those of this machine where they are installed. One for each version.
get_browser() {
	local dir version
	if command -v chromedriver >/dev/null && [ -x /usr/lib/chromium/chromium ]; then
		export CHROMEDRIVER=chromedriver CHROMIUM=/usr/lib/chromium/chromium
		return
	fi
	! apt_lists_empty || apt_update || die "apt-get update failed"
	version=$(LC_ALL=C apt-cache policy chromium | sed -n 's/^ *Candidate: //p')
	dir=$KSPAN_CACHE/tools/chromium-$version
	with_lock browser browser_unpack "$dir" >&2
	export CHROMEDRIVER=$dir/usr/bin/chromedriver CHROMIUM=$dir/usr/lib/chromium/chromium
	export LD_LIBRARY_PATH=$dir/usr/lib/x86_64-linux-gnu:$dir/usr/lib/x86_64-linux-gnu/pulseaudio
	[ -e /etc/fonts/fonts.conf ] || export FONTCONFIG_SYSROOT=$dir
}
