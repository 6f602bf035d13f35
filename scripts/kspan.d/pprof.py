# SPDX-License-Identifier: GPL-2.0
"""Reads and writes profiles in pprof's profile.proto, compressed or not.

A message is a dictionary from field numbers to lists of values, integers or bytes: whatever
nothing here knows of is kept as it was. Field numbers are those of
github.com/google/pprof/proto/profile.proto.
"""
import collections
import gzip
import re
import zlib

# Fields of a profile.
SAMPLE_TYPE, SAMPLE, MAPPING, LOCATION, FUNCTION, STRING_TABLE = range(1, 7)
PERIOD, COMMENT = 12, 13

Sample = collections.namedtuple("Sample", "locations values labels")
# Its lines are (function, line), the innermost inlined one first.
Location = collections.namedtuple("Location", "id mapping address lines")
Function = collections.namedtuple("Function", "name system_name filename")

U64 = (1 << 64) - 1


class Malformed(ValueError):
    """Not a profile."""


# ---------------------------------------------------------------- protobuf

def read_varint(data, at):
    """The integer at AT, and where it ends."""
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Malformed("an integer does not end")
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if not byte & 0x80:
            return value & U64, at


def varint(value):
    """An integer as bytes."""
    value &= U64
    out = bytearray()
    while value >= 0x80:
        out.append(0x80 | value & 0x7f)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode(data):
    """The message in DATA."""
    message, at = {}, 0
    while at < len(data):
        key, at = read_varint(data, at)
        value, at = read_varint(data, at)
        if key & 7 == 2:
            if at + value > len(data):
                raise Malformed("it ends too early")
            value, at = data[at:at + value], at + value
        elif key & 7:
            raise Malformed("a field of wire type %d" % (key & 7))
        message.setdefault(key >> 3, []).append(value)
    return message


def encode(message):
    """The bytes of a message; integers that are 0 are the default, and left out."""
    out = bytearray()
    for field, values in sorted(message.items()):
        for value in values:
            if isinstance(value, bytes):
                out += varint(field << 3 | 2) + varint(len(value)) + value
            elif value:
                out += varint(field << 3) + varint(value)
    return bytes(out)


def integers(message, field):
    """A repeated field of integers, which may come packed."""
    for value in message.get(field, ()):
        if not isinstance(value, bytes):
            yield value
            continue
        at = 0
        while at < len(value):
            number, at = read_varint(value, at)
            yield number


def integer(message, field):
    """A field that is an integer, 0 unless it is there."""
    value = message.get(field, (0,))[-1]
    if isinstance(value, bytes):
        raise Malformed("field %d is no integer" % field)
    return value


def signed(value):
    """An int64."""
    return value - (1 << 64) if value >> 63 else value


# ---------------------------------------------------------------- profile.proto

