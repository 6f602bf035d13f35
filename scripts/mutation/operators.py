# SPDX-License-Identifier: GPL-2.0
"""The operators: what mistakes look like.

Each takes a function and yields edits, an edit being a tuple of (start, end, text): what is put
in place of what stands there. Where two operators make the same edit, it is the earlier one's.
"""

import re

from clang import cindex

from statements import LOOKS, called, statements, without

IDENTIFIER, LITERAL = cindex.TokenKind.IDENTIFIER, cindex.TokenKind.LITERAL
INTEGERS = {
    getattr(cindex.TypeKind, name) for name in (
        "BOOL", "CHAR_U", "UCHAR", "USHORT", "UINT", "ULONG", "ULONGLONG", "CHAR_S", "SCHAR",
        "SHORT", "INT", "LONG", "LONGLONG", "ENUM")}
# What ends what the other has begun.
PAIRS = {
    "kspan_lock": "kspan_unlock", "spin_lock": "spin_unlock",
    "spin_lock_irqsave": "spin_unlock_irqrestore", "spin_lock_irq": "spin_unlock_irq",
    "raw_spin_lock": "raw_spin_unlock", "spin_lock_bh": "spin_unlock_bh",
    "raw_spin_lock_irqsave": "raw_spin_unlock_irqrestore",
    "mutex_lock": "mutex_unlock", "rcu_read_lock": "rcu_read_unlock",
    "preempt_disable": "preempt_enable", "local_irq_save": "local_irq_restore",
    "cpus_read_lock": "cpus_read_unlock", "get_online_mems": "put_online_mems",
}
CLEANUP = re.compile(r"unlock|put|free|destroy|release|delete|close|drop|cancel|remove|unregister"
                     r"|undo|restore|leave|uncharge|abort|enable$|^list_del|erase")
# A call of the first is the text after it; {0} and {1} are its arguments.
PLAIN_ACCESS = {
    "READ_ONCE": "({0})", "WRITE_ONCE": "{0} = {1}", "smp_load_acquire": "(*({0}))",
    "smp_store_release": "*({0}) = {1}", "rcu_dereference": "({0})",
    "rcu_dereference_check": "({0})", "rcu_dereference_protected": "({0})",
    "rcu_assign_pointer": "{0} = {1}",
}
BARRIERS = {"smp_mb", "smp_rmb", "smp_wmb", "barrier", "smp_mb__before_atomic",
            "smp_mb__after_atomic", "synchronize_rcu", "rcu_barrier", "synchronize_rcu_expedited"}
BOUNDARIES = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
OTHER_GFP = {"GFP_KERNEL": "GFP_NOWAIT", "GFP_ATOMIC": "GFP_KERNEL", "GFP_NOWAIT": "GFP_KERNEL",
             "GFP_NOFS": "GFP_KERNEL", "GFP_NOIO": "GFP_KERNEL"}
ORDERED = {"-", "/", "%", "<<", ">>"}


def lock(function):
    """A lock is neither taken nor released."""
    code, begun, ended = function.code, {}, {}
    for statement in statements(function):
        name = called(code, statement.start)
        if name not in PAIRS and name not in PAIRS.values():
            continue
        argument = code.split(code.at(statement.start) + 1)[0]
        what = code.text[slice(*argument)] if argument else ""
        places = begun if name in PAIRS else ended
        places.setdefault((PAIRS.get(name, name), what), []).append(statement)
    for key, places in begun.items():
        if key in ended:
            both = sorted(places + ended[key], key=lambda statement: statement.start)
            yield tuple(without(code, one.start, one.end) for one in both)


def barrier(function):
    """A marked access becomes a plain one; a barrier, or a wait for readers, is left out."""
    code = function.code
    for i in range(code.at(function.body.start), code.at(function.body.end) - 1):
        name, token = code.tokens[i].text, code.tokens[i]
        if token.kind != IDENTIFIER or code.tokens[i + 1].text != "(":
            continue
        if name in PLAIN_ACCESS:
            arguments = [code.text[slice(*part)] for part in code.split(i + 1) if part]
            end = code.tokens[code.closing(i + 1)].end
            yield ((token.start, end, PLAIN_ACCESS[name].format(*arguments)),)
        elif name in BARRIERS:
            yield ((token.start, code.tokens[code.closing(i + 1)].end, "do { } while (0)"),)


