# SPDX-License-Identifier: MIT
"""Cloud Storage's JSON API: simple uploads, objects and ranges, lists, deletes."""
import base64
import datetime
import hashlib
import itertools
import os
import re
import tempfile
from array import array

from wire import (ApiError, FilePart, Reply, StorageError, answer, chunks, cut,
                  parts_size, text)

MAX_NAME = 1024
PAGE = 1000


def crc_table():
    """CRC-32C of two bytes at a time: plain Python then reaches some 25 MB/s."""
    one = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        one.append(value)
    two = []
    for value in range(65536):
        low = one[value & 0xFF]
        two.append(low >> 8 ^ one[(low ^ value >> 8) & 0xFF])
    return one, two


class Crc32c:
    tables = None

    def __init__(self):
        if Crc32c.tables is None:
            Crc32c.tables = crc_table()
        self.crc = 0xFFFFFFFF
        self.odd = b""

    def update(self, data):
        _, two = self.tables
        data = self.odd + bytes(data)
        even = len(data) & ~1
        self.odd = data[even:]
        crc = self.crc
        for pair in array("H", data[:even]):
            crc = two[(crc ^ pair) & 0xFFFF] ^ crc >> 16
        self.crc = crc

    def digest(self):
        crc = self.crc
        for byte in self.odd:
            crc = self.tables[0][(crc ^ byte) & 0xFF] ^ crc >> 8
        return (crc ^ 0xFFFFFFFF).to_bytes(4, "big")


class Sink:
    """An upload on its way into a file, hashed as it comes."""

    def __init__(self, directory):
        handle, self.path = tempfile.mkstemp(dir=directory, prefix="upload-")
        self.file = os.fdopen(handle, "wb")
        self.size = 0
        self.md5 = hashlib.md5()
        self.crc = Crc32c()

    def write(self, piece):
        self.file.write(piece)
        self.size += len(piece)
        self.md5.update(piece)
        self.crc.update(piece)

    def take(self):
        """The finished file's path; the sink lets go of it."""
        self.file.close()
        path, self.path = self.path, None
        return path

    def discard(self):
        self.file.close()
        if self.path:
            os.unlink(self.path)
            self.path = None


def now_text():
    now = datetime.datetime.now(datetime.timezone.utc)
    return now.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class Object:
    """Bytes in parts (of a file or of generated media) and what is told of them."""

    def __init__(self, bucket, name, parts, generation, ctype, md5, crc):
        self.parts = parts
        self.generation = generation
        self.size = parts_size(parts)
        self.path = parts[0].path if isinstance(parts[0], FilePart) else None
        self.hash = (base64.b64encode(crc).decode(), base64.b64encode(md5).decode())
        self.info = {
            "kind": "storage#object", "id": f"{bucket}/{name}/{generation}",
            "name": name, "bucket": bucket, "generation": str(generation),
            "metageneration": "1", "contentType": ctype, "storageClass": "STANDARD",
            "size": str(self.size), "md5Hash": self.hash[1], "crc32c": self.hash[0],
            "etag": base64.b64encode(str(generation).encode()).decode(),
            "timeCreated": now_text(), "updated": now_text()}

    def drop(self):
        if self.path:
            os.unlink(self.path)


