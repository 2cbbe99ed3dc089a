# SPDX-License-Identifier: MIT
"""Pictures without a library: flat PNG and JPEG files of any size and weight.

A flat picture costs almost nothing to write: a flushed deflate block of a few rows,
or a run of zero bits, is repeated. Files grow to a wished weight by chunks that
decoders skip, whose base64 is computed once and sent many times.
"""
import base64
import functools
import hashlib
import struct
import zlib

from wire import Base64, Repeat, parts_size

# libpng refuses chunks above 8 MB; 768 KiB encodes to exactly 1 MiB of base64.
PNG_UNIT = 786432
JPEG_UNIT = 65535
MP4_UNIT = 786432


class Media:
    """head, `count` times `unit`, tail; head and unit are multiples of three.

    `unit` and `tail` are pairs of bytes and their base64.
    """

    def __init__(self, mime, head, unit=None, count=0, tail=(b"", b"")):
        self.mime = mime
        self.head = head
        self.unit = unit
        self.count = count
        self.tail = tail

    def raw(self):
        parts = [self.head]
        if self.count:
            parts.append(Repeat(self.unit[0], self.count))
        return parts + [self.tail[0]]

    def text(self):
        """Its base64, as parts."""
        parts = [Base64(self.head)]
        if self.count:
            parts.append(Repeat(self.unit[1], self.count))
        return parts + [self.tail[1]]

    @property
    def size(self):
        return parts_size(self.raw())


@functools.lru_cache(maxsize=32)
def encoded(raw):
    return raw, base64.b64encode(raw)


def colour(seed_text, call):
    """One of 216 colours, from what was asked and the number of the call."""
    digest = hashlib.sha256(f"{call} {seed_text}".encode()).digest()
    return tuple(40 + 35 * (b % 6) for b in digest[:3])


def chunk(kind, data):
    return (struct.pack(">I", len(data)) + kind + data
            + struct.pack(">I", zlib.crc32(kind + data)))


