# SPDX-License-Identifier: GPL-2.0
"""What is kept from run to run: verdicts, so that an interrupted run goes on, and its seed."""

import hashlib
import json
import pathlib
import secrets

import judge

# What a verdict depends on, besides the mutant and the kernel.
INPUTS = ("Kbuild", "Makefile", "include", "mm", "kunit", "scripts/guest", "scripts/guest.d/init",
          "scripts/guest.d/scan", "scripts/guest-tests", "scripts/tests/debug",
          "scripts/tests/lib.sh", "scripts/checks/lock-graph", "scripts/checks/rst_table.py",
          "scripts/checks/contexts", "scripts/checks/contexts.h", "scripts/checks/litmus",
          "Documentation/design.rst")
# What the mutants themselves depend on.
SOURCES = ("Kbuild", "include", "mm", "scripts/mutation")
KEPT = {".c", ".h", ".sh", ".rst", ".py", ""}


def hash_of(top, kernel, inputs=INPUTS):
    """The sources and tests as they are now, in one word."""
    top, total = pathlib.Path(top), hashlib.sha256(str(kernel).encode())
    for name in inputs:
        root = top / name
        for path in sorted(root.rglob("*") if root.is_dir() else [root]):
            hidden = path.name.startswith(".") or path.name.endswith(".mod.c")
            if path.is_file() and path.suffix in KEPT and not hidden and path.name != "equivalent":
                total.update(str(path.relative_to(top)).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:16]


class State:
    """A file of lines, each of them a verdict; the last one on a mutant counts."""

    def __init__(self, path, tree):
        self.path, self.tree, self.verdicts, self.seed = pathlib.Path(path), tree, {}, None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for line in self.path.read_text("utf-8").splitlines() if self.path.exists() else []:
            try:
                entry = json.loads(line)
            except ValueError:
                # What was being written when the machine went down.
                continue
            if entry.pop("tree", None) == tree:
                self.take(entry)

    def take(self, entry):
        """One line of the file."""
        if "seed" in entry:
            self.seed = entry["seed"]
        else:
            key = entry.pop("id")
            self.verdicts[key] = judge.Verdict(**entry)

    def append(self, **entry):
        """Adds a line."""
        with self.path.open("a+b") as file:
            # What was being written when a run was cut short has no end.
            if file.tell() and self.path.read_bytes()[-1:] != b"\n":
                file.write(b"\n")
            file.write(json.dumps({"tree": self.tree, **entry}).encode() + b"\n")

    def remember(self, mutant, verdict):
        """Keeps a verdict."""
        self.verdicts[mutant.key] = verdict
        self.append(id=mutant.key, **vars(verdict))

    def choose_seed(self):
        """The seed of a run that has not come to its end, else a new one."""
        if self.seed is None:
            self.seed = secrets.randbelow(10 ** 9)
            self.append(seed=self.seed)
        return self.seed

    def finish(self):
        """The next run has a seed of its own."""
        self.append(seed=None)
