# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
#
# What scripts/test knows of rows: which there are, what each depends on, and how the last
# run of each went. Sourced, after scripts/lib/common.sh.

# Results of earlier runs, a file a row: the hash of what it depended on, the seconds it took,
# when it ended, and its last line.
KSPAN_HISTORY=${KSPAN_HISTORY:-$KSPAN_CACHE/rows}

# Of every row: what runs it, and what it runs in.
common_inputs=(scripts/{lib,test.d,modules,kernel,kernels,configs,arch,guest,guest.d,tests/lib.sh})
# Of every row that has modules.
module_inputs=(Kbuild Makefile kspan.mk include mm kunit)

# rows_of TIER [NAME...]: the names of its rows, in the order in which they are best begun: the
# gate first, of it what takes long, and then what is soon done.
rows_of() {
	local wanted=$1 file row order
	shift
	if [ "$wanted" = chosen ]; then
		printf '%s\n' "$@" | awk '!seen[$0]++'
		return
	fi
	for file in "$KSPAN_ROWS"/*.row; do
		row=$(basename "$file" .row)
		read_row "$row"
		[ "$wanted" = all ] || [ "$wanted" = "$tier" ] || continue
		order=$budget
		[ "$tier" != gate ] || order=-$budget
		printf '%d %s\n' "$order" "$row"
	done | sort -k1,1n -k2,2 | cut -d' ' -f2
}

# hash_of ROW: what it depends on, in one word: the files, the kernel by name, and the
# compiler and emulator by version.
hash_of() {
	local paths
	read_row "$1"
	paths=("${inputs[@]}" "${run[0]}")
	[ "$KSPAN_ROWS" != "$KSPAN_TOP/scripts/rows" ] || paths+=("${common_inputs[@]}")
	((!${#modules[@]})) || paths+=("${module_inputs[@]}")
	{
		cat "$KSPAN_ROWS/$1.row"
		[ -z "$kernel" ] || "$KSPAN_GET_KERNEL" --cached "$kernel" 2>/dev/null || echo "no $kernel"
		gcc --version 2>/dev/null | head -n 1
		dpkg-query -W -f '${Package} ${Version}\n' qemu-system-x86 qemu-system-arm \
			qemu-system-misc "${packages[@]}" 2>/dev/null
		find "${paths[@]}" -type f ! -name '*.pyc' 2>/dev/null | LC_ALL=C sort -u |
			xargs -r -d '\n' sha256sum
	} | sha256sum | cut -c 1-16
}

# has_passed ROW: whether it passed and nothing has changed since; prints its last line.
has_passed() {
	local hash line
	read -r hash _ _ line 2>/dev/null <"$KSPAN_HISTORY/$1" || return 1
	[[ $line =~ $KSPAN_COUNTS ]] && ((BASH_REMATCH[2] == 0)) && [ "$hash" = "$(hash_of "$1")" ] ||
		return 1
	echo "$line"
}

# remember ROW HASH SECONDS LINE
remember() {
	mkdir -p "$KSPAN_HISTORY"
	echo "$2 $3 $(date -u +%Y-%m-%dT%H:%MZ) $4" >"$KSPAN_HISTORY/$1.$$"
	mv "$KSPAN_HISTORY/$1.$$" "$KSPAN_HISTORY/$1"
}

list_rows() {
	local row seconds when line
	printf '%-24s %-6s %6s %6s  %s\n' row tier budget last result
	while read -r row; do
		read_row "$row"
		seconds=- when="" line="never run here"
		[ ! -r "$KSPAN_HISTORY/$row" ] || read -r _ seconds when line <"$KSPAN_HISTORY/$row"
		printf '%-24s %-6s %6d %6s  %s\n' "$row" "$tier" "$budget" "$seconds" \
			"$line${when:+, $when}"
		printf '    %s\n' "$about"
	done < <(rows_of all)
}

# remember_gate: notes that the gate has passed on this tree, if it is one that has a name.
remember_gate() {
	local id
	id=$(git -C "$KSPAN_TOP" rev-parse 'HEAD^{tree}' 2>/dev/null) || return 0
	[ -z "$(git -C "$KSPAN_TOP" status --porcelain)" ] || return 0
	mkdir -p "$KSPAN_CACHE"
	grep -qsx "$id" "$KSPAN_CACHE/gate-passed" || echo "$id" >>"$KSPAN_CACHE/gate-passed"
}
