#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the golden set: small pictures in golden/ and their scores in golden.json.

The tests only read what is committed; run this by hand after a change of the metrics,
with Debian's python3-opencv, python3-numpy and imagemagick (for CMYK):

    ./make_golden.py

The scores come from OpenCV and NumPy, not from our code: cv2.imdecode decodes,
cv2.cvtColor and cv2.Laplacian give the sharpness, ndarray.mean and .std the rest.
OpenCV decodes CMYK wrongly, so ImageMagick gives the inks of those, and R = C K / 255
(of 255 minus the inks, rounded) is computed here. An existing picture is kept: encoders
differ between versions, and the scores are of the committed bytes.
"""
import json
import pathlib
import struct
import subprocess
import zlib

import cv2
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE / "golden"
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4),
         (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def scene(w, h, channels, depth=8, seed=1):
    """Gradients, edges and noise; values up to 2^depth - 1."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    planes = []
    for c in range(channels):
        p = 0.5 + 0.3 * np.sin(x / (5 + c)) + 0.3 * np.cos(y / (7 - c))
        p[(x // 9 + y // 6 + c) % 4 == 0] *= 0.2
        p += rng.normal(0, 0.05, p.shape)
        planes.append(p)
    top = (1 << depth) - 1
    return np.clip(np.dstack(planes) * top, 0, top).astype(np.uint32)


def pack_rows(samples, depth):
    out = b""
    for row in samples.reshape(samples.shape[0], -1):
        if depth == 16:
            out += b"\0" + row.astype(">u2").tobytes()
        elif depth == 8:
            out += b"\0" + row.astype(np.uint8).tobytes()
        else:
            bits = "".join(format(int(v), f"0{depth}b") for v in row)
            bits += "0" * (-len(bits) % 8)
            out += b"\0" + bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
    return out


def chunk(name, data):
    crc = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)


def png(samples, colour_type, depth=8, interlaced=False, palette=None, trns=None):
    h, w = samples.shape[:2]
    samples = samples.reshape(h, w, -1)
    if interlaced:
        raw = b"".join(pack_rows(samples[y::dy, x::dx], depth)
                       for x, y, dx, dy in ADAM7 if samples[y::dy, x::dx].size)
    else:
        raw = pack_rows(samples, depth)
    out = b"\x89PNG\r\n\x1a\n"
    out += chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour_type, 0, 0,
                                      1 if interlaced else 0))
    out += chunk(b"gAMA", struct.pack(">I", 30000))  # must be ignored
    if palette is not None:
        out += chunk(b"PLTE", palette.astype(np.uint8).tobytes())
    if trns is not None:
        out += chunk(b"tRNS", trns)
    return out + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def jpeg(rgb, *options):
    if rgb.shape[2] == 3:
        rgb = rgb[:, :, ::-1]
    ok, data = cv2.imencode(".jpg", rgb.astype(np.uint8), list(options))
    assert ok
    return data.tobytes()


def cmyk_jpeg(inks, *options):
    h, w = inks.shape[:2]
    return subprocess.run(
        ["/usr/bin/convert", "-size", f"{w}x{h}", "-depth", "8", "cmyk:-", *options,
         "jpg:-"], input=inks.astype(np.uint8).tobytes(), check=True,
        stdout=subprocess.PIPE).stdout


