#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Runs in the guest, for scripts/tests/serve-cost: what the process of kspan serve takes for a scrape, of
# a machine that has worked for a while with the tap on, at the default rate. Under -icount a nanosecond
# is an instruction, and what the scheduler counts of a process is what it has run, in the kernel too.

# Functions are called through check, and what is not quoted has no blanks.
# shellcheck disable=SC2317,SC2086
# shellcheck source=scripts/guest-tests/check.sh
. /check.sh
mkdir -p /usr/bin
ln -s /bin/busybox /usr/bin/env
export PYTHONHOME=/usr
scrapes=20

# work: files in memory, more than the tap's rate by far.
work() {
	rm -rf /tmp/tree
	mkdir /tmp/tree
	cd /tmp/tree || return
	for part in 1 2 3; do
		mkdir $part
		cd $part || return
		awk 'NR % 60 == 1 { close(name); name = "f" NR } { print >name }' /proc/kallsyms || return
		cd ..
	done
	cd / || return
	find /tmp/tree /proc/[0-9]* >/dev/null 2>&1
	ip link set lo up
}

up() {
	until wget -q -O /dev/null http://127.0.0.1:6060/api/caches; do
		kill -0 $server || return
		sleep 1
	done
}

# has_run: nanoseconds of the server's threads.
has_run() {
	cat /proc/$server/task/*/schedstat | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

# scrape PATH: a line of /out/cost has what it cost.
scrape() {
	# The first ones find out more than the next.
	for _ in 1 2 3; do
		wget -q -O /tmp/answer "http://127.0.0.1:6060$1" || return
	done
	before=$(has_run)
	i=0
	while [ $i -lt $scrapes ]; do
		wget -q -O /tmp/answer "http://127.0.0.1:6060$1" || return
		i=$((i + 1))
	done
	after=$(has_run)
	echo "$1 $(((after - before) / scrapes)) $(wc -c </tmp/answer)" >>/out/cost
}

# idle: and what it takes in ten seconds in which nobody asks.
idle() {
	before=$(has_run)
	sleep 10
	after=$(has_run)
	echo "idle $((after - before)) 0" >>/out/cost
}

check "kspan loads" insmod /kspan.ko
check "the tap is on" sh -c "echo 1 >$dir/slab/enable"
check "work" work
/kspan/scripts/kspan serve >/tmp/server 2>&1 &
server=$!
check "the server is up" up
for path in /debug/pprof/heap "/debug/pprof/heap?source=slab" "/debug/pprof/heap?source=slab&top=4000" \
	"/debug/pprof/heap?source=slab&top=20" /metrics; do
	check "scrape $path" scrape "$path"
done
grep heap_stacks /tmp/answer >/out/stacks
# Finer: what a machine with more stacks pays.
check "at a finer rate" sh -c "echo 4096 >$dir/slab/sample_bytes"
check "work again" work
check "scrape that" scrape "/debug/pprof/heap?source=slab&gc=1"
check "metrics of it" scrape "/metrics"
grep heap_stacks /tmp/answer >/out/stacks.fine
check "and none" idle
kill $server
check "kspan leaves" rmmod kspan
exit $status
