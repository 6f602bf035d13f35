# SPDX-License-Identifier: GPL-2.0
"""kspan's files in debugfs, for the commands beside this file.

Whatever keeps a command from its work is one line on stderr that says why, and exit status 1.
"""
import os
import sys

# Another place for tests, and for what was copied from another machine.
ROOT = os.environ.get("KSPAN_DEBUGFS") or "/sys/kernel/debug/kspan"

# The heaps, by the directory that their files are in: kspan's own, and those that a tap looks at.
SOURCES = {"": "heap of kspan", "slab": "the kernel's slabs", "pages": "the kernel's pages"}
# The profiles of a heap.
PROFILES = ("heap", "allocs", "peak", "lifetime", "fragmentation")


class Unreadable(Exception):
    """A file of kspan's cannot be read or written; the text says why."""


def die(text):
    """Ends the command, with one line."""
    sys.exit("kspan %s: %s" % (os.path.basename(sys.argv[0]), text))


def reason(name, error):
    """Why the file NAME could not be used, in words."""
    if isinstance(error, PermissionError):
        # For root, it is the kernel that will not have it.
        return "the kernel is locked down" if os.geteuid() == 0 else "only root may use " + ROOT
    if not os.path.isdir(ROOT) and not os.environ.get("KSPAN_DEBUGFS"):
        if not os.path.isdir("/sys/module/kspan"):
            return "the module kspan is not loaded"
        return "debugfs is not mounted: mount -t debugfs none /sys/kernel/debug"
    return "%s: %s" % (name, error.strerror)


def read_bytes(name):
    """The file NAME, whole."""
    try:
        with open(os.path.join(ROOT, name), "rb") as file:
            return file.read()
    except OSError as error:
        raise Unreadable(reason(name, error)) from error


def read_text(name):
    """The same, as text."""
    return read_bytes(name).decode(errors="replace")


def write_text(name, text):
    """Writes TEXT to the file NAME, as the shell's > does, but makes none."""
    try:
        file = os.open(os.path.join(ROOT, name), os.O_WRONLY | os.O_TRUNC)
        try:
            os.write(file, text.encode())
        finally:
            os.close(file)
    except OSError as error:
        raise Unreadable(reason(name, error)) from error


def name_of(name, source):
    """The file NAME of a heap of SOURCES."""
    return os.path.join(source, name)


def profiles_of(source):
    """Its profiles: a tap knows of no spans."""
    return PROFILES[:-1] if source else PROFILES


def tap_is_on(source):
    """As enable says, which cannot be read in lockdown, since it can be written. kspan's own heap
    needs no tap."""
    return not source or "enabled 1" in read_text(name_of("stats", source)).splitlines()


def check_tap(source):
    """That the tap is on, without which the kernel's heap is not known."""
    if not tap_is_on(source):
        raise Unreadable("the tap is off: echo 1 > %s/%s" % (ROOT, name_of("enable", source)))
