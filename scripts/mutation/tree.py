# SPDX-License-Identifier: GPL-2.0
"""A copy of the sources in which one mutant after the other is built.

Only kspan is built here: suites and the other modules that tests load are the same for all. After
each mutant the objects come back that were there before, so that only what a mutant changes is
compiled, once.
"""

import contextlib
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

PARTS = ("Kbuild", "Makefile", "include", "mm")
# Static variables and the like have a number behind their name that only counts them.
NUMBERED = re.compile(rb"\.[0-9]+\b|(__UNIQUE_ID_\D*|__compiletime_assert_)[0-9]+")


class BuildFailed(Exception):
    """A mutant is no C; of the sources as they are, that something is missing."""


class SameCode(Exception):
    """The compiler makes the same of a mutant as of the sources."""


def code_of(path):
    """A hash of what is in an object: bytes and relocations of each section."""
    text = subprocess.run(["objdump", "-s", "-r", str(path)], check=True,
                          stdout=subprocess.PIPE).stdout
    text = b"\n".join(text.splitlines()[2:])
    return hashlib.sha256(NUMBERED.sub(b"", text)).digest()


class Tree:
    """The copy, in a directory of its own."""

    def __init__(self, top, directory, kernel, under=()):
        self.top, self.path = pathlib.Path(top), pathlib.Path(directory, "tree")
        self.kept = pathlib.Path(directory, "kept")
        self.log = pathlib.Path(directory, "make.log")
        self.kernel, self.under = pathlib.Path(kernel), list(under)
        self.codes = {}

    @property
    def build(self):
        """Where kbuild has the kernel."""
        return self.kernel / "build"

    def sources(self, top):
        """The files below a directory that are not made, by their paths."""
        found = {}
        for part in PARTS:
            root = top / part
            paths = root.rglob("*") if root.is_dir() else filter(pathlib.Path.is_file, [root])
            for path in paths:
                if path.suffix in (".c", ".h") and not path.name.endswith(".mod.c") or \
                        path.name in ("Kbuild", "Makefile"):
                    found[str(path.relative_to(top))] = path
        return found

    def make(self, children, under=()):
        """Builds what has changed."""
        jobs = f"-j{len(os.sched_getaffinity(0))}"
        with self.log.open("wb") as log:
            status = children.run([*under, "make", "-s", jobs, "-C", str(self.path),
                                   f"KDIR={self.build}"], stdout=log, stderr=subprocess.STDOUT)
        if status:
            raise BuildFailed(self.log.read_text("utf-8", "replace")[-2000:])

    def prepare(self, children):
        """The sources as they are now, built, with a copy of each object."""
        self.path.mkdir(parents=True, exist_ok=True)
        here, there = self.sources(self.path), self.sources(self.top)
        for name in here.keys() - there.keys():
            here[name].unlink()
        changed = [name for name, path in there.items()
                   if name not in here or path.read_bytes() != here[name].read_bytes()]
        for name in changed:
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(there[name], target)
        self.make(children, self.under if changed else ())
        shutil.rmtree(self.kept, ignore_errors=True)
        for path in self.made():
            kept = self.kept / path.relative_to(self.path)
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, kept)

    def made(self):
        """What make has made."""
        sources = set(self.sources(self.path).values())
        return [path for path in self.path.rglob("*") if path.is_file() and path not in sources]

    def code(self, path):
        """The hash of an object as it is without any mutant."""
        if path not in self.codes:
            self.codes[path] = code_of(path)
        return self.codes[path]

    @contextlib.contextmanager
    def written(self, texts):
        """With other texts of some files, as long as it is used."""
        try:
            for name, text in texts.items():
                kept = self.kept / name
                if not kept.exists():
                    shutil.copy2(self.path / name, kept)
                (self.path / name).write_bytes(text.encode("latin-1"))
            yield
        finally:
            self.restore(texts)

    def mutated(self, texts, target, children):
        """Builds kspan with other texts of some files, and leaves the module in a directory."""
        with self.written(texts):
            # A source is one object.
            headers = any(name.endswith(".h") for name in texts)
            self.make(children, self.under if headers else ())
            if not self.differs():
                raise SameCode
            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.path / "kspan.ko", target / "kspan.ko")

    def differs(self):
        """Whether any object has other code than without the mutant."""
        for path in self.path.glob("mm/**/*.o"):
            kept = self.kept / path.relative_to(self.path)
            if path.stat().st_mtime_ns != kept.stat().st_mtime_ns and \
                    code_of(path) != self.code(kept):
                return True
        return False

    def restore(self, names):
        """What was there before: the sources last, so that one who is killed meanwhile leaves
        some that will be built again."""
        for path in self.made():
            kept = self.kept / path.relative_to(self.path)
            if not kept.exists():
                path.unlink()
            elif path.stat().st_mtime_ns != kept.stat().st_mtime_ns:
                shutil.copy2(kept, path)
        for name in names:
            if (self.kept / name).exists():
                shutil.copy2(self.kept / name, self.path / name)
