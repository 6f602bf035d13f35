# SPDX-License-Identifier: GPL-2.0
"""All mutants of the sources: what each changes, and the name by which it is found again."""

import collections
import difflib
import hashlib
import pathlib
import pickle
import random

import operators
import source


# What is there for the suites alone.
SEAMS = {"hooks"}


class Mutant:
    """One change of one function, by one operator."""

    def __init__(self, operator, function, edits):
        self.operator, self.path, self.function = operator, function.code.name, function.name
        self.static = function.static
        self.edits = edits
        self.old = function.code.text
        self.id = ""

    @property
    def key(self):
        """What a verdict on it is kept under."""
        return self.id

    @property
    def new(self):
        """The text of the file with the change."""
        text, last = [], 0
        for start, end, replacement in sorted(self.edits):
            text += [self.old[last:start], replacement]
            last = end
        return "".join(text) + self.old[last:]

    def diff(self):
        """The change as a patch."""
        lines = [[line.rstrip() for line in text.splitlines()] for text in (self.old, self.new)]
        return "\n".join(difflib.unified_diff(
            *lines, "a/" + self.path, "b/" + self.path, lineterm="")) + "\n"

    def lines(self):
        """The lines that are gone and those that have come, whatever their place."""
        changed = [line for line in self.diff().splitlines()[2:] if line[:1] in "+-"]
        return tuple(line[0] + " " + " ".join(line[1:].split()) for line in changed
                     if line[1:].strip())

    def name(self, number):
        """Gives it its name: the change's, and which of those that look the same it is."""
        self.id = hashlib.sha256(repr(
            (self.path, self.function, self.lines(), number)).encode()).hexdigest()[:10]


def functions_of(top, build, sources, directory="mm"):
    """The functions of those sources and of the headers beside them, each once."""
    reader = source.Reader(top, directory, build)
    for path in sources:
        path = pathlib.Path(path)
        command = path.with_name(f".{path.stem}.o.cmd")
        for function in reader.functions(path, source.flags_of(command)):
            if pathlib.Path(function.code.name).stem not in SEAMS:
                yield function


def mutants_of(functions):
    """All mutants, in the order of the files and functions."""
    mutants, texts, counts = [], set(), collections.Counter()
    for function in functions:
        for operator, make in operators.OPERATORS.items():
            for edits in make(function):
                mutant = Mutant(operator, function, edits)
                key = mutant.path, tuple(sorted(edits))
                if key in texts or mutant.new == mutant.old:
                    continue
                texts.add(key)
                mutants.append(mutant)
    mutants.sort(key=lambda mutant: (mutant.path, mutant.edits, mutant.operator))
    for mutant in mutants:
        key = mutant.path, mutant.function, mutant.lines()
        counts[key] += 1
        mutant.name(counts[key])
    return mutants


def shuffled(mutants, seed):
    """All of them, by chance: each operator as often as any other as long as it has some left,
    since there are many conditions and few locks."""
    chance = random.Random(seed)
    left = {name: [] for name in operators.OPERATORS}
    for mutant in sorted(mutants, key=lambda mutant: mutant.id):
        left[mutant.operator].append(mutant)
    for some in left.values():
        chance.shuffle(some)
    while any(left.values()):
        names = [name for name, some in left.items() if some]
        chance.shuffle(names)
        for name in names:
            yield left[name].pop()


def catalog(top, build, sources):
    """All mutants of those sources, and the names of the functions that others may call: (file,
    name)."""
    functions = list(functions_of(top, build, sources))
    return mutants_of(functions), [(function.code.name, function.name) for function in functions
                                   if not function.static]


def kept(path, key, make):
    """As make(), which takes a minute; once for a key."""
    try:
        with path.open("rb") as file:
            found, value = pickle.load(file)
        if found == key:
            return value
    except (OSError, EOFError, ValueError, pickle.UnpicklingError):
        pass
    value = make()
    with path.open("wb") as file:
        pickle.dump((key, value), file)
    return value
