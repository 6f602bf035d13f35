# SPDX-License-Identifier: GPL-2.0
"""Tables of the documents that a check judges by: each is the one place that says what it does."""

import re

# Of these whoever is inside may do anything, and a machine may have nobody inside.
REGIONS = ("work", "srcu")
# A leaf is a spinlock that is taken wherever somebody allocates, and so under any mutex.
SPINLOCKS = ("spinlock", "leaf")
KINDS = (*SPINLOCKS, "mutex", *REGIONS)


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


class Lock:
    """A row of the table."""

    def __init__(self, name, kind):
        self.name = name
        self.kind = kind
        self.under = set()      # names, or None: anything


def locks_of(path):
    """The simple table under the heading Locks, as a dictionary by name."""
    locks, lock = {}, None
    for name, kind, _, under in read(path, "Locks"):
        if name:
            if not re.fullmatch("``[^`]+``", name) or kind not in KINDS:
                raise Unreadable(f"{path}: a row is not understood: {name} {kind}")
            lock = Lock(name.strip("`"), kind)
            if lock.name in locks:
                raise Unreadable(f"{path}: {lock.name} is there twice")
            locks[lock.name] = lock
        names = re.findall("``([^`]+)``", under)
        if names:
            lock.under.update(names)
        elif under == "anything" and kind in REGIONS:
            lock.under = None
        elif under != "nothing":
            raise Unreadable(f"{path}: what may be taken under {lock.name} is not understood")
    for lock in locks.values():
        for name in lock.under or ():
            if name not in locks or lock.kind in SPINLOCKS:
                raise Unreadable(f"{path}: {name} cannot stand under {lock.name}")
    return locks
