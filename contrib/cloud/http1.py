# SPDX-License-Identifier: MIT
"""HTTP/1.1 for one asyncio loop, strict in what it reads and able to misbehave.

A connection is one task: read a request, ask the application, write the answer.
Bodies are written piece by piece under the transport's own back-pressure.
"""
import asyncio
import email.utils
import http
import json
import socket
import struct
import time
import urllib.parse
import zlib

from wire import JSON, Reply, chunks

MAX_HEAD = 65536
MAX_BODY = 96 << 20
READ = 262144


class BadHttp(Exception):
    """The peer does not speak HTTP as we do; `status` 0 means it went away."""

    def __init__(self, status, why):
        super().__init__(why)
        self.status = status


class Request:
    __slots__ = ("verb", "target_text", "path", "query", "headers", "body", "sink",
                 "connection", "served", "target", "is_http10")

    def keep_alive(self):
        wish = self.headers.get("connection", "").lower()
        return wish == "keep-alive" if self.is_http10 else "close" not in wish


def parse_head(data):
    lines = data.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or words[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise BadHttp(400, "bad request line")
    req = Request()
    req.verb, req.target_text = words[0], words[1]
    req.is_http10 = words[2] == "HTTP/1.0"
    req.headers = {}
    for line in lines[1:-2]:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or not name or name != name.strip():
            raise BadHttp(400, "bad header line")
        if name in req.headers and name in ("content-length", "authorization", "host"):
            raise BadHttp(400, f"{name} appears twice")
        req.headers[name] = value.strip()
    if not req.is_http10 and "host" not in req.headers:
        raise BadHttp(400, "no Host header")
    path, _, query = req.target_text.partition("?")
    if not path.startswith("/"):
        raise BadHttp(400, "bad request target")
    req.path = path
    req.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    req.body = b""
    req.sink = None
    return req


async def body_of(reader, req):
    """The pieces of a request's body, from Content-Length or chunks."""
    if "transfer-encoding" in req.headers:
        if req.headers["transfer-encoding"].lower() != "chunked":
            raise BadHttp(501, "unknown transfer encoding")
        if "content-length" in req.headers:
            raise BadHttp(400, "both Content-Length and Transfer-Encoding")
        while True:
            size = int((await reader.readline()).split(b";")[0].strip() or b"x", 16)
            left = size
            while left > 0:
                piece = await reader.read(min(left, READ))
                if not piece:
                    raise BadHttp(0, "body cut short")
                left -= len(piece)
                yield piece
            if await reader.readline() != b"\r\n":
                raise BadHttp(400, "bad chunk")
            if size == 0:
                return
    length = req.headers.get("content-length", "0")
    if not length.isdecimal():
        raise BadHttp(400, "bad Content-Length")
    left = int(length)
    while left > 0:
        piece = await reader.read(min(left, READ))
        if not piece:
            raise BadHttp(0, "body cut short")
        left -= len(piece)
        yield piece


class Server:
    """`app` has early(req), sink(req), handle(req) and done(req, reply)."""

    def __init__(self, app, connections, config):
        self.app = app
        self.connections = connections
        self.config = config
        self.listener = None
        self.port = 0
        self.tls = None
        self.tasks = set()
        self.date = (0, "")
        self.count = 0

    async def listen(self, port, tls=None):
        self.tls = tls
        self.listener = await asyncio.start_server(
            self.connected, "127.0.0.1", port, limit=MAX_HEAD * 4, ssl=tls,
            backlog=1024, reuse_address=True)
        self.port = self.listener.sockets[0].getsockname()[1]

    def refuse(self, seconds):
        """Close the listening socket for a while; open connections go on."""
        self.listener.close()
        task = asyncio.get_running_loop().create_task(self.listen_again(seconds))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def listen_again(self, seconds):
        await asyncio.sleep(seconds)
        await self.listen(self.port, self.tls)

    def stop(self):
        self.listener.close()
        for task in self.tasks:
            task.cancel()

    async def connected(self, reader, writer):
        task = asyncio.current_task()
        self.tasks.add(task)
        self.count += 1
        number, live = self.count, self.connections
        live["accepted"] += 1
        live["open"] += 1
        live["max_open"] = max(live["max_open"], live["open"])
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await self.converse(reader, writer, number)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        except BadHttp as bad:
            if bad.status:
                await self.complain(writer, bad)
        except (ValueError, asyncio.LimitOverrunError) as bad:
            await self.complain(writer, BadHttp(400, str(bad)))
        finally:
            live["open"] -= 1
            self.tasks.discard(task)
            writer.close()

    async def complain(self, writer, bad):
        reply = Reply(bad.status, [json.dumps({"error": {
            "code": bad.status, "message": str(bad)}}).encode()], (), JSON)
        writer.write(self.head(reply, False, reply.size))
        writer.write(reply.parts[0])
        try:
            await writer.drain()
        except ConnectionError:
            pass

    async def converse(self, reader, writer, number):
        served = 0
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if len(head) > MAX_HEAD:
                raise BadHttp(431, "headers too long")
            req = parse_head(head)
            req.connection, req.served = number, served
            if self.app.early(req):
                self.reset(writer)
                return
            if req.headers.get("expect", "").lower() == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await self.read_body(reader, req)
            reply = await self.app.handle(req)
            try:
                goes_on = await self.send(writer, req, reply)
            finally:
                self.app.done(req, reply)
            if not goes_on:
                return
            served += 1

    async def read_body(self, reader, req):
        sink = self.app.sink(req)
        if sink is not None:
            try:
                async for piece in body_of(reader, req):
                    sink.write(piece)
            except BaseException:
                sink.discard()
                raise
            req.sink = sink
            return
        pieces, size = [], 0
        async for piece in body_of(reader, req):
            size += len(piece)
            if size > MAX_BODY:
                raise BadHttp(413, f"a request may have at most {MAX_BODY} bytes")
            pieces.append(piece)
        req.body = b"".join(pieces)

    def now(self):
        second = int(time.time())
        if second != self.date[0]:
            self.date = (second, email.utils.formatdate(second, usegmt=True))
        return self.date[1]

    def head(self, reply, keep, size):
        try:
            phrase = http.HTTPStatus(reply.status).phrase
        except ValueError:
            phrase = "Unknown"
        lines = [f"HTTP/1.1 {reply.status} {phrase}", f"Date: {self.now()}"]
        lines += [f"{name}: {value}" for name, value in reply.headers]
        if size is None:
            lines.append("Transfer-Encoding: chunked")
        elif reply.status != 204:
            lines.append(f"Content-Length: {size}")
        if not keep:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    async def send(self, writer, req, reply):
        """Write an answer, or misbehave as its fault says. False: the end."""
        keep = req.keep_alive() and not reply.close
        fault = reply.fault
        kind = fault.kind if fault else None
        if kind == "reset_after":
            self.reset(writer)
            return False
        if kind in ("drop", "drop_keepalive"):
            self.connections["dropped"] += 1
            return False
        if kind == "stall":
            await asyncio.sleep(fault.wait)
        if kind in ("truncated", "reset_body", "stall_body", "drip", "truncated_json"):
            return await self.send_badly(writer, reply, fault, keep)
        taken = req.headers.get("accept-encoding", "")
        gzips = (self.config["gzip"] and "gzip" in taken
                 and ("Content-Type", JSON) in reply.headers)
        if gzips:
            reply.headers.append(("Content-Encoding", "gzip"))
        in_chunks = (gzips or self.config["chunked"]) and not req.is_http10
        size = reply.size
        pieces = chunks(reply.parts) if reply.status != 204 else ()
        if gzips:
            pieces = gzipped(pieces)
        if not in_chunks:
            head = self.head(reply, keep, size)
            if size <= 65536:
                writer.write(head + b"".join(pieces))
            else:
                writer.write(head)
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
        else:
            writer.write(self.head(reply, keep, None))
            for piece in pieces:
                if len(piece):
                    writer.write(b"%x\r\n" % len(piece))
                    writer.write(piece)
                    writer.write(b"\r\n")
                    await writer.drain()
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        return keep

    async def send_badly(self, writer, reply, fault, keep):
        """The faults that need the answer in hand, byte by byte."""
        data = b"".join(chunks(reply.parts))
        cut = min(fault.bytes or len(data) // 2, len(data))
        if fault.kind == "truncated_json":
            writer.write(self.head(reply, keep, cut) + data[:cut])
            await writer.drain()
            return keep
        writer.write(self.head(reply, keep, len(data)))
        if fault.kind == "drip":
            step = fault.bytes or 16
            for at in range(0, len(data), step):
                writer.write(data[at:at + step])
                await writer.drain()
                await asyncio.sleep(fault.wait)
            return keep
        writer.write(data[:cut])
        await writer.drain()
        if fault.kind == "stall_body":
            await asyncio.sleep(fault.wait)
            writer.write(data[cut:])
            await writer.drain()
            return keep
        if fault.kind == "reset_body":
            await asyncio.sleep(0.05)  # or the reset would overtake what was sent
            self.reset(writer)
        return False

    def reset(self, writer):
        """Close with an RST in place of a FIN."""
        self.connections["resets"] += 1
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()


def gzipped(pieces):
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()
