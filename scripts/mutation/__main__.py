# SPDX-License-Identifier: GPL-2.0
"""The mutation run; scripts/mutate says how it is used, and starts it."""

import argparse
import collections
import fcntl
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

import catalog
import equivalent
import guest
import judge
import looks
import operators
import patches
import report
import source
import state
import suites
import tree

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
# Seconds for which a guest may say nothing, where it is not known how long one without a mutant does.
PATIENCE = 900


def arguments():
    """The command line, as scripts/mutate explains it, and where things are."""
    parser = argparse.ArgumentParser(prog="scripts/mutate", allow_abbrev=False)
    for name in ("--kernel", "--modules", "--work"):
        parser.add_argument(name, type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--file", action="append", default=[])
    parser.add_argument("--operator", action="append", default=[],
                        choices=[*operators.OPERATORS, "patch"])
    parser.add_argument("--mutant", action="append", default=[], metavar="ID")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--no-patches", action="store_true")
    parser.add_argument("--first", action="store_true")
    parser.add_argument("--patience", type=int, default=PATIENCE, metavar="SECONDS")
    parser.add_argument("-j", dest="jobs", type=int, default=1, choices=(1, 2))
    parser.add_argument("--under", type=shlex.split, default=[])
    return parser.parse_args()


class Run:
    """A run: what is chosen, and what has become of it so far."""

    def __init__(self, options):
        options.work.mkdir(parents=True, exist_ok=True)
        self.options, self.children = options, guest.Children()
        self.state = state.State(options.work / "state", state.hash_of(TOP, options.kernel))
        self.equivalent = equivalent.Equivalent(TOP / "kunit/mutants/equivalent")
        self.report = report.Report(self.equivalent)
        self.judge = judge.Judge(TOP, options.modules, options.kernel, self.children,
                                 options.under)
        self.lock, self.left, self.errors = threading.Lock(), collections.deque(), []
        self.wanted, self.suites, self.seed, self.open = 0, None, None, 0

    # ---- What is chosen

    def catalog(self):
        """All mutants of the sources, and those of them that the options let through."""
        top = self.tree(0).path
        # Without those that are for a kernel's own tree alone.
        sources = [path for path in sorted(top.glob("mm/**/*.c"))
                   if path.with_suffix(".o").exists()]
        named = [path for path in sources if str(path.relative_to(top)) in self.options.file]
        if len(named) == len(self.options.file) > 0 and not self.options.mutant:
            sources = named

        def make():
            return catalog.catalog(top, self.options.kernel / "build", sources)

        if sources is named:
            mutants, names = make()
        else:
            key = state.hash_of(TOP, self.options.kernel, state.SOURCES)
            mutants, names = catalog.kept(self.options.work / "catalog", key, make)
            self.equivalent.check(mutants)
        self.suites = suites.Suites(TOP, names)
        return mutants

    def chosen(self):
        """The mutants in the order in which they are made, and how many of those that operators
        make are to count."""
        options = self.options
        by_hand = patches.patches_of(TOP)
        if options.mutant:
            some = [patch for patch in by_hand if patch.id in options.mutant]
            if len(some) < len(options.mutant):
                some += [mutant for mutant in self.catalog() if mutant.id in options.mutant]
            if len(some) < len(options.mutant):
                raise patches.BadPatch("there is no mutant of such a name: " +
                                       " ".join(options.mutant))
            some.sort(key=lambda mutant: mutant.operator != "patch")
            return some, len(options.mutant)
        if options.no_patches or options.file or options.operator not in ([], ["patch"]):
            by_hand = []
        if options.operator == ["patch"] or not options.count:
            return by_hand, 0
        some = [mutant for mutant in self.catalog()
                if (not options.file or mutant.path in options.file) and
                (not options.operator or mutant.operator in options.operator)]
        self.seed = self.state.choose_seed() if options.seed is None else options.seed
        print(f"{len(some)} mutants to choose from; seed {self.seed}", file=sys.stderr)
        return by_hand + list(catalog.shuffled(some, self.seed)), options.count

    # ---- What is done

    def tree(self, number):
        """The copy of the sources of one worker."""
        return tree.Tree(TOP, self.options.work / str(number), self.options.kernel,
                         self.options.under)

    def say(self, text):
        """A line of progress."""
        print(f"mutate: {text}", file=sys.stderr, flush=True)

    def reference(self, mutants):
        """Without a mutant everything must pass; how long that is silent sets the limit for what
        hangs."""
        verdict = self.state.verdicts.get("none")
        if verdict is None and not any(mutant.operator == "patch" for mutant in mutants) and (
                self.options.first or self.gate_has_passed()):
            self.judge.patience = self.options.patience
            return
        if verdict is None:
            self.say("the sources as they are")
            place = self.options.work / "none"
            place.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.tree(0).path / "kspan.ko", place / "kspan.ko")
            silence, run = self.judge.reference(place)
            if silence is None:
                raise tree.BuildFailed(
                    "without a mutant the tests fail: " +
                    (run.console.sign or judge.first_failure(place / "output")))
            verdict = judge.Verdict(f"silent for {silence:.0f} s", "", run.seconds,
                                    run.console.passed)
            self.state.append(id="none", **vars(verdict))
            self.say(f"{verdict.passed} tests pass in {verdict.seconds:.0f} s, {verdict.state}")
        for patch in mutants:
            if patch.operator == "patch":
                patch.check(guest.lines_of(self.options.work / "none/console.guest"))
        # An emulator on a busy machine may stand still for a while.
        self.judge.patience = 120 + 5 * int(verdict.state.split()[2])

    @staticmethod
    def gate_has_passed():
        """Whether all tests have passed, as scripts/test remembers, on a tree that has the same
        sources and tests as this one."""
        path = pathlib.Path(os.environ["KSPAN_CACHE"], "gate-passed")
        trees = path.read_text(encoding="utf-8").split() if path.exists() else []
        return any(not subprocess.run(
            ["git", "-C", TOP, "diff", "--quiet", tree_id, "--", *state.INPUTS],
            stderr=subprocess.DEVNULL, check=False).returncode for tree_id in reversed(trees))

    def verdict_on(self, mutant, copy, place):
        """Builds a mutant and runs the tests over it; None if these have not noticed it, and
        others are to."""
        began = time.monotonic()
        by_hand = mutant.operator == "patch"
        texts = mutant.texts() if by_hand else {mutant.path: mutant.new}
        try:
            copy.mutated(texts, place, self.children)
        except tree.SameCode:
            return judge.Verdict(judge.ALIVE if by_hand else judge.SAME, "the same code")
        except tree.BuildFailed as error:
            return judge.Verdict(judge.ALIVE if by_hand else judge.BROKEN, str(error)[-300:])
        built = time.monotonic() - began
        if by_hand:
            verdict = self.judge.of_patch(place, mutant)
        else:
            verdict = self.judge.of_mutant(
                place, self.suites.of(mutant.path, mutant.function), self.options.first)
            if verdict.state in (judge.OPEN, judge.ALIVE):
                with copy.written(texts):
                    found = looks.finding(self.children, TOP, copy.path, mutant.path,
                                          place / "looks")
                if found:
                    verdict.state, verdict.by = judge.KILLED, found
        self.say(f"{mutant.id}: {verdict.state}, built in {built:.0f} s, ran "
                 f"{verdict.seconds:.0f} s")
        return None if verdict.state == judge.OPEN else verdict

    def next(self):
        """The next mutant that is to be looked at, or None."""
        with self.lock:
            while self.left and (self.wanted > 0 or self.left[0].operator == "patch"):
                mutant = self.left.popleft()
                known = self.state.verdicts.get(mutant.key)
                if known and not self.options.again and not self.options.mutant:
                    self.settle(mutant, known)
                    continue
                # Given back if it does not count.
                self.wanted -= mutant.operator != "patch"
                return mutant
        return None

    def settle(self, mutant, verdict, taken=0):
        """Counts a verdict."""
        counts = verdict.state in (judge.KILLED, judge.ALIVE) and mutant.operator != "patch"
        self.wanted += taken - counts
        self.report.add(mutant, verdict)

    def work(self, number):
        """One worker."""
        try:
            copy, place = self.tree(number), self.options.work / str(number) / "guest"
            if number:
                copy.prepare(self.children)
            while (mutant := self.next()) is not None:
                verdict = self.verdict_on(mutant, copy, place)
                with self.lock:
                    if not verdict:
                        self.open += 1
                        continue
                    self.state.remember(mutant, verdict)
                    self.settle(mutant, verdict, mutant.operator != "patch")
        except guest.Interrupted:
            pass
        except Exception as error:  # pylint: disable=broad-except
            # Told by the main thread, which ends the others.
            self.errors.append(error)

    def go(self):
        """All of it: whether nothing is alive that should not be."""
        # One at a time in these trees; the lock goes with the process.
        alone = os.open(self.options.work, os.O_RDONLY)
        try:
            fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise judge.NoGuest(f"another run is at work in {self.options.work}") from error
        self.tree(0).prepare(self.children)
        mutants, self.wanted = self.chosen()
        if self.options.list:
            return self.show(mutants)
        self.reference(mutants)
        self.left.extend(mutants)
        threads = [threading.Thread(target=self.work, args=(number,))
                   for number in range(self.options.jobs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.5)
                if self.errors:
                    self.children.end_all()
        if self.errors:
            raise self.errors[0]
        self.report.end(self.seed, self.open)
        if self.seed is not None and self.options.seed is None and not self.open:
            self.state.finish()
        return not self.report.failed and not self.open

    def show(self, mutants):
        """Prints what would be made."""
        for mutant in mutants:
            if mutant.operator != "patch" and self.wanted <= 0:
                break
            self.wanted -= mutant.operator != "patch"
            print(f"{mutant.id} {mutant.operator} {mutant.path} {mutant.function}")
            print(mutant.diff())
        return True


def interrupt(_signal, _frame):
    """Ends everything once."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise guest.Interrupted


def main():
    """The status to exit with."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    run = None
    try:
        run = Run(arguments())
        return 0 if run.go() else 1
    except guest.Interrupted:
        print("mutate: interrupted; the next run goes on from here", file=sys.stderr)
        return 130
    except (tree.BuildFailed, patches.BadPatch, equivalent.BadList, source.Unreadable,
            judge.NoGuest, subprocess.CalledProcessError, OSError) as error:
        print(f"mutate: {error}", file=sys.stderr)
        return 2
    finally:
        if run:
            run.children.end_all()


if __name__ == "__main__":
    sys.exit(main())
