# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
#
# What comes from Debian's archives: packages of this machine, installed, and those of other
# suites and architectures, unpacked beside it; and which of them have a kernel's source. Sourced
# by scripts/lib/common.sh.

# become_root: asks for sudo's password now, since later it could not.
become_root() {
	((EUID != 0)) || return 0
	command -v sudo >/dev/null || die "need root (or sudo) to install packages"
	sudo -n true 2>/dev/null || {
		say "sudo is needed to install packages"
		[ -t 0 ] || die "sudo would ask for a password: run sudo -v first"
		sudo -v || die "no sudo"
	}
}

# One at a time: rows and kernels are got side by side, and apt-get does not wait for
# all of its locks.
apt_get() {
	local sudo=()
	((EUID == 0)) || sudo=(sudo)
	with_lock apt "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o DPkg::Lock::Timeout=600 -o Acquire::Retries=5 -o APT::Sandbox::User=root "$@"
}

# apt_update: fetches the package lists, once for a run of scripts.
apt_update() {
	[ -z "${KSPAN_APT_UPDATED:-}" ] || return 0
	become_root
	say "fetching the package lists"
	run_logged "apt-get update" "$KSPAN_CACHE/log/apt-update.log" apt_get update
	export KSPAN_APT_UPDATED=1
}

