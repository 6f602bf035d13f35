# SPDX-License-Identifier: GPL-2.0
"""The blocks of README.md and Documentation/*.rst that tests run or write to files.

A comment before a block says what is to be done with it, in Markdown

	<!-- run: guest -->		and in reStructuredText		.. run: guest
	```sh								.. code-block:: sh

where instead of "run: PLACE" may stand "file: NAME", which is the block's content, or
"not run: REASON". Used by the rows readme, which does it, and docs, which looks
whether a block of commands has no such comment.
"""

import collections
import glob
import os
import re
import textwrap

Block = collections.namedtuple("Block", "page kind what text")

MARKDOWN = re.compile(r"(?:<!-- (run|not run|file): (.+?) -->\n)?```(\w*)\n(.*?)^```$", re.M | re.S)
RST = re.compile(r"(?:^\.\. (run|not run|file): (.+)\n\n)?^\.\. code-block:: (\w+)\n\n"
                 r"((?:[ \t]+.*\n|\n)+)", re.M)
# A block without a language, that begins with what one may type.
RST_LITERAL = re.compile(r"::\n\n((?:[ \t]+.*\n|\n)+)")
COMMAND = re.compile(r"\s*(?:[A-Z_]+=\S+ )*(?:sudo |# |\$ )?(?:scripts/\S+|\./\S+|insmod|modprobe|rmmod|"
                     r"echo|cat|go tool|make|mount|apt|apt-get|dkms|cd|cp|curl|kspan|mokutil|"
                     r"modinfo|grep|sort)(?: |$)")


def top():
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def pages():
    """README.md first."""
    return [os.path.join(top(), "README.md")] + \
        sorted(glob.glob(os.path.join(top(), "Documentation/*.rst")))


def blocks_of(path):
    """Its blocks in a programming language, in order; kind is None without a comment."""
    page = os.path.splitext(os.path.basename(path))[0]
    with open(path, encoding="utf-8") as file:
        text = file.read()
    found = MARKDOWN if path.endswith(".md") else RST
    for kind, what, language, body in found.findall(text):
        if kind or language == "sh":
            yield Block(page, kind or None, what, textwrap.dedent(body).strip("\n") + "\n")
    if path.endswith(".rst"):
        for body in RST_LITERAL.findall(text):
            if COMMAND.match(body.split("\n")[0]):
                yield Block(page, None, "", textwrap.dedent(body).strip("\n") + "\n")


def blocks():
    return [block for path in pages() for block in blocks_of(path)]
