# SPDX-License-Identifier: GPL-2.0
"""Lines of source for addresses of a running kernel, from files with debug information.

binutils read those files: readelf what is in them, addr2line the lines. What is done here is to find
the file, and where the kernel had loaded what is in it: a profile has addresses as they were, and
names. The functions that the addresses lie in are those of the file, at other addresses; the one
difference that fits them all is where it was loaded.
"""
import collections
import os
import re
import shutil
import subprocess

from debugfs import SYSTEM, Unreadable, built_here

# Where a kernel may be: x86-64 loads it at multiples of this, arm64 at such and others.
KERNEL_ALIGN = (2 << 20, 64 << 10, 4096)
# The memory of a module's code begins with a page.
MODULE_ALIGN = (4096,)

# One function: its section, its offset there (in a kernel: its address), its bytes.
Symbol = collections.namedtuple("Symbol", "section value size")
# A place in a profile: its address, and the name of the function that it is in.
Place = collections.namedtuple("Place", "address function")
Frame = collections.namedtuple("Frame", "function file line")


def binutils(*command, text=None):
    """What one of them prints."""
    if not shutil.which(command[0]):
        raise Unreadable("there is no %s: install binutils" % command[0])
    done = subprocess.run(command, input=text, stdin=None if text else subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False,
                          text=True, errors="replace", env={**os.environ, "LC_ALL": "C"})
    return done.stdout