@functools.lru_cache(maxsize=None)
def png_unit():
    raw = chunk(b"paDd", (bytes(range(256)) * (PNG_UNIT // 256))[:PNG_UNIT - 12])
    return encoded(raw)


@functools.lru_cache(maxsize=16)
def png_tail(size):
    """The end of a file: a chunk of `size` bytes, or none, and IEND."""
    raw = chunk(b"paDd", bytes(max(size - 12, 0))) if size else b""
    raw += chunk(b"IEND", b"")
    return raw, base64.b64encode(raw)


@functools.lru_cache(maxsize=512)
def png_head(width, height, rgb):
    """Signature, IHDR and IDAT: full-flushed blocks of 16 rows do not refer back."""
    row = b"\0" + bytes(rgb) * width
    rows = min(16, height)

    def block(count):
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        return packer.compress(row * count) + packer.flush(zlib.Z_FULL_FLUSH)

    full, rest = divmod(height, rows)
    data = block(rows) * full + (block(rest) if rest else b"")
    adler = 1
    for _ in range(full):
        adler = zlib.adler32(row * rows, adler)
    adler = zlib.adler32(row * rest, adler)
    idat = b"\x78\x01" + data + b"\x03\x00" + struct.pack(">I", adler)
    ihdr = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", ihdr) + chunk(b"IDAT", idat)


def png(width, height, rgb, note="", weight=0):
    head = png_head(width, height, rgb)
    note = "Comment\0" + note
    note += " " * (-(len(head) + 12 + len(note)) % 3)
    head += chunk(b"tEXt", note.encode("latin-1", "replace"))
    count, rest = divmod(max(weight - len(head) - 12, 0), PNG_UNIT)
    return Media("image/png", head, png_unit(), count, png_tail(rest))


def segment(marker, data):
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


@functools.lru_cache(maxsize=None)
def jpeg_unit():
    raw = segment(0xFE, b"." * (JPEG_UNIT - 4))
    return raw, base64.b64encode(raw)


@functools.lru_cache(maxsize=512)
def jpeg_image(width, height, rgb):
    """Tables and scan. All quantisers are 8, so a DC value is the sample less 128.

    DC category 0 and end-of-block are each the one-bit code 0: after its first block
    a flat picture is nothing but zero bits.
    """
    r, g, b = rgb
    ycc = (0.299 * r + 0.587 * g + 0.114 * b - 128,
           -0.168736 * r - 0.331264 * g + 0.5 * b,
           0.5 * r - 0.418688 * g - 0.081312 * b)
    bits = ""
    for value in map(round, ycc):
        size = abs(value).bit_length()
        if size == 0:
            bits += "0"
        else:
            low = value if value > 0 else value + (1 << size) - 1
            bits += format(15 + size, "05b") + format(low, f"0{size}b")
        bits += "0"
    blocks = -(-width // 8) * -(-height // 8)
    total = len(bits) + 6 * (blocks - 1)
    first = bits + "0" * (-len(bits) % 8)
    scan = bytearray(int(first[i:i + 8], 2) for i in range(0, len(first), 8))
    scan += bytes(-(-total // 8) - len(scan))
    spare = -total % 8
    scan[-1] |= (1 << spare) - 1
    scan = bytes(scan).replace(b"\xff", b"\xff\0")
    lengths = [1, 0, 0, 0, 8] + [0] * 11
    return (segment(0xDB, b"\0" + b"\x08" * 64)
            + segment(0xC0, struct.pack(">BHHB", 8, height, width, 3)
                      + b"\1\x11\0\2\x11\0\3\x11\0")
            + segment(0xC4, b"\0" + bytes(lengths) + bytes(range(9)))
            + segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\0")
            + segment(0xDA, b"\3\1\0\2\0\3\0\0\x3f\0")
            + scan + b"\xff\xd9")


def jpeg(width, height, rgb, note="", weight=0):
    head = b"\xff\xd8" + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    note += " " * (-(len(head) + 4 + len(note)) % 3)
    head += segment(0xFE, note.encode("latin-1", "replace"))
    image = jpeg_image(width, height, rgb)
    count, rest = divmod(max(weight - len(head) - len(image), 0), JPEG_UNIT)
    tail = segment(0xFE, b"." * max(rest - 4, 0)) if rest else b""
    return Media("image/jpeg", head, jpeg_unit(), count, encoded(tail + image))


def picture(mime, width, height, rgb, note="", weight=0):
    make = jpeg if mime == "image/jpeg" else png
    return make(width, height, rgb, note, weight)


@functools.lru_cache(maxsize=None)
def mp4_unit():
    raw = struct.pack(">I", MP4_UNIT) + b"free" + bytes(MP4_UNIT - 8)
    return raw, base64.b64encode(raw)


def mp4(data, note="", weight=0):
    """A finished MP4 file made distinct, and heavier, by `free` boxes at its end."""
    note += " " * (-(len(data) + 8 + len(note)) % 3)
    text = note.encode("latin-1", "replace")
    head = data + struct.pack(">I", len(text) + 8) + b"free" + text
    count, rest = divmod(max(weight - len(head), 0), MP4_UNIT)
    rest = max(rest, 8) if rest else 0
    tail = struct.pack(">I", rest) + b"free" + bytes(rest - 8) if rest else b""
    return Media("video/mp4", head, mp4_unit(), count, encoded(tail))


def mp4_seconds(data):
    """The length that an MP4's movie header tells, or None."""
    at = data.find(b"mvhd")
    if at < 0 or len(data) < at + 32:
        return None
    if data[at + 4] == 1:
        scale, length = struct.unpack(">IQ", data[at + 24:at + 36])
    else:
        scale, length = struct.unpack(">II", data[at + 16:at + 24])
    return length / scale if scale else None


def mp4_pixels(data):
    """(width, height) of the first track that has any, or None."""
    at = data.find(b"tkhd")
    while at >= 0:
        size = struct.unpack(">I", data[at - 4:at])[0]
        end = at - 4 + size
        width, height = struct.unpack(">II", data[end - 8:end])
        if width and height:
            return width >> 16, height >> 16
        at = data.find(b"tkhd", at + 4)
    return None
