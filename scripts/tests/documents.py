#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The blocks of README.md and Documentation/*.rst that tests run, or write to files.

usage: scripts/tests/documents.py PAGE NAME      prints a page's block of that name
       scripts/tests/documents.py PAGE NAME --output   prints what the page says it prints
       scripts/tests/documents.py PAGE --names   the names of its blocks, a line each
       scripts/tests/documents.py PAGE --plain   its blocks of commands that have none

A comment before a block says what it is:

	<!-- run: guest -->		in Markdown		.. run: guest		in reStructuredText
	```sh								.. code-block:: sh

where "file: NAME" may stand instead, for what that file contains.
"""

import collections
import os
import re
import sys
import textwrap

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
Block = collections.namedtuple("Block", "kind name language text")

MARKDOWN = re.compile(r"(?:<!-- (run|file): (\S+) -->\n)?^```(\w+)\n(.*?)^```$", re.M | re.S)
RST = re.compile(r"(?:^\.\. (run|file): (\S+)\n\n)?^\.\. code-block:: (\w+)\n\n"
                 r"((?:[ \t]+.*\n|\n)+)", re.M)


def blocks(page):
    """The blocks of a page, by its path in the tree, in their order; the name of one may be ''."""
    with open(os.path.join(TOP, page), encoding="utf-8") as file:
        text = file.read()
    for found in (MARKDOWN if page.endswith(".md") else RST).findall(text):
        yield Block(*found[:3], textwrap.dedent(found[3]).strip("\n") + "\n")


def output(page, name):
    """What the page says that a block's commands print: the literal block that follows, if any."""
    with open(os.path.join(TOP, page), encoding="utf-8") as file:
        text = file.read()
    for found in (MARKDOWN if page.endswith(".md") else RST).finditer(text):
        if found[2] == name:
            rest = re.split(r"^(?:```sh|\.\. code-block::)", text[found.end():], 1, re.M)[0]
            literal = re.search(r"^```\n(.*?)^```$|::\n\n((?:[ \t]+.*\n|\n)+)", rest, re.M | re.S
                                if page.endswith(".md") else re.M)
            return textwrap.dedent(literal[1] or literal[2]).strip("\n") + "\n" if literal else ""
    return ""


def main():
    if len(sys.argv) == 4 and sys.argv[3] == "--output":
        sys.stdout.write(output(*sys.argv[1:3]))
        return 0
    if sys.argv[1:] == ["--help"] or len(sys.argv) != 3:
        print(__doc__.strip())
        return 0 if sys.argv[1:] == ["--help"] else 2
    page, what = sys.argv[1:]
    if what == "--names":
        found = [block.name + "\n" for block in blocks(page) if block.name]
    elif what == "--plain":
        found = [block.text for block in blocks(page) if block.language == "sh" and not block.name]
    else:
        found = [block.text for block in blocks(page) if block.name == what]
        if len(found) != 1:
            print("%s has %d blocks %s" % (page, len(found), what), file=sys.stderr)
            return 1
    sys.stdout.write("".join(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
