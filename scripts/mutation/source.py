# SPDX-License-Identifier: GPL-2.0
"""C sources as clang reads them: tokens, and the tree of each function, by offsets in the file.

What a macro's definition brings has no place in the file, and its nodes cover the whole use of the
macro; what is given to a macro as an argument is where it was written. So a node is only trusted
after its tokens have been looked at, for which there are `Code.only` and `Code.spells`.
"""

import bisect
import ctypes
import pathlib
import shlex

from clang import cindex

OPENS = {"(": ")", "[": "]", "{": "}"}
CLOSES = set(OPENS.values())
# Of the flags that the kernel's build gives to gcc, those that decide what the parser sees.
PREFIXES = ("-I", "-D", "-U", "-std=")
PLAIN = ("-nostdinc", "-fshort-wchar", "-funsigned-char", "-m64")
WITH_VALUE = ("-include", "-isystem")


class Unreadable(Exception):
    """A source that clang does not understand, or flags that are not there."""


class Token:
    """A word of the file, from offset `start` to before `end`."""

    __slots__ = ("start", "end", "text", "kind")

    def __init__(self, start, end, text, kind):
        self.start, self.end, self.text, self.kind = start, end, text, kind


class Code:
    """A file's text and its tokens, without the comments."""

    def __init__(self, path, name, unit):
        # One character a byte, so that offsets are clang's.
        self.text = path.read_bytes().decode("latin-1")
        self.name = name
        handle = cindex.File.from_name(unit, str(path))
        whole = cindex.SourceRange.from_locations(
            cindex.SourceLocation.from_offset(unit, handle, 0),
            cindex.SourceLocation.from_offset(unit, handle, len(self.text)))
        self.tokens = [
            Token(t.extent.start.offset, t.extent.end.offset, t.spelling, t.kind)
            for t in unit.get_tokens(extent=whole) if t.kind != cindex.TokenKind.COMMENT]
        self.starts = [token.start for token in self.tokens]

    def at(self, offset):
        """The index of the first token that begins at the offset or after it."""
        return bisect.bisect_left(self.starts, offset)

    def within(self, start, end):
        """The tokens between two offsets."""
        return self.tokens[self.at(start):self.at(end)]

    def only(self, start, end, text):
        """Whether the one token there is this one."""
        tokens = self.within(start, end)
        return len(tokens) == 1 and tokens[0].text == text

    def spells(self, offset, text):
        """Whether a token of this text begins at the offset."""
        i = self.at(offset)
        return i < len(self.tokens) and self.starts[i] == offset and self.tokens[i].text == text

    def whole(self, start, end):
        """Whether what stands there is tokens to its ends, and its brackets match."""
        tokens, depth = self.within(start, end), 0
        for token in tokens:
            depth += (token.text in OPENS) - (token.text in CLOSES)
            if depth < 0:
                return False
        return bool(tokens) and not depth and (tokens[0].start, tokens[-1].end) == (start, end)

    def closing(self, i):
        """The index of the token that closes what the i-th opens."""
        depth = 0
        for j in range(i, len(self.tokens)):
            if self.tokens[j].text in OPENS:
                depth += 1
            elif self.tokens[j].text in CLOSES:
                depth -= 1
                if not depth:
                    return j
        raise Unreadable(f"{self.name}: a bracket is never closed")

    def split(self, i, separator=","):
        """What stands in the brackets that the i-th token opens, between separators: (start, end)
        of each, without the blanks about them; None where there is nothing."""
        last, parts, begin, depth = self.closing(i), [], i + 1, 0
        for j in range(i + 1, last + 1):
            text = self.tokens[j].text
            if j == last or (not depth and text == separator):
                parts.append((self.tokens[begin].start, self.tokens[j - 1].end)
                             if j > begin else None)
                begin = j + 1
            elif text in OPENS:
                depth += 1
            elif text in CLOSES:
                depth -= 1
        return parts


class Node:
    """A node of the tree, with its place in the file."""

    __slots__ = ("kind", "cursor", "start", "end", "children", "parent")

    def __init__(self, cursor, start, end, parent):
        self.kind, self.cursor, self.parent = cursor.kind.name, cursor, parent
        self.start, self.end, self.children = start, end, []

    def walk(self):
        """This node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


class Function:
    """A function that is defined in a file."""

    def __init__(self, node, code):
        self.node, self.code = node, code
        self.name = node.cursor.spelling
        self.body = next(child for child in node.children if child.kind == "COMPOUND_STMT")
        self.nodes = list(self.body.walk())
        self.static = node.cursor.storage_class == cindex.StorageClass.STATIC

    @property
    def result(self):
        """The type of what it returns."""
        return self.node.cursor.result_type.get_canonical()


def flags_of(command_file):
    """What kbuild has noted that it gave to the compiler, as far as the parser needs it."""
    try:
        words = shlex.split(command_file.read_text().splitlines()[0].split(":=", 1)[1])
    except (OSError, IndexError) as error:
        raise Unreadable(f"{command_file}: not built yet ({error})") from error
    flags, words = [], iter(words)
    for word in words:
        if word in WITH_VALUE:
            flags += [word, next(words)]
        elif word.startswith(PREFIXES) or word in PLAIN:
            flags.append(word)
    return flags


class Reader:
    """Reads the sources of a tree: which functions there are, in sources and in their headers."""

    def __init__(self, top, directory, build):
        self.top, self.prefix = pathlib.Path(top), str(pathlib.Path(top, directory)) + "/"
        self.build = build
        self.index = cindex.Index.create()
        self.codes, self.seen = {}, set()
        self.place = cindex.conf.lib.clang_getFileLocation
        pointers = [ctypes.POINTER(kind) for kind in (
            ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint)]
        self.place.argtypes = [cindex.SourceLocation] + pointers
        self.place.restype = None

    def offset(self, location):
        """Where that is in its file: of what a macro brings, where the macro is used."""
        handle, offset = ctypes.c_void_p(), ctypes.c_uint()
        line, column = ctypes.c_uint(), ctypes.c_uint()
        self.place(location, ctypes.byref(handle), ctypes.byref(line), ctypes.byref(column),
                   ctypes.byref(offset))
        return offset.value

    def parse(self, path, flags):
        """The translation unit of one source."""
        unit = self.index.parse(str(path), args=[
            *flags, f"-working-directory={self.build}", "-Wno-everything", "-ferror-limit=0"])
        errors = [str(d) for d in unit.diagnostics if d.severity >= cindex.Diagnostic.Error]
        if errors:
            raise Unreadable(f"{path}: " + "; ".join(errors[:3]))
        return unit

    def node(self, cursor, parent=None):
        """The tree below a cursor."""
        extent = cursor.extent
        node = Node(cursor, self.offset(extent.start), self.offset(extent.end), parent)
        node.children = [self.node(child, node) for child in cursor.get_children()]
        return node

    def functions(self, path, flags):
        """Each function of a source and of the headers beside it that is written out, once."""
        unit = self.parse(path, flags)
        for cursor in unit.cursor.get_children():
            handle = cursor.location.file
            if (cursor.kind != cindex.CursorKind.FUNCTION_DECL or handle is None or
                    not handle.name.startswith(self.prefix) or not cursor.is_definition()):
                continue
            name = str(pathlib.Path(handle.name).relative_to(self.top))
            place = name, cursor.location.offset
            if place in self.seen:
                continue
            self.seen.add(place)
            if name not in self.codes:
                self.codes[name] = Code(self.top / name, name, unit)
            function = Function(self.node(cursor), self.codes[name])
            if self.codes[name].spells(function.body.start, "{"):
                yield function
