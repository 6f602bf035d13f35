# SPDX-License-Identifier: GPL-2.0
"""Which suites belong to a source: the one definition."""

import pathlib
import re

WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
# Those that hold all functions against what is promised: they notice the most of what the suites of
# a source do not, the quickest first.
BROAD = ("events", "locks", "failures", "gfp", "counters", "reference")
# The others of the wing run as well where they are no more than this: more take minutes.
NEAR_MOST = 6


class Suites:
    """The suites of the tree, and the names that each of them uses."""

    def __init__(self, top, functions):
        self.words = {path.stem[:-len("_test")]: set(WORD.findall(path.read_text(encoding="utf-8")))
                      for path in sorted(pathlib.Path(top, "kunit").glob("*/*_test.c"))}
        self.wings = {path.stem[:-len("_test")]: path.parent.name
                      for path in pathlib.Path(top, "kunit").glob("*/*_test.c")}
        self.names = {}
        for path, name in functions:
            self.names.setdefault(pathlib.Path(path).stem, set()).add(name)

    def of(self, path, function):
        """Those for a function of mm/FOO.c or mm/FOO.h: FOO_test.c and FOO_*_test.c; then those
        that call the function; then those that call others of FOO, most first; then the others
        of its wing, if they are few; then those that are for everything."""
        stem, wing = pathlib.Path(path).stem, pathlib.Path(path).parent.name
        names, ranks = self.names.get(stem, set()), {}
        for suite, words in self.words.items():
            own = suite == stem or suite.startswith(stem + "_")
            calls = len(names & words)
            if own or calls:
                ranks[suite] = (not own, function not in words, -calls, suite)
        near = [suite for suite in sorted(self.words)
                if self.wings[suite] == wing and suite not in ranks]
        if len(near) > NEAR_MOST:
            near = []
        broad = [suite for suite in BROAD if suite not in ranks]
        return sorted(ranks, key=ranks.get) + near + broad
