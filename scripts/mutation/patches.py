# SPDX-License-Identifier: GPL-2.0
"""Mutants that no operator makes: patches in kunit/mutants, which say what must notice them.

The text above a patch says what the mistake is and then, in lines of their own,
  Suites: NAME...    which suites run, by the name before _test.c
  Fails: NAME        a test that must fail; may be given again, as may the next two
  Logs: REGEX        a line that must be in the kernel's log
  Graph: REGEX       a line that scripts/checks/lock-graph must print
  With: NAME...      other patches that are applied too
  Ends: HOW          "hung", where threads hang for good, and the guest is ended when all that
                     must be seen has been; "anyhow", where memory is destroyed
  Only: SUITE.TEST   the tests of those suites that run; a pattern. Else all, or the one that
                     must fail, if that is all there is to be seen
"""

import hashlib
import pathlib
import re
import subprocess
import tempfile

KEYS = {"Suites", "Fails", "Logs", "Graph", "With", "Ends", "Only"}
FIELD = re.compile(r"([A-Z][a-z]+): *(\S.*)")


class BadPatch(Exception):
    """One that does not apply any more, or that names what there is not."""


class Patch:
    """A mutant that was written by hand."""

    operator = "patch"
    function = ""

    def __init__(self, path, top):
        self.id, self.top, self.file = path.stem, pathlib.Path(top), path
        text = path.read_text(encoding="utf-8")
        head, _, body = text.partition("\n--- a/")
        self.key = f"{self.id} {hashlib.sha256(text.encode()).hexdigest()[:10]}"
        self.body = "--- a/" + body if body else ""
        self.fields = {key: [] for key in KEYS}
        for line in head.splitlines():
            if (match := FIELD.fullmatch(line)) and match[1] in KEYS:
                self.fields[match[1]].append(match[2])
        self.about = head.split("\n\n")[0]
        self.others = [Patch(path.with_name(name + ".patch"), top) for name in self.words("With")]
        paths = [path for patch in self.all()
                 for path in re.findall(r"^\+\+\+ b/(\S+)", patch.body, re.M)]
        if not paths:
            raise BadPatch(f"{path.name}: there is no patch in it")
        self.paths, self.path = sorted(set(paths)), paths[-1]
        for suite in self.words("Suites"):
            if not self.suite(suite):
                raise BadPatch(f"{path.name}: there is no suite {suite}")
        for test in self.fields["Fails"]:
            if not any(re.search(rf"\bKUNIT_CASE\w*\({test}\b", suite.read_text())
                       for suite in self.suites()):
                raise BadPatch(f"{path.name}: there is no test {test}")
        if not self.signs() + self.fields["Graph"] or not self.words("Suites"):
            raise BadPatch(f"{path.name}: it does not say what must notice it")

    def all(self):
        """This one and those it goes with, in the order in which they apply."""
        return [patch for other in self.others for patch in other.all()] + [self]

    def words(self, key):
        """What a field names."""
        return [word for line in self.fields[key] for word in line.split()]

    def suite(self, name):
        """The file of a suite, in a list; none if there is no such suite."""
        return list(self.top.glob(f"kunit/*/{name}_test.c"))

    def suites(self):
        """The sources of the suites that it names."""
        return [path for name in self.words("Suites") for path in self.suite(name)]

    @property
    def ends(self):
        """How its guest may come to an early end, if it may."""
        return "".join(self.fields["Ends"])

    def signs(self):
        """Regular expressions of what must be seen on the console."""
        return ([rf"^ *not ok [0-9]+ {test}( |$)" for test in self.fields["Fails"]] +
                self.fields["Logs"])

    def check(self, lines):
        """What must notice it may not be there without it."""
        for sign in self.signs():
            if any(re.search(sign, line) for line in lines):
                raise BadPatch(f"{self.file.name}: this is so without it: {sign}")

    def only(self):
        """The tests that run, as a pattern of KUnit."""
        if self.fields["Only"]:
            return self.fields["Only"][0]
        fails = self.fields["Fails"]
        alone = len(fails) == 1 and not self.fields["Logs"] and not self.fields["Graph"]
        return f"*.{fails[0]}" if alone else "*.*"

    def texts(self):
        """The files with the change, by their paths."""
        with tempfile.TemporaryDirectory() as directory:
            for name in self.paths:
                target = pathlib.Path(directory, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes((self.top / name).read_bytes())
            for patch in self.all():
                done = subprocess.run(
                    ["patch", "-p1", "--no-backup-if-mismatch", "-d", directory],
                    input=patch.body.encode(), capture_output=True, check=False) \
                    if patch.body else None
                if done and done.returncode:
                    raise BadPatch(f"{patch.file.name}: {done.stdout.decode().strip()}")
            return {name: pathlib.Path(directory, name).read_bytes().decode("latin-1")
                    for name in self.paths}

    def diff(self):
        """The patch, with what it is about."""
        return "".join([self.about + "\n\n", *(patch.body for patch in self.all())])


def patches_of(top):
    """All of them, by their names."""
    return [Patch(path, top) for path in sorted(pathlib.Path(top, "kunit/mutants").glob("*.patch"))]
