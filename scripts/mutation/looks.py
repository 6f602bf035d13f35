# SPDX-License-Identifier: GPL-2.0
"""What the gate finds by looking at sources alone, of one that has a mutant in it."""

import pathlib
import subprocess


def commands(top, tree, path):
    """The checks of the tree at `top` that look at the sources of another, and what of these
    they look at, so that a source that is one object costs seconds."""
    checks = pathlib.Path(top, "scripts/checks")
    if path.endswith(".c"):
        yield "contexts", [checks / "contexts", tree, path]
    yield "litmus", [checks / "litmus", "--findings", "--code", pathlib.Path(tree, "mm")]


def finding(children, top, tree, path, log):
    """What is said first of the source at `path` below `tree`, and by which check; None if there
    is nothing to be said."""
    for name, command in commands(top, tree, path):
        with open(log, "wb") as file:
            status = children.run([str(word) for word in command], stdout=file,
                                  stderr=subprocess.STDOUT)
        if status:
            text = pathlib.Path(log).read_text("utf-8", "replace").splitlines()
            return f"{name}: {text[0] if text else 'no word'}"
    return None
