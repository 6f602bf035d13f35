#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# In a chroot without network, for scripts/tests/package: builds the packages out of
# /kspan, installs them, builds with them for each kernel, and takes them away again; and
# the same by make and by DKMS alone. The commands are those of Documentation/install.rst.
# What the guests need is left in /out/RELEASE.
#
# usage: package-chroot.sh RELEASE...

# check calls what looks unreachable.
# shellcheck disable=SC2317
set -uo pipefail
export DEBIAN_FRONTEND=noninteractive KSPAN_CACHE=/tmp/cache
# shellcheck source=scripts/guest-tests/check.sh
. /kspan/scripts/guest-tests/check.sh
releases=("$@")
last=${releases[-1]}

# files_of: everything that is there, but for what is apt's and DKMS's own or temporary.
files_of() {
	find / -xdev \( -path /proc -o -path /out -o -path /kspan -o -path /tmp \) -prune -o \
		! -path '/var/log/*' ! -path '/var/lib/dkms/mok.*' ! -path '/var/cache/*' \
		! -path '/var/lib/apt/*' ! -path '/var/lib/dpkg/*-old' -print | sort
}

# as_before: everything, and only that, is there that was there at first.
as_before() {
	files_of >/tmp/after
	diff /tmp/before /tmp/after
}

# lines NAME: the commands below "run: package NAME" in install.rst.
lines() {
	awk -v name="$1" '$0 == ".. run: package " name { on = 1; next }
		on && /^\t/ { sub(/^\t/, ""); print; seen = 1; next }
		seen { exit }' /kspan/Documentation/install.rst
}

# document NAME: runs them, as bash does, up to the first that fails.
document() {
	local commands
	commands=$(lines "$1")
	[ -n "$commands" ] || { echo "install.rst has no $1"; return 1; }
	echo "$1" >>/tmp/documented
	(cd /tmp/src && bash -exc "$commands")
}

# all_documented: no block of install.rst was left out; the guests have the last two.
all_documented() {
	diff <({ cat /tmp/documented; printf '%s\n' load driver-load; } | sort -u) \
		<(sed -n 's/^\.\. run: package //p' /kspan/Documentation/install.rst | sort) &&
		[ "$(grep -c '::$\|^\.\. code-block' /kspan/Documentation/install.rst)" = \
			"$(grep -c '^\.\. run: ' /kspan/Documentation/install.rst)" ]
}

# running RELEASE: the kernel that uname says runs, as it does on the machine of who
# installs; the one that does is outside of this chroot.
running() {
	# shellcheck disable=SC2016 # for the script that is written
	printf '#!/bin/sh\n[ "$*" = -r ] && exec echo %s\nexec /bin/uname "$@"\n' "$1" \
		>/tmp/bin/uname
	chmod 755 /tmp/bin/uname
}

# driver NAME: what the document says, and no warning but that the kernel itself is not here.
driver() {
	rm -rf /tmp/src/driver
	W=1 document "$1" >/tmp/make.log 2>&1
	cat /tmp/make.log
	[ -s /tmp/src/driver/kspan_template.ko ] &&
		! grep 'warning:\|WARNING:\|ERROR:' /tmp/make.log
}

# exclusive: dkms.conf wants the kernels that kspan builds for, and no others.
exclusive() {
	local kernel kernel_source_dir="" kernelver="" arch=""
	# shellcheck source=dkms.conf
	. /kspan/dkms.conf
	for kernel in 6.1.0-56-amd64 6.6.30 6.10-rc1 6.12.117+deb12-amd64 6.12; do
		[[ $kernel =~ $BUILD_EXCLUSIVE_KERNEL ]] || { echo "not for $kernel"; return 1; }
	done
	for kernel in 5.10.0-9-amd64 6.0.1 6.13.0 6.120.1 7.1.0; do
		[[ ! $kernel =~ $BUILD_EXCLUSIVE_KERNEL ]] || { echo "for $kernel"; return 1; }
	done
}

# shim_client RELEASE: a driver that finds headers in no place but kspan-dev's.
shim_client() {
	mkdir /tmp/client
	cp /kspan/kunit/shim/shim_client.c /tmp/client
	printf '%s\n' 'include /usr/share/kspan/kspan.mk' 'obj-m := shim_client.o' \
		'ccflags-y := -DKSPAN_SHIM_OWN_PR_FMT' >/tmp/client/Kbuild
	kspan-shim-build --kdir "/lib/modules/$1/build" --out /tmp/shim \
		/tmp/client | grep '\.ko$'
}

# signed_by_dkms FILE
signed_by_dkms() {
	[ "$(modinfo -F signer "$1")" = "DKMS module signing key" ]
}

