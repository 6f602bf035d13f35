# SPDX-License-Identifier: GPL-2.0
"""A small HTTP server for reading only, which nobody can make wait, grow or fall over.

Every client has a limit of time to send a request and as much again to take its answer, and a
request a limit of size. So many clients are served at once; the next are told so and sent off, and
if they do not go, cut off. One request for each connection; methods are GET and HEAD.
"""
import asyncio
import base64
import collections
import http
import ipaddress
import re
import socket
import struct
import sys
import traceback
import urllib.parse

# A request line and the headers.
HEAD_BYTES = 16384
# Clients that are being sent off, beside those that are served; more are not even told.
MOST_REFUSED = 256
# What a client still sends after its answer is read for so long, or else the answer is lost.
LINGER_SECONDS = 1
LINGER_BYTES = 1 << 20

# What a browser needs to know: nothing of the page comes from elsewhere or goes there, nobody
# shows it inside of a page of theirs, and nothing of it is kept.
ALWAYS = {
    "Cache-Control": "no-store",
    "Connection": "close",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
                               "connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
                               "form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

Response = collections.namedtuple("Response", "type body headers", defaults=({},))


class Refused(Exception):
    """A request that is answered with an error; the text says why, in one line."""

    def __init__(self, status, text, **headers):
        super().__init__(text)
        self.status = status
        self.headers = headers


class Request:
    """A request: its method, path and query, a dictionary."""

    def __init__(self, head, reader):
        self.reader = reader
        lines = head.decode("latin-1").split("\r\n")[:-2]
        line = re.fullmatch(r"([!-~]+) ([!-~]+) HTTP/(\d)\.(\d)", lines[0])
        if not line:
            raise Refused(400, "not an HTTP request")
        if line[3] != "1":
            raise Refused(505, "HTTP/1.0 and 1.1 are spoken here")
        self.method = line[1]
        self.headers = {}
        for header in lines[1:]:
            name, colon, value = header.partition(":")
            if not colon or not re.fullmatch(r"[!-9;-~]+", name) or "\0" in value:
                raise Refused(400, "not a header")
            if name.lower() in self.headers and name.lower() in ("host", "content-length",
                                                                 "authorization"):
                raise Refused(400, "two headers " + name)
            self.headers[name.lower()] = value.strip()
        if line[4] != "0" and "host" not in self.headers:
            raise Refused(400, "no header Host")
        if self.method not in ("GET", "HEAD"):
            raise Refused(405, "nothing but GET and HEAD", Allow="GET, HEAD")
        if self.headers.get("content-length", "0") != "0" or "transfer-encoding" in self.headers:
            raise Refused(413, "a request has no content here")
        if not line[2].startswith("/"):
            raise Refused(400, "not a path")
        self.path, _, query = line[2].partition("?")
        self.query = self.parse_query(query)

    @staticmethod
    def parse_query(query):
        """A query, as a dictionary."""
        try:
            pairs = urllib.parse.parse_qsl(query, keep_blank_values=True, max_num_fields=8,
                                           strict_parsing=bool(query), errors="strict")
        except ValueError as error:
            raise Refused(400, "bad query") from error
        if len(dict(pairs)) < len(pairs):
            raise Refused(400, "bad query: a name comes twice")
        return dict(pairs)

    def names_loopback(self):
        """Whether it was sent to a name of this machine for itself.

        Elsewhere on the web a name can be made to point here, and a page of that name would be
        let read what is answered.
        """
        host = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(:\d+)?", self.headers.get("host", ""))
        if not host:
            return "host" not in self.headers
        name = host[1].strip("[]").lower()
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return name == "localhost"

    def password(self):
        """What it says to be let in: a token (Bearer), or the password of whichever user (Basic);
        None if there is nothing of the kind."""
        kind, _, word = self.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return word.strip().encode("latin-1")
        if kind.lower() == "basic":
            try:
                return base64.b64decode(word.strip(), validate=True).partition(b":")[2]
            except ValueError:
                pass
        return None

    async def wait(self, seconds):
        """Waits, unless the client leaves."""
        try:
            async with asyncio.timeout(seconds):
                while await self.reader.read(HEAD_BYTES):
                    pass
            raise ConnectionResetError
        except TimeoutError:
            pass


class Server:
    """answer(Request) gives a Response or raises Refused; it may wait."""

    def __init__(self, answer, clients, seconds, tls=None):
        self.answer, self.clients, self.seconds, self.tls = answer, clients, seconds, tls
        self.open = self.served = 0

    async def listen(self, sock):
        """Serves what connects to a socket, until it is cancelled."""
        more = {"ssl": self.tls, "ssl_handshake_timeout": self.seconds,
                "ssl_shutdown_timeout": self.seconds} if self.tls else {}
        server = await asyncio.start_server(self.connected, sock=sock, limit=HEAD_BYTES,
                                            backlog=1024, **more)
        async with server:
            await server.serve_forever()

    async def connected(self, reader, writer):
        """One client, from its first byte to the last."""
        # Done is what the kernel has taken. With TLS a limit of 0 is never gone below, and what is
        # encrypted waits in a buffer of its own.
        writer.transport.set_write_buffer_limits(1 if self.tls else 0, 0)
        self.open += 1
        try:
            if self.open <= self.clients + MOST_REFUSED:
                await self.talk(reader, writer)
        except OSError:
            # It has left, or was too slow.
            pass
        finally:
            self.open -= 1
            writer.transport.abort()

    async def talk(self, reader, writer):
        """The same, of one that may have an answer."""
        if self.served >= self.clients:
            busy = Refused(503, "%d clients at once are enough" % self.clients,
                           **{"Retry-After": "1"})
            await self.send(writer, *self.refusal(busy))
        else:
            self.served += 1
            try:
                await self.serve(reader, writer)
            finally:
                self.served -= 1
        # Closing with something unread would reset the connection, and the answer with it.
        if self.tls:
            writer.close()
        else:
            writer.write_eof()
        async with asyncio.timeout(self.seconds if self.tls else LINGER_SECONDS):
            left = LINGER_BYTES
            while left > 0 and (data := await reader.read(HEAD_BYTES)):
                left -= len(data)

    async def serve(self, reader, writer):
        """One request and its answer."""
        method = "GET"
        try:
            request = Request(await self.read_head(reader), reader)
            method = request.method
            status, response = 200, await self.answer(request)
        except Refused as refused:
            status, response = self.refusal(refused)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        except Exception:
            traceback.print_exc(file=sys.stderr)
            status, response = self.refusal(Refused(500, "this went wrong here, not there"))
        await self.send(writer, status, response, method)

    async def read_head(self, reader):
        """A request up to its empty line."""
        try:
            async with asyncio.timeout(self.seconds):
                return await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError as error:
            raise Refused(431, "more than %d bytes" % HEAD_BYTES) from error
        except TimeoutError as error:
            raise Refused(408, "it took more than %g seconds" % self.seconds) from error

    @staticmethod
    def refusal(refused):
        """The answer to a request that is refused."""
        return refused.status, Response("text/plain; charset=utf-8", b"%s\n" %
                                        str(refused).encode(), refused.headers)

    async def send(self, writer, status, response, method="GET"):
        """An answer, which the client has a limit of time to take."""
        headers = {"Content-Type": response.type, "Content-Length": len(response.body),
                   **ALWAYS, **response.headers}
        head = "HTTP/1.1 %d %s\r\n" % (status, http.HTTPStatus(status).phrase)
        head += "".join("%s: %s\r\n" % header for header in headers.items()) + "\r\n"
        try:
            async with asyncio.timeout(self.seconds):
                writer.write(head.encode() + (b"" if method == "HEAD" else response.body))
                await writer.drain()
        except TimeoutError:
            # Closing is to be at once, and the kernel forgets what was not taken. After an answer
            # that was, it delivers the rest.
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise
