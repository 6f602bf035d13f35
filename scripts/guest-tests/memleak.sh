#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Functions are called through check.
# shellcheck disable=SC2317
#
# Runs in the guest, for scripts/tests/memleak: Debian's memleak-bpfcc and the tap on slab watch a
# module whose objects are known. That Debian is on a file system of the host's, which stays as it is.
# What both say of it goes to /out.

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh
taps=slab
# shellcheck source=scripts/guest-tests/taps.sh
. /taps.sh

mkdir /debian
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose root /debian || exit 1
for name in dev proc sys; do
	mount --rbind /$name /debian/$name
done
mount -t tmpfs none /debian/tmp

# What is in use every ten seconds, all stacks, until it is told to end.
start_memleak() {
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C PYTHONUNBUFFERED=1 \
		chroot /debian memleak-bpfcc --top 100000 10 >/out/memleak 2>/out/memleak.said &
	memleak=$!
	wait_long grep -q 'Top .* stacks with outstanding allocations' /out/memleak
}

# It is compiled here, by an emulated machine.
wait_long() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		! wait_until "$@" || return 0
		kill -0 "$memleak" || return
	done
	return 1
}

# How many reports there are. The last but one of three more has begun after what waits for a grace period
# was freed, and is whole.
reports() {
	grep -c 'stacks with outstanding allocations' /out/memleak
}

has_reports() {
	[ "$(reports)" -ge "$1" ]
}

check "kspan loads" insmod /kspan.ko slab=1 slab_sample_bytes=1 sample_seed="$seed"
check "memleak-bpfcc begins" start_memleak
check "the client loads" insmod /kspan_tapclient.ko
param=/sys/module/kspan_tapclient/parameters
printf 'task %s 96\ntimer %s 96\n' "$(cat $param/hoarded)" "$(cat $param/gifted)" >/out/both
sleep 10
check "memleak-bpfcc says what is in use" wait_long has_reports $(($(reports) + 3))
kill "$memleak"
wait "$memleak"
check "the tap does" save known
check "no sample was dropped" stat_is samples_dropped 0
check "no free was missed" stat_is missed_frees 0
check "the client leaves" rmmod kspan_tapclient
check "kspan leaves" rmmod kspan
exit $status
