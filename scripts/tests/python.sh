# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The command kspan in a guest, which has no Python. Sourced, after scripts/lib/common.sh.

# kspan_in_guest [MODULE...]: sets $kspan_options of scripts/guest, which put kspan into /kspan/scripts and
# Python with what the commands import, and with these modules, where it looks for them. Compiled: the
# guest is too slow to do that. It wants PYTHONHOME=/usr, and /usr/bin/env.
kspan_in_guest() {
	local out=$ROW_DIR/python library
	/usr/bin/python3 - "$KSPAN_TOP/scripts/kspan.d" "$out" "$@" <<-'END'
		import importlib, os, shutil, sys
		commands, out, *names = sys.argv[1:]
		sys.dont_write_bytecode = True
		sys.path.insert(0, commands)
		for name in ("command", "curses", "gzip", "heaps", "html", "json", "locale", "encodings.ascii",
		             "encodings.latin_1", *names):
		    importlib.import_module(name)
		for module in list(sys.modules.values()):
		    for name in (getattr(module, "__file__", None), getattr(module, "__cached__", None)):
		        if name and name.startswith("/usr/lib/") and os.path.exists(name):
		            os.makedirs(os.path.dirname(out + name), exist_ok=True)
		            shutil.copy2(name, out + name)
	END
	kspan_options=(--bin /usr/bin/python3 --bin bash --add "$out/usr/lib:/usr/lib"
		--add "$KSPAN_TOP/scripts/kspan:/kspan/scripts/kspan"
		--add "$KSPAN_TOP/scripts/kspan.d:/kspan/scripts/kspan.d")
	# Of Python's modules, which are no programs that bring their own.
	while read -r library; do
		kspan_options+=(--add "$library:$library")
	done < <(find "$out" -name '*.so' -exec ldd {} + | grep -oE '=> /[^ ]*' | sed 's/^=> //' |
		grep -vE '/lib(c|m|dl|pthread|z|expat)\.so' | sort -u)
}