class Store:
    def __init__(self, directory, buckets):
        self.dir = directory
        self.buckets = {name: {} for name in buckets}
        self.generations = itertools.count(1700000000000001)

    def open_sink(self):
        return Sink(self.dir)

    # For the services that write here

    def check_uri(self, uri):
        bucket = uri[5:].split("/", 1)[0]
        if bucket not in self.buckets:
            raise ApiError(403, f"The caller has no permission to write to {uri}.")

    def put_generated(self, uri, name, media):
        """Store `media` below the folder `uri`; returns its gs:// name."""
        bucket, _, prefix = uri[5:].partition("/")
        prefix = prefix.rstrip("/")
        full = f"{prefix}/{name}" if prefix else name
        md5, crc = hashlib.md5(), Crc32c()
        for piece in chunks(media.raw()):
            md5.update(piece)
            crc.update(piece)
        self.buckets[bucket][full] = Object(bucket, full, media.raw(),
                                            next(self.generations), media.mime,
                                            md5.digest(), crc.digest())
        return f"gs://{bucket}/{full}"

    def read_uri(self, uri):
        """The bytes of a gs:// object, for a service that takes it as input."""
        bucket, _, name = uri[5:].partition("/")
        found = self.buckets.get(bucket, {}).get(name)
        if found is None:
            raise ApiError(404, f"The object {uri} does not exist.")
        return b"".join(chunks(found.parts))

    # The API

    def serve(self, method, target, req):
        return {"storage.upload": self.upload, "storage.get": self.get,
                "storage.delete": self.delete, "storage.list": self.list,
                }[method](target, req)

    def upload(self, target, req):
        query = req.query
        allow(query, "uploadType", "name", "ifGenerationMatch", "contentEncoding",
              "fields", "alt", "prettyPrint")
        if query.get("uploadType") != "media":
            raise StorageError(400, "invalid", "This local server takes "
                                               "uploadType=media only.")
        name = query.get("name", "")
        if (not 1 <= len(name.encode()) <= MAX_NAME or re.search(r"[\r\n]", name)
                or "�" in name):
            raise StorageError(400, "required" if not name else "invalid",
                               "The object's name is missing or not allowed.")
        bucket = self.buckets[target.bucket]
        old = bucket.get(name)
        check_generation(query, old)
        sink = req.sink
        ctype = req.headers.get("content-type", "application/octet-stream")
        new = Object(target.bucket, name, [FilePart(sink.path, 0, sink.size)],
                     next(self.generations), ctype, sink.md5.digest(),
                     sink.crc.digest())
        sink.take()
        if old:
            old.drop()
        bucket[name] = new
        return answer(fields_of(new.info, query))

    def find(self, target, query):
        found = self.buckets[target.bucket].get(target.name)
        wanted = query.get("generation")
        if found is None or wanted not in (None, str(found.generation)):
            message = f"No such object: {target.bucket}/{target.name}"
            if query.get("alt") == "media":
                raise PlainError(404, message)
            raise StorageError(404, "notFound", message)
        check_generation(query, found)
        return found

    def get(self, target, req):
        query = req.query
        allow(query, "alt", "generation", "fields", "ifGenerationMatch", "prettyPrint")
        found = self.find(target, query)
        if query.get("alt", "json") == "json":
            return answer(fields_of(found.info, query))
        if query["alt"] != "media":
            raise StorageError(400, "invalidParameter", "alt must be json or media.")
        headers = [("Content-Type", found.info["contentType"]),
                   ("Accept-Ranges", "bytes"), ("ETag", found.info["etag"]),
                   ("x-goog-generation", str(found.generation)),
                   ("x-goog-stored-content-length", str(found.size)),
                   ("x-goog-hash", "crc32c={},md5={}".format(*found.hash))]
        wanted = byte_range(req.headers.get("range"), found.size)
        if wanted is None:
            return Reply(200, found.parts, headers)
        if wanted == ():
            return text(416, "The requested range cannot be satisfied.",
                        headers=[("Content-Range", f"bytes */{found.size}")])
        first, last = wanted
        headers.append(("Content-Range", f"bytes {first}-{last}/{found.size}"))
        return Reply(206, [Slice(found.parts, first, last - first + 1)], headers)

    def delete(self, target, req):
        allow(req.query, "generation", "ifGenerationMatch")
        found = self.find(target, req.query)
        del self.buckets[target.bucket][target.name]
        found.drop()
        return Reply(204)

    def list(self, target, req):
        query = req.query
        allow(query, "prefix", "delimiter", "maxResults", "pageToken", "startOffset",
              "endOffset", "fields", "prettyPrint")
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        most = query.get("maxResults", str(PAGE))
        if not most.isdecimal() or int(most) < 1:
            raise StorageError(400, "invalid", "maxResults must be a positive number.")
        after = query.get("pageToken")
        start, end = query.get("startOffset", ""), query.get("endOffset")
        items, folders, last, token = [], [], None, None
        bucket = self.buckets[target.bucket]
        for name in sorted(bucket, key=str.encode):
            if not name.startswith(prefix) or name < start or (end and name >= end):
                continue
            folder = None
            if delimiter and delimiter in name[len(prefix):]:
                at = name.index(delimiter, len(prefix)) + len(delimiter)
                folder = name[:at]
            shown = folder or name
            if shown in folders or (after and shown <= unpage(after)):
                continue
            if len(items) + len(folders) >= min(int(most), PAGE):
                token = page(last)
                break
            last = shown
            if folder:
                folders.append(folder)
            else:
                items.append(bucket[name].info)
        found = {"kind": "storage#objects"}
        for key, value in (("items", items), ("prefixes", folders),
                           ("nextPageToken", token)):
            if value:
                found[key] = value
        return answer(found)


class Slice:
    def __init__(self, parts, start, size):
        self.parts, self.start, self.size = parts, start, size

    def __iter__(self):
        return cut(self.parts, self.start, self.size)


class PlainError(ApiError):
    """alt=media tells its errors in words."""

    def reply(self):
        return text(self.http, self.message, "text/html; charset=UTF-8")


def page(name):
    return base64.urlsafe_b64encode(name.encode()).decode()


def unpage(token):
    try:
        return base64.urlsafe_b64decode(token).decode()
    except ValueError:
        raise StorageError(400, "invalid", "Invalid pageToken.") from None


def allow(query, *names):
    unknown = set(query) - set(names)
    if unknown:
        raise StorageError(400, "invalidParameter",
                           f"Invalid query parameter {sorted(unknown)[0]!r}.")


def check_generation(query, found):
    wanted = query.get("ifGenerationMatch")
    if wanted is None:
        return
    if not wanted.isdecimal():
        raise StorageError(400, "invalidParameter", "ifGenerationMatch is a number.")
    if int(wanted) != (found.generation if found else 0):
        raise StorageError(412, "conditionNotMet", "At least one of the pre-conditions "
                                                   "you specified did not hold.")


def fields_of(info, query):
    names = [n for n in re.split(r"[,()]", query.get("fields", "")) if n]
    if names and "kind" not in names:
        return {k: v for k, v in info.items() if k in names}
    return info


def byte_range(value, size):
    """None: all of it; (): not satisfiable; else (first, last)."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", value or "")
    if not match or match[0] == "bytes=-":
        return None
    if not match[1]:
        count = min(int(match[2]), size)
        return (size - count, size - 1) if count else ()
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    if first >= size:
        return ()
    return (first, last) if first <= last else None
