#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# In a Debian without network, for scripts/tests/packages, whose tree is in /kspan: the commands of
# Documentation/install.rst on a machine whose kernel is FIRST, and then NEXT.
#
# usage: packages.sh installed FIRST NEXT     up to packages that are installed, for both
#        packages.sh gone FIRST NEXT          from there to nothing, and the other ways

# check calls what looks unreachable.
# shellcheck disable=SC2317
set -uo pipefail
# Nobody boots with the initial file system that comes with a kernel, and it takes minutes.
export DEBIAN_FRONTEND=noninteractive KSPAN_CACHE=/tmp/cache INITRD=No
# shellcheck source=scripts/guest-tests/check.sh
. /kspan/scripts/guest-tests/check.sh
part=$1 first=$2 next=$3
page=Documentation/install.rst
version=$(sed -n 's/^#define KSPAN_VERSION[[:space:]]*"\(.*\)"/\1/p' /kspan/include/kspan/version.h)
newer=$version.1

# files_of: everything that is there, but for what is apt's and DKMS's own or temporary.
files_of() {
	find / -xdev \( -path /proc -o -path /out -o -path /kspan -o -path /tmp \) -prune -o \
		! -path '/var/log/*' ! -path '/var/lib/dkms/mok.*' ! -path '/var/cache/*' \
		! -path '/var/lib/apt/*' ! -path '/var/lib/dpkg/*-old' ! -path '/root/.*' -print | sort
}

# as_before: everything, and only that, is there that was there at first.
as_before() {
	files_of >/tmp/after
	diff /tmp/before /tmp/after
}

# document NAME [DIRECTORY]: does what install.rst says, as bash does, up to the first that fails.
document() {
	local commands
	commands=$(/kspan/scripts/tests/documents.py "$page" "$1") || return 1
	echo "$1" >>/out/documented
	(cd "${2:-/tmp/src}" && bash -exc "$commands")
}

# cpu_seconds: what everything has taken that this script has waited for.
cpu_seconds() {
	awk -v hz="$(getconf CLK_TCK)" '{ print int(($16 + $17) / hz) }' "/proc/$$/stat"
}

# running RELEASE: the kernel that uname says runs, as it does on the machine of who installs; the
# one that does is outside of this Debian.
running() {
	# shellcheck disable=SC2016 # for the script that is written
	printf '#!/bin/sh\n[ "$*" = -r ] && exec echo %s\nexec /bin/uname "$@"\n' "$1" >/tmp/bin/uname
	chmod 755 /tmp/bin/uname
}

# built RELEASE VERSION: DKMS has installed that, and nothing else, for that kernel.
built() {
	dkms status kspan -k "$1"
	[ "$(dkms status kspan -k "$1" | cut -d: -f1)" = "kspan/$2, $1, x86_64" ] &&
		[ "$(modinfo -k "$1" -F version kspan)" = "$2" ] &&
		modinfo -k "$1" -F filename kspan | grep '/updates/dkms/kspan\.ko'
}

# builds_upon SHARE RELEASE: README.md's module does, with no word of warning.
builds_upon() {
	local name
	rm -rf /tmp/hello
	mkdir /tmp/hello
	for name in hello.c Kbuild; do
		/kspan/scripts/tests/documents.py README.md "$name" >"/tmp/hello/$name"
	done
	(cd /tmp/hello && KSPAN=$1 KDIR=/lib/modules/$2/build \
		bash -exc "$(/kspan/scripts/tests/documents.py /kspan/README.md example)") >/tmp/hello.log 2>&1
	cat /tmp/hello.log
	[ -s /tmp/hello/hello.ko ] && ! grep -Ei 'warning|error' /tmp/hello.log
}

# driver NAME: what install.rst says builds the example, without a warning.
driver() {
	rm -rf /tmp/src/driver
	document "$1" >/tmp/driver.log 2>&1
	cat /tmp/driver.log
	[ -s /tmp/src/driver/kspan_template.ko ] && ! grep -Ei 'warning|error' /tmp/driver.log
}

