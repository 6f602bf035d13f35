# SPDX-License-Identifier: GPL-2.0
"""What the tests of `kspan serve` share: a debugfs of files that a test writes, a server on it, its
clients, and counting."""
import atexit
import os
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
KSPAN = os.path.join(TOP, "scripts", "kspan")
sys.path.insert(0, KSPAN + ".d")
import pprof  # noqa: E402

TYPES = ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space")
HOST = "Host: localhost\r\n"
# Of what a busy machine takes its time for.
PATIENCE = 60

counts = {True: 0, False: 0}
WORK = tempfile.mkdtemp(prefix="kspan-serve-")
atexit.register(shutil.rmtree, WORK, ignore_errors=True)


def check(good, what):
    """Counts a test; says what has failed."""
    counts[bool(good)] += 1
    if not good:
        print("FAIL: " + what, flush=True)
    return good


def same(got, wanted, what):
    """Counts a test of equality."""
    return check(got == wanted, "%s: %.600r instead of %.600r" % (what, got, wanted))


def finish():
    """Ends the test."""
    print("%d passed, %d failed" % (counts[True], counts[False]))
    sys.exit(counts[False] > 0 or not counts[True])


# ---------------------------------------------------------------- debugfs

def profile(rows, seconds, types=TYPES, default="inuse_space", period=524288):
    """A profile as the kernel writes it. Rows are (cache, bytes of a slot, stack, values), and a
    stack "function module" of each frame, the innermost first; it was reset SECONDS ago."""
    strings, functions, locations = [""], [], []

    def string(text):
        if text not in strings:
            strings.append(text)
        return strings.index(text)

    def numbered(known, key):
        if key not in known:
            known.append(key)
        return known.index(key) + 1

    encode, packed = pprof.encode, lambda values: b"".join(map(pprof.varint, values))
    samples = [encode({
        1: [packed([numbered(locations, frame) for frame in stack])], 2: [packed(values)],
        3: [encode({1: [string("cache")], 2: [string(cache)]}),
            encode({1: [string("bytes")], 3: [size], 4: [string("bytes")]})]})
        for cache, size, stack, values in rows]
    modules = ["vmlinux"] + sorted({frame.split()[1] for frame in locations} - {"vmlinux"})
    unit = {"space": "bytes"}
    return encode({
        1: [encode({1: [string(name)], 2: [string(unit.get(name[-5:], "count"))]}) for name in types],
        2: samples,
        3: [encode({1: [n], 5: [string(name)], 7: [1], 8: [1]}) for n, name in enumerate(modules, 1)],
        4: [encode({1: [n], 2: [modules.index(frame.split()[1]) + 1],
                    3: [(0xffffffff << 32) + 0x81000000 + 64 * n],
                    4: [encode({1: [numbered(functions, frame)]})]})
            for n, frame in enumerate(locations, 1)],
        5: [encode({1: [n], 2: [string(frame.split()[0])], 3: [string(frame.split()[0])],
                    4: [string(frame.split()[1])]}) for n, frame in enumerate(functions, 1)],
        9: [1700000000 * 10 ** 9], 10: [round(seconds * 1e9)],
        11: [encode({1: [string("space")], 2: [string("bytes")]})], 12: [period],
        14: [string(default)], 6: [text.encode() for text in strings]})


class Tree:
    """A directory of files, that of kspan in debugfs."""

    def __init__(self):
        self.path = tempfile.mkdtemp(dir=WORK)

    def write(self, name, data):
        """A file, all at once."""
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        os.replace(path + ".new", path)

    def pipe(self, name):
        """A file that each reader waits for, until feed() gives it something to read."""
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.mkfifo(path + ".new")
        os.replace(path + ".new", path)

    def feed(self, name, data):
        """Waits for a reader of a pipe, and gives it that; the next one has another pipe."""
        with open(os.path.join(self.path, name), "wb") as file:
            self.pipe(name)
            file.write(data)

    def remove(self, name):
        """A file, or a directory."""
        path = os.path.join(self.path, name)
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


class Serve:
    """A server, for as long as the block lasts."""

    def __init__(self, tree, *options, listen="127.0.0.1:0", env=None):
        self.errors = tempfile.TemporaryFile("w+", dir=WORK)
        given = {"KSPAN_DEBUGFS": tree.path} if tree else {}
        self.process = subprocess.Popen(
            [KSPAN, "serve", "--listen", listen, *options], text=True, stdout=subprocess.PIPE,
            stderr=self.errors, env={**os.environ, **given, **(env or {})})
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else ""
        url = re.fullmatch(r"kspan serve: (https?://(.*):(\d+)/)\n", line)
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
            return self.process.wait(PATIENCE)
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

def connect(server, tls=None):
    """A connection to a server."""
    host = "127.0.0.1" if server.host == "0.0.0.0" else server.host
    sock = socket.create_connection((host, server.port), timeout=PATIENCE)
    return tls.wrap_socket(sock, server_hostname="localhost") if tls else sock


def receive(sock):
    """Everything up to the end."""
    chunks = []
    try:
        while chunk := sock.recv(1 << 16):
            chunks.append(chunk)
    except (ConnectionError, ssl.SSLEOFError):
        pass
    return b"".join(chunks)


def split(data):
    """A response as (status, headers, body)."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    status = re.match(r"HTTP/1\.1 (\d{3}) ", lines[0])
    return int(status[1]) if status else None, headers, body


def raw(server, request, tls=None):
    """The response to bytes."""
    with connect(server, tls) as sock:
        try:
            sock.sendall(request if isinstance(request, bytes) else request.encode("latin-1"))
        except ConnectionError:
            pass		# it has answered already
        return split(receive(sock))


def ask(server, target, method="GET", headers=HOST, tls=None):
    """The response to a request."""
    return raw(server, "%s %s HTTP/1.1\r\n%s\r\n" % (method, target, headers), tls)


def status(server, target, **more):
    """Its status."""
    return ask(server, target, **more)[0]
