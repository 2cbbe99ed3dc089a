# SPDX-License-Identifier: MIT
"""contrib/cloud: HTTP, control pages, counters, limits, storage, weight and speed."""
import base64
import gzip
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import tapcase
from cloudfix import BUCKET, ENTRY, CloudServer, vertex_path

IMAGEN = "imagen-3.0-generate-002"
ONE = 40000


def imagen(prompt="a red fox", **parameters):
    return {"instances": [{"prompt": prompt}],
            "parameters": {"sampleCount": 1, **parameters}}


def together(count, work):
    """Run work(i) in `count` threads; the list of what they return."""
    found = [None] * count

    def run(index):
        found[index] = work(index)
    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = cls.enterClassContext(CloudServer("--today", "2026-01-01",
                                                    "--storage-auth"))

    def setUp(self):
        self.cloud.reset()
        self.cloud.token()

    def tearDown(self):
        self.assertEqual(self.cloud.counters()["internal_errors"], 0)

    def predict(self, body=None, **more):
        return self.cloud.vertex(IMAGEN, "predict", body or imagen(), **more)


class Http(Case):
    def raw(self, data):
        with socket.create_connection(("127.0.0.1", self.cloud.port), 10) as sock:
            sock.sendall(data)
            got = b""
            while True:
                piece = sock.recv(65536)
                got += piece
                if not piece:
                    return got

    def test_one_connection_many_requests(self):
        conn = self.cloud.connect()
        for _ in range(20):
            self.assertEqual(self.predict(connection=conn).status, 200)
        conn.close()
        self.assertLessEqual(self.cloud.counters()["connections"]["accepted"], 3)

    def test_chunked_request_and_expect(self):
        body = json.dumps(imagen()).encode()
        head = (f"POST {vertex_path(IMAGEN, 'predict')} HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: Bearer {self.cloud.token()}\r\nConnection: close\r\n"
                "Content-Type: application/json\r\n")
        sent = head + "Transfer-Encoding: chunked\r\n\r\n"
        got = self.raw(sent.encode() + b"5\r\n" + body[:5] + b"\r\n"
                       + b"%x\r\n" % (len(body) - 5) + body[5:] + b"\r\n0\r\n\r\n")
        self.assertTrue(got.startswith(b"HTTP/1.1 200 OK\r\n"), got[:200])
        sent = head + f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
        got = self.raw(sent.encode() + body)
        self.assertTrue(got.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"))

    def test_what_is_not_http(self):
        for data in (b"GET / HTTP/9\r\n\r\n", b"nonsense\r\n\r\n",
                     b"GET / HTTP/1.1\r\n\r\n",
                     b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                     b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n",
                     b"POST /token HTTP/1.1\r\nHost: x\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"):
            with self.subTest(data):
                self.assertTrue(self.raw(data).startswith(b"HTTP/1.1 400 "))

    def test_unknown_paths_and_verbs(self):
        self.assertEqual(self.cloud.call("GET", "/v1/none").status, 404)
        self.assertEqual(self.cloud.call("GET", "/token", auth=None).status, 405)

    def test_chunked_and_gzip_answers(self):
        self.cloud.config(chunked=True)
        got = self.predict()
        self.assertEqual(got.headers["Transfer-Encoding"], "chunked")
        self.assertEqual(len(got.json["predictions"]), 1)
        self.cloud.config(chunked=False, gzip=True)
        got = self.predict(headers={"Accept-Encoding": "gzip"})
        self.assertEqual(got.headers["Content-Encoding"], "gzip")
        self.assertEqual(len(json.loads(gzip.decompress(got.body))["predictions"]), 1)
        self.assertNotIn("Content-Encoding", self.predict().headers)
        self.cloud.config(gzip=False)

    def test_tls(self):
        with CloudServer("--tls", "--today", "2026-01-01") as cloud:
            self.assertEqual(cloud.vertex(IMAGEN, "predict", imagen()).status, 200)


class Program(unittest.TestCase):
    def test_usage_and_stop(self):
        done = subprocess.run([ENTRY, "--help"], capture_output=True,  # as people do
                              text=True, check=True)
        for word in ("--write-credentials", "--port", "SIGTERM", "/_control/"):
            self.assertIn(word, done.stdout)
        cloud = CloudServer()
        cloud.start()
        held = [socket.create_connection(("127.0.0.1", cloud.port)) for _ in range(5)]
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.2", cloud.port), 1)
        start = time.monotonic()
        self.assertEqual(cloud.stop(), 0)
        self.assertLess(time.monotonic() - start, 3)
        for sock in held:
            sock.close()

    def test_price_and_model_files(self):
        with tempfile.TemporaryDirectory() as directory:
            prices = os.path.join(directory, "prices.json")
            models = os.path.join(directory, "models.json")
            with open(prices, "w", encoding="utf-8") as file:
                json.dump({IMAGEN: {"image": 25000}}, file)
            with open(models, "w", encoding="utf-8") as file:
                json.dump({"models": [{"id": "my-image",
                                       "family": "openai-image"}]}, file)
            with CloudServer("--prices", prices, "--models", models, "--today",
                             "2026-01-01", "--image-bytes", "100000") as cloud:
                got = cloud.vertex(IMAGEN, "predict", imagen())
                data = got.json["predictions"][0]["bytesBase64Encoded"]
                self.assertEqual(len(base64.b64decode(data)), 100000)
                self.assertEqual(cloud.counters()["billed_udollars"], 25000)
                got = cloud.call("POST", "/v1/images/generations",
                                 {"model": "my-image", "prompt": "x"}, auth="openai")
                self.assertEqual(got.status, 200)


class ControlPages(Case):
    def test_histories(self):
        for prompt in ("a fox", "a fox", "a hare"):
            self.predict(imagen(prompt))
        self.predict({"instances": 1})
        found = self.cloud.requests(method="predict")
        self.assertEqual([r["status"] for r in found], [200, 200, 200, 400])
        self.assertEqual(found[0]["key"], found[1]["key"])
        self.assertNotEqual(found[0]["key"], found[2]["key"])
        self.assertEqual(found[0]["body"], imagen("a fox"))
        self.assertEqual(found[0]["billed_udollars"], ONE)
        self.assertNotIn("authorization", found[0]["headers"])
        self.assertEqual(len(self.cloud.requests(contains="hare", model=IMAGEN)), 1)
        keys = self.cloud.control("keys")
        self.assertEqual(keys[found[0]["key"]],
                         {"method": "predict", "model": IMAGEN, "calls": 2,
                          "accepted": 2, "billed_udollars": 2 * ONE})

    def test_histories_are_bounded(self):
        blob = base64.b64encode(bytes(9 << 20)).decode()
        body = {"instances": [{"prompt": "x", "pad": blob}]}
        for _ in range(7):
            self.assertEqual(self.predict(body).status, 400)
        self.assertLessEqual(len(self.cloud.requests(bodies=0)), 5)

    def test_counters(self):
        self.predict()
        self.predict({"instances": []})
        self.cloud.fault("429")
        self.predict()
        found = self.cloud.counters()
        method = found["methods"]["predict"]
        self.assertEqual((method["calls"], method["accepted"], method["refused"]),
                         (3, 1, {"400": 1, "429": 1}))
        self.assertEqual(found["billed_by_model"], {IMAGEN: ONE})
        self.assertEqual(found["faults_struck"], {"429": 1})
        self.cloud.reset()
        self.assertEqual(self.cloud.counters()["methods"], {})

    def test_strangers(self):
        for headers in ({"Host": "evil.example.com"}, {"Origin": "http://x"}):
            got = self.cloud.call("GET", "/_control/status", headers=headers, auth=None)
            self.assertEqual(got.status, 403)
        got = self.cloud.call("GET", "/_control/nothing", auth=None)
        self.assertEqual(got.status, 404)
        for bad in ({"latency_ms": "1"}, {"foo": 1}, []):
            got = self.cloud.call("POST", "/_control/config", bad, auth=None)
            self.assertEqual(got.status, 400)
        self.assertTrue(self.cloud.control("status")["buckets"])
        self.assertIn(IMAGEN, [m["id"] for m in self.cloud.control("models")["models"]])


class Limits(Case):
    def tearDown(self):
        self.cloud.limit(IMAGEN)
        self.cloud.config(latency_ms=0)
        super().tearDown()

    def test_requests_per_minute(self):
        self.cloud.limit(IMAGEN, rpm=3, window_seconds=2)
        seen = [self.predict().status for _ in range(5)]
        self.assertEqual(seen, [200, 200, 200, 429, 429])
        time.sleep(2.05)
        self.assertEqual(self.predict().status, 200)

    def test_only_the_developer_api_gives_hints(self):
        model = "gemini-nano-banana-2.1"
        ask = {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
        self.cloud.limit(model, rpm=0)
        got = self.cloud.vertex(model, "generateContent", ask)
        self.assertIn("with base model", got.error["message"])
        self.assertNotIn("details", got.error)
        got = self.cloud.gemini(model, "generateContent", ask)
        kinds = [d["@type"].rsplit(".", 1)[1] for d in got.error["details"]]
        self.assertEqual(kinds, ["QuotaFailure", "RetryInfo"])
        self.cloud.limit(model)

    def test_concurrency(self):
        self.cloud.config(latency_ms=1500)
        self.cloud.limit(IMAGEN, concurrent=4)
        seen = together(10, lambda i: self.predict().status)
        self.assertEqual(sorted(seen), [200] * 4 + [429] * 6)
        found = self.cloud.counters()
        self.assertEqual(found["methods"]["predict"]["accepted"], 4)

    def test_latency_and_most_in_flight(self):
        self.cloud.config(latency_ms=1000)
        start = time.monotonic()
        self.assertEqual(together(8, lambda i: self.predict().status), [200] * 8)
        self.assertGreater(time.monotonic() - start, 0.99)
        found = self.cloud.counters()
        self.assertEqual((found["max_paid_in_flight"], found["paid_in_flight"]), (8, 0))


class Storage(Case):
    def upload(self, name, data, query="", **headers):
        return self.cloud.call(
            "POST",
            f"/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={name}{query}",
            data, {"Content-Type": "text/plain", **headers})

    def get(self, name, query="", **headers):
        return self.cloud.call("GET", f"/storage/v1/b/{BUCKET}/o/{name}{query}",
                               headers=headers)

    def test_round_trip(self):
        got = self.upload("a%2Fb%20%2B%25.txt", b"123456789")
        self.assertEqual(got.status, 200)
        info = got.json
        self.assertEqual((info["name"], info["size"]), ("a/b +%.txt", "9"))
        self.assertEqual(base64.b64decode(info["crc32c"]).hex(), "e3069283")
        self.assertEqual(len(base64.b64decode(info["md5Hash"])), 16)
        name = "a%2Fb%20%2B%25.txt"
        self.assertEqual(self.get(name).json, info)
        self.assertEqual(self.get(name, "?fields=name,size").json,
                         {"name": "a/b +%.txt", "size": "9"})
        got = self.get(name, "?alt=media")
        self.assertEqual((got.status, got.body), (200, b"123456789"))
        self.assertEqual(got.headers["x-goog-hash"],
                         f"crc32c={info['crc32c']},md5={info['md5Hash']}")
        got = self.get(name, "?alt=media", Range="bytes=2-4")
        self.assertEqual((got.status, got.body, got.headers["Content-Range"]),
                         (206, b"345", "bytes 2-4/9"))
        self.assertEqual(self.get(name, "?alt=media", Range="bytes=-2").body, b"89")
        self.assertEqual(self.get(name, "?alt=media", Range="bytes=7-99").body, b"89")
        self.assertEqual(self.get(name, "?alt=media", Range="bytes=9-").status, 416)
        got = self.cloud.call("DELETE", f"/storage/v1/b/{BUCKET}/o/{name}")
        self.assertEqual((got.status, got.body), (204, b""))
        got = self.get(name)
        self.assertEqual((got.status, got.error["errors"][0]["reason"]),
                         (404, "notFound"))
        got = self.get(name, "?alt=media")
        self.assertEqual(got.status, 404)
        self.assertIn(b"No such object", got.body)

    def test_preconditions(self):
        first = self.upload("pre", b"1", "&ifGenerationMatch=0")
        self.assertEqual(first.status, 200)
        got = self.upload("pre", b"2", "&ifGenerationMatch=0")
        self.assertEqual((got.status, got.error["errors"][0]["reason"]),
                         (412, "conditionNotMet"))
        generation = first.json["generation"]
        self.assertIsInstance(generation, str)
        second = self.upload("pre", b"2", f"&ifGenerationMatch={generation}")
        self.assertEqual(second.status, 200)
        self.assertEqual(self.get("pre", f"?alt=media&generation={generation}").status,
                         404)
        path = f"/storage/v1/b/{BUCKET}/o/pre?ifGenerationMatch={generation}"
        self.assertEqual(self.cloud.call("DELETE", path).status, 412)

    def test_list(self):
        for name in ("l%2Fb", "l%2Fa", "l%2Fd%2F1", "l%2Fd%2F2", "m"):
            self.upload(name, b"x")

        def names(query):
            got = self.cloud.call("GET", f"/storage/v1/b/{BUCKET}/o?{query}").json
            return ([i["name"] for i in got.get("items", [])], got.get("prefixes"),
                    got.get("nextPageToken"))
        self.assertEqual(names("prefix=l%2F")[0], ["l/a", "l/b", "l/d/1", "l/d/2"])
        self.assertEqual(names("prefix=l%2F&delimiter=%2F")[:2], (["l/a", "l/b"],
                                                                  ["l/d/"]))
        self.assertEqual(names("prefix=none"), ([], None, None))
        page, _, token = names("prefix=l%2F&maxResults=3")
        self.assertEqual(page, ["l/a", "l/b", "l/d/1"])
        self.assertEqual(names(f"prefix=l%2F&maxResults=3&pageToken={token}")[0::2],
                         (["l/d/2"], None))

    def test_strictness(self):
        self.assertEqual(self.upload("", b"x").status, 400)
        self.assertEqual(self.upload("a%0Ab", b"x").status, 400)
        self.assertEqual(self.upload("n" * 1025, b"x").status, 400)
        self.assertEqual(self.upload("x", b"x", "&foo=1").status, 400)
        path = "/storage/v1/b/other-bucket/o"
        self.assertEqual(self.cloud.call("GET", path).status, 404)
        path = f"/storage/v1/b/{BUCKET}/o"
        self.assertEqual(self.cloud.call("GET", path, auth=None).status, 401)
        self.assertEqual(self.cloud.call("GET", path, auth="Bearer x").status, 401)

    def test_an_emulator_asks_for_no_token(self):
        with CloudServer() as cloud:
            got = cloud.call("GET", f"/storage/v1/b/{BUCKET}/o", auth=None)
            self.assertEqual(got.json, {"kind": "storage#objects"})


class Weight(Case):
    def test_64_answers_of_20_mib_in_constant_memory(self):
        self.cloud.config(image_bytes=20 << 20)
        try:
            self.predict()
            before = self.cloud.resident_kib()
            most = [0]
            body = json.dumps(imagen()).encode()

            def take(index):
                conn = self.cloud.connect(120)
                conn.request("POST", vertex_path(IMAGEN, "predict"), body,
                             {"Content-Type": "application/json",
                              "Authorization": f"Bearer {self.cloud.token()}"})
                got, size = conn.getresponse(), 0
                while piece := got.read(1 << 20):
                    size += len(piece)
                    if index == 0:
                        most[0] = max(most[0], self.cloud.resident_kib())
                conn.close()
                return size
            sizes = together(64, take)
            self.assertGreater(min(sizes), (20 << 20) * 4 // 3)
            self.assertLess(most[0] - before, 100 << 10)
        finally:
            self.cloud.config(image_bytes=0)

    def test_500_connections_at_once(self):
        self.cloud.config(latency_ms=500)
        try:
            conns = [self.cloud.connect(60) for _ in range(500)]
            body = json.dumps(imagen()).encode()
            headers = {"Content-Type": "application/json",
                       "Authorization": f"Bearer {self.cloud.token()}"}
            for conn in conns:
                conn.request("POST", vertex_path(IMAGEN, "predict"), body, headers)
            for conn in conns:
                got = conn.getresponse()
                self.assertEqual(got.status, 200)
                got.read()
                conn.close()
            found = self.cloud.counters()
            self.assertEqual(found["billed_udollars"], 500 * ONE)
            self.assertGreaterEqual(found["connections"]["max_open"], 500)
        finally:
            self.cloud.config(latency_ms=0)


if __name__ == "__main__":
    tapcase.main()