def cleanup(function):
    """What an error path undoes is not undone."""
    code = function.code
    labels = [node for node in function.nodes if node.kind == "LABEL_STMT"]
    first = min((label.start for label in labels), default=len(code.text))
    for statement in statements(function):
        name = called(code, statement.start)
        leaves = statement.rest and statement.rest[-1].kind in ("RETURN_STMT", "GOTO_STMT")
        nested = statement.node.parent is not function.body
        if name and (statement.start > first or (leaves and nested and CLEANUP.search(name))):
            yield (without(code, statement.start, statement.end),)
    # To the label after the right one.
    names = [label.cursor.spelling for label in labels]
    for node in function.nodes:
        if node.kind == "GOTO_STMT" and code.spells(node.start, "goto"):
            label = code.tokens[code.at(node.start) + 1]
            if label.text in names[:-1]:
                other = names[names.index(label.text) + 1]
                yield ((label.start, label.end, other),)


def operands(code, node):
    """The operator's token and the two sides of a binary operator that is written out."""
    if len(node.children) != 2:
        return None
    left, right = node.children
    between = code.within(left.end, right.start)
    if left.start != node.start or right.end != node.end or len(between) != 1:
        return None
    if not all(code.whole(side.start, side.end) for side in (left, right)):
        return None
    return between[0], left, right


def source(code, node):
    """A node's text."""
    return code.text[node.start:node.end]


def is_flag(code, node):
    """Whether a constant is in it that has a name in capitals."""
    return any(t.kind == IDENTIFIER and len(t.text) > 3 and t.text.isupper()
               for t in code.within(node.start, node.end))


def flag(function):
    """One flag of several is missing, or what masks them; memory is asked for in another way."""
    code = function.code
    for node in function.nodes:
        if node.kind == "BINARY_OPERATOR" and (parts := operands(code, node)):
            operator, left, right = parts
            if operator.text == "|" and (is_flag(code, left) or is_flag(code, right)):
                yield ((node.start, node.end, source(code, left)),)
                yield ((node.start, node.end, source(code, right)),)
            elif operator.text == "&" and (code.spells(right.start, "~") or
                                           is_gfp(node)):
                yield ((node.start, node.end, source(code, left)),)
        if is_gfp(node) and is_argument(code, node):
            yield ((node.start, node.end, "GFP_KERNEL"),)
            yield ((node.start, node.end, "GFP_NOWAIT"),)
    for token in code.within(function.body.start, function.body.end):
        if token.kind == IDENTIFIER and token.text in OTHER_GFP:
            yield ((token.start, token.end, OTHER_GFP[token.text]),)


def is_gfp(node):
    """Whether it says how memory is to be had: clang forgets the type's name in expressions."""
    if node.kind == "CALL_EXPR":
        return False
    return node.cursor.type.spelling == "gfp_t" or (
        node.kind in ("BINARY_OPERATOR", "PAREN_EXPR", "UNEXPOSED_EXPR") and
        any(is_gfp(child) for child in node.children))


def is_argument(code, node):
    """Whether it is one of several arguments, of a function or of a macro."""
    if not code.whole(node.start, node.end):
        return False
    before, after = (code.tokens[i].text for i in (code.at(node.start) - 1, code.at(node.end)))
    return before == "," and after in (",", ")")


def is_call(code, node):
    """Whether it is a call of a function by its name, each argument in its place."""
    if not node.children or called(code, node.start) != node.cursor.spelling:
        return False
    i = code.at(node.start) + 1
    places = [part for part in code.split(i) if part]
    return places == [(child.start, child.end) for child in node.children[1:]]


def like(one, other):
    """Whether two arguments can stand in each other's place."""
    one, other = one.cursor.type.get_canonical(), other.cursor.type.get_canonical()
    if one.kind in INTEGERS and other.kind in INTEGERS:
        return True
    if one.kind == other.kind == cindex.TypeKind.POINTER:
        names = {kind.get_pointee().spelling.replace("const ", "") for kind in (one, other)}
        return len(names) == 1 or "void" in names
    return False


def exchanged(code, node, one, other):
    """The edit that exchanges two parts of a node."""
    text = code.text
    return ((node.start, node.end, text[node.start:one.start] + source(code, other) +
             text[one.end:other.start] + source(code, one) + text[other.end:node.end]),)


