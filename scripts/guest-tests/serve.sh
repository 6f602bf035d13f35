#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Functions are called through check, and the paths in $dir have no blanks.
# shellcheck disable=SC2317,SC2086
#
# usage: /serve.sh ADDRESS
#
# Runs in the guest: an endpoint that stays up while the module comes and goes. scripts/tests/serve-guest
# asks it from outside, and says by a connection to another port when it is done with each phase.

# shellcheck source=scripts/guest-tests/check.sh
. /check.sh
mkdir -p /usr/bin
ln -s /bin/busybox /usr/bin/env
export PYTHONHOME=/usr

# phase NAME: tells who connects, and waits until he has hung up.
phase() {
	echo "phase $1" | nc -l -p 7000 >/dev/null
}

# as_nobody [--ambient-caps CAPABILITY] ARGUMENT...
as_nobody() {
	caps=-all
	[ "$1" != --ambient-caps ] || { caps=-all,$2; shift 2; }
	exec /usr/local/bin/setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs --inh-caps $caps \
		--ambient-caps $caps --bounding-set $caps /kspan/scripts/kspan "$@"
}

# reads PORT: there is a profile.
reads() {
	wget -q -O /tmp/profile http://127.0.0.1:$1/debug/pprof/heap && [ "$(wc -c </tmp/profile)" -gt 200 ]
}

# refused PORT WORDS: there is a 503 with these words.
refused() {
	printf 'GET /debug/pprof/heap HTTP/1.0\r\n\r\n' | nc 127.0.0.1 $1 >/tmp/refused
	cat /tmp/refused
	grep -q '^HTTP/1.1 503 ' /tmp/refused && grep -q "$2" /tmp/refused
}

serves() {
	kill -0 $server
}

up() {
	for name in server loopback nobody; do
		until grep -q '^kspan serve: http:' /tmp/$name; do
			kill -0 $server $loopback $nobody || { cat /tmp/server /tmp/loopback /tmp/nobody; return 1; }
			sleep 1
		done
	done
}

# comes_and_goes TIMES: a file that is being read keeps it for a moment.
comes_and_goes() {
	i=0
	while [ $i -lt "$1" ]; do
		insmod /kspan.ko sample_bytes=1 sample_seed="$seed" slab=1 || return
		until rmmod kspan 2>/dev/null; do
			serves || return
		done
		i=$((i + 1))
	done
}

network() {
	ip link set lo up && ip link set eth0 up && ip addr add 10.0.2.15/24 dev eth0
}

check "there is a network" network
printf 'correct-horse-battery\n' >/token
chmod 600 /token
/kspan/scripts/kspan serve --listen 10.0.2.15:6060 --token /token >/tmp/server 2>&1 &
server=$!
# Two for whoever is on this machine, of a user who is nobody: as its unit for systemd has it, with one
# capability, and without.
as_nobody --ambient-caps +dac_read_search serve >/tmp/loopback 2>&1 &
loopback=$!
as_nobody serve --listen 127.0.0.1:6061 >/tmp/nobody 2>&1 &
nobody=$!
check "they are up" up
phase empty
check "kspan loads" insmod /kspan.ko sample_bytes=1 sample_seed="$seed"
check "and a client" insmod /kspan_client.ko
echo 1024 >$dir/slab/sample_bytes
check "the tap is on" sh -c "echo 1 >$dir/slab/enable"
find / -xdev >/dev/null 2>&1
check "nobody with that capability has it served" reads 6060
check "and without it is told why not" refused 6061 '^only root may use '
mkdir -p /out/tree/slab
for file in heap allocs caches stats slab/heap slab/allocs slab/stats; do
	cat $dir/$file >/out/tree/$file || status=1
done
phase loaded
echo 1 >$dir/reset
phase reset
check "the client leaves" rmmod kspan_client
check "the tap is off" sh -c "echo 0 >$dir/slab/enable"
check "kspan leaves, which is served" rmmod kspan
phase gone
phase moving
check "it comes and goes" comes_and_goes 20
phase end
check "it has served all the time" serves
check "and so has the other" kill -0 $loopback
check "all three" kill -0 $nobody
kill $server $loopback $nobody
wait $server
check "it ends when it is told to" test $? = 0
check "and has said nothing else" test "$(grep -vc '^kspan serve: ' /tmp/server)" = 0
cat /tmp/server
exit $status
