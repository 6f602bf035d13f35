# SPDX-License-Identifier: GPL-2.0
"""What the tests of the commands share: a command on what a guest has saved, and counting.

Each takes OUT, what scripts/guest-tests/kspan.sh has saved, and may take more. Prints a line for each failure; the
last line is "N passed, N failed".
"""
import atexit
import os
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
KSPAN = os.path.join(TOP, "scripts", "kspan")

if len(sys.argv) < 2 or sys.argv[1] == "--help":
    print(sys.modules["__main__"].__doc__.strip())
    sys.exit(0 if sys.argv[1:] == ["--help"] else 2)
OUT = os.path.abspath(sys.argv[1])
# A directory until the test ends.
WORK = tempfile.mkdtemp(prefix="kspan-commands-")
atexit.register(shutil.rmtree, WORK)

passed = failed = 0


def check(good, what):
    """Counts a test."""
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print("FAIL: " + what)
    return good


def kspan(*args, heap="after", status=0, **options):
    """What a command prints; anything but the exit status is a failure."""
    env = dict(os.environ, KSPAN_DEBUGFS=os.path.join(OUT, heap), PPROF_TMPDIR=WORK,
               **options.pop("env", {}))
    done = subprocess.run([KSPAN, *args], capture_output=True, text=True, env=env, cwd=WORK,
                          stdin=subprocess.DEVNULL, timeout=60, check=False, **options)
    check(done.returncode == status, "kspan %s: exit status %d: %s" % (
        " ".join(args), done.returncode, done.stderr))
    return done.stderr if status else done.stdout


def refused(text, *args, **options):
    """One line that says why, and exit status 1."""
    said = kspan(*args, status=1, **options)
    check(said.startswith("kspan %s: " % args[0]) and said.count("\n") == 1 and text in said,
          "kspan %s says %r, not %r" % (" ".join(args), said, text))


def misused(*args):
    """Usage, and exit status 2."""
    said = kspan(*args, status=2)
    check("usage: " in said, "kspan %s says %r" % (" ".join(args), said))


def run(tests):
    """Runs what is called test_ of a dictionary of functions, and ends."""
    for name, test in list(tests.items()):
        if not name.startswith("test_"):
            continue
        try:
            test()
        except (OSError, LookupError, ValueError, subprocess.SubprocessError) as error:
            check(False, "%s: %r" % (name, error))
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)
