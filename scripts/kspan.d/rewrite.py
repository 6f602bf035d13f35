# SPDX-License-Identifier: GPL-2.0
"""Profiles made from profiles: what was allocated meanwhile, and the largest stacks only.

A stack is the same in two profiles if its addresses, functions, modules and labels are: numbers of
locations, functions and strings are each profile's own.
"""
import collections

import pprof
from pprof import FUNCTION, LOCATION, MAPPING, PERIOD, SAMPLE, SAMPLE_TYPE, STRING_TABLE
from pprof import decode, encode, integer, integers, signed, varint

# Fields of a profile that pprof.py has no use for.
TIME_NANOS, DURATION_NANOS, PERIOD_TYPE, DEFAULT_SAMPLE_TYPE = 9, 10, 11, 14
# Sample types that only grow, until they are reset; others are as large as something is now.
CUMULATIVE = ("alloc_", "freed_")
# In place of stacks that are left out.
OTHERS = "(others)"
# Bytes of a sample with one location, four values and no labels.
LEAST_SAMPLE = 11
# By how much two clocks of one machine may differ, which are read one after the other.
SLACK = 10 ** 6

Place = collections.namedtuple("Place", "module address lines")
Line = collections.namedtuple("Line", "name system_name filename line")
Label = collections.namedtuple("Label", "key text number unit")


def instant(data):
    """The profile in DATA as one of a moment, which has no duration.

    The kernel's is since it was last reset, and readers take a profile that has one for what
    happened meanwhile. Of a field that is there twice the last one counts.
    """
    return data + bytes((DURATION_NANOS << 3, 0))


def duration(profile):
    """Nanoseconds since it was last reset."""
    return signed(integer(profile.message, DURATION_NANOS))


def was_reset(before, after, waited):
    """Whether the counts began anew between two profiles, of which the second was read WAITED
    nanoseconds after the first, or later: else its duration is longer by as much."""
    return duration(after) + SLACK < duration(before) + waited


def place(profile, location):
    """A location without numbers, which are another profile's for something else."""
    lines = tuple(Line(*profile.functions[function], line) for function, line in location.lines
                  if function in profile.functions)
    return Place(profile.mappings.get(location.mapping, ""), location.address, lines)


def samples(profile):
    """The profile's values by stack and labels."""
    places = {number: place(profile, location)
              for number, location in profile.locations.items()}
    sums = {}
    # samples() checks them too.
    for message, sample in zip(profile.messages(SAMPLE), profile.samples()):
        labels = tuple(sorted(
            Label(profile.string(integer(m, 1)), profile.string(integer(m, 2)),
                  integer(m, 3), profile.string(integer(m, 4)))
            for m in map(decode, message.get(3, ()))))
        key = tuple(places[number] for number in integers(message, 1)), labels
        sums[key] = list(map(sum, zip(sums[key], sample.values))) if key in sums else sample.values
    return sums


def since(before, after, types):
    """Values of AFTER, of which those that only grow are less what they were BEFORE, both as
    samples() has them. What was forgotten meanwhile and is back has begun anew."""
    grows = [name.startswith(CUMULATIVE) for name in types]
    changed = {}
    for key, values in after.items():
        was = before.get(key, [0] * len(types))
        if any(now < then for now, then, grow in zip(values, was, grows) if grow):
            was = [0] * len(types)
        values = [now - then if grow else now for now, then, grow in zip(values, was, grows)]
        if any(values):
            changed[key] = values
    return changed


def largest(values, most, which):
    """The MOST stacks with the largest value WHICH, and all others as one."""
    if len(values) <= most:
        return values
    order = sorted(values, key=lambda key: -values[key][which])
    kept = {key: values[key] for key in order[:most]}
    line = Line(OTHERS, OTHERS, "", 0)
    kept[(Place("", 0, (line,)),), ()] = list(map(sum, zip(*(values[key] for key in order[most:]))))
    return kept


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
            2: [self.mapping(where.module) if where.module else 0], 3: [where.address],
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


def write(profile, values, nanoseconds):
    """PROFILE with these values, which are of so many nanoseconds, or of a moment: 0."""
    out = Writer()
    for data in profile.message[SAMPLE_TYPE]:
        out.message[SAMPLE_TYPE].append(out.value_type(profile, data))
    # The first mapping is the "main binary".
    for module in profile.mappings.values():
        out.mapping(module)
    for key, row in values.items():
        out.sample(key, row)
    out.message[TIME_NANOS] = [integer(profile.message, TIME_NANOS)]
    out.message[DURATION_NANOS] = [nanoseconds]
    out.message[PERIOD_TYPE] = [out.value_type(profile, data)
                                for data in profile.message.get(PERIOD_TYPE, ())]
    out.message[PERIOD] = [profile.period]
    out.message[DEFAULT_SAMPLE_TYPE] = [out.string(default_type(profile))]
    return out.encode()


def default_type(profile):
    """The sample type that readers show first."""
    name = profile.string(integer(profile.message, DEFAULT_SAMPLE_TYPE))
    return name if name in profile.types else profile.types[-1]


def change(before, after, waited, top=None):
    """What happened between two profiles that were read WAITED nanoseconds apart, and what is in
    use at the end of it; of at most TOP stacks."""
    before, after = pprof.Profile(before), pprof.Profile(after)
    if before.types != after.types:
        raise pprof.Malformed("two profiles of other types")
    old = {} if was_reset(before, after, waited) else samples(before)
    return write(after, limited(after, since(old, samples(after), after.types), top), waited)


def has_more(data, top):
    """Whether a profile has more than TOP samples. The kernel's has them behind its sample types."""
    if len(data) <= top * LEAST_SAMPLE:
        return False
    at = count = 0
    while at < len(data) and data[at] in (SAMPLE_TYPE << 3 | 2, SAMPLE << 3 | 2):
        count += data[at] >> 3 == SAMPLE
        if count > top:
            return True
        length, at = pprof.read_varint(data, at + 1)
        at += length
    return False


def shorten(data, top):
    """A profile's TOP largest stacks, and the others as one. Whoever asks for more than there are
    pays for no more than a look."""
    if not has_more(data, top):
        return instant(data)
    profile = pprof.Profile(data)
    return write(profile, limited(profile, samples(profile), top), 0)


def limited(profile, values, top):
    """Of VALUES the TOP largest, by what readers show first; None are all."""
    if top is None:
        return values
    return largest(values, top, profile.types.index(default_type(profile)))
