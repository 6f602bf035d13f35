# SPDX-License-Identifier: GPL-2.0
"""kspan's own books: what its files caches and stats say."""
import os
import re

from debugfs import Unreadable

COLUMNS = ("object_bytes", "slot_bytes", "in_use", "objects", "spans", "pages", "waste_bytes")


def parse_caches(text):
    """The file caches, as dictionaries, what holds most memory first."""
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#"):
            continue
        # A cache's name may have blanks.
        m = re.match(r"(.*\S)" + r"\s+(\d+)" * len(COLUMNS) + "$", line)
        if not m:
            raise Unreadable("caches, line %d: not a line of it" % number)
        rows.append(dict(zip(COLUMNS, map(int, m.groups()[1:])), name=m[1]))

    # A page's size is not in the file, which may be another machine's. Large objects have no
    # slot, and no waste that is counted.
    page = os.sysconf("SC_PAGE_SIZE")
    for row in rows:
        row["memory_bytes"] = row["in_use"] * row["object_bytes"] + row["waste_bytes"]
        if row["slot_bytes"] and row["pages"]:
            page = row["memory_bytes"] // row["pages"]
    for row in rows:
        if not row["slot_bytes"]:
            row["memory_bytes"] = row["pages"] * page
    rows.sort(key=lambda row: (-row["memory_bytes"], row["name"]))
    return rows


def parse_stats(text):
    """A file stats, as a dictionary."""
    return {name: int(value) for name, value in re.findall(r"^(\w+) (\d+)$", text, re.M)}
