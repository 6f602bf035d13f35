#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Runs in the guest: what is measured in one boot. Each figure is a line of the kernel's
# log; a line "bench: set NAME=VALUE" holds for the figures that follow it.
#
# usage: guest.sh count|cpus|peer|load SCALE NAME
#
#   count   instructions and pages of all groups, one CPU
#   cpus    throughput, two CPUs
#   peer    a pair and mixed allocations, where the kernel's own slab is at a profiler's
#           mercy
#   load    a filesystem at work; where NAME is another than load, on the kernel's own slab alone
#   SCALE   per cent of the usual number of rounds or objects

set -e
boot=$1 scale=$2 name=$3
debugfs=/sys/kernel/debug/kspan

# is NAME=VALUE
is() {
	echo "<6>bench: set $1" >/dev/kmsg
}

rate() {
	echo "$1" >$debugfs/sample_bytes
	is "sample_bytes=$1"
}

# measure OPTION...: the module's groups.
measure() {
	insmod /kspan_bench.ko "$@"
	rmmod kspan_bench
}

# called OPTION...: the group of system calls, each of which is a byte that is read.
called() {
	insmod /kspan_bench.ko run=calls "$@"
	dd if=/sys/kernel/debug/kspan_bench of=/dev/null bs=1 2>/dev/null
	rmmod kspan_bench
}

# filled STACKS GROUPS COMMAND...: runs COMMAND over a profile with so many stacks.
filled() {
	stacks=$1 groups=$2
	shift 2
	echo 1 >$debugfs/reset
	rate 1
	insmod /kspan_bench.ko "run=$groups" stacks="$stacks"
	rate 524288
	"$@"
	rmmod kspan_bench
}

# Sampling everything takes a hundred times as long as sampling little.
tenth=$((scale / 10 > 0 ? scale / 10 : 1))

is "release=$(uname -r)"
if [ "$boot" = load ]; then
	[ "$name" = load ] && how="kspan:524288 kspan:1 tap:524288 tap:1" || how=
	# shellcheck disable=SC2086 # they are words
	/load.sh $((30 * scale)) slab $how
	is complete=1
	exit
fi
insmod /kspan.ko
is sample_bytes=524288
case $boot in
count)
	measure run=pairs,sizes,memory
	rate 0
	measure run=sampling scale="$scale"
	called scale="$scale"
	rate 524288
	measure run=sampling scale="$scale" who=kspan
	called scale="$scale" who=kspan
	rate 1
	measure run=sampling scale=$tenth who=kspan
	called scale=$tenth who=kspan
	for stacks in 1250 2500 5000 10000; do
		filled $stacks fill /snapshot time $stacks
	done
	;;
cpus)
	measure run=cpus scale="$scale"
	filled 10000 fill,load /snapshot beside 10000 $((41 * scale / 100 + 1))
	;;
peer)
	[ ! -e /proc/sys/vm/mem_profiling ] || is "mem_profiling=$(cat /proc/sys/vm/mem_profiling)"
	measure run=pairs
	measure run=sampling scale=$tenth who=slab
	;;
esac
rmmod kspan
is complete=1