def swap(function):
    """Two arguments, two sides or two constants are taken for each other."""
    code = function.code
    for node in function.nodes:
        if node.kind == "CALL_EXPR" and is_call(code, node):
            for one, other in zip(node.children[1:], node.children[2:]):
                if like(one, other) and source(code, one) != source(code, other):
                    yield exchanged(code, node, one, other)
        elif node.kind == "BINARY_OPERATOR" and (parts := operands(code, node)):
            operator, left, right = parts
            if operator.text in ORDERED and all(
                    side.cursor.type.get_canonical().kind in INTEGERS for side in (left, right)):
                yield exchanged(code, node, left, right)
        elif node.kind == "DECL_REF_EXPR" and code.only(
                node.start, node.end, node.cursor.spelling):
            definition = node.cursor.referenced
            if definition.kind == cindex.CursorKind.ENUM_CONSTANT_DECL:
                names = [child.spelling for child in definition.semantic_parent.get_children()]
                other = names[(names.index(definition.spelling) + 1) % len(names)]
                if other != definition.spelling:
                    yield ((node.start, node.end, other),)


def off_by_one(function):
    """A boundary is on the wrong side; a number is one more or one less."""
    code = function.code
    for node in function.nodes:
        if node.kind == "BINARY_OPERATOR" and (parts := operands(code, node)):
            operator = parts[0]
            if operator.text in BOUNDARIES:
                yield ((operator.start, operator.end, BOUNDARIES[operator.text]),)
        elif node.kind == "INTEGER_LITERAL":
            i = code.at(node.start)
            token = code.tokens[i]
            match = re.fullmatch(r"(0[xX][0-9a-fA-F]+|[1-9][0-9]*|0)([uUlL]*)", token.text)
            if token.start != node.start or token.kind != LITERAL or not match:
                continue
            value, form = int(match[1], 0), hex if match[1][1:2] in ("x", "X") else str
            for other in (value + 1, value - 1):
                if other >= 0:
                    yield ((token.start, token.end, form(other) + match[2]),)


def conditions(code, node):
    """Where the conditions of a node are written: (start, end)."""
    first = code.tokens[code.at(node.start)].text
    if node.kind in ("IF_STMT", "WHILE_STMT") and first in ("if", "while"):
        yield from code.split(code.at(node.start) + 1, ";")
    elif node.kind == "DO_STMT" and first == "do" and len(node.children) == 2:
        i = code.at(node.children[0].end)
        if code.tokens[i].text == "while":
            yield from code.split(i + 1, ";")
    elif node.kind == "FOR_STMT" and first == "for":
        parts = code.split(code.at(node.start) + 1, ";")
        if len(parts) == 3 and parts[1]:
            yield parts[1]
    elif node.kind == "CONDITIONAL_OPERATOR" and len(node.children) == 3:
        condition = node.children[0]
        if condition.start == node.start and code.spells(
                code.tokens[code.at(condition.end)].start, "?"):
            yield condition.start, condition.end
    elif node.kind == "BINARY_OPERATOR" and (parts := operands(code, node)):
        if parts[0].text in ("&&", "||"):
            for side in parts[1:]:
                yield side.start, side.end


def negate(function):
    """A condition, or a part of one, is the other way round."""
    code = function.code
    for node in function.nodes:
        for start, end in conditions(code, node):
            if code.whole(start, end):
                yield ((start, end, f"!({code.text[start:end]})"),)


def narrow(function):
    """A part of a condition is not asked for."""
    code = function.code
    for node in function.nodes:
        if node.kind == "BINARY_OPERATOR" and (parts := operands(code, node)):
            if parts[0].text in ("&&", "||"):
                for side in parts[1:]:
                    if not LOOKS.match(source(code, side)):
                        yield ((node.start, node.end, source(code, side)),)


def return_early(function):
    """A function returns before it has done anything, or, of those that return nothing, before
    each of its steps."""
    code, kind = function.code, function.result.kind
    steps = [node for node in function.body.children if node.kind != "DECL_STMT"]
    if not steps:
        return
    if kind == cindex.TypeKind.VOID:
        for step in steps:
            if code.tokens[code.at(step.start)].start == step.start:
                yield ((step.start, step.start, "return; "),)
        return
    if kind == cindex.TypeKind.POINTER:
        values = ["NULL"]
    elif kind == cindex.TypeKind.BOOL:
        values = ["false", "true"]
    elif kind in INTEGERS:
        values = ["0"]
    else:
        return
    for value in values:
        yield ((steps[0].start, steps[0].start, f"return {value}; "),)


def delete(function):
    """A statement is left out."""
    for statement in statements(function):
        yield (without(function.code, statement.start, statement.end),)


OPERATORS = {
    "lock": lock, "barrier": barrier, "cleanup": cleanup, "flag": flag, "swap": swap,
    "off-by-one": off_by_one, "negate": negate, "narrow": narrow, "return-early": return_early,
    "delete": delete,
}