# shim_builds RELEASE: an unchanged driver of the tests, by kspan-shim-build alone.
shim_builds() {
	rm -rf /tmp/driver
	mkdir /tmp/driver
	printf '#include <linux/module.h>\n#include <linux/slab.h>\n%s\n%s\n%s\n' 'static void *p;' \
		'static int __init one(void) { p = kmalloc(100, GFP_KERNEL); return p ? 0 : -ENOMEM; }' \
		'static void __exit two(void) { kfree(p); } module_init(one); module_exit(two); MODULE_LICENSE("GPL");' \
		>/tmp/driver/driver.c
	echo 'obj-m := driver.o' >/tmp/driver/Makefile
	kspan-shim-build --kdir "/lib/modules/$1/build" --out /tmp/shim /tmp/driver >/tmp/shim.log 2>&1
	cat /tmp/shim.log
	modinfo -F depends "$(tail -n 1 /tmp/shim.log)" | grep -x kspan
}

# completes BEGINNING WORD: bash, by what was installed for it.
completes() (
	# shellcheck source=scripts/completion/kspan
	. /usr/share/bash-completion/completions/kspan
	COMP_WORDS=(kspan "$1") COMP_CWORD=1
	_kspan
	[ "${COMPREPLY[*]}" = "$2" ]
)

# new_source VERSION DIRECTORY: the tree, as that version.
new_source() {
	mkdir -p "$2"
	cp -r /kspan/{Kbuild,Makefile,kspan.mk,COPYING,README.md,CHANGELOG.md,dkms.conf,mm,include,kunit} \
		/kspan/{scripts,Documentation,debian} "$2"
	make -s -C "$2" clean
	sed -i "s/\"$version\"/\"$1\"/" "$2"/{dkms.conf,include/kspan/version.h}
	sed -i "1s/($version)/($1)/" "$2/debian/changelog"
}

# without_headers: those of the second kernel go, and what came with them. The kernel stays.
without_headers() {
	sed -n 's/^Package: //p' /srv/later/Packages | sort | comm -23 - /out/stay | xargs apt-get purge
}

# install_for RELEASE: the packages are installed where that kernel runs, and apt is content.
install_for() {
	running "$1"
	apt-get install /tmp/src/build/packages/kspan-*.deb
}

# not_built RELEASE: DKMS has nothing of kspan for that kernel.
not_built() {
	dkms status kspan
	! dkms status kspan | grep -F " $1," && ! modinfo -k "$1" kspan
}

# all_documented: no block of install.rst was left out, and each has a name. That of into-kernel is
# done by scripts/tests/into-kernel.
all_documented() {
	diff <({ cat /out/documented; echo into-kernel; } | sort -u) <(/kspan/scripts/tests/documents.py "$page" --names | sort) &&
		[ -z "$(/kspan/scripts/tests/documents.py "$page" --plain)" ]
}

# signed RELEASE: by DKMS, with the key that it has made.
signed() {
	[ "$(modinfo -k "$1" -F signer kspan)" = "DKMS module signing key" ]
}

