# SPDX-License-Identifier: GPL-2.0
"""The list of mutants that change nothing that anyone can see: kunit/mutants/equivalent.

An entry is a paragraph: the file and the function, the lines that go and those that come, blanks
not counted, and the reason why nobody can see the change:

    mm/FILE.c function
    - a line as it is
    + the same line as the mutant has it
    Why nothing depends on it, in as many lines as it takes.

Where a function has the same line more than once, the entry is for all of them.
"""

import pathlib
import re


class BadList(Exception):
    """An entry that cannot be understood, or that is for no mutant."""


class Equivalent:
    """The entries, and which mutants they are for."""

    def __init__(self, path):
        self.entries, self.path = {}, pathlib.Path(path)
        text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        for paragraph in re.split(r"\n\s*\n", text):
            lines = [line for line in paragraph.splitlines() if not line.startswith("#")]
            if lines:
                self.add(lines)

    def add(self, lines):
        """One paragraph."""
        place = lines[0].split()
        changed = [line for line in lines[1:] if line.startswith(("- ", "+ "))]
        reason = [line for line in lines[1:] if line not in changed]
        if len(place) != 2 or not changed or not reason:
            raise BadList(f"{self.path}: not understood: {lines[0]}")
        key = (*place, tuple(line[0] + " " + " ".join(line[1:].split()) for line in changed))
        self.entries[key] = " ".join(line.strip() for line in reason)

    @staticmethod
    def key(mutant):
        """What an entry knows a mutant by."""
        return mutant.path, mutant.function, mutant.lines()

    def reason(self, mutant):
        """Why nobody can see it, or None."""
        if mutant.operator == "patch":
            return None
        return self.entries.get(self.key(mutant))

    def check(self, mutants):
        """Each entry must be for a mutant that there is."""
        unknown = self.entries.keys() - {self.key(mutant) for mutant in mutants}
        if unknown:
            raise BadList("\n".join(f"{self.path}: there is no such mutant: {path} {function}"
                                    for path, function, _ in sorted(unknown)))
