# SPDX-License-Identifier: GPL-2.0
"""Runs the tests over a mutant, and says what has noticed it."""

import pathlib
import re
import shutil
import subprocess

import guest

KILLED, ALIVE, SAME, BROKEN = "killed", "alive", "same", "does not build"
# Not noticed by those tests that have run, and others are to.
OPEN = "not noticed yet"
# Seconds that any guest may take, and a guest without a mutant.
LIMIT = 3600


class NoGuest(Exception):
    """What should have run the tests has not: that says nothing of a mutant."""


class Verdict:
    """What became of a mutant."""

    def __init__(self, state, by="", seconds=0.0, passed=0, suites=()):
        self.state, self.by, self.seconds = state, by, round(seconds, 1)
        self.passed, self.suites = passed, list(suites)


class Judge:
    """Boots a guest for each mutant, as the gate boots one for the sources as they are."""

    def __init__(self, top, modules, kernel, children, under=()):
        self.top, self.modules = pathlib.Path(top), pathlib.Path(modules)
        self.kernel, self.children, self.under = kernel, children, list(under)
        self.scripts = self.top / "scripts"
        self.bad = subprocess.run([self.scripts / "guest.d/scan", "--signs"], check=True,
                                  stdout=subprocess.PIPE, text=True).stdout.strip()
        self.patience = LIMIT

    def lay_out(self, directory, suites, only=False):
        """What a guest gets besides kspan.ko, which is there: the suites, those first that are
        named, or those only, and what else the gate loads."""
        kunit = directory / "kunit"
        # What the last guest has brought back goes as well.
        for old in ("kunit", "guest", "out"):
            shutil.rmtree(directory / old, ignore_errors=True)
        kunit.mkdir(parents=True)
        first = [f"kspan_{suite}_test.ko" for suite in suites]
        for path in self.modules.glob("kunit/*.ko"):
            if not only or path.name in first:
                (kunit / path.name).symlink_to(path)
        (kunit / "first").write_text("".join(name + "\n" for name in first))
        (kunit / "modules").mkdir()
        for name in ("client", "torture", "recursion"):
            (kunit / "modules" / name).symlink_to(self.modules / "kunit/modules" / name)

    def gate(self, directory, suites=(), enough=lambda console: console.sign):
        """What the gate does on its debug kernel, up to the first sign of a mistake."""
        self.lay_out(directory, suites)
        console = guest.Console(directory / "console.guest", self.bad)
        return guest.watch(
            self.children, [*self.under, self.scripts / "tests/debug"], console,
            directory / "output", enough, self.patience,
            {"ROW_SRC": directory, "ROW_KERNEL": self.kernel, "ROW_DIR": directory})

    def reference(self, directory):
        """The gate's guest without a mutant: how long it says nothing at most, in seconds, and
        the run; nothing can be judged if it fails."""
        run = self.gate(directory)
        if run.status or run.console.sign:
            return None, run
        return run.console.silence, run

    def of_mutant(self, directory, suites, only=False):
        """The verdict on the mutant that is built there; by those suites only, it is open if they
        have not noticed it."""
        run = self.first(directory, suites) if only else self.gate(directory, suites)
        verdict = Verdict(KILLED, run.console.sign, run.seconds, run.console.passed, suites)
        if run.console.sign:
            return verdict
        if run.hung:
            verdict.by = "hangs after: " + last(run.console.lines)
        elif no_guest(run):
            raise NoGuest(f"there was no guest: see {directory}/output")
        elif run.status:
            verdict.by = "afterwards: " + first_failure(directory / "output")
        else:
            verdict.state, verdict.by = OPEN if only else ALIVE, ""
        return verdict

    def suites_guest(self, directory, console, name, *options):
        """The command that boots a guest with the suites that are laid out there alone."""
        return [str(word) for word in (
            *self.under, self.scripts / "guest", "--kernel", self.kernel, "--numa", "2",
            "--log", console.path, "--out", directory / "out", "--name", name,
            "--timeout", LIMIT, "--no-kmemleak", *options,
            "--add", directory / "kspan.ko", "--add", f"{directory}/kunit:/kunit",
            "--add", self.scripts / "guest-tests/kunit.sh",
            "--add", self.scripts / "guest-tests/check.sh", "--", "/kunit.sh")]

    def first(self, directory, suites):
        """The suites of a source, and those that are for everything, up to the first sign."""
        self.lay_out(directory, suites, only=True)
        console = guest.Console(directory / "console.guest", self.bad)
        return guest.watch(
            self.children, self.suites_guest(directory, console, "first"), console,
            directory / "output", lambda console: console.sign, self.patience)

    def of_patch(self, directory, patch):
        """The verdict on a patch, which says what must have been seen of it."""
        self.lay_out(directory, patch.words("Suites"), only=True)
        console = guest.Console(directory / "console.guest", self.bad)
        signs = [re.compile(sign) for sign in patch.signs()]

        def missing(console):
            return [sign.pattern for sign in signs if not any(map(sign.search, console.lines))]

        def enough(console):
            return not patch.fields["Graph"] and not missing(console)

        command = self.suites_guest(
            directory, console, patch.id, "--smp", "3", "--append",
            f"no_hash_pointers kasan_multi_shot kunit.filter_glob={patch.only()}")
        run = guest.watch(self.children, command, console,
                          directory / "output", enough, self.patience)
        if not run.hung and not enough(console) and no_guest(run):
            raise NoGuest(f"there was no guest: see {directory}/output")
        absent = missing(console) + self.absent_in_graph(directory, patch)
        early = not enough(console) and not (directory / "out").exists()
        if early and not patch.ends:
            absent.append("the end of the guest")
        verdict = Verdict(ALIVE if absent else KILLED, "not seen: " + "; ".join(absent),
                          run.seconds, console.passed, patch.words("Suites"))
        if not absent:
            seen = [line for sign in signs for line in filter(sign.search, console.lines)]
            verdict.by = "; ".join(dict.fromkeys(line.strip() for line in seen[:4])) or "the graph"
        return verdict

    def absent_in_graph(self, directory, patch):
        """Which lines the judge of lock graphs does not print."""
        if not patch.fields["Graph"]:
            return []
        out = directory / "out"
        text = subprocess.run(
            [self.scripts / "checks/lock-graph", "--stats", out / "lockdep_stats", "--kallsyms",
             out / "kallsyms", out / "lockdep"], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False).stdout.decode(errors="replace")
        return [sign for sign in patch.fields["Graph"] if not re.search(sign, text)]


def no_guest(run):
    """Whether there was none, or somebody has ended it."""
    return run.status < 0 or run.status > 128 or not run.console.lines


def last(lines):
    """What a console has said last."""
    return next((line.strip() for line in reversed(lines) if line.strip()), "nothing")


def first_failure(path):
    """What a program of a row complains of first."""
    lines = path.read_text("utf-8", "replace").splitlines()
    for line in lines:
        if re.search(r"FAIL|not ok|did not|suites reported|edge|failed|panicked|timed out", line):
            return line.strip()
    return last(lines)
