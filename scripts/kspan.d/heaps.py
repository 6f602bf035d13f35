# SPDX-License-Identifier: GPL-2.0
"""Heaps by stack, from any of the formats that kspan writes: heap, heap.txt and heap.folded.

Go's programs write the first two as well, and are read too.
"""
import collections
import math
import re

import pprof
from debugfs import Unreadable, check_tap, name_of, read_bytes, read_text

# The sample types, by pprof's names.
TYPES = ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space")
ZERO = (0, 0, 0, 0)

# rows: (cache, stack) -> values in the order of TYPES; a stack is functions, innermost first.
# types: those that the format knows. modules: function -> module, where that is known. ages: of what is
# in use, by the same keys, where that is known.
Heap = collections.namedtuple("Heap", "rows types modules ages", defaults=({},))
# The youngest sample, their average, and the oldest, in seconds; and how many objects these stand for.
Ages = collections.namedtuple("Ages", "min average max objects")


def add(rows, key, values):
    """Counts values for a key."""
    rows[key] = tuple(map(sum, zip(rows.get(key, ZERO), values)))


def by(rows, key):
    """The rows that have the same key(cache, stack) as one."""
    sums = {}
    for (cache, stack), values in rows.items():
        add(sums, key(cache, stack), values)
    return sums


def add_ages(ages, key, other):
    """Counts ages for a key."""
    one = ages.get(key)
    if one:
        objects = one.objects + other.objects
        average = (one.average * one.objects + other.average * other.objects) / (objects or 1)
        other = Ages(min(one.min, other.min), average, max(one.max, other.max), objects)
    ages[key] = other


def ages_row(ages):
    """Ages as fields of a row, for programs."""
    return {"age_min_seconds": ages.min, "age_average_seconds": round(ages.average, 3),
            "age_max_seconds": ages.max}


def ages_by(heap, key):
    """The ages of rows that have the same key(cache, stack), as one."""
    ages = {}
    for (cache, stack), held in heap.ages.items():
        add_ages(ages, key(cache, stack), held)
    return ages


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
FRAME = re.compile(r"#\t(0x[0-9a-f]+)\t(\S+?)(?:\+0x[0-9a-f]+)?(?:\t+(\S+))?$")
# What the taps on the kernel's heaps know besides.
AGE = re.compile(r"# age: min ([0-9.]+) s, average ([0-9.]+) s, max ([0-9.]+) s; cache: (\S+)$")


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
    records, names, modules, known = [], {}, {}, {}
    for line in lines[1:]:
        if record := RECORD.match(line):
            records.append((record, names := {}, known := {}))
        elif frame := FRAME.match(line):
            names[frame[1]] = frame[2]
            modules[frame[2]] = frame[3] or ""
        elif age := AGE.match(line):
            known.update(cache=age[4], ages=[float(text) for text in age.groups()[:3]])
    rows, ages = {}, {}
    for record, names, known in records:
        inuse = scale(int(record[1]), int(record[2]), int(head[1]))
        alloc = scale(int(record[3]), int(record[4]), int(head[1]))
        stack = tuple(names.get(address, address) for address in record[5].split())
        key = known.get("cache", ""), stack
        add(rows, key, alloc + inuse)
        if known:
            add_ages(ages, key, Ages(*known["ages"], inuse[0]))
    return Heap(rows, TYPES, modules, ages)


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


def text_of(name, text):
    """The heap in the text of that file: the format that has ages."""
    try:
        if not text.startswith("heap profile:"):
            raise pprof.Malformed("not a copy of heap.txt")
        return parse_text(text)
    except pprof.Malformed as error:
        raise Unreadable("%s: %s" % (name, error)) from error


def current_text(source):
    """The heap of a tap as it is, from that format."""
    check_tap(source)
    name = name_of("heap.txt", source)
    return text_of(name, read_text(name))
