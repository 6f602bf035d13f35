# SPDX-License-Identifier: GPL-2.0
"""What is printed of mutants and verdicts."""

import collections

import judge


class Report:
    """Counts verdicts, and prints a line for each."""

    def __init__(self, equivalent):
        self.equivalent = equivalent
        self.passed = self.failed = 0
        self.by_file, self.by_operator = {}, {}

    def add(self, mutant, verdict):
        """One more. Those that the compiler does not tell from the sources do not count."""
        where = f"{mutant.id} {mutant.operator} {mutant.path}"
        where += f" {mutant.function}" if mutant.function else ""
        if verdict.state in (judge.SAME, judge.BROKEN):
            print(f"not counted: {where}: {verdict.state}", flush=True)
            return
        reason = self.equivalent.reason(mutant)
        dead = verdict.state == judge.KILLED
        if dead:
            print(f"killed: {where}: {verdict.by} ({verdict.seconds:.0f} s)", flush=True)
        elif reason:
            print(f"listed: {where}: {reason}", flush=True)
        else:
            print(f"ALIVE: {where}")
            print("".join(f"    {line}\n" for line in mutant.diff().splitlines()), end="")
            print("    " + self.ran(mutant, verdict), flush=True)
        self.passed += dead or bool(reason)
        self.failed += not dead and not reason
        for key, counts in ((mutant.path, self.by_file), (mutant.operator, self.by_operator)):
            # An equivalent mutant cannot die: it says nothing of the tests.
            counts.setdefault(key, collections.Counter())[
                "dead" if dead else "listed" if reason else "alive"] += 1

    @staticmethod
    def ran(mutant, verdict):
        """The tests that have not noticed it."""
        if mutant.operator == "patch":
            return verdict.by
        own = ", ".join(verdict.suites) or "none"
        return (f"ran over it: {verdict.passed} tests; of the suites {own} first, then all others, "
                "torture, recursion, the lock graph, a scan for leaks; clang's analysis of locks, "
                "what ties litmus tests to the code")

    def end(self, seed, left=0):
        """The score, and the line that a row ends with; so many are left to be judged."""
        for title, table in (("file", self.by_file), ("operator", self.by_operator)):
            print(f"\n{title:24} dead alive listed score")
            for key, counts in sorted(table.items()):
                print(f"{key:24} {counts['dead']:4} {counts['alive']:5} {counts['listed']:6} "
                      f"{score(counts)}")
        total = sum(self.by_operator.values(), collections.Counter())
        print(f"{'all':24} {total['dead']:4} {total['alive']:5} {total['listed']:6} {score(total)}")
        if left:
            print(f"{left} that these suites have not noticed are left for a run without --first")
        if seed is not None:
            print(f"seed {seed}")
        print(f"{self.passed} passed, {self.failed} failed", flush=True)


def score(counts):
    """Of those that can die, how many have."""
    able = counts["dead"] + counts["alive"]
    return f"{100 * counts['dead'] / able:4.0f}%" if able else "    -"
