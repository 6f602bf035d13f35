# SPDX-License-Identifier: GPL-2.0
"""The statements of a function, as operators take them: what can be left out, and where it ends."""

import re

from clang import cindex

CONTROL = {"if", "for", "while", "do", "switch", "return", "case", "default", "goto", "break",
           "continue", "{", ";", "else"}
LOOPS = ("FOR_STMT", "WHILE_STMT")
# What only looks, or is there for the tests alone: left out, nothing but a check is missing.
LOOKS = re.compile(r"lockdep_|might_|BUILD_BUG|VM_|kspan_test_point|static_assert|assert_")


class Statement:
    """One that does a thing, or an if; with its semicolon, and those of its block behind it."""

    def __init__(self, node, end, rest):
        self.node, self.start, self.end, self.rest = node, node.start, end, rest


def end_of(code, node):
    """Where a statement ends, semicolon included; None if its tokens are not in the file."""
    if node.end <= node.start or code.text[node.end - 1] in ";}":
        return node.end if node.end > node.start else None
    i = code.at(node.end)
    if i < len(code.tokens) and code.tokens[i].text == ";":
        return code.tokens[i].end
    return None


def blocks(function):
    """The lists of statements: each block, and each single one in the place of a block."""
    for node in function.nodes:
        if node.kind == "COMPOUND_STMT":
            if function.code.spells(node.start, "{"):
                yield [peeled for child in node.children for peeled in peel(child)]
        elif node.kind == "IF_STMT" and function.code.spells(node.start, "if"):
            for child in node.children[1:]:
                if child.kind not in ("COMPOUND_STMT", "IF_STMT"):
                    yield [child]
        elif node.kind in LOOPS and node.children:
            if node.children[-1].kind != "COMPOUND_STMT":
                yield [node.children[-1]]


def peel(node):
    """A statement without the labels before it."""
    while node.kind in ("LABEL_STMT", "CASE_STMT", "DEFAULT_STMT") and node.children:
        node = node.children[-1]
    yield node


def statements(function):
    """What can be left out: expressions and jumps, and an if that guards only a little."""
    code, seen = function.code, set()
    for block in blocks(function):
        for i, node in enumerate(block):
            end = end_of(code, node)
            if end is None or node.start in seen or node.kind == "DECL_STMT":
                continue
            first = code.tokens[code.at(node.start)]
            if first.start != node.start or first.text in ("__label__",):
                continue
            if LOOKS.match(first.text):
                continue
            if node.kind == "IF_STMT":
                if not code.spells(node.start, "if") or len(node.children) != 2 or not small(node):
                    continue
            elif node.kind in LOOPS:
                if not small(node):
                    continue
            elif node.kind not in ("BREAK_STMT", "CONTINUE_STMT", "GOTO_STMT"):
                if first.text in CONTROL or code.text[end - 1] != ";":
                    continue
            seen.add(node.start)
            yield Statement(node, end, block[i + 1:])


def small(node):
    """Whether an if or a loop has no more than two statements under it, and no other like it."""
    body = node.children[-1]
    inner = body.children if body.kind == "COMPOUND_STMT" else [body]
    return len(inner) <= 2 and all(
        child.kind not in ("IF_STMT", "SWITCH_STMT", *LOOPS) for child in inner)


def without(code, start, end):
    """The edit that leaves a statement out; what comes after it stays on its line."""
    return start, end, ";" + "\n" * code.text.count("\n", start, end)


def called(code, start):
    """The name of what is called, or used as a macro, by a statement that begins there."""
    i = code.at(start)
    if i + 1 < len(code.tokens) and code.tokens[i].kind == cindex.TokenKind.IDENTIFIER and \
            code.tokens[i + 1].text == "(":
        return code.tokens[i].text
    return None
