# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the programs of rows share: counting, and reading what a guest has brought back.
# Sourced, after scripts/lib/common.sh. A program ends with `end_counts`.

passed=0 failed=0 skipped=0

# check WHAT COMMAND...: COMMAND must succeed; shows what it says when it does not.
check() {
	local what=$1
	shift
	if "$@" >"$ROW_DIR/check" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL: $what"
		sed 's/^/    /' "$ROW_DIR/check"
	fi
}

# end_counts: the line that a row ends with, and its exit status.
end_counts() {
	local line="$passed passed, $failed failed"
	((skipped == 0)) || line+=", $skipped skipped"
	echo "$line"
	((failed == 0))
	exit
}

# add_counts FILE: those that a program's output ends with; without any, that is a failure.
add_counts() {
	if [[ $(tail -n 1 "$1") =~ $KSPAN_COUNTS ]]; then
		passed=$((passed + BASH_REMATCH[1]))
		failed=$((failed + BASH_REMATCH[2]))
		skipped=$((skipped + ${BASH_REMATCH[4]:-0}))
		((BASH_REMATCH[2] == 0)) || cat "$1"
	else
		cat "$1"
		failed=$((failed + 1))
	fi
}

# in_guest NAME OPTION...: scripts/guest for $ROW_KERNEL. Its console is $ROW_DIR/console.NAME,
# and what it brings back is in $ROW_DIR/NAME.
in_guest() {
	local name=$1
	shift
	run "$KSPAN_TOP/scripts/guest" --kernel "$ROW_KERNEL" --log "$ROW_DIR/console.$name" \
		--out "$ROW_DIR/$name" --name "${ROW_DIR##*/}: $name" "$@"
}

# guest_tests NAME OPTION...: in_guest for a test that sources check.sh: adds its results, and
# a failure if the guest failed and none of them says so.
guest_tests() {
	local name=$1 status=0
	shift
	in_guest "$name" --add "$KSPAN_TOP/scripts/guest-tests/check.sh" "$@" || status=1
	add_guest "$name" "$status"
}

# add_guest NAME STATUS: the same, of a guest that has ended with that status.
add_guest() {
	local name=$1 status=$2 bad
	touch "$ROW_DIR/$name/results" 2>/dev/null || mkdir -p "$ROW_DIR/$name"
	# A guest that died has brought nothing, and what it said last is what there is.
	[ -s "$ROW_DIR/$name/results" ] ||
		tr -d '\r' <"$ROW_DIR/console.$name" >"$ROW_DIR/$name/results"
	passed=$((passed + $(grep -c '^ok ' "$ROW_DIR/$name/results" || true)))
	bad=$(grep -c '^not ok ' "$ROW_DIR/$name/results" || true)
	grep -A 8 '^not ok ' "$ROW_DIR/$name/results" || true
	((status == 0 || bad)) || bad=1
	failed=$((failed + bad))
}

# modules_of FILE: what a module needs of the kernel's own, as scripts/guest --load wants it.
modules_of() {
	{
		modinfo -F depends "$1" | tr ',' '\n' | grep -vx kspan || true
		modinfo -F softdep "$1" | tr ' ' '\n' | grep -v ':$' || true
	} | paste -sd,
}

# kernel_log NAME [FILE]: the kernel's log as that guest has saved it (in FILE, else as a
# whole), else as its console has it; without times.
kernel_log() {
	local file=$ROW_DIR/$1/${2:-dmesg}
	[ -r "$file" ] || file=$ROW_DIR/console.$1
	tr -d '\r' <"$file" | sed -E 's/^\[ *[0-9]+\.[0-9]+\] ?//'
}

# has_option NAME: whether the row's kernel is built with it.
has_option() {
	grep -q "^CONFIG_$1=y" "$ROW_KERNEL/build/.config"
}

# lock_graph_options: sets $lock_graph, options of scripts/guest for a lock graph that can be
# judged: none if the kernel keeps no such one. PREEMPT_RT's spinlocks sleep, and take the
# scheduler's locks to do so.
lock_graph_options() {
	lock_graph=()
	! has_option PROVE_LOCKING || has_option PREEMPT_RT ||
		lock_graph=(--append no_hash_pointers)
}