mkdir -p /tmp/bin /tmp/src
PATH=/tmp/bin:$PATH
if [ "$part" = installed ]; then
	rm -f /out/documented
	new_source "$version" /tmp/src
	echo 'APT::Get::Assume-Yes "true";' >/etc/apt/apt.conf.d/90test
	# What is not from an archive is not for apt's own user to read.
	echo 'APT::Sandbox::User "root";' >>/etc/apt/apt.conf.d/90test
	# The archive that this Debian has is a directory.
	rm -f /etc/apt/sources.list.d/*
	echo 'deb [trusted=yes] file:/srv/later ./' >/etc/apt/sources.list
	(cd /srv/later && dpkg-scanpackages -m . >Packages) 2>/dev/null && apt-get -q update >/dev/null || exit
	running "$first"
	# As on any machine that has booted a kernel, has a newer one, and has seen headers come and go:
	# what the packages leave behind that come with them is not kspan's.
	depmod "$first"
	mkdir -p /etc/modules-load.d /etc/modprobe.d
	{
		apt-get install "linux-image-$next" && dpkg-query -W -f '${Package}\n' | sort >/out/stay &&
			apt-get install "linux-headers-$next" && without_headers
	} >/dev/null || exit
	files_of >/tmp/before

	check "the packages are built" document packages
	before=$(cpu_seconds)
	check "and installed, and DKMS has built" document packages-install
	took=$(($(cpu_seconds) - before))
	result "# that takes $took s of CPU"
	# It is half of that and less where nothing else runs.
	check "which is a minute of two CPUs, or two where they are not its own" test "$took" -le 240
	check "which it says" document status
	# Of Debian's policy the oldest is named whose lintian is asked.
	check "lintian has nothing to say" lintian --allow-root --fail-on error,warning,info,pedantic \
		--suppress-tags out-of-date-standards-version -I --pedantic /tmp/src/build/packages/kspan_*.changes
	check "DKMS has installed for $first" built "$first" "$version"
	check "and signed" document signer
	check "with its key" signed "$first"
	check "a module builds upon it" builds_upon /usr/share/kspan "$first"
	check "the driver builds" driver driver
	check "a driver is built by the shim upon it" shim_builds "$first"
	check "the command says its version" test "$(kspan --version)" = "kspan $version"
	for command in on off top profile flame diff symbolize leaks caches rate serve; do
		check "kspan $command --help" sh -c "kspan $command --help | grep '^usage: kspan $command'"
	done
	for command in $(dpkg -L kspan-tools | sed -n 's,^/usr/bin/,,p'); do
		check "$command has a manual page" test -e "/usr/share/man/man1/$command.1.gz"
	done
	check "bash completes" completes to top

	check "the headers of another kernel come" apt-get install "linux-headers-$next"
	check "and DKMS has built for it" built "$next" "$version"
	check "and still for the first" built "$first" "$version"
	check "a module builds for that" builds_upon /usr/share/kspan "$next"
	running "$next"

	new_source "$newer" /tmp/newer
	check "a newer version is packaged" sh -c 'cd /tmp/newer && scripts/package'
	check "and installed" sh -c 'apt-get install /tmp/newer/build/packages/kspan-*.deb'
	check "DKMS has built that" built "$next" "$newer"
	check "there is no other left" not grep -v "^kspan/$newer," <(dkms status kspan)
	check "nor its sources" test ! -e "/usr/src/kspan-$version"
	check "nor what was built from them" test ! -e "/var/lib/dkms/kspan/$version"
	check "for the kernel before it can be built as well" dkms autoinstall -k "$first"
	check "and is" built "$first" "$newer"
	check "a module builds upon the newer" builds_upon /usr/share/kspan "$first"
	# For the guest, which has the kernel of the last of these.
	check "the driver builds for the next kernel" driver driver
	for name in load unload live driver-load; do
		/kspan/scripts/tests/documents.py "$page" $name >/out/$name.sh
		echo $name >>/out/documented
	done
	exit $status
fi

running "$next"
check "the packages are purged" document purge
check "the headers as well" without_headers
check "purging leaves nothing" as_before

check "without headers of the kernel that runs the packages are installed" install_for "$next"
check "for that there is nothing" not_built "$next"
check "the headers come, as install.rst says" document headers
check "and DKMS has built" built "$next" "$version"
check "purged again" document purge
check "the headers too" without_headers
check "nothing is left" as_before

# A kernel that DKMS is not to build for, by the name of its directory: what is there else is a kernel's.
mkdir /lib/modules/9.9.9-none
ln -s "/lib/modules/$first/build" /lib/modules/9.9.9-none/build
check "where a kernel runs that kspan is not for, the packages are installed" install_for 9.9.9-none
check "for that kernel there is nothing" not_built 9.9.9-none
check "for another there can be" dkms autoinstall -k "$first"
check "and is" built "$first" "$version"
check "those are purged" document purge
rm -r /lib/modules/9.9.9-none
check "and nothing is left of them" as_before

running "$first"
check "make, make install" document install
check "modprobe finds it" modinfo -k "$first" kspan
check "a module builds upon it" builds_upon /usr/local/share/kspan "$first"
check "the driver builds upon that" driver driver-local
check "it is not signed" not signed "$first"
check "it is signed by hand" document sign
check "with the key of DKMS" signed "$first"
check "make uninstall" document uninstall
check "make uninstall leaves nothing" as_before

check "DKMS builds from the tree" document dkms
check "and has installed" built "$first" "$version"
check "DKMS removes it" document dkms-remove
check "and leaves nothing" as_before

check "what a boot is to load is written" document boot
check "it is for modprobe to read" sh -c 'modprobe -c | grep "options kspan sample_bytes=65536"'
check "install.rst has no other commands" all_documented
exit $status
