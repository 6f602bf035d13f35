# SPDX-License-Identifier: GPL-2.0
"""kspan's files in debugfs, for the commands beside this file.

Whatever keeps a command from its work is one line on stderr that says why, and what helps; and exit
status 1.
"""
import errno
import os
import re
import struct
import sys

# The heaps, by the directory that their files are in, "" being kspan's own; one that is not has
# a file stats in its directory that says whether it is watched, and a file enable to switch that.
SOURCES = {"": "heap of kspan", "slab": "the kernel's slab",
           "pages": "the kernel's pages"}
# The profiles of a heap.
PROFILES = ("heap", "allocs")

# Where the module itself says things. Another root directory is for tests.
SYSTEM = os.environ.get("KSPAN_SYSTEM", "")
MODULE = SYSTEM + "/sys/module/kspan"
USUAL = SYSTEM + "/sys/kernel/debug"


class Unreadable(Exception):
    """A file of kspan's cannot be read or written; the text says why."""


def die(text):
    """Ends the command, with one line."""
    sys.exit("kspan %s: %s" % (os.path.basename(sys.argv[0]), text))


def mounts():
    """Where file systems of that type are mounted: the usual place first."""
    try:
        with open(SYSTEM + "/proc/mounts", encoding="ascii", errors="replace") as file:
            found = [line.split()[1] for line in file if " debugfs " in line]
    except OSError:
        found = []
    found = [SYSTEM + re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), path) for path in found]
    return sorted(found, key=lambda path: path != USUAL)


def has_debugfs():
    """Whether the kernel has that at all: it may be built, or booted, without."""
    try:
        with open(SYSTEM + "/proc/filesystems", encoding="ascii") as file:
            return "debugfs" in file.read().split()
    except OSError:
        return True


def root():
    """The directory of kspan's files: in debugfs, wherever that is mounted; or another, for tests
    and for what was copied from another machine."""
    return os.environ.get("KSPAN_DEBUGFS") or os.path.join((mounts() or [USUAL])[0], "kspan")


def module_file(release):
    """The module that modprobe has for a kernel, or None."""
    directory = "%s/lib/modules/%s" % (SYSTEM, release)
    try:
        with open(directory + "/modules.dep", encoding="utf-8") as file:
            for line in file:
                if re.search(r"(^|/)kspan\.ko(\.\w+)?:", line):
                    return os.path.join(directory, line.partition(":")[0])
    except OSError:
        pass
    return None


def built_here():
    """The module in the tree that this command is in, if it was built there, or None."""
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
    path = os.path.join(top, "kspan.ko")
    return path if os.path.exists(path) else None


def not_loaded():
    """What there is to be done about that."""
    release = os.uname().release
    if module_file(release) or built_here():
        return "the module kspan is not loaded: sudo kspan on"
    return ("there is no module kspan for this kernel, %s: install linux-headers-%s and "
            "kspan-dkms, or dkms autoinstall" % (release, release))


def check_modules():
    """That there still is a way for modules to come and go."""
    try:
        with open(SYSTEM + "/proc/sys/kernel/modules_disabled", encoding="ascii") as file:
            disabled = file.read().strip() == "1"
    except OSError:
        disabled = False
    if disabled:
        raise Unreadable("no module comes or goes on this machine, by kernel.modules_disabled: boot "
                         "again without it")


def reason(name, error):
    """Why the file NAME could not be used, in words."""
    path = os.path.join(root(), name)
    given = os.environ.get("KSPAN_DEBUGFS")
    if not given and not os.path.isdir(MODULE):
        return not_loaded()
    if isinstance(error, PermissionError) and os.geteuid():
        return "only root may use %s: try sudo" % root()
    # To root the kernel says so itself; EACCES are rights of files.
    if error.errno == errno.EPERM:
        return ("the kernel is locked down, which closes %s: boot without lockdown=, or without "
                "Secure Boot" % path)
    if not given and error.errno == errno.ENOENT and not os.path.isdir(root()):
        if not has_debugfs():
            return ("this kernel has no debugfs: boot it with debugfs=on, or one that was built "
                    "with CONFIG_DEBUG_FS")
        if not mounts():
            return "debugfs is not mounted: sudo mount -t debugfs none /sys/kernel/debug"
        return "%s is not there: kspan found no place in debugfs when it was loaded, see dmesg" % root()
    return "%s: %s" % (path, error.strerror)