# apt_lists_empty: true on a machine where apt-get update has never run.
apt_lists_empty() {
	[ -z "$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -print -quit 2>/dev/null)" ]
}

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# need PACKAGE...: installs those that are missing.
need() {
	local package missing=()
	command -v apt-get >/dev/null ||
		die "these packages are needed, and there is no apt-get here: $*"
	for package; do
		is_installed "$package" || missing+=("$package")
	done
	((${#missing[@]})) || return 0
	! apt_lists_empty || apt_update || die "apt-get update failed"
	say "installing ${missing[*]}"
	apt_install "${missing[@]}" && return 0
	# Lists that are out of date name files that are gone.
	[ -z "${KSPAN_APT_UPDATED:-}" ] || die "could not install ${missing[*]}"
	apt_update || die "apt-get update failed"
	apt_install "${missing[@]}" || die "could not install ${missing[*]}"
}

# apt_install PACKAGE...: installs, or upgrades to what the archive has now.
apt_install() {
	become_root
	run_logged "apt-get install" "$KSPAN_CACHE/log/apt-install.log" \
		apt_get install --no-install-recommends "$@"
}

# apt_offers PACKAGE: whether this machine's archive does, by the lists that are here.
apt_offers() {
	! apt_lists_empty || apt_update || die "apt-get update failed"
	apt-get -q --print-uris download "$1" >/dev/null 2>&1
}

# this_suite: the name of this machine's Debian.
this_suite() {
	sed -n 's/^VERSION_CODENAME=//p' /etc/os-release
}

# sources_of SUITE: where the archive that this machine's apt uses has it, as lines of a
# sources.list; a suite of additions after what it adds to.
sources_of() {
	local suite=$1 own uri
	own=$(this_suite)
	[[ $suite != *-security ]] || own+=-security
	# shellcheck disable=SC2016 # apt's variable
	uri=$(apt-get indextargets --format '$(REPO_URI)' "Codename: $own" 'Component: main' \
		'Created-By: Packages' | head -n 1)
	[ -n "$uri" ] || die "this machine's apt has no archive of Debian to ask for $suite"
	[[ $suite != *-* ]] || sources_of "${suite%%-*}"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite main"
}

# private_apt ARCHIVE: sets $apt_options so that apt-get is for machines of another Debian
# architecture, or of another suite, with lists and a state of its own: neither dpkg nor apt
# learns of them here.
private_apt() {
	local state=$KSPAN_CACHE/apt/$1
	apt_options=(-o "Dir::State=$state" -o "Dir::State::status=$state/status"
		-o "Dir::Cache=$state" -o Acquire::Languages=none -o Acquire::Retries=5
		-o APT::Sandbox::User=root)
	if [ -e "$KSPAN_TOP/scripts/arch/$1" ]; then
		apt_options+=(-o "APT::Architecture=$1" -o "APT::Architectures=$1")
	else
		apt_options+=(-o "Dir::Etc::SourceList=$state/sources.list" -o Dir::Etc::SourceParts=/dev/null)
	fi
	[ ! -e "$state/updated" ] || return 0
	say "fetching the package lists of $1"
	mkdir -p "$state"/{lists,archives}/partial
	: >"$state/status"
	if [ ! -e "$KSPAN_TOP/scripts/arch/$1" ]; then
		need debian-archive-keyring
		! apt_lists_empty || apt_update || die "apt-get update failed"
		sources_of "$1" >"$state/sources.list"
	fi
	run_logged "apt-get update" "$KSPAN_CACHE/log/apt-$1.log" \
		apt-get -q "${apt_options[@]}" update || die "no package lists of $1"
	: >"$state/updated"
}

# apt_for [ARCHIVE]: sets $apt_options for an archive of private_apt, or for this machine's own.
apt_for() {
	apt_options=(-o Acquire::Retries=5 -o APT::Sandbox::User=root)
	if [ -n "${1:-}" ]; then
		with_lock "apt-$1" private_apt "$1"
	elif apt_lists_empty; then
		apt_update || die "apt-get update failed"
	fi
}

# refresh_apt [ARCHIVE]: fetches its lists again.
refresh_apt() {
	if [ -n "${1:-}" ]; then
		rm -f "$KSPAN_CACHE/apt/$1/updated"
		apt_for "$1"
	else
		apt_update
	fi
}

# unpack DIR ARCHIVE PACKAGE...: the files of Debian packages below DIR, without installing them:
# for what would conflict with, or change, the machine that runs this, or is for machines of
# another architecture or suite. An empty ARCHIVE is this machine's. Where $unpack_only is set,
# patterns of tar's, only those files.
unpack() {
	local dir=$1 archive=$2 work attempt file apt_options
	shift 2
	apt_for "$archive"
	work=$(mktemp -d)
	for attempt in 1 2; do
		say "downloading $*"
		if run_logged "$1" "$KSPAN_CACHE/log/download-$1.log" \
			env -C "$work" apt-get -q "${apt_options[@]}" download "$@"; then
			mkdir -p "$dir"
			for file in "$work"/*.deb; do
				dpkg-deb --fsys-tarfile "$file" |
					tar -C "$dir" --keep-directory-symlink --wildcards -xp ${unpack_only:+"${unpack_only[@]}"}
			done
			rm -rf "$work"
			return 0
		fi
		# Lists that are out of date name files that are gone.
		((attempt == 1)) || break
		refresh_apt "$archive" || break
	done
	rm -rf "$work"
	die "could not download $*"
}

# archive_of VERSION: the archive of private_apt that has Debian's kernels of that version;
# nothing if this machine's own does.
archive_of() {
	local suite="" file=$KSPAN_TOP/scripts/kernels/stock-$1
	# shellcheck source=scripts/kernels/stock-6.1
	[ ! -r "$file" ] || . "$file"
	[ "$suite" = "$(this_suite)" ] || echo "$suite"
}

# find_source VERSION: sets $tarball, Debian's source of that kernel, and $edition, its full name.
# shellcheck disable=SC2034
find_source() {
	local package=linux-source-$1 archive dir apt_options
	need xz-utils
	archive=$(archive_of "$1")
	if [ -z "$archive" ] || is_installed "$package" || apt_offers "$package"; then
		need "$package"
		tarball=/usr/src/$package.tar.xz
		edition=$1-$(dpkg-query -W -f '${Version}' "$package")
		return
	fi
	dir=$KSPAN_CACHE/archive/$package
	with_lock "$package" unpack_source "$package" "$dir" "$archive"
	tarball=$dir/usr/src/$package.tar.xz
	edition=$1-$(zcat "$dir/usr/share/doc/$package/changelog.Debian.gz" |
		sed -n '1s/.*(\(.*\)).*/\1/p')
}

unpack_source() {
	[ ! -d "$2" ] || return 0
	rm -rf "$2.part"
	unpack "$2.part" "$3" "$1"
	mv "$2.part" "$2"
}
