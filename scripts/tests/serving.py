# SPDX-License-Identifier: GPL-2.0
"""What the tests of `kspan serve` share: a server on a tree of files that can be changed under it,
its clients, and counting."""
import atexit
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
KSPAN = os.path.join(TOP, "scripts/kspan")
TYPES = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"]
HOST = "Host: localhost\r\n"

counts = {True: 0, False: 0}


def scratch():
    """A directory until the test ends."""
    directory = tempfile.mkdtemp(prefix="kspan-serve-")
    atexit.register(shutil.rmtree, directory)
    return directory


# Where pprof keeps what it has fetched.
FETCHED = scratch()


def check(good, what):
    """Counts a test."""
    counts[bool(good)] += 1
    print(("ok: " if good else "FAIL: ") + what, flush=True)
    return good


def same(got, wanted, what):
    """Counts a test of equality."""
    return check(got == wanted, what if got == wanted else
                 "%s: %.400r instead of %.400r" % (what, got, wanted))


def finish():
    """Ends the test."""
    print("%d passed, %d failed" % (counts[True], counts[False]))
    sys.exit(counts[False] > 0 or not counts[True])


class Tree:
    """A link to one of several directories."""

    def __init__(self, directory):
        self.directory = os.path.realpath(directory)
        self.link = os.path.join(scratch(), "kspan")

    def show(self, name):
        """The link shows that directory from now on."""
        new = self.link + ".new"
        os.symlink(os.path.join(self.directory, name), new)
        os.replace(new, self.link)

    def show_in(self, seconds, name):
        """The same, after a while."""
        timer = threading.Timer(seconds, self.show, [name])
        timer.start()
        return timer


class Serve:
    """A server, for as long as the block lasts."""

    def __init__(self, tree, *options, listen="127.0.0.1:0", kspan=KSPAN):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [kspan, "serve", "--listen", listen, *options], text=True, stdout=subprocess.PIPE,
            stderr=self.errors, env=dict(os.environ, KSPAN_DEBUGFS=tree.link))
        ready, _, _ = select.select([self.process.stdout], [], [], 30)
        line = self.process.stdout.readline() if ready else ""
        url = re.fullmatch(r"kspan serve: (http://(.*):(\d+)/)\n", line)
        if not url:
            self.process.kill()
            raise RuntimeError("the server did not start: %r %r" % (line, self.said()))
        self.url, self.host, self.port = url[1], url[2].strip("[]"), int(url[3])

    def said(self):
        """What it has written to stderr."""
        self.errors.seek(0)
        return self.errors.read()

    def end(self, number=signal.SIGTERM):
        """Ends it: its exit status."""
        self.process.send_signal(number)
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            same(self.end(), 0, "the server ends when it is told to")
        self.process.stdout.close()


# ---------------------------------------------------------------- clients

def connect(server):
    """A connection to a server."""
    return socket.create_connection((server.host, server.port), timeout=60)


def receive(sock):
    """Everything up to the end."""
    chunks = []
    while chunk := sock.recv(1 << 16):
        chunks.append(chunk)
    return b"".join(chunks)


def split(data):
    """A response as (status, headers, body)."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    status = re.match(r"HTTP/1\.1 (\d{3}) ", lines[0])
    return int(status[1]) if status else None, headers, body


def raw(server, request):
    """The response to bytes."""
    with connect(server) as sock:
        sock.sendall(request if isinstance(request, bytes) else request.encode("latin-1"))
        return split(receive(sock))


def ask(server, target, method="GET", headers=HOST):
    """The response to a request."""
    return raw(server, "%s %s HTTP/1.1\r\n%s\r\n" % (method, target, headers))


def status(server, target, **more):
    """Its status."""
    return ask(server, target, **more)[0]


# ---------------------------------------------------------------- pprof

def pprof(*args):
    """What pprof prints, without what it says of where it has the profile from."""
    env = dict(os.environ, PPROF_TMPDIR=FETCHED)
    done = subprocess.run(["go", "tool", "pprof", "-symbolize=none", *args], text=True, env=env,
                          capture_output=True, check=False)
    for line in done.stderr.splitlines():
        if not line.startswith(("Fetching profile over HTTP", "Please wait", "Saved profile in")):
            print("pprof: " + line)
            return ""
    return done.stdout if done.returncode == 0 else ""


def table(index, *args):
    """function -> (flat, cumulative) of a sample type, in single bytes or objects."""
    text = pprof("-top", "-sample_index=" + index, "-unit=B", "-nodecount=0", "-nodefraction=0",
                 *args)
    rows = {}
    for line in text.splitlines():
        row = re.match(r" *(-?\d+)B? +\S+ +\S+ +(-?\d+)B? +\S+ +(\S+)", line)
        if row and (int(row[1]) or int(row[2])):
            rows[row[3]] = int(row[1]), int(row[2])
    return rows


def flat(*args, types=tuple(TYPES)):
    """function -> what its own stacks have, in the order of sample types."""
    rows = {}
    for i, index in enumerate(types):
        for function, (own, _) in table(index, *args).items():
            if own:
                rows.setdefault(function, [0] * len(types))[i] = own
    return rows
