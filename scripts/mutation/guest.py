# SPDX-License-Identifier: GPL-2.0
"""Runs commands that boot guests, and looks at what the guests say while they run."""

import os
import pathlib
import re
import signal
import subprocess
import threading
import time

# A test that fails, in a suite or of a script.
NOT_OK = re.compile(r"^ *not ok (?:[0-9]+ )?(.*)")
SUBTEST = re.compile(r"^ *# Subtest: (\S+)")
OK = re.compile(r"^ *ok ")
STAMP = re.compile(r"^\[ *[0-9]+\.[0-9]+\] ?")


class Interrupted(BaseException):
    """Somebody wants all of this to end."""


class Children:
    """The processes that were started and have not ended, so that an interrupt leaves none."""

    # What a script of ours needs to end a guest, and what it has itself started.
    PATIENCE = 90

    def __init__(self):
        self.running, self.lock, self.over = set(), threading.Lock(), False

    def start(self, command, **options):
        """As Popen, in a process group of its own; it goes when this process does."""
        with self.lock:
            if self.over:
                raise Interrupted
            child = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *command],
                                     stdin=subprocess.DEVNULL, start_new_session=True, **options)
            self.running.add(child)
        return child

    def run(self, command, **options):
        """Runs a command to its end: its status."""
        child = self.start(command, **options)
        try:
            child.wait()
        finally:
            self.end(child)
        self.check()
        return child.returncode

    def check(self):
        """What came of a child that was ended with all others says nothing."""
        if self.over:
            raise Interrupted

    def end(self, child):
        """Ends one, with all that it has started."""
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(self.PATIENCE)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()
        with self.lock:
            self.running.discard(child)

    def end_all(self):
        """Ends all, and starts no more."""
        with self.lock:
            self.over = True
            running = list(self.running)
        for child in running:
            if child.poll() is None:
                child.terminate()
        for child in running:
            self.end(child)


class Console:
    """A guest's console, as far as it has come; lines without the kernel's clock."""

    def __init__(self, path, bad):
        self.path, self.bad = pathlib.Path(path), re.compile(bad)
        self.offset, self.rest, self.lines = 0, "", []
        self.suite, self.passed, self.sign = "", 0, None
        self.changed, self.silence = time.monotonic(), 0.0

    def read(self):
        """Looks at what is new."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                data = file.read()
        except FileNotFoundError:
            data = b""
        now = time.monotonic()
        self.silence = max(self.silence, now - self.changed)
        if not data:
            return
        self.changed = now
        self.offset += len(data)
        *lines, self.rest = (self.rest + data.decode(errors="replace")).split("\n")
        for line in lines:
            self.look(line.rstrip("\r"))

    def look(self, line):
        """Notes the first line that shows that something is wrong."""
        text = STAMP.sub("", line)
        self.lines.append(text)
        if match := SUBTEST.match(text):
            self.suite = match[1]
        elif OK.match(text):
            self.passed += 1
        elif self.sign is None:
            if match := NOT_OK.match(text):
                self.sign = self.suite + ": " + match[1] if text.startswith(" ") else match[1]
            elif text != line and self.bad.search(text):
                self.sign = re.sub(r"CPU: \d+ (UID: \d+ )?PID: \d+ ", "", text.strip())


def lines_of(path):
    """The lines of a console that has ended, as Console has them."""
    return [STAMP.sub("", line.rstrip("\r")) for line in
            pathlib.Path(path).read_text("utf-8", "replace").split("\n")]


class Run:
    """How a guest has ended, and what it said."""

    def __init__(self, console, status, seconds, hung):
        self.console, self.status, self.seconds, self.hung = console, status, seconds, hung


def watch(children, command, console, output, enough, patience, env=None):
    """Runs a command, which boots a guest with that console, until it ends, or enough(console), or
    nothing has come for `patience` seconds."""
    console.path.unlink(missing_ok=True)
    began, hung = time.monotonic(), False
    with open(output, "wb") as log:
        child = children.start(command, stdout=log, stderr=subprocess.STDOUT,
                               env={**os.environ, **(env or {})})
        try:
            while child.poll() is None:
                time.sleep(0.2)
                if not console.path.exists():
                    # Not booted yet: what comes before is not the guest's time.
                    began = console.changed = time.monotonic()
                console.read()
                if enough(console):
                    break
                if time.monotonic() - console.changed > patience:
                    hung = True
                    break
        finally:
            children.end(child)
    console.read()
    children.check()
    return Run(console, child.returncode, time.monotonic() - began, hung)