# keep RELEASE: what modprobe reads but for the kernel's own modules, and the driver, for
# the guest.
keep() {
	mkdir -p "/out/$1"
	cp -r "/lib/modules/$1" "/out/$1/modules" &&
		rm -rf "/out/$1/modules/"{build,source,kernel} &&
		cp /tmp/src/driver/kspan_template.ko "/out/$1/"
}

# has_page: the page of kspan serve is served, from a directory of the packages.
has_page() {
	local page
	dpkg -L kspan-tools | grep 'www/dist/page\.js$' || return 1
	mkdir -p /tmp/heap
	: >/tmp/heap/heap
	KSPAN_DEBUGFS=/tmp/heap kspan serve --listen 127.0.0.1:6060 >/tmp/serve.log 2>&1 &
	for ((page = 0; page < 50; page++)); do
		! grep -q http /tmp/serve.log || break
		sleep 0.2
	done
	cat /tmp/serve.log
	python3 -c 'import fcntl, socket, struct, urllib.request as r
# Without network even the loopback is down: SIOCSIFFLAGS, with IFF_UP and IFF_LOOPBACK.
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sH22x", b"lo", 9))
for name in "", "page.js", "page.css", "LICENSES.txt":
    print(name, len(r.urlopen("http://127.0.0.1:6060/" + name).read()))'
	page=$?
	kill %1
	wait %1
	return "$page"
}

# works COMMAND...: in a command's --help there is its usage.
works() {
	"$@" --help | grep -i usage
}

mkdir /tmp/bin /tmp/src
PATH=/tmp/bin:$PATH
cp -r /kspan/{Kbuild,Makefile,COPYING,README.md,dkms.conf,mm,include,kunit,scripts,Documentation} /tmp/src
make -s -C /tmp/src clean
# There is no network for npm; what tests/package has made is younger than its sources.
mkdir /tmp/src/build
cp -r /kspan/build/www /tmp/src/build/
echo 'APT::Get::Assume-Yes "true";' >/etc/apt/apt.conf.d/90test
# depmod, which runs often, reads every module. One tells DKMS whether they are compressed.
find /lib/modules/*/kernel -name '*.ko*' ! -name 'loop.ko*' -delete
for release in "${releases[@]}"; do
	depmod "$release"
done 2>/tmp/depmod
running "$last"
files_of >/tmp/before

check "the packages are built, installed, and built by DKMS" document packages
check "lintian has nothing to say" lintian --allow-root --fail-on error,warning,info,pedantic \
	-I --pedantic /tmp/src/build/package/kspan_*.changes
check "dkms.conf wants the right kernels" exclusive
for release in "${releases[@]}"; do
	running "$release"
	check "headers, and DKMS, for $release" document headers
	check "DKMS has installed for $release" sh -c "dkms status kspan -k $release | grep installed"
	check "DKMS has signed for $release" document signer
	check "with its key" signed_by_dkms "/lib/modules/$release"/updates/dkms/kspan.ko*
	check "the driver builds for $release" driver driver
	check "the modules for $release are kept" keep "$release"
done
check "kspan-shim-build builds on what DKMS has built" shim_client "$last"
for command in $(dpkg -L kspan-tools | sed -n 's,^/usr/bin/,,p'); do
	check "$command --help" works "$command"
	check "$command has a manual page" man -w "$command"
done
for command in /kspan/scripts/kspan.d/*; do
	if [ ! -f "$command" ] || [ ! -x "$command" ]; then
		continue
	fi
	check "kspan ${command##*/} --help" works kspan "${command##*/}"
done
check "the tools have the page of kspan serve" has_page
check "the packages are purged" document purge
check "purging leaves nothing" as_before

check "make, make install" document install
check "modprobe finds it" modinfo -k "$last" kspan
check "the driver builds on it" driver driver-local
check "it is signed by hand" document sign
check "with the key of DKMS" signed_by_dkms "/lib/modules/$last/updates/kspan.ko"
check "/usr/local/bin has the command" works /usr/local/bin/kspan leaks
check "make uninstall" document uninstall
check "make uninstall leaves nothing" as_before
elsewhere=(-C /tmp/src DESTDIR=/tmp/dest prefix=/usr)
check "make install elsewhere" make "${elsewhere[@]}" install
check "what is installed elsewhere" test -s "/tmp/dest/lib/modules/$last/updates/kspan.ko" \
	-a -s /tmp/dest/usr/share/kspan/include/kspan/kspan.h -a -x /tmp/dest/usr/bin/kspan
check "elsewhere only" as_before
check "make uninstall elsewhere" make "${elsewhere[@]}" uninstall
check "it leaves nothing elsewhere" test -z "$(find /tmp/dest -mindepth 1 2>/dev/null)"

check "DKMS builds from the tree" document dkms
check "modprobe finds that" modinfo -k "$last" kspan
check "DKMS removes it" document dkms-remove
check "DKMS leaves nothing" as_before
check "install.rst has no other commands" all_documented
lines load >/out/load
lines driver-load >/out/driver-load
exit $status