class Profile:
    """A profile, from bytes that may be compressed."""

    def __init__(self, data):
        try:
            self.message = decode(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
        except (OSError, EOFError, zlib.error) as error:
            raise Malformed(str(error)) from error
        if SAMPLE_TYPE not in self.message or STRING_TABLE not in self.message:
            raise Malformed("no sample types, or no strings")
        for field in (SAMPLE_TYPE, SAMPLE, MAPPING, LOCATION, FUNCTION, STRING_TABLE):
            if not all(isinstance(value, bytes) for value in self.message.get(field, ())):
                raise Malformed("field %d is no message" % field)
        self.strings = [s.decode(errors="replace") for s in self.message[STRING_TABLE]]
        self.types = [self.string(integer(m, 1)) for m in self.messages(SAMPLE_TYPE)]
        self.period = signed(integer(self.message, PERIOD))
        self.comments = [self.string(index) for index in integers(self.message, COMMENT)]
        self.mappings = {integer(m, 1): self.string(integer(m, 5))
                         for m in self.messages(MAPPING)}
        self.builds = {integer(m, 1): self.string(integer(m, 6)) for m in self.messages(MAPPING)}
        self.functions = {
            integer(m, 1): Function(*(self.string(integer(m, field)) for field in (2, 3, 4)))
            for m in self.messages(FUNCTION)}
        self.locations = {}
        for m in self.messages(LOCATION):
            lines = [(integer(line, 1), signed(integer(line, 2)))
                     for line in map(decode, m.get(4, ()))]
            self.locations[integer(m, 1)] = Location(integer(m, 1), integer(m, 2),
                                                     integer(m, 3), lines)

    def messages(self, field):
        """The messages of a repeated field."""
        return map(decode, self.message.get(field, ()))

    def string(self, index):
        """A string of the table."""
        if index >= len(self.strings):
            raise Malformed("a string that is not there")
        return self.strings[index]

    def samples(self):
        """All samples. Labels are strings, or numbers."""
        for m in self.messages(SAMPLE):
            labels = {}
            for label in map(decode, m.get(3, ())):
                text = integer(label, 2)
                labels[self.string(integer(label, 1))] = (
                    self.string(text) if text else signed(integer(label, 3)))
            values = [signed(value) for value in integers(m, 2)]
            locations = list(integers(m, 1))
            if len(values) != len(self.types) or not all(l in self.locations for l in locations):
                raise Malformed("a sample of what is not there")
            yield Sample(locations, values, labels)

    def frames(self, location):
        """(function, module) of each frame at a location, the innermost first."""
        place = self.locations[location]
        module = self.mappings.get(place.mapping, "")
        for function, _ in place.lines:
            if function in self.functions:
                yield self.functions[function].name, module
        if not place.lines:
            yield "0x%x" % place.address, module


def kernel_comment(uname):
    """Says in a profile which kernel it is of: Linux, release, machine."""
    return " ".join((uname.sysname, uname.release, uname.machine))


def release_of(profile):
    """Which release that was, or "" if nothing says so."""
    for comment in profile.comments:
        found = re.match(r"Linux (\S+) \S+$", comment)
        if found:
            return found[1]
    return ""


class Symbols:
    """Adds functions and lines, build ids and a comment to a profile, and its bytes with them."""

    def __init__(self, profile):
        self.profile = profile
        self.strings = list(profile.message[STRING_TABLE])
        self.numbers = {text: number for number, text in enumerate(self.strings)}
        self.functions = {}
        self.next_function = max(profile.functions, default=0) + 1
        self.lines, self.builds, self.comments = {}, {}, []

    def string(self, text):
        """Its index in the table of strings."""
        text = text.encode()
        if text not in self.numbers:
            self.numbers[text] = len(self.strings)
            self.strings.append(text)
        return self.numbers[text]

    def function(self, name, system_name, filename):
        """Its id."""
        key = Function(name, system_name, filename)
        if key not in self.functions:
            self.functions[key] = self.next_function
            self.next_function += 1
        return self.functions[key]

    def set_lines(self, location, lines):
        """The frames at a location: (name, name in the symbol table, file, line) of each."""
        self.lines[location] = [(self.function(*line[:3]), line[3]) for line in lines]

    def set_build(self, mapping, build):
        """Which build of it that is, in hexadecimal digits."""
        self.builds[mapping] = self.string(build)

    def comment(self, text):
        """One that pprof shows with -comments."""
        self.comments.append(self.string(text))

    def encode(self):
        """The profile with all of it."""
        message = dict(self.profile.message)
        mapped = set()
        message[LOCATION] = []
        for m in self.profile.messages(LOCATION):
            lines = self.lines.get(integer(m, 1))
            if lines:
                mapped.add(integer(m, 2))
                m[4] = [encode({1: [function], 2: [line]}) for function, line in lines]
            message[LOCATION].append(encode(m))
        # What has no line keeps the functions that it had.
        used = {function for lines in self.lines.values() for function, _ in lines}
        for location in self.profile.locations.values():
            if location.id not in self.lines:
                used |= {function for function, _ in location.lines}
        message[FUNCTION] = [encode(m) for m in self.profile.messages(FUNCTION)
                             if integer(m, 1) in used]
        for key, number in self.functions.items():
            message[FUNCTION].append(encode({
                1: [number], 2: [self.string(key.name)], 3: [self.string(key.system_name)],
                4: [self.string(key.filename)]}))
        message[MAPPING] = []
        for m in self.profile.messages(MAPPING):
            if integer(m, 1) in mapped:
                m.update({7: [1], 8: [1], 9: [1], 10: [1]})
            if integer(m, 1) in self.builds:
                m[6] = [self.builds[integer(m, 1)]]
            message[MAPPING].append(encode(m))
        message[COMMENT] = message.get(COMMENT, []) + self.comments
        message[STRING_TABLE] = self.strings
        return encode(message)
