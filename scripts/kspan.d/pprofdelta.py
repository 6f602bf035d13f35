# SPDX-License-Identifier: GPL-2.0
"""The difference of two profiles of one program, as a profile.

As Go's net/http/pprof does for ?seconds=N: what was allocated meanwhile, and by how much
the heap in use has grown, or shrunk: a value may be negative. A stack that is the same in both is
left out. Stacks are the same if their addresses, functions, modules and labels are.
"""
import collections

import pprof
from pprof import FUNCTION, LOCATION, MAPPING, SAMPLE, SAMPLE_TYPE, STRING_TABLE
from pprof import decode, encode, integer, integers, signed, varint

# Fields of a profile that pprof.py has no use for.
TIME_NANOS, DURATION_NANOS, PERIOD_TYPE, PERIOD, DEFAULT_SAMPLE_TYPE = 9, 10, 11, 12, 14

Place = collections.namedtuple("Place", "module address lines")
Line = collections.namedtuple("Line", "name system_name filename line")
Label = collections.namedtuple("Label", "key text number unit")


def place(profile, location):
    """A location without ids, which are another profile's for something else."""
    lines = tuple(Line(*profile.functions[function], line) for function, line in location.lines
                  if function in profile.functions)
    return Place(profile.mappings.get(location.mapping, ""), location.address, lines)


def samples(profile):
    """(key, values) of each sample; keys are comparable between profiles."""
    places = {number: place(profile, location)
              for number, location in profile.locations.items()}
    # Checks them too.
    for message, sample in zip(profile.messages(SAMPLE), profile.samples()):
        labels = tuple(sorted(
            Label(profile.string(integer(m, 1)), profile.string(integer(m, 2)),
                  integer(m, 3), profile.string(integer(m, 4)))
            for m in map(decode, message.get(3, ()))))
        yield (tuple(places[number] for number in integers(message, 1)), labels), sample.values


class Writer:
    """A profile in the making. Whatever is named gets the next number of its kind."""

    def __init__(self):
        self.strings = {"": 0}
        self.numbers = {MAPPING: {}, FUNCTION: {}, LOCATION: {}}
        self.message = collections.defaultdict(list)

    def string(self, text):
        """Its index in the table of strings."""
        return self.strings.setdefault(text, len(self.strings))

    def number(self, field, key, fields):
        """The id of KEY; FIELDS() are those of a new one."""
        ids = self.numbers[field]
        if key not in ids:
            # What it names in turn comes first, and is of another kind.
            new = fields()
            ids[key] = len(ids) + 1
            self.message[field].append(encode({1: [ids[key]], **new}))
        return ids[key]

    def mapping(self, module):
        """A module."""
        return self.number(MAPPING, module,
                           lambda: {5: [self.string(module)], 7: [1], 8: [1]})

    def function(self, line):
        """The function of a line."""
        names = line[:3]
        return self.number(FUNCTION, names, lambda: {
            field: [self.string(name)] for field, name in zip((2, 3, 4), names)})

    def location(self, where):
        """A Place."""
        return self.number(LOCATION, where, lambda: {
            2: [self.mapping(where.module)], 3: [where.address],
            4: [encode({1: [self.function(line)], 2: [line.line]}) for line in where.lines]})

    def sample(self, key, values):
        """A sample of a key of samples()."""
        places, labels = key
        self.message[SAMPLE].append(encode({
            1: [b"".join(varint(self.location(where)) for where in places)],
            2: [b"".join(map(varint, values))],
            3: [encode({1: [self.string(label.key)], 2: [self.string(label.text)],
                        3: [label.number], 4: [self.string(label.unit)]}) for label in labels]}))

    def value_type(self, profile, data):
        """A type and its unit, from another profile."""
        old = decode(data)
        return encode({field: [self.string(profile.string(integer(old, field)))]
                       for field in (1, 2)})

    def encode(self):
        """The profile."""
        self.message[STRING_TABLE] = [text.encode() for text in self.strings]
        return encode(self.message)


def difference(before, after):
    """What AFTER, a pprof.Profile, has more than BEFORE, uncompressed."""
    if before.types != after.types:
        raise pprof.Malformed("two profiles of other types")
    sums = {}
    for key, values in samples(after):
        sums[key] = [a + b for a, b in zip(sums.get(key, [0] * len(values)), values)]
    for key, values in samples(before):
        sums[key] = [a - b for a, b in zip(sums.get(key, [0] * len(values)), values)]

    out = Writer()
    for data in after.message[SAMPLE_TYPE]:
        out.message[SAMPLE_TYPE].append(out.value_type(after, data))
    # The first mapping is the "main binary".
    for module in after.mappings.values():
        out.mapping(module)
    for key, values in sums.items():
        if any(values):
            out.sample(key, values)
    began, ended = (signed(integer(p.message, TIME_NANOS)) for p in (before, after))
    out.message[TIME_NANOS] = [ended]
    out.message[DURATION_NANOS] = [max(ended - began, 0)]
    out.message[PERIOD_TYPE] = [out.value_type(after, data)
                                for data in after.message.get(PERIOD_TYPE, ())]
    out.message[PERIOD] = [after.period]
    default = after.string(integer(after.message, DEFAULT_SAMPLE_TYPE))
    out.message[DEFAULT_SAMPLE_TYPE] = [out.string(default)]
    return out.encode()
