# SPDX-License-Identifier: GPL-2.0
"""A headless Chromium, driven through its WebDriver; $CHROMEDRIVER and $CHROMIUM say where they are."""
import base64
import json
import os
import re
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from serving import PATIENCE

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-dev-shm-usage", "--force-prefers-reduced-motion", "--window-size=1400,1000"]
# What a person types, for WebDriver.
KEYS = {"enter": "\ue007", "escape": "\ue00c", "left": "\ue012", "up": "\ue013", "right": "\ue014",
        "down": "\ue015", "tab": "\ue004", "space": " "}


class Browser:
    """One, for as long as the block lasts."""

    def __init__(self, *arguments):
        self.arguments = [*ARGUMENTS, *arguments]

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory()
        self.driver = subprocess.Popen(
            [os.environ["CHROMEDRIVER"], "--port=0", "--log-path=" + self.directory.name + "/log"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        port = None
        for line in self.driver.stdout:
            if found := re.search(r"started successfully on port (\d+)", line):
                port = found[1]
                break
        self.base = "http://127.0.0.1:%s/session" % port
        options = {"args": self.arguments + ["--user-data-dir=" + self.directory.name + "/profile"],
                   "binary": os.environ["CHROMIUM"]}
        session = self.command("POST", "", {"capabilities": {"alwaysMatch": {
            "goog:loggingPrefs": {"browser": "ALL"}, "goog:chromeOptions": options}}})
        self.base += "/" + session["sessionId"]
        return self

    def __exit__(self, *_):
        try:
            self.command("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(PATIENCE)
            self.driver.stdout.close()
            self.directory.cleanup()

    def command(self, method, path, body=None):
        """A command of WebDriver: its value."""
        request = urllib.request.Request(
            self.base + path, method=method, headers={"Content-Type": "application/json"},
            data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()) from error

    def run(self, script, *args):
        """What a function in the page returns."""
        return self.command("POST", "/execute/sync", {"script": script, "args": list(args)})

    def until(self, script, *args):
        """Waits until it returns something that is true; None if it never does."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if value := self.run(script, *args):
                return value
            time.sleep(0.05)
        return None

    def go(self, url):
        """Another page."""
        self.command("POST", "/url", {"url": url})

    def element(self, selector):
        """The first element of a selector, scrolled to."""
        found = self.command("POST", "/element", {"using": "css selector", "value": selector})
        return "/element/" + next(iter(found.values()))

    def click(self, selector):
        """A click of the mouse."""
        self.command("POST", self.element(selector) + "/click", {})

    def write(self, selector, text):
        """Text in a field, with the keyboard."""
        element = self.element(selector)
        self.run("const field = document.querySelector(arguments[0]); field.value = '';"
                 "field.dispatchEvent(new Event('input'))", selector)
        if text:
            self.command("POST", element + "/value", {"text": text})

    def press(self, *keys):
        """Keys, one after the other, for whatever has the focus."""
        strokes = [{"type": kind, "value": KEYS.get(key, key)} for key in keys
                   for kind in ("keyDown", "keyUp")]
        self.command("POST", "/actions", {"actions": [
            {"type": "key", "id": "keyboard", "actions": strokes}]})

    def picture(self, path):
        """What is to be seen."""
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.command("GET", "/screenshot")))

    def said(self):
        """The console since it was last asked for."""
        return [line["message"] for line in self.command("POST", "/se/log", {"type": "browser"})]
