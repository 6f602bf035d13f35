# SPDX-License-Identifier: GPL-2.0
"""Tables of the documents that a check judges by: each is the one place that says what it does."""

import re


class Unreadable(Exception):
    """What was to be read is not what it should be."""


def read(path, heading):
    """The rows of the first simple table under that heading, each a list of cells."""
    lines = iter(path.read_text().splitlines())
    for line in lines:
        if line == heading and next(lines, "").startswith("---"):
            break
    rules, rows = 0, []
    for line in lines:
        if re.fullmatch(r"=+(  +=+)+", line):
            rules += 1
            starts = [match.start() for match in re.finditer("=+", line)]
            if rules == 3:
                break
        elif rules == 2:
            ends = starts[1:] + [None]
            rows.append([line[a:b].strip() for a, b in zip(starts, ends)])
    if rules != 3:
        raise Unreadable(f"{path}: there is no table under {heading}")
    return rows
