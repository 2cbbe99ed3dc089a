# SPDX-License-Identifier: MIT
"""The other front doors: Gemini by key, OpenAI-compatible servers, free and anonymous
ones; each store of its own; offline, unreachable, untrusted: nothing is sent or held."""
import base64
import errno
import http.server
import json
import os
import socket
import threading
import time
import unittest

import mountfix
import paidfix
from mountfix import errname, load, read, text
from paidfix import PaidMount, at_once, outcome
from test_paid_inputs import png

NO_KEY = {"OPENAI_API_KEY": None}


class Gemini(paidfix.PaidCase):
    """The Developer API: the same models with an API key."""
    backend = "gemini"

    def test_pictures(self):
        before = self.spent_ud()
        for model in ("imagen-3", "gemini-nano-banana-2.1"):
            for name in ("1.png", "2.jpg"):
                path = self.mount.fresh(model=model, name=name)
                self.assertIn(read(path)[:3], (b"\x89PN", b"\xff\xd8\xff"))
                self.assertEqual(os.getxattr(path, "user.mime_type"),
                                 b"image/png" if name == "1.png" else b"image/jpeg")
        self.assertEqual(self.spent_ud() - before, self.billed())

    def test_text(self):
        self.assertTrue(read(self.mount.fresh(model="gemini-3.8-flash", name="1.txt")))

    def test_video_with_a_redirect(self):
        """Files are fetched where they are, and the key stays with the service."""
        for redirects in (False, True):
            self.cloud.config(download_redirect=redirects)
            self.addCleanup(self.cloud.config, download_redirect=False)
            path = self.mount.fresh("a slow river", "veo-3.1-lite/res=720p", "4s.mp4",
                                    "videos")
            self.assertEqual(read(path)[4:8], b"ftyp")
        self.assertEqual(self.billed(), 400000)
        self.assertEqual(self.cloud.counters()["leaked_credentials"], 0)

    def test_download_fails_for_a_while(self):
        self.cloud.fault("503", method="files.download", times=2)
        path = self.mount.fresh("a rapid river", "veo-3.1-lite/res=720p", "4s.mp4", "videos")
        self.assertEqual(read(path)[4:8], b"ftyp")
        self.assertEqual(self.billed(), 200000)

    def test_killed_while_an_operation_runs(self):
        self.cloud.config(operation_seconds=1)
        path = self.mount.fresh("a river to be", "veo-3.1-lite/res=720p", "4s.mp4", "videos")
        thread = threading.Thread(target=outcome, args=(path,))
        thread.start()
        self.cloud.wait_for(lambda c: c["operations"]["polls"] >= 1)
        self.mount.kill()
        thread.join(10)
        self.mount.start()
        self.assertEqual(read(path)[4:8], b"ftyp")
        self.assertEqual(self.calls("predictLongRunning"), 1)

    def test_what_only_vertex_has(self):
        """The sentence names what to use instead."""
        path = self.mount.fresh(model="imagen-2")
        self.assertEqual(self.refused(errno.ENOENT, path),
                         "imagen-2 is not offered by backend=gemini; use "
                         "gemini-nano-banana-2.1 instead\n")
        self.assertEqual(self.billed(), 0)


class Openai(paidfix.PaidCase):
    backend, catalogue = "openai", paidfix.OPENAI
    options = ("budget=0.05/day",)

    def test_free_models(self):
        """A price of 0 needs no budget, is never unknown, and may always be tried again."""
        for _ in range(3):
            path = self.mount.fresh(model="local-image")
            self.assertEqual(read(path)[:4], b"\x89PNG")
            self.assertEqual(load(path + ".cost")["charged_usd"], 0)
            self.assertTrue(read(self.mount.fresh(model="local-chat", name="1.txt")))
        for kind in ("500", "drop", "truncated", "bad_base64"):
            with self.subTest(kind):
                self.cloud.fault(kind, times=1)
                path = self.mount.fresh(model="local-image")
                self.assertIn(errname(outcome(path)[0]), ("EIO", "EPROTO"))
                self.assertEqual(load(path + ".cost")["state"], "failed")
                if kind == "bad_base64":
                    os.unlink(path)
                self.assertTrue(read(path))
        self.assertEqual(self.billed(), 0)
        self.assertIn("no call", " ".join(self.mount.unknown()))
        cost = load(self.mount.path(".cost"))
        self.assertEqual((cost["unknown_usd"], cost["reserved_usd"]), (0, 0))

    def test_paid_models(self):
        before = self.spent_ud()
        read(self.mount.fresh(model="gpt-image-1"))
        self.assertEqual(self.spent_ud() - before, self.billed())
        path = self.mount.fresh(model="gpt-image-1")
        self.refused(errno.EDQUOT, path)
        read(self.mount.fresh(model="local-image"))

    def test_models_of_google(self):
        path = self.mount.fresh(model="imagen-3")
        sentence = self.refused(errno.EOPNOTSUPP, path)
        self.assertIn("catalog=", sentence)


