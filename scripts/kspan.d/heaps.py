# SPDX-License-Identifier: GPL-2.0
"""Heaps by stack, from any of the formats that kspan writes: heap, heap.txt and heap.folded.

Go's programs write the first two as well, and are read too.
"""
import collections
import math
import re

import pprof
from debugfs import Unreadable, check_tap, name_of, read_bytes

# The sample types, by pprof's names.
TYPES = ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space")
ZERO = (0, 0, 0, 0)

# rows: (cache, stack) -> values in the order of TYPES; a stack is functions, innermost first.
# types: those that the format knows. modules: function -> module, where that is known.
Heap = collections.namedtuple("Heap", "rows types modules")


def add(rows, key, values):
    """Counts values for a key."""
    rows[key] = tuple(map(sum, zip(rows.get(key, ZERO), values)))


def by(rows, key):
    """The rows that have the same key(cache, stack) as one."""
    sums = {}
    for (cache, stack), values in rows.items():
        add(sums, key(cache, stack), values)
    return sums


def stacks(heap):
    """By stack only."""
    return by(heap.rows, lambda cache, stack: stack)


# ---------------------------------------------------------------- the formats

def parse_pprof(data):
    """From profile.proto."""
    profile = pprof.Profile(data)
    if not set(TYPES) <= set(profile.types):
        raise pprof.Malformed("no heap profile, it has " + ", ".join(profile.types))
    order = [profile.types.index(name) for name in TYPES]
    rows, modules = {}, {}
    for sample in profile.samples():
        stack = []
        for location in sample.locations:
            for name, module in profile.frames(location):
                stack.append(name)
                modules[name] = module
        add(rows, (str(sample.labels.get("cache", "")), tuple(stack)),
            tuple(sample.values[i] for i in order))
    return Heap(rows, TYPES, modules)


RECORD = re.compile(r"(\d+): (\d+) \[(\d+): (\d+)\] @((?: 0x[0-9a-f]+)*)\s*$")


def scale(objects, size, rate):
    """What was sampled, as an estimate of what there was: what pprof does to this format."""
    if not objects or rate <= 1:
        return objects, size
    factor = 1 / -math.expm1(-size / objects / rate)
    return round(objects * factor), round(size * factor)


def parse_text(text):
    """From the legacy text, whose numbers are those of the samples."""
    lines = text.splitlines()
    head = re.match(r"heap profile: .*@ heap(?:_v2)?/(\d+)", lines[0])
    if not head:
        raise pprof.Malformed("line 1: not the head of a heap profile")
    records, names, modules = [], {}, {}
    for line in lines[1:]:
        record = RECORD.match(line)
        frame = re.match(r"#\t(0x[0-9a-f]+)\t(\S+?)(?:\+0x[0-9a-f]+)?(?:\t+(\S+))?$", line)
        if record:
            records.append((record, names := {}))
        elif frame:
            names[frame[1]] = frame[2]
            modules[frame[2]] = frame[3] or ""
    rows = {}
    for record, names in records:
        inuse = scale(int(record[1]), int(record[2]), int(head[1]))
        alloc = scale(int(record[3]), int(record[4]), int(head[1]))
        stack = tuple(names.get(address, address) for address in record[5].split())
        add(rows, ("", stack), alloc + inuse)
    return Heap(rows, TYPES, modules)


def parse_folded(text):
    """From the format of flame graph tools, here bytes in use."""
    rows = {}
    for number, line in enumerate(text.splitlines(), 1):
        stack, _, size = line.rpartition(" ")
        if not stack or not size.isdecimal():
            raise pprof.Malformed("line %d: not a stack and a number" % number)
        add(rows, ("", tuple(reversed(stack.split(";")))), (0, 0, 0, int(size)))
    return Heap(rows, ("inuse_space",), {})


def parse(data):
    """From any of them."""
    if data.startswith(b"heap profile:"):
        return parse_text(data.decode(errors="replace"))
    # An uncompressed profile begins with a sample type, a line of text with its first letter.
    if data[:2] == b"\x1f\x8b" or data[:1] == b"\x0a":
        return parse_pprof(data)
    return parse_folded(data.decode(errors="replace"))


# ---------------------------------------------------------------- where they are

def load(path):
    """The heap in a file."""
    try:
        with open(path, "rb") as file:
            return parse(file.read())
    except OSError as error:
        raise Unreadable("%s: %s" % (path, error.strerror)) from error
    except pprof.Malformed as error:
        raise Unreadable("%s: %s" % (path, error)) from error


def current(source):
    """The heap as it is, kspan's own or one of the kernel's."""
    check_tap(source)
    name = name_of("heap", source)
    try:
        return parse_pprof(read_bytes(name))
    except pprof.Malformed as error:
        raise Unreadable("%s: %s" % (name, error)) from error