def pictures():
    palette = scene(16, 16, 3, seed=7).reshape(-1, 3)
    index = scene(59, 43, 1, depth=8)
    gray2 = scene(37, 21, 1, depth=2)
    yield "rgb.png", png(scene(64, 48, 3), 2)
    yield "rgb_odd.png", png(scene(61, 47, 3, seed=2), 2)
    yield "rgb_key.png", png(scene(33, 31, 3), 2, trns=struct.pack(">HHH", 9, 8, 7))
    yield "rgb_interlaced.png", png(scene(61, 47, 3, seed=3), 2, interlaced=True)
    yield "rgb16.png", png(scene(40, 30, 3, depth=16), 2, depth=16)
    yield "rgba.png", png(scene(50, 40, 4), 6)
    yield "rgba16_interlaced.png", png(scene(25, 19, 4, depth=16), 6, 16, True)
    yield "gray.png", png(scene(64, 48, 1), 0)
    yield "gray1.png", png(scene(45, 29, 1, depth=1), 0, depth=1)
    yield "gray2.png", png(gray2, 0, depth=2)
    yield "gray4_key.png", png(scene(35, 28, 1, depth=4), 0, 4,
                               trns=struct.pack(">H", 3))
    yield "gray16.png", png(scene(40, 30, 1, depth=16), 0, depth=16)
    yield "gray_alpha.png", png(scene(50, 40, 2), 4)
    yield "gray_alpha16.png", png(scene(20, 30, 2, depth=16), 4, depth=16)
    yield "palette.png", png(index, 3, palette=palette)
    yield "palette_trns.png", png(index, 3, palette=palette, trns=bytes(range(200)))
    yield "palette4_interlaced.png", png(scene(31, 23, 1, depth=4), 3, 4, True,
                                         palette=palette[:16])
    yield "1x1.png", png(scene(1, 1, 3), 2)
    yield "1x1_gray.png", png(scene(1, 1, 1), 0)
    yield "1x37.png", png(scene(1, 37, 3), 2)
    yield "37x1.png", png(scene(37, 1, 3), 2)
    yield "2x2.png", png(scene(2, 2, 3), 2)
    yield "2x9.png", png(scene(2, 9, 3, seed=5), 2)
    yield "black.png", png(np.zeros((16, 16, 3), np.uint32), 2)
    yield "white.png", png(np.full((16, 16, 3), 255, np.uint32), 2)
    yield "checker.png", png(np.indices((24, 24)).sum(0) % 2 * 255, 0)
    yield "420_odd.jpg", jpeg(scene(61, 47, 3))
    yield "progressive.jpg", jpeg(scene(64, 48, 3), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    yield "low_quality.jpg", jpeg(scene(80, 60, 3), cv2.IMWRITE_JPEG_QUALITY, 20)
    yield "gray.jpg", jpeg(scene(61, 47, 1))
    yield "1x1.jpg", jpeg(scene(1, 1, 3))
    yield "1x37.jpg", jpeg(scene(1, 37, 3))
    yield "cmyk_adobe.jpg", relabel(cmyk_jpeg(scene(53, 41, 4)), 0)
    yield "ycck_adobe.jpg", relabel(cmyk_jpeg(scene(53, 41, 4)), 2)
    yield "flat.png", png(np.full((20, 30, 3), 128, np.uint32), 2)


def relabel(data, transform):
    """The same samples, said to be CMYK (0) or YCCK (2) by Adobe's marker."""
    at = data.index(b"Adobe")
    return data[:at + 11] + bytes([transform]) + data[at + 12:]


def decode(data, name):
    if name.startswith(("cmyk", "ycck")):
        raw = subprocess.run(["/usr/bin/convert", "jpg:-", "-depth", "8", "cmyk:-"],
                             input=data, check=True, stdout=subprocess.PIPE).stdout
        w, h = map(int, subprocess.run(
            ["/usr/bin/identify", "-format", "%w %h", "jpg:-"], input=data,
            check=True, stdout=subprocess.PIPE).stdout.split())
        stored = 255 - np.frombuffer(raw, np.uint8).reshape(h, w, 4).astype(int)
        rgb = (stored[:, :, :3] * stored[:, :, 3:] + 127) // 255
        return rgb.astype(np.uint8)[:, :, ::-1]
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def grade(sharpness, brightness, contrast):
    points = sum(sharpness > limit for limit in (100, 500, 1000))
    points += 2 if 100 <= brightness <= 200 else 1 if 50 <= brightness <= 250 else 0
    points += sum(contrast > limit for limit in (25, 50))
    return "A" if points >= 6 else "B" if points >= 4 else "C" if points >= 2 else "D"


def scores(bgr, size):
    gray = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
    sharpness = float(cv2.Laplacian(gray, cv2.CV_64F).var())
    brightness, contrast = float(bgr.mean()), float(bgr.std())
    h, w = gray.shape
    return {
        "width": w, "height": h, "file_size_kb": size / 1024,
        "sharpness_score": sharpness, "brightness_score": brightness,
        "contrast_score": contrast,
        "quality_grade": grade(sharpness, brightness, contrast),
        "clipped_dark": float((gray <= 2).mean()),
        "clipped_bright": float((gray >= 253).mean()),
        "channels": 1 if (bgr[:, :, 0] == bgr[:, :, 1]).all() else 3,
    }


def video_scores(path):
    """Means over the frames on screen in the middle of each twelfth."""
    video = cv2.VideoCapture(str(path))
    fps = video.get(cv2.CAP_PROP_FPS)
    frames = []
    while True:
        ok, frame = video.read()
        if not ok:
            break
        frames.append(frame)
    n = len(frames)
    wanted = sorted({min(n - 1, (2 * i + 1) * n // 24) for i in range(12)})
    size = path.stat().st_size
    each = [scores(frames[i], size) for i in wanted]
    result = dict(each[0])
    for name in ("sharpness_score", "brightness_score", "contrast_score",
                 "clipped_dark", "clipped_bright"):
        result[name] = float(np.mean([s[name] for s in each]))
    result["quality_grade"] = grade(result["sharpness_score"],
                                    result["brightness_score"],
                                    result["contrast_score"])
    result["black_ratio"] = float(np.mean([s["brightness_score"] < 10 for s in each]))
    result["sampled_frames"] = len(each)
    result["fps"] = fps
    result["duration_s"] = n / fps
    return result


def main():
    golden = {}
    GOLDEN.mkdir(exist_ok=True)
    for name, data in pictures():
        path = GOLDEN / name
        if path.exists():
            data = path.read_bytes()
        else:
            path.write_bytes(data)
        golden[name] = scores(decode(data, name), len(data))
        if name in ("black.png", "white.png", "flat.png"):
            golden[name]["channels"] = 3
    for path in sorted(GOLDEN.glob("*.mp4")):  # made with ffmpeg's testsrc2
        golden[path.name] = video_scores(path)
    (HERE / "golden.json").write_text(json.dumps(golden, indent=2) + "\n")


if __name__ == "__main__":
    main()