def read_bytes(name):
    """The file NAME, whole."""
    try:
        with open(os.path.join(root(), name), "rb") as file:
            return file.read()
    except OSError as error:
        raise Unreadable(reason(name, error)) from error


def read_text(name):
    """The same, as text."""
    return read_bytes(name).decode(errors="replace")


def write_path(path, text):
    """Writes TEXT to a file, as the shell's > does, but makes none."""
    file = os.open(path, os.O_WRONLY | os.O_TRUNC)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


def write_text(name, text):
    """The same, to the file NAME."""
    try:
        write_path(os.path.join(root(), name), text)
    except OSError as error:
        raise Unreadable(reason(name, error)) from error


def name_of(name, source):
    """The file NAME of a heap of SOURCES."""
    return os.path.join(source, name)


def build_id(module):
    """The build id of a module that is loaded, or of the kernel, vmlinux; "" if it has none."""
    path = SYSTEM + ("/sys/kernel/notes" if module == "vmlinux" else
                     "/sys/module/%s/notes/.note.gnu.build-id" % module)
    try:
        with open(path, "rb") as file:
            notes = file.read()
    except OSError:
        return ""
    # Each note: sizes of its name and of what it says, its type, and both, padded to words.
    at = 0
    while at + 12 <= len(notes):
        name, size, kind = struct.unpack_from("=III", notes, at)
        start = at + 12 + (name + 3) // 4 * 4
        if kind == 3 and notes[at + 12:at + 12 + name] == b"GNU\0":
            return notes[start:start + size].hex()
        at = start + (size + 3) // 4 * 4
    return ""


# ---------------------------------------------------------------- the rate

# A kernel that is locked down closes files of debugfs that can be written: the rate is a parameter
# as well.
def rate_parameter(source):
    """Its file, if that is for this machine."""
    path = "%s/parameters/%ssample_bytes" % (MODULE, source and source + "_")
    return None if os.environ.get("KSPAN_DEBUGFS") or not os.path.exists(path) else path


def read_rate(source):
    """Mean bytes between samples, as a number."""
    path = rate_parameter(source)
    try:
        with open(path or os.path.join(root(), name_of("sample_bytes", source)),
                  encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError) as error:
        if isinstance(error, ValueError):
            raise Unreadable("%s: not a number" % name_of("sample_bytes", source)) from error
        raise Unreadable(reason(name_of("sample_bytes", source), error)) from error


def write_rate(source, value):
    """Sets it."""
    path = rate_parameter(source)
    try:
        write_path(path or os.path.join(root(), name_of("sample_bytes", source)), "%d\n" % value)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise Unreadable("the kernel refuses %d bytes: see dmesg" % value) from error
        if path and isinstance(error, PermissionError):
            raise Unreadable("only root may set the rate: try sudo") from error
        raise Unreadable(reason(name_of("sample_bytes", source), error)) from error


# ---------------------------------------------------------------- taps

def tap_is_on(source):
    """As stats says, which can be read in lockdown. kspan's own heap needs no tap."""
    return not source or "enabled 1" in read_text(name_of("stats", source)).splitlines()


def check_tap(source):
    """That the tap is on, without which the kernel's heap is not known."""
    if not tap_is_on(source):
        raise Unreadable("the tap is off: sudo kspan on --%s" % source)


def switch_tap(source, on):
    """Puts it in, or takes it out. It is a parameter as well, for kernels that are locked down."""
    path = os.path.join(MODULE, "parameters", source)
    try:
        write_path(path, "%d\n" % on)
    except PermissionError as error:
        raise Unreadable("only root may switch the tap: try sudo") from error
    except OSError as error:
        raise Unreadable("the tap cannot be switched, %s: see dmesg" % error.strerror) from error
