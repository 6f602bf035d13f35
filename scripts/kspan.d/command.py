# SPDX-License-Identifier: GPL-2.0
"""What the commands beside this file share: their arguments, how they end, numbers for people.

A command's help is the text at its top, which says "usage:" in a line of its own.
"""
import argparse
import os
import re
import shutil
import signal
import subprocess
import sys

from debugfs import SOURCES, Unreadable, die


class Parser(argparse.ArgumentParser):
    """Arguments of a command; what is wrong with them is its usage, and exit status 2."""

    def __init__(self, doc):
        super().__init__(prog="kspan " + os.path.basename(sys.argv[0]), add_help=False,
                         allow_abbrev=False, usage=re.search(r"usage: (.*(?:\n +.*)*)", doc)[1])
        self.doc = doc.strip()
        self.add_argument("--help", action="store_true")

    @staticmethod
    def split():
        """The arguments, and those after --, which are for another program."""
        args = sys.argv[1:]
        end = args.index("--") if "--" in args else len(args)
        return args[:end], args[end + 1:]

    def parse_args(self, args=None, namespace=None):
        """As ever, but that --help is heard whatever else is there."""
        if "--help" in self.split()[0]:
            print(self.doc)
            sys.exit(0)
        return super().parse_args(args, namespace)


def count(text):
    """For arguments: a number that is not negative."""
    value = int(text)
    if value < 0:
        raise ValueError
    return value


def seconds(text):
    """For arguments: a time above 0 that a clock can wait for."""
    value = float(text)
    if not 0 < value < 1e6:
        raise ValueError
    return value


def add_source(parser):
    """An argument for each of the kernel's heaps; without them it is kspan's."""
    group = parser.add_mutually_exclusive_group()
    for source in filter(None, SOURCES):
        group.add_argument("--" + source, dest="source", action="store_const", const=source)
    parser.set_defaults(source="")


def add_table(parser, top=20, frames=6):
    """The arguments of commands that print a table of stacks."""
    parser.add_argument("--top", type=count, default=top)
    parser.add_argument("--frames", type=count, default=frames)
    parser.add_argument("--json", action="store_true")


def human(size):
    """A number of bytes, in at most five digits."""
    sign, size = "-" if size < 0 else "", abs(size)
    for unit in ("B", "kB", "MB"):
        if size < 10000:
            return "%s%d %s" % (sign, size, unit)
        size /= 1024
    return "%s%d GB" % (sign, size)


def span(passed):
    """A time in seconds, in at most four characters for a few years."""
    for most, unit, letter in ((600, 1, "s"), (36000, 60, "m"), (864000, 3600, "h")):
        if passed < most:
            return "%d%s" % (passed // unit, letter)
    return "%dd" % (passed // 86400)


def shorten(stack, frames):
    """A stack's innermost frames in a line, the innermost first; 0 frames are all."""
    shown = list(stack[:frames] if frames else stack)
    return " < ".join(shown + ["..."] if len(shown) < len(stack) else shown)


def save(path, data, mode=0o666):
    """Writes a file, with the rights that a new one gets; or standard output for -. Of what cannot
    be written as a whole nothing stays."""
    if path == "-":
        sys.stdout.buffer.write(data)
        return
    try:
        existed = os.path.lexists(path)
        with open(path, "wb", opener=lambda path, flags: os.open(path, flags, mode)) as file:
            try:
                file.write(data)
                file.flush()
            except OSError:
                if not existed:
                    os.unlink(path)
                raise
    except OSError as error:
        raise Unreadable("%s: %s" % (path, error.strerror)) from error


def called(*command):
    """Runs one of the system's, as subprocess.run() does."""
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", check=False,
                              env={**os.environ, "PATH": path, "LC_ALL": "C"})
    except OSError as error:
        raise Unreadable("%s: %s" % (command[0], error.strerror)) from error


def tool(*command):
    """Runs one of the system's; None if that went well, else the last line of what it said."""
    done = called(*command)
    if not done.returncode:
        return None
    return (done.stderr.strip() or "%s failed" % command[0]).splitlines()[-1]


def pprof_tool(*args):
    """Becomes pprof, Go's or the one that stands alone."""
    for command in (["go", "tool", "pprof"], ["pprof"]):
        if shutil.which(command[0]):
            sys.stdout.flush()
            os.execvp(command[0], [*command, *args])
    raise Unreadable("there is no pprof: install golang-go")


def run(main):
    """Runs a command; an error is one line, and a reader that has left is none."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    # A terminal that has no letter for something still has a mark for it.
    sys.stdout.reconfigure(errors="replace")
    try:
        try:
            main()
        finally:
            sys.stdout.flush()
    except Unreadable as error:
        die(error)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        # What could not be written is not tried again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        die("standard output: %s" % error.strerror)