class DebugFile:
    """A kernel or a module with what its compiler left about it."""

    SECTION = re.compile(r" *\[ *(\d+)\] (\S+) +[A-Z]\S* +[0-9a-f]+ [0-9a-f]+ ([0-9a-f]+) \S\S +"
                         r"([A-Za-z]*) +\d+ +\d+ +(\d+)$")

    def __init__(self, path):
        self.path = path
        head = binutils("readelf", "-W", "-h", "-S", "-n", path)
        self.relocatable = " REL (" in head
        found = re.search(r"Build ID: ([0-9a-f]+)", head)
        self.build = found[1] if found else ""
        self.has_lines = ".debug_info" in head
        # Sections of code, each with its offset in the memory that the kernel lays them out in: those
        # that stay, and those that are for the beginning alone.
        self.sections, ends = {}, {True: 0, False: 0}
        for line in head.splitlines():
            section = self.SECTION.match(line)
            if section and {"A", "X"} <= set(section[4]):
                size, align = int(section[3], 16), max(int(section[5]), 1)
                start = section[2].startswith(".init")
                at = -(-ends[start] // align) * align
                ends[start] = at + size
                self.sections[section[1]] = (section[2], start, at, size)

    def symbols(self, names):
        """The functions of those names: name -> those that are called so."""
        found = collections.defaultdict(list)
        for line in binutils("readelf", "-W", "-s", self.path).splitlines():
            field = line.split()
            if len(field) == 8 and field[7] in names and field[6] in self.sections:
                # Sizes are decimal, but for large ones.
                found[field[7]].append(Symbol(field[6], int(field[1], 16), int(field[2], 0)))
        return found

    def offset(self, symbol):
        """Of a function: whether it is for the beginning, and where it is in that memory."""
        if not self.relocatable:
            return False, symbol.value
        _, start, at, _ = self.sections[symbol.section]
        return start, at + symbol.value

    def bases(self, symbols, place, align):
        """Where the file can have been loaded if that place is in one of these functions."""
        for symbol in symbols:
            start, offset = self.offset(symbol)
            base = (place.address - offset) // align * align
            while symbol.size and base > place.address - offset - symbol.size:
                yield start, base
                base -= align

    @staticmethod
    def best(left):
        """Of places and where the file can have been loaded for each, the one where it was for most
        of them, and which these are; None where several are as good for the same: then the functions
        are too large to tell."""
        votes = collections.defaultdict(list)
        for place, bases in left.items():
            for base in bases:
                votes[base].append(place)
        most = max(map(len, votes.values()), default=0)
        best = [base for base, places in sorted(votes.items()) if len(places) == most]
        alone = [base for base in best if [votes[other] for other in best].count(votes[base]) == 1]
        return (alone[0], votes[alone[0]]) if alone else None

    def loaded(self, places, sure):
        """Places -> where the file was loaded. A module may have been at several places, one after
        the other; that is believed only of a file that is SURE to be the right one. Empty: it
        does not fit."""
        symbols = self.symbols({place.function for place in places})
        # Labels in assembly have no size to go by.
        sized = [place for place in places if any(symbol.size for symbol in symbols[place.function])]
        result = {}
        for align in MODULE_ALIGN if self.relocatable else KERNEL_ALIGN:
            left = {place: set(self.bases(symbols[place.function], place, align))
                    for place in sized}
            found = {}
            while (best := self.best(left)):
                (start, base), taken = best
                for place in taken:
                    found[place] = (start, base)
                    del left[place]
                if not (sure and self.relocatable):
                    left = {place: {other for other in bases if other[0] != start}
                            for place, bases in left.items()}
            if len(found) > len(result) and (sure or len(found) == len(sized)):
                result = found
            if len(result) == len(sized):
                break
        if result and not self.relocatable:
            where = next(iter(result.values()))
            result.update((place, where) for place in places if place not in sized)
        return result

    def lines(self, places, sure):
        """Places -> their frames, the innermost first; without those of which nothing is known."""
        found, asked = {}, collections.defaultdict(list)
        for place, (start, base) in self.loaded(places, sure).items():
            at = place.address - base
            if not self.relocatable:
                asked[""].append((place, at))
                continue
            for name, begins, offset, size in self.sections.values():
                if begins == start and offset <= at < offset + size:
                    asked[name].append((place, at - offset))
        for section, addresses in asked.items():
            out = binutils("addr2line", "-a", "-i", "-f", "-e", self.path,
                           *(["-j", section] if section else []),
                           text="".join("0x%x\n" % at for _, at in addresses))
            answers = re.split(r"^0x[0-9a-f]+\n", out, flags=re.M)[1:]
            for (place, _), answer in zip(addresses, answers):
                frames = list(self.frames(answer.splitlines()))
                if frames:
                    found[place] = frames
        return found

    @staticmethod
    def frames(answer):
        """From a function and a line of source in turn."""
        for function, where in zip(answer[::2], answer[1::2]):
            where = re.match(r"(.*):(\d+)(?: \(discriminator \d+\))?$", where)
            if where and where[1] != "??" and int(where[2]):
                yield Frame(function, source_path(where[1]), int(where[2]))


def source_path(path):
    """A file of the source, from the top of its tree where that is known: Debian's kernels are built
    in a directory that nobody has."""
    return os.path.normpath(re.sub(r"^(?:.*/)?debian/build/[^/]+/", "", path))


# ---------------------------------------------------------------- where such files are

def module_name(path):
    """Of which module a file is, or vmlinux, by its name."""
    name = os.path.basename(path)
    if name.startswith("vmlinux"):
        return "vmlinux"
    return re.sub(r"(\.ko)?(\.debug)?$", "", name).replace("-", "_")


class Finder:
    """Files with debug information, of a kernel's release and for names of modules."""

    def __init__(self, release, given):
        self.release = release
        self.given = self.index(given)
        self.usual = None

    @staticmethod
    def index(paths):
        """Name -> files, in paths that are files or directories."""
        found = collections.defaultdict(list)
        for path in paths:
            if not os.path.isdir(path):
                found[module_name(path)].append(path)
            for directory, _, files in sorted(os.walk(path)):
                for name in sorted(files):
                    # Others than these nobody has debug information in.
                    if re.search(r"\.(ko|debug)$|^vmlinux(-|$)", name):
                        found[module_name(name)].append(os.path.join(directory, name))
        return found

    def candidates(self, name, build):
        """Files that may be it, those first that are meant to be."""
        yield from self.given[name]
        if build:
            yield "%s/usr/lib/debug/.build-id/%s/%s.debug" % (SYSTEM, build[:2], build[2:])
        if name == "vmlinux":
            for path in ("/usr/lib/debug/boot/vmlinux-%s", "/usr/lib/debug/lib/modules/%s/vmlinux",
                         "/lib/modules/%s/build/vmlinux"):
                yield SYSTEM + path % self.release
            return
        if self.usual is None:
            self.usual = self.index(SYSTEM + path + self.release
                                    for path in ("/usr/lib/debug/lib/modules/", "/lib/modules/"))
        yield from self.usual[name]
        if name == "kspan" and not SYSTEM and built_here():
            yield built_here()

    def find(self, name, build):
        """(file, "") with lines, or (None, why there is none)."""
        why = ""
        for path in self.candidates(name, build):
            if not os.path.exists(path):
                continue
            file = DebugFile(path)
            if build and file.build and file.build != build:
                why = why or "%s is of another build" % path
            elif not file.has_lines:
                why = why or "%s has no debug information" % path
            else:
                return file, ""
        return None, why
