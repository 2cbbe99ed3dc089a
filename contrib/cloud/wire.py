# SPDX-License-Identifier: MIT
"""Replies, bodies in parts, and the shapes in which each service tells an error.

A body is a list of parts: bytes, or an object with `size` that yields bytes. Big
media are parts that repeat or encode as they go, so that sixty answers of 20 MiB
at once weigh no more than their socket buffers.
"""
import base64
import json

SLICE = 196608  # a multiple of three, so that slices encode independently

RPC = {
    400: ("INVALID_ARGUMENT", 3), 401: ("UNAUTHENTICATED", 16),
    403: ("PERMISSION_DENIED", 7), 404: ("NOT_FOUND", 5), 409: ("ABORTED", 10),
    412: ("FAILED_PRECONDITION", 9), 413: ("INVALID_ARGUMENT", 3),
    429: ("RESOURCE_EXHAUSTED", 8), 499: ("CANCELLED", 1),
    500: ("INTERNAL", 13), 501: ("UNIMPLEMENTED", 12),
    503: ("UNAVAILABLE", 14), 504: ("DEADLINE_EXCEEDED", 4),
}
TYPE = "type.googleapis.com/google.rpc."


class Repeat:
    """One block of bytes, many times."""

    def __init__(self, block, count):
        self.block = block
        self.count = count
        self.size = len(block) * count

    def __iter__(self):
        view = memoryview(self.block)
        for _ in range(self.count):
            for at in range(0, len(view), SLICE):
                yield view[at:at + SLICE]


class Base64:
    """The base64 text of `data`, made slice by slice."""

    def __init__(self, data):
        self.data = data
        self.size = (len(data) + 2) // 3 * 4

    def __iter__(self):
        view = memoryview(self.data)
        for at in range(0, len(view), SLICE):
            yield base64.b64encode(view[at:at + SLICE])


class FilePart:
    """`size` bytes of a file from `start`, read as they are sent."""

    def __init__(self, path, start, size):
        self.path = path
        self.start = start
        self.size = size

    def __iter__(self):
        left = self.size
        with open(self.path, "rb") as file:
            file.seek(self.start)
            while left > 0:
                data = file.read(min(left, SLICE))
                if not data:
                    return
                left -= len(data)
                yield data


def part_size(part):
    return len(part) if isinstance(part, (bytes, memoryview)) else part.size


def parts_size(parts):
    return sum(part_size(p) for p in parts)


def chunks(parts):
    """All bytes of `parts` in order, in pieces that suit a socket."""
    for part in parts:
        if not isinstance(part, (bytes, memoryview)):
            yield from part
        elif len(part) <= SLICE:
            yield part
        else:
            view = memoryview(part)
            for at in range(0, len(view), SLICE):
                yield view[at:at + SLICE]


def cut(parts, start, size):
    """The bytes [start, start + size) of `parts`."""
    skip = start
    for piece in chunks(parts):
        if size <= 0:
            return
        if skip >= len(piece):
            skip -= len(piece)
            continue
        view = memoryview(piece)[skip:skip + size]
        skip = 0
        size -= len(view)
        yield view


class Reply:
    """What goes back. `fault` is a fault of the transport, applied while sending."""

    __slots__ = ("status", "headers", "parts", "fault", "close")

    def __init__(self, status=200, parts=(), headers=(), ctype=None):
        self.status = status
        self.parts = list(parts)
        self.headers = list(headers)
        if ctype:
            self.headers.append(("Content-Type", ctype))
        self.fault = None
        self.close = False

    @property
    def size(self):
        return parts_size(self.parts)


JSON = "application/json; charset=UTF-8"


def text(status, message, ctype="text/plain; charset=UTF-8", headers=()):
    return Reply(status, [message.encode()], headers, ctype)


class Hole:
    """Stands in a JSON value for a string too big to be one: base64 parts."""

    def __init__(self, parts):
        self.parts = parts


def json_parts(value):
    """The JSON text of `value`, whose Holes become quoted strings, as parts."""
    holes = []

    def mark(obj):
        if not isinstance(obj, Hole):
            raise TypeError(type(obj).__name__)
        holes.append(obj)
        return "\x00hole\x00"

    pieces = json.dumps(value, default=mark, separators=(",", ":")).split(
        '"\\u0000hole\\u0000"')
    parts = [pieces[0].encode()]
    for hole, piece in zip(holes, pieces[1:]):
        parts += [b'"', *hole.parts, ('"' + piece).encode()]
    return parts


def answer(value, status=200, headers=()):
    return Reply(status, json_parts(value), headers, JSON)


class ApiError(Exception):
    """A refusal by one of the services; `reply()` gives it that service's shape."""

    def __init__(self, http, message, details=(), headers=(), status=None):
        super().__init__(message)
        self.http = http
        self.message = message
        self.details = list(details)
        self.headers = list(headers)
        self.status = status or RPC.get(http, ("UNKNOWN", 2))[0]

    def reply(self):
        error = {"code": self.http, "message": self.message, "status": self.status}
        if self.details:
            error["details"] = self.details
        return answer({"error": error}, self.http, self.headers)


class OauthError(ApiError):
    def __init__(self, http, code, message):
        super().__init__(http, message)
        self.code = code

    def reply(self):
        return answer({"error": self.code, "error_description": self.message},
                      self.http)


class StorageError(ApiError):
    def __init__(self, http, reason, message, headers=()):
        super().__init__(http, message, headers=headers)
        self.reason = reason

    def reply(self):
        item = {"message": self.message, "domain": "global", "reason": self.reason}
        return answer({"error": {"code": self.http, "message": self.message,
                                 "errors": [item]}}, self.http, self.headers)


class OpenaiError(ApiError):
    def __init__(self, http, message, code=None, param=None, headers=()):
        super().__init__(http, message, headers=headers)
        self.code = code
        self.param = param

    def reply(self):
        kind = "server_error" if self.http >= 500 else "invalid_request_error"
        if self.http == 429:
            kind = "rate_limit_error"
        return answer({"error": {"message": self.message, "type": kind,
                                 "param": self.param, "code": self.code}},
                      self.http, self.headers)


def error_info(reason, domain="googleapis.com", **metadata):
    return {"@type": TYPE + "ErrorInfo", "reason": reason, "domain": domain,
            "metadata": metadata}


def retry_info(seconds):
    return {"@type": TYPE + "RetryInfo", "retryDelay": f"{seconds:g}s"}


def quota_failure(metric, quota_id, value, model):
    return {"@type": TYPE + "QuotaFailure", "violations": [{
        "quotaMetric": metric, "quotaId": quota_id, "quotaValue": str(value),
        "quotaDimensions": {"model": model, "location": "global"}}]}


def bad_request(violations):
    return {"@type": TYPE + "BadRequest", "fieldViolations": [
        {"field": at, "description": why} for at, why in violations]}
