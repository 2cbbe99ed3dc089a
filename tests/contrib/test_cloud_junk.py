# SPDX-License-Identifier: MIT
"""contrib/cloud: whatever stands in a request, the answer is JSON and not a bug."""
import base64
import copy
import json
import random
import unittest

import tapcase
from cloudfix import CloudServer, vertex_path

JPEG = {"bytesBase64Encoded": base64.b64encode(b"\xff\xd8\xff\xe0rest").decode(),
        "mimeType": "image/jpeg"}
MP4 = {"bytesBase64Encoded": base64.b64encode(
    b"\0\0\0\x18ftypisom" + b"mvhd" + bytes(40) + b"tkhd" + bytes(80)).decode(),
    "mimeType": "video/mp4"}
VEO = "veo-3.1-generate-001"
REQUESTS = [
    (vertex_path("imagen-4.0-generate-001", "predict"), {
        "instances": [{"prompt": "x"}], "labels": {"a": "b"},
        "parameters": {"sampleCount": 1, "seed": 3, "addWatermark": False,
                       "outputOptions": {"mimeType": "image/jpeg"},
                       "storageUri": "gs://local-bucket/x"}}),
    (vertex_path("imagen-3.0-capability-001", "predict"), {
        "instances": [{"prompt": "x", "referenceImages": [{
            "referenceType": "REFERENCE_TYPE_RAW", "referenceId": 1,
            "referenceImage": JPEG}]}], "parameters": {"sampleCount": 1}}),
    (vertex_path(VEO, "predictLongRunning"), {
        "instances": [{"prompt": "x", "image": JPEG, "lastFrame": JPEG, "video": MP4,
                       "referenceImages": [{"image": JPEG, "referenceType": "asset"}]}],
        "parameters": {"durationSeconds": 5, "seed": 2}}),
    (vertex_path(VEO, "predictLongRunning"), {
        "instances": [{"prompt": "x", "video": MP4}], "parameters": {}}),
    (vertex_path(VEO, "fetchPredictOperation"), {"operationName": "x"}),
    (vertex_path("gemini-nano-banana-2.1", "generateContent"), {
        "contents": [{"role": "user", "parts": [
            {"text": "a"},
            {"inlineData": {"mimeType": "image/jpeg",
                            "data": JPEG["bytesBase64Encoded"]}},
            {"fileData": {"mimeType": "image/png",
                          "fileUri": "gs://local-bucket/q"}}]}],
        "generationConfig": {"seed": 1, "imageConfig": {"aspectRatio": "1:1"}},
        "safetySettings": []}),
    ("/v1/images/generations", {"model": "gpt-image-1", "prompt": "x", "n": 1,
                                "size": "auto"}),
    ("/v1/chat/completions", {"model": "gpt-4o-mini", "stop": ["a"], "messages": [
        {"role": "user", "content": [{"type": "text", "text": "x"}]}]}),
]
JUNK = [None, True, 0, -1, 1e300, 10**40, 8.0, "", "x", "\u00e9", "\ud800", [], {}, [1],
        {"a": 1}, [[]], "gs://local-bucket/", "gs://b", "1:1", ["TEXT"]]
NAMES = ["foo", "mimeType", "prompt", "image", "text", "sample_count", "\ud800"]


def places(value, path=()):
    yield path
    items = (value.items() if isinstance(value, dict)
             else enumerate(value) if isinstance(value, list) else ())
    for key, item in items:
        yield from places(item, path + (key,))


def spoil(value, dice):
    """One to three changes somewhere in a copy of `value`."""
    value = copy.deepcopy(value)
    for _ in range(dice.randint(1, 3)):
        path = dice.choice(list(places(value)))
        if not path:
            continue
        holder = value
        for key in path[:-1]:
            holder = holder[key]
        what = copy.deepcopy(dice.choice(JUNK))
        if dice.random() < 0.2:
            del holder[path[-1]]
        elif dice.random() < 0.15 and isinstance(holder, dict):
            holder[dice.choice(NAMES)] = what
        else:
            holder[path[-1]] = what
    return value


class Junk(unittest.TestCase):
    def test_2000_spoiled_requests(self):
        dice = random.Random(5)
        with CloudServer("--today", "2026-01-01") as cloud:
            conn = cloud.connect()
            for _ in range(2000):
                path, body = dice.choice(REQUESTS)
                body = json.dumps(spoil(body, dice)).encode()
                if dice.random() < 0.1:
                    body = body[:dice.randint(0, len(body))]
                auth = "bearer" if path.startswith("/v1/projects/") else "openai"
                got = cloud.call("POST", path, body,
                                 {"Content-Type": "application/json"}, auth, conn)
                self.assertIn(got.status, (200, 400, 404), body)
                self.assertIsInstance(got.json, dict)
            conn.close()
            self.assertEqual(cloud.counters()["internal_errors"], 0)


if __name__ == "__main__":
    tapcase.main()
