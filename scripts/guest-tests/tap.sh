#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Functions are called through check, and the paths in $dir have no blanks.
# shellcheck disable=SC2317,SC2086
#
# Runs in the guest: the taps on a kernel as it is shipped, with a module that knows
# nothing of kspan. Profiles go to /out for scripts/tests/tap to read.
#
# usage: tap.sh MEGABYTES, that messages have when a sample is 512 KiB

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh
taps=slab
# shellcheck source=scripts/guest-tests/taps.sh
. /taps.sh

# in_use FUNCTION: how many bytes are, of stacks that begin there.
in_use() {
	sed -n "s/^.*;$1 \\([0-9]*\\)\$/\\1/p" $dir/heap.folded | awk '{ sum += $1 } END { print sum + 0 }'
}

has_in_use() {
	[ "$(in_use "$1")" = "$2" ]
}

# wait_for FUNCTION BYTES: until so many are. What kfree_rcu() was given waits in a batch.
wait_for() {
	wait_until has_in_use "$@" || { in_use "$1"; return 1; }
}

# Files, mounts, processes and what goes through the network, in /tmp/busy: what stays there when
# it is done, and what does not.
work() {
	mkdir -p /tmp/busy/a /tmp/busy/b
	(cd /tmp/busy/a && seq 1 8000 | xargs touch)
	tar -C /tmp/busy/a -c . | tar -C /tmp/busy/b -x
	for i in 1 2 3 4 5 6 7 8; do
		mkdir -p /tmp/busy/mnt$i
		mount -t tmpfs none /tmp/busy/mnt$i
		(cd /tmp/busy/mnt$i && seq 1 300 | xargs touch)
	done
	ifconfig lo 127.0.0.1 up
	nc -l -p 7 >/dev/null &
	server=$!
	while ! dd if=/dev/zero bs=4096 count=2000 2>/dev/null | nc 127.0.0.1 7; do
		sleep 0.1
	done
	wait $server
	i=0
	while [ $i -lt 300 ]; do
		(true | cat) &
		i=$((i + 1))
	done
	wait
	umount /tmp/busy/mnt1 /tmp/busy/mnt2
	[ -z "${messages:-}" ] || /messages "$messages"
}

clean_up() {
	/messages gone
	umount /tmp/busy/mnt* 2>/dev/null
	rm -rf /tmp/busy
}

check "kspan loads" insmod /kspan.ko
check "the tap is off" grep -qx 0 $dir/enable
check "no handler is in" hooks_are 0
check "its default is 512 KiB" grep -qx 524288 $dir/sample_bytes
rate 1
check "it is switched on" switch 1
check "it is on" grep -qx 1 $dir/enable
check "every handler is in" hooks_are 1

check "the client loads" insmod /kspan_tapclient.ko
param=/sys/module/kspan_tapclient/parameters
printf 'task %s 96\ntimer %s 96\n' "$(cat $param/hoarded)" "$(cat $param/gifted)" >/out/both
check "what waits for a grace period is freed" wait_for tap_rcu 38400
check "what is there is read" save known
check "the client leaves" rmmod kspan_tapclient
check "what waited for one is freed" wait_for tap_rcu 0
check "what is gone is read" save gone
check "no sample was dropped" stat_is samples_dropped 0
check "no free was missed" stat_is missed_frees 0
check "none was dropped" stat_is frees_dropped 0

echo 1 >$dir/reset
check "a reset leaves what is in use" grep -q '^live_samples [1-9]' $dir/stats
check "it is switched off" switch 0
check "no handler is left" hooks_are 0
check "no sample is left" stat_is live_samples 0
check "a number that is no switch is refused" not sh -c "echo 2 2>/dev/null >$dir/enable"

check "it can be switched under load" switch_under_load
clean_up
check "no handler is left" hooks_are 0
check "no sample is left" stat_is live_samples 0
switch 1
work >/dev/null 2>&1 &
check "kspan leaves while the tap is on, under load" rmmod kspan
wait
clean_up

check "kspan loads with the tap on" insmod /kspan.ko slab=1 slab_sample_bytes=65536 sample_seed="$seed"
check "it is on" grep -qx 1 $dir/enable
check "at that rate" grep -qx 65536 $dir/sample_bytes
check "it is switched off" switch 0
check "a machine is busy" busy busy-1 1 slabinfo meminfo
check "no sample was dropped" stat_is samples_dropped 0
check "a machine is busy, and looked at now and then" busy busy-4096 4096 slabinfo meminfo

# As it is when nobody has said how close: so much that a sample more or less is nothing.
echo 65536 >/proc/sys/kernel/msgmax
echo 1000000000 >/proc/sys/kernel/msgmnb
messages=$1
check "a machine is busy, and looked at by default" busy busy-524288 524288 slabinfo meminfo
messages=

# Something is lost, somewhere: a megabyte a second.
rate 524288
switch 1
check "a module that loses memory" insmod /kspan_tapclient.ko leak=1000
sleep 3
check "what it has lost is read" save leak1
cat /proc/uptime >/out/leak1/uptime
work >/dev/null 2>&1 &
sleep 20
check "and what it has lost since" save leak2
cat /proc/uptime >/out/leak2/uptime
wait
rmmod kspan_tapclient
check "kspan leaves" rmmod kspan
clean_up
exit $status