class Anonymous(unittest.TestCase):
    """A server of one's own that wants no key gets none, and costs nothing."""

    def test_pictures(self):
        seen = []
        picture = base64.b64encode(png()).decode()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                size = int(self.headers["Content-Length"])
                seen.append((self.path, dict(self.headers), json.loads(self.rfile.read(size))))
                body = json.dumps({"data": [{"b64_json": picture}]}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        with paidfix.Cloud() as cloud:
            url = f"http://127.0.0.1:{server.server_port}/v1"
            mount = PaidMount(cloud, backend="openai", catalogue=paidfix.OPENAI,
                              env=NO_KEY | {"OPENAI_BASE_URL": url})
            self.addCleanup(mount.close)
            paths = [mount.fresh(model="local-image") for _ in range(4)]
            self.assertEqual({d for d in at_once(read, paths)}, {png()})
        self.assertEqual({p for p, _, _ in seen}, {"/v1/images/generations"})
        self.assertEqual([h for _, h, _ in seen if "Authorization" in h], [])
        self.assertEqual({b["model"] for _, _, b in seen}, {"local-image"})


class Namespaces(unittest.TestCase):
    def setUp(self):
        self.cloud = self.enterContext(paidfix.Cloud("--today", paidfix.THEN))

    def mounted(self, *options, **more):
        mount = PaidMount(self.cloud, "budget=100/day", *options, **more)
        self.addCleanup(mount.close)
        return mount

    def remount(self, mount, *options):
        mount.stop()
        names = tuple(o.split("=")[0] for o in options)
        mount.options = tuple(o for o in mount.options
                              if not o.split("=")[0] in names) + options
        mount.start()

    def billed(self):
        return self.cloud.counters()["billed_udollars"]

    def test_a_drawing_is_not_the_real_thing(self):
        """backend=local, vertex and back: each shows its own; gemini shows vertex's."""
        mount = self.mounted(backend="local")
        path, drawing = mount.generate("a mill on a hill", "imagen-3")
        prompt = os.path.basename(os.path.dirname(os.path.dirname(path)))
        self.remount(mount, "backend=vertex")
        self.assertNotIn(prompt, os.listdir(mount.path("prompts")))
        self.assertEqual(os.stat(path).st_blocks, 0)
        self.assertEqual(load(path + ".cost")["state"], "not generated")
        bought = read(path)
        self.assertNotEqual(bought, drawing)
        self.assertEqual(self.billed(), 40000)
        self.remount(mount, "backend=local")
        self.assertEqual(read(path), drawing)
        self.assertEqual(load(mount.path(".cost"))["spent_usd"], 0)
        self.remount(mount, "backend=gemini")
        self.assertEqual(read(path), bought)
        self.assertEqual(load(mount.path(".cost"))["spent_usd"], 0.04)
        self.assertEqual(self.billed(), 40000)

    def test_two_servers_of_openai(self):
        """The same model of two servers is not the same."""
        mount = self.mounted(backend="openai", catalogue=paidfix.OPENAI)
        path, data = mount.generate(model="local-image")
        other = self.cloud.url.replace("127.0.0.1", "localhost") + "/v1"
        self.remount(mount, f"endpoint={other}")
        self.assertEqual(load(path + ".cost")["state"], "not generated")
        self.assertNotEqual(read(path), data)
        self.remount(mount, f"endpoint={self.cloud.url}/v1")
        self.assertEqual(read(path), data)

    def test_offline(self):
        """What is stored is served; the rest is ENETUNREACH, and nothing is sent."""
        mount = self.mounted()
        path, data = mount.generate(model="imagen-3")
        self.remount(mount, "offline=on")
        self.cloud.reset()
        self.assertEqual(read(path), data)
        other = mount.fresh(model="imagen-3")
        self.assertEqual(errname(outcome(other)[0]), "ENETUNREACH")
        self.assertIn("offline", text(other + ".error"))
        self.assertEqual(self.cloud.counters()["methods"], {})
        time.sleep(mountfix.SNAPSHOT_S)
        self.assertEqual(load(mount.path(".cost"))["reserved_usd"], 0)

    def test_offline_with_an_operation_under_way(self):
        """It is not asked about, and not lost."""
        self.cloud.config(operation_seconds=1)
        mount = self.mounted()
        path = mount.path("videos/a quiet river/veo-3.1-lite/res=720p/4s.mp4")
        thread = threading.Thread(target=outcome, args=(path,))
        thread.start()
        self.cloud.wait_for(lambda c: c["operations"]["polls"] >= 1)
        mount.stop()
        thread.join(10)
        self.cloud.reset()
        self.remount(mount, "offline=on")
        self.assertEqual(errname(outcome(path)[0]), "ENETUNREACH")
        self.assertEqual(self.cloud.counters()["methods"], {})
        self.remount(mount, "offline=off")
        self.assertTrue(read(path))
        methods = self.cloud.counters()["methods"]
        self.assertEqual(methods.get("predictLongRunning", {}).get("calls", 0), 0)


class Unreachable(unittest.TestCase):
    def mounted(self, cloud, *options, **more):
        mount = PaidMount(cloud, *options, **more)
        self.addCleanup(mount.close)
        return mount

    def assertNothingHeld(self, mount):
        time.sleep(mountfix.SNAPSHOT_S)
        cost = load(mount.path(".cost"))
        self.assertEqual((cost["spent_usd"], cost["reserved_usd"], cost["unknown_usd"]),
                         (0, 0, 0))

    def test_no_server(self):
        """Three tries, ENETUNREACH, and nothing is held; with a server it works."""
        with paidfix.Cloud("--today", paidfix.THEN) as cloud:
            mount = self.mounted(cloud, "self_signed=on")
            cloud.stop()
            path = mount.fresh(model="imagen-3")
            self.assertEqual(errname(outcome(path)[0]), "ENETUNREACH")
            self.assertGreater(len(text(path + ".error")), 20)
            self.assertNothingHeld(mount)
            self.assertEqual(load(path + ".cost")["state"], "failed")
            cloud.start(cloud.port)
            self.assertTrue(read(path))

    def test_no_such_host(self):
        with paidfix.Cloud("--today", paidfix.THEN) as cloud:
            mount = self.mounted(cloud, "self_signed=on", "retries=1",
                                 "endpoint=https://promptfs.invalid")
            path = mount.fresh(model="imagen-3")
            self.assertEqual(errname(outcome(path)[0]), "ENETUNREACH")
            self.assertIn("promptfs.invalid", text(path + ".error"))
            self.assertNothingHeld(mount)

    def test_untrusted_certificate(self):
        """TLS fails before a byte of the request: ENETUNREACH, told, nothing is sent."""
        with paidfix.Cloud("--today", paidfix.THEN, "--tls") as cloud:
            mount = self.mounted(cloud, "self_signed=on", "retries=1")
            path = mount.fresh(model="imagen-3")
            self.assertEqual(errname(outcome(path)[0]), "ENETUNREACH")
            self.assertIn("certificate", text(path + ".error"))
            self.assertNothingHeld(mount)
            self.assertEqual(cloud.counters()["methods"], {})

    def test_plain_http_to_another_machine(self):
        """Would send the token in the clear: refused before anything is mounted."""
        with paidfix.Cloud("--today", paidfix.THEN) as cloud:
            mount = PaidMount(cloud, "endpoint=http://192.0.2.1", start=False)
            self.addCleanup(mount.discard)
            self.assertRaisesRegex(AssertionError, "in the clear", mount.start)

    def test_silence(self):
        """A server that accepts connections and says nothing: after the request was sent,
        nobody knows."""
        with paidfix.Cloud("--today", paidfix.THEN) as cloud, socket.create_server(
                ("127.0.0.1", 0)) as silent:
            mount = self.mounted(cloud, "self_signed=on", "timeout=1",
                                 f"endpoint=http://127.0.0.1:{silent.getsockname()[1]}")
            path = mount.fresh(model="imagen-2")
            self.assertEqual(errname(outcome(path)[0]), "EIO")
            self.assertEqual(load(path + ".cost")["state"], "unknown")


if __name__ == "__main__":
    mountfix.main()