# judge_lock_graph NAME: has scripts/checks/lock-graph judge what that guest has saved, if
# $lock_graph asks for it, each requirement a test.
judge_lock_graph() {
	local saved=$ROW_DIR/$1 absent=()
	((${#lock_graph[@]})) || return 0
	# Guard mode knows how to hide pages on one machine only.
	[ "$(arch_of "$ROW_KERNEL")" = amd64 ] || absent=(--absent kspan_fence_lock)
	"$KSPAN_TOP/scripts/checks/lock-graph" "${absent[@]}" --stats "$saved/lockdep_stats" \
		--kallsyms "$saved/kallsyms" "$saved/lockdep" >"$ROW_DIR/lock-graph" 2>&1 ||
		echo "the lock graph is not as Documentation/design.rst says:"
	add_counts "$ROW_DIR/lock-graph"
}

# add_suites NAME: the results of the suites in $ROW_SRC/kunit, which that guest has run. The
# kernel's own parser, kunit.py, reads them. A suite that was built and did not report is a
# failure.
add_suites() {
	local parser module modules size expected=0 reported counts n
	modules=("$ROW_SRC"/kunit/*.ko)
	[ -e "${modules[0]}" ] || die "there are no suites in $ROW_SRC/kunit"
	parser=$("$KSPAN_TOP/scripts/kernel" source-6.12)/tools/testing/kunit/kunit.py
	# Suites report one after the other, each module's between two markers. Put under one plan
	# they are what the parser takes for a run. Kernels before 6.6 say nothing of the plan of a
	# module's suites, so their number comes from the module.
	kernel_log "$1" dmesg.suites | awk '
	/^kspan-test: begin / { on = 1; next }
	/^kspan-test: end / { on = 0; next }
	on && /^(KTAP version|TAP version|1\.\.)/ { next }
	on && /^(not )?ok [0-9]+ / { sub(/ok [0-9]+/, "ok " ++suites) }
	on { print }' >"$ROW_DIR/suites"
	for module in "${modules[@]}"; do
		size=$(readelf -SW "$module" | sed -n 's/.* \.kunit_test_suites *PROGBITS *[0-9a-f]* [0-9a-f]* \([0-9a-f]*\) .*/\1/p')
		expected=$((expected + 16#${size:-0} / 8))
	done
	{
		echo "KTAP version 1"
		echo "1..$expected"
		cat "$ROW_DIR/suites"
	} >"$ROW_DIR/ktap"
	python3 "$parser" parse "$ROW_DIR/ktap" >"$ROW_DIR/parsed" || true
	counts=$(grep -o 'Testing complete.*' "$ROW_DIR/parsed" || true)
	count_of() {
		n=$(grep -o "$1: [0-9]*" <<<"$counts" || true)
		echo "$((${n##*: } + 0))"
	}
	n=$(($(count_of failed) + $(count_of crashed) + $(count_of errors)))
	reported=$(grep -cE '^(not )?ok ' "$ROW_DIR/suites" || true)
	if ((reported != expected)); then
		echo "$reported of $expected suites reported"
		n=$((n + 1))
	fi
	# What passed, and the rulers between suites, say nothing here.
	((n == 0)) || grep -vE '\] (\[PASSED\]|=+$|=+ \[PASSED\])' "$ROW_DIR/parsed" || true
	passed=$((passed + $(count_of passed)))
	failed=$((failed + n))
	skipped=$((skipped + $(count_of skipped)))
}

# add_torture NAME: whether all kinds of operation have happened in that guest, which prints
# how often each has. What the module says it skips need not have.
add_torture() {
	kernel_log "$1" | awk -v shell="$ROW_DIR/$1/sums" '
	/kspan_torture: skipped/ { for (i = 1; i <= NF; i++) skipped[$i] = 1 }
	/kspan_torture: op / { sub(/.*kspan_torture: op /, ""); done[$1] += $2; failed[$1] += $4 }
	/kspan_torture: context / { sub(/.*kspan_torture: context /, ""); done["in " $1] += $2 }
	/kspan_torture: cpu / { sub(/.*kspan_torture: cpu /, ""); done["on CPU " $1] += $2 }
	END {
		while ((getline <shell) > 0)
			done[$2] += $3
		for (name in done) {
			bare = name
			sub(/^in /, "", bare)
			printf "%-24s %10d %s\n", name, done[name],
				failed[name] ? sprintf("%8d failed", failed[name]) : "" | "sort"
			if (!done[name] && !(bare in skipped))
				missing = missing " " name
			kinds++
		}
		close("sort")
		if (kinds < 50)
			missing = missing " most"
		if (missing)
			print "did not happen:" missing
	}' >"$ROW_DIR/sums"
	check "everything happened" not_in '^did not happen:' "$ROW_DIR/sums"
}

# not_in REGEX FILE: no line of FILE matches; shows those that do.
not_in() {
	[ -s "$2" ] && ! grep -E "$1" "$2"
}

# judged NAME TEXT [COMMAND...]: after that COMMAND in a copy of the tree whole/, $judge must fail and
# say a line that holds TEXT, and no other; without TEXT it must find nothing.
judged() {
	local name=$1 text=$2 status=0
	shift 2
	rm -rf "$name"
	cp -a whole "$name"
	if (($#)); then
		env -C "$name" "$@"
		! diff -r whole "$name" >/dev/null || die "$name: nothing was changed"
	fi
	"${judge:?}" --tree "$name" >"$name.found" 2>&1 || status=$?
	if ((status == (${#text} > 0) && $(wc -l <"$name.found") == status)) &&
		grep -qF -- "$text" <(cat "$name.found"; echo); then
		passed=$((passed + 1))
		echo "$name: status $status${text:+: $text}"
	else
		failed=$((failed + 1))
		echo "FAILED: $name: status $status, or not \"$text\" alone in:"
		sed 's/^/    /' "$name.found"
	fi
}
