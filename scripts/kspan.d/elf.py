# SPDX-License-Identifier: GPL-2.0
"""Where a kernel or a module lay when a profile was taken.

A kernel is linked to one address and moved from it by KASLR; a module is relocatable, and its
sections are laid out when it is loaded. A profile has addresses and the names of functions
around them; the symbol table of the file has the functions' places. readelf of binutils reads
that.
"""
import collections
import re
import subprocess

from debugfs import Unreadable

PAGE = 4096

Symbol = collections.namedtuple("Symbol", "value size section")
Section = collections.namedtuple("Section", "name size flags align")


class Elf:
    """The functions and sections of a file."""

    def __init__(self, path):
        self.path = path
        self.sections, self.has_lines, self.relocatable = {}, False, False
        for line in self.readelf("-hS"):
            m = re.match(r" *\[ *(\d+)\] (\S+) +\S+ +[0-9a-f]+ [0-9a-f]+ ([0-9a-f]+) "
                         r"[0-9a-f]+ +([A-Za-z]*) +\d+ +\d+ +(\d+)$", line)
            if m:
                self.sections[m[1]] = Section(m[2], int(m[3], 16), m[4], int(m[5]))
                self.has_lines |= m[2] in (".debug_line", ".zdebug_line")
            elif re.match(r" *Type: +REL ", line):
                self.relocatable = True
        # name -> its symbols: static functions may share a name
        self.functions = collections.defaultdict(list)
        for line in self.readelf("-s"):
            words = line.split()
            if len(words) == 8 and words[3] in ("FUNC", "NOTYPE") and words[6] in self.sections:
                self.functions[words[7]].append(
                    Symbol(int(words[1], 16), int(words[2], 0), words[6]))

    def readelf(self, option):
        """What readelf says, by line."""
        done = subprocess.run(["readelf", "-W", option, self.path], capture_output=True,
                              text=True, errors="replace", check=False, env={"LC_ALL": "C"})
        if done.returncode or not done.stdout:
            raise Unreadable("%s: %s" % (self.path, done.stderr.strip().rpartition("rror: ")[2]
                                         or "not an ELF file"))
        return done.stdout.splitlines()

    # ---------------------------------------------------------------- where its parts lay

    def layout(self):
        """Section -> (region, offset in it), as the kernel lays out a module's code: what is
        for initialisation apart, each in the order of the file, from the start of a page. A
        kernel's sections have the addresses that they were linked to.
        """
        ends, places = collections.Counter(), {}
        for number, section in self.sections.items():
            if not self.relocatable:
                places[number] = ("", 0)
            elif "A" in section.flags and "X" in section.flags:
                region = "init" if section.name.startswith(".init") else "core"
                start = -(-ends[region] // max(section.align, 1)) * max(section.align, 1)
                places[number] = (region, start)
                ends[region] = start + section.size
        return places

    def bases_by_names(self, locations):
        """Section -> its address, from functions and addresses within them: there is one
        start, of a page, from which all fit.
        """
        places = self.layout()
        votes, voters = collections.defaultdict(collections.Counter), collections.Counter()
        for name, address in dict(locations).items():
            symbols = set(self.functions.get(name, ()))
            symbol = symbols.pop() if len(symbols) == 1 else None
            if not symbol or not symbol.size or symbol.section not in places:
                continue
            region, start = places[symbol.section]
            voters[region] += 1
            last = address - start - symbol.value
            for page in range(-(-(last - symbol.size + 1) // PAGE), last // PAGE + 1):
                votes[region][page * PAGE] += 1
        bases = {}
        for region, counts in votes.items():
            most = max(counts.values())
            best = [base for base, count in counts.items() if count == most]
            if most < 0.9 * voters[region]:
                raise Unreadable(self.path + ": not what the profile is of")
            if len(best) > 1:
                raise Unreadable(self.path + ": the profile has too few of its functions to "
                                 "tell where it lay; --kallsyms tells")
            for number, (where, start) in places.items():
                if where == region:
                    bases[number] = best[0] + start
        return bases

    def bases_by_kallsyms(self, kallsyms):
        """The same, from where its symbols were."""
        votes = collections.defaultdict(collections.Counter)
        for name, address in kallsyms.items():
            symbols = set(self.functions.get(name, ()))
            if len(symbols) == 1:
                symbol = symbols.pop()
                votes[symbol.section if self.relocatable else ""][address - symbol.value] += 1
        bases = {}
        for section, counts in votes.items():
            base, count = counts.most_common(1)[0]
            if count < 0.9 * sum(counts.values()):
                raise Unreadable(self.path + ": not what the copy of kallsyms is of")
            bases[section] = base
        if self.relocatable:
            return bases
        return {number: bases[""] for number in self.sections} if bases else {}

    def places(self, locations, kallsyms):
        """Address -> (section, address as addr2line wants it), for those of the locations, a
        function's name and an address, that are in this file.
        """
        bases = self.bases_by_kallsyms(kallsyms) if kallsyms else self.bases_by_names(locations)
        found = {}
        for name, address in locations:
            for symbol in self.functions.get(name, ()):
                if symbol.section not in bases:
                    continue
                place = address - bases[symbol.section]
                # What is written in assembly may have no size.
                if symbol.value <= place < symbol.value + (symbol.size or PAGE):
                    section = self.sections[symbol.section].name if self.relocatable else ""
                    found[address] = section, place
        return found
