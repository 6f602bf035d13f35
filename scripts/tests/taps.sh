# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the rows of taps share: a guest that runs a test of them, and reading what it has brought back,
# in $out. Sourced, after scripts/tests/lib.sh.

need golang-go python3
out=$ROW_DIR/guest

# tap_guest NAME CLIENT [GUEST-OPTION]... [-- ARGUMENT...]: runs scripts/guest-tests/NAME.sh, with that
# module beside kspan.
tap_guest() {
	local name=$1 client=$2 options=()
	shift 2
	while (($#)) && [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	guest_tests guest --numa 2 --timeout 1800 --add "$ROW_SRC/kspan.ko" \
		--add "$ROW_SRC/kunit/modules/$client/kspan_$client.ko" \
		--add "$KSPAN_TOP/scripts/guest-tests/taps.sh" \
		--add "$KSPAN_TOP/scripts/guest-tests/$name.sh" "${options[@]}" -- "/$name.sh" "${@:2}"
}

# readers NAME TAP: that tap's profile of that moment, through the tools for it, beside what is to be
# in it by $ROW_DIR/expect.NAME.TAP.
readers() {
	run "$KSPAN_TOP/scripts/tests/pprof-readers" --expect "$ROW_DIR/expect.$1.$2" \
		"$out/$1/$2" >"$ROW_DIR/readers.$1.$2" 2>&1 || true
	add_counts "$ROW_DIR/readers.$1.$2"
}

# expect_none NAME TAP: of what is expected of known.TAP nothing is in use.
expect_none() {
	sed 's/[0-9]* *[0-9]*$/0 0/' "$ROW_DIR/expect.known.$2" >"$ROW_DIR/expect.$1.$2"
}

# expect_both TAP MODULE PREFIX: what a timer and a task have allocated in the middle of each other's
# handlers, as the guest has said, and nothing is left of.
expect_both() {
	local what n size name
	while read -r what n size; do
		for name in known gone; do
			echo "$3_in_$what kspan_$2 $n $((n * size)) 0 0" >>"$ROW_DIR/expect.$name.$1"
		done
	done <"$out/both"
}

# expect_tapclient: exactly what that client did, for what was known of it and when it was gone. 700
# bytes take 1024, an object of 72 bytes with a constructor 80, 13 characters 16, 100,000 take 32
# pages, and vmalloc() one more than 4 MiB.
expect_tapclient() {
	cat >"$ROW_DIR/expect.known.slab" <<-END
		tap_kmalloc kspan_tapclient 500  96000 300  57600
		tap_kzalloc kspan_tapclient 500 512000 300 307200
		tap_cache   kspan_tapclient 500  40000 300  24000
		tap_strdup  kspan_tapclient 500   8000 300   4800
		tap_large   kspan_tapclient   5 655360   4 524288
		tap_bulk    kspan_tapclient  64   5120  48   3840
		tap_rcu     kspan_tapclient 500  64000 300  38400
		tap_kvmalloc kspan_tapclient  2 8396800  1 4198400
	END
	# Where the kernel has these functions.
	[ -z "$(nm "$ROW_SRC/kunit/modules/tapclient/kspan_tapclient.ko" | sed -n '/ tap_nolock$/p')" ] ||
		cat >>"$ROW_DIR/expect.known.slab" <<-END
			tap_nolock kspan_tapclient 500 64000 300 38400
			tap_alloc_nolock kspan_tapclient 64 8192 48 6144
		END
	expect_none gone slab
	expect_both slab tapclient tap
}

# has TAP LABEL FUNCTION: what that function has allocated goes by that label.
has() {
	go tool pprof -tagfocus="cache=^$2\$" -sample_index=alloc_objects -nodefraction=0 -top \
		"$out/known/$1/allocs" 2>/dev/null | grep -q " $3\$"
}

# few_missed NAME TAP: frees.
few_missed() {
	awk '$1 == "sampled_frees" { frees = $2 } $1 == "missed_frees" { missed = $2 }
	     END { printf "%d of %d frees missed\n", missed, frees
		   exit !(frees > 1000 && missed * 1000 < frees) }' "$out/$1/$2/stats"
}

# grown NAME FILE FIELD...: how much more there is of these than before, in the units of that file.
grown() {
	local name=$1 file=$2 pattern
	shift 2
	pattern=$(printf '|%s' "$@")
	awk -v pattern="^(${pattern#|}):?\$" '$1 ~ pattern { sum += FNR == NR ? -$2 : $2 }
		END { printf "%d\n", sum }' "$out/$name/$file.before" "$out/$name/$file.after"
}

# beside WHAT SAID TRUE LEAST PERCENT: what is said is so near to what is true, which is so much.
beside() {
	awk -v what="$1" -v said="$2" -v is="$3" -v least="$4" -v most="$5" 'BEGIN {
		off = 100 * (said / is - 1)
		printf "%s: %.1f MB in use, %.1f MB more there: %+.2f %%\n", what, said / 2^20, is / 2^20, off
		exit !(is > least && off < most && off > -most) }'
}
