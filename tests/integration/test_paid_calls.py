# SPDX-License-Identifier: MIT
"""Single calls: what goes over a connection, what is polled and fetched, what is kept
beside a file. Billed once each, whatever happens on the way."""
import errno
import os
import struct
import threading
import time
import zlib

import mountfix
import paidfix
from mountfix import errname, load, read, text
from paidfix import outcome

PICTURE, VIDEO = 40000, 200000


class Calls(paidfix.PaidCase):
    options = ("budget=1000/day", "fallback=off")

    def video(self, label="a river in a valley"):
        return self.mount.fresh(label, "veo-3.1-lite/res=720p", "4s.mp4", "videos")

    def assertFails(self, number, path, words):
        self.assertEqual(errname(outcome(path)[0]), errname(number))
        self.assertIn(words, text(path + ".error"))

    # ---- connections ----

    def test_drop_on_a_connection_used_before(self):
        """libcurl would send it again by itself: exactly one call, of unknown outcome."""
        read(self.mount.fresh(model="imagen-3"))
        self.cloud.fault("drop_keepalive", times=0)
        path = self.mount.fresh(model="imagen-3")
        self.assertFails(errno.EIO, path, "may be paid")
        self.assertEqual(self.calls("predict"), 2)
        self.assertEqual(self.billed(), 2 * PICTURE)
        self.assertEqual(self.cloud.counters()["faults_struck"], {"drop_keepalive": 1})
        self.assertEqual(load(path + ".cost")["state"], "unknown")
        self.assertEqual(errname(outcome(path)[0]), "EIO")
        self.assertEqual(self.calls("predict"), 2)

    def test_reset_before(self):
        """A connection that ends as soon as it is used: nobody knows what was read."""
        self.cloud.fault("reset_before", method="predict", times=1)
        path = self.mount.fresh(model="imagen-3")
        got = outcome(path)[0]
        self.assertIn(errname(got), ("EIO", "0"))
        self.assertLessEqual(self.calls("predict"), 1)
        self.assertEqual(self.billed(), 0 if got else PICTURE)
        self.assertEqual(self.spent_at(path), PICTURE)

    def spent_at(self, path):
        time.sleep(mountfix.SNAPSHOT_S)
        return round(load(os.path.dirname(path) + "/.cost")["spent_usd"] * 1e6)

    def test_rm_right_after_a_failure(self):
        """Who is told that it failed can look, rm and open again at once."""
        self.cloud.fault("400", times=0)
        paths = [self.mount.fresh(model="imagen-3") for _ in range(60)]
        states = set()

        def work(path):
            self.assertEqual(errname(outcome(path)[0]), "EINVAL")
            states.add(load(path + ".cost")["state"])
            os.unlink(path)
        paidfix.at_once(work, paths, threads=4)
        self.assertEqual(states, {"failed"})

    def test_connection_refused_for_a_while(self):
        """Certainly not sent: tried again, and bought once."""
        self.cloud.control("tokens", {"expire": True})
        path = self.mount.fresh(model="imagen-3")
        # Ends the connections that are open, so that a new one is needed.
        self.cloud.stop()
        thread = threading.Timer(0.3, lambda: self.cloud.start(self.cloud.port))
        thread.start()
        try:
            error, _ = outcome(path)
        finally:
            thread.join()
        self.assertIn(errname(error), ("0", "ENETUNREACH"))
        self.assertTrue(read(path))
        self.assertEqual(self.billed(), PICTURE)

    # ---- answers ----

    def test_chunked_and_gzip(self):
        for config in ({"chunked": True}, {"gzip": True}):
            with self.subTest(config):
                self.cloud.config(**config)
                self.addCleanup(self.cloud.config, **dict.fromkeys(config, False))
                self.assertEqual(read(self.mount.fresh(model="imagen-3"))[:4], b"\x89PNG")
                self.assertTrue(read(self.mount.fresh(model="gemini-pro", name="1.txt")))

    def test_jpeg_for_png(self):
        """The name says PNG, so it is one; the provider's bytes are beside it."""
        for model, price in (("imagen-3", PICTURE), ("gemini-nano-banana-2.1", 33600)):
            with self.subTest(model):
                self.cloud.reset()
                self.cloud.fault("jpeg_for_png")
                path = self.mount.fresh(model=model)
                data, orig = read(path), read(path + ".orig")
                self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
                self.assertEqual(orig[:3], b"\xff\xd8\xff")
                self.assertEqual(png_size(data), (1024, 1024))
                self.assertEqual(self.billed(), price)
                self.assertEqual(round(load(path + ".cost")["charged_usd"] * 1e6), price)
        self.cloud.fault("png_for_jpeg")
        path = self.mount.fresh(model="imagen-3", name="1.jpg")
        self.assertEqual(read(path)[:3], b"\xff\xd8\xff")
        self.assertEqual(read(path + ".orig")[:4], b"\x89PNG")

    def test_no_orig_where_nothing_was_converted(self):
        path = self.mount.fresh(model="imagen-3")
        read(path)
        self.assertErrno(errno.ENOENT, os.stat, path + ".orig")

    def test_drafts(self):
        """The picture is the last word, not a draft among the model's thoughts."""
        self.cloud.fault("thought_first")
        path = self.mount.fresh(model="gemini-nano-banana-2.1")
        number = int(png_text(read(path)).split()[1])
        call = self.cloud.requests(method="generateContent")[-1]
        self.assertEqual(call["status"], 200)
        # Pictures are numbered as they are made: the draft came first.
        again = self.mount.fresh(model="gemini-nano-banana-2.1")
        self.assertEqual(int(png_text(read(again)).split()[1]), number + 1)
        self.cloud.fault("thought_first")
        path = self.mount.fresh(model="gemini-pro", name="1.txt")
        self.assertNotIn(b"Thinking", read(path))

    def test_refused_here(self):
        """A blocked word, a prompt or a value that cannot be: nothing is sent or held."""
        before = self.root_cost()
        for number, name in (
                (errno.EPERM, "prompts/two weapons on a wall/imagen-3/1.png"),
                (errno.EINVAL, "prompts/fox/imagen-3/1.png"),
                (errno.EINVAL, "prompts/a fox in snow/imagen-3/guidance=500/1.png"),
                (errno.EINVAL, "prompts/a fox in snow/imagen-3/seed=0/1.png"),
                (errno.EINVAL, "videos/a slow river/veo-3.1-lite/res=720p/5s-1000.mp4"),
                (errno.EINVAL, "videos/a slow river/veo-3.1-lite/99999s.mp4"),
                (errno.EOPNOTSUPP, "prompts/a fox in snow/imagen-3/1.txt")):
            with self.subTest(name):
                path = self.mount.path(name)
                try:
                    os.stat(path)
                except FileNotFoundError:
                    continue  # no such path at all is as good
                self.assertEqual(errname(outcome(path)[0]), errname(number))
                self.assertGreater(len(text(path + ".error")), 20)
        self.assertEqual(self.calls("predict") + self.calls("predictLongRunning"), 0)
        self.assertEqual(self.root_cost(), before)

    def test_stopped_between_two_tries(self):
        """SIGTERM does not wait for a pause; nothing is held afterwards."""
        self.cloud.fault("429_retryinfo", times=0, seconds=60)
        path = self.mount.fresh(model="imagen-3")
        before = self.root_cost()
        thread = threading.Thread(target=outcome, args=(path,))
        thread.start()
        self.cloud.wait_for(lambda c: c["methods"].get("predict", {}).get("calls"))
        start = time.monotonic()
        self.assertEqual(self.mount.stop(), 0)
        self.assertLess(time.monotonic() - start, 3 * mountfix.SLOW)
        thread.join(10)
        self.mount.start()
        self.assertEqual(self.root_cost(), before)

    def root_cost(self):
        time.sleep(mountfix.SNAPSHOT_S)
        cost = load(self.mount.path(".cost"))
        return cost["spent_usd"], cost["reserved_usd"], cost["unknown_usd"]

    def test_a_bad_poll_does_not_keep_others_waiting(self):
        """An operation that never ends holds up no other model's file."""
        self.cloud.fault("op_never")
        thread = threading.Thread(target=outcome, args=(self.video("a river for ever"),))
        thread.start()
        self.cloud.wait_for(lambda c: c["operations"]["polls"] >= 1)
        start = time.monotonic()
        for _ in range(3):
            read(self.mount.fresh(model="imagen-3"))
        self.assertLess(time.monotonic() - start, 3 * mountfix.SLOW)
        self.mount.stop()
        thread.join(10)
        self.cloud.stop()
        self.cloud.start(self.cloud.port)  # it forgets the operation
        self.mount.start()
        self.mount.wait_idle()

    # ---- operations ----

    def test_two_takes_of_one_operation(self):
        """count=2 is one operation with two videos; a filtered one fails alone."""
        where = self.mount.path("videos/two short rivers/veo-2/count=2/res=720p")
        got = paidfix.at_once(outcome, (f"{where}/5s-1.mp4", f"{where}/5s-2.mp4"))
        self.assertEqual([e for e, _ in got], [0, 0])
        self.assertNotEqual(got[0][1], got[1][1])
        self.assertEqual(self.calls("predictLongRunning"), 1)
        self.assertEqual(self.billed(), 10 * 500000)
        self.cloud.fault("filtered_some", method="predictLongRunning")
        where = self.mount.path("videos/two other rivers/veo-2/count=2/res=720p")
        got = paidfix.at_once(outcome, (f"{where}/5s-1.mp4", f"{where}/5s-2.mp4"))
        self.assertEqual(sorted(errname(e) for e, _ in got), ["0", "EPERM"])
        lost = 1 if got[0][0] else 2
        self.assertIn("withheld the video (a celebrity)",
                      text(f"{where}/5s-{lost}.mp4.error"))
        self.assertEqual(self.billed(), 15 * 500000)

    def test_poll_errors(self):
        """Nothing that happens to a poll changes what was accepted and is charged."""
        kinds = ("429", "401_expired", "500", "503", "503_bare", "502_html", "drop",
                 "reset_after",
                 "truncated", "malformed", "403_permission", "400")
        paths = {k: self.video(f"a river of {n} bends") for n, k in enumerate(kinds, 2)}
        got = {}

        def work(kind):
            got[kind] = outcome(paths[kind])
        for kind in kinds:
            self.cloud.fault(kind, method="fetchPredictOperation", times=1)
        threads = [threading.Thread(target=work, args=(k,)) for k in kinds]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60 * mountfix.SLOW)
        self.assertEqual({k: e for k, (e, _) in got.items()}, dict.fromkeys(kinds, 0))
        self.assertEqual(sum(self.cloud.counters()["faults_struck"].values()), len(kinds))
        self.assertEqual(self.billed(), VIDEO * len(kinds))
        for kind, path in paths.items():
            self.assertEqual(round(load(path + ".cost")["charged_usd"] * 1e6), VIDEO, kind)

    def test_bytes_are_the_operations(self):
        """Two videos at a time do not change places, and each take is its own."""
        a, b = self.video(), self.video()
        got = paidfix.at_once(read, (a, b, a, b))
        self.assertEqual(got[0], got[2])
        self.assertEqual(got[1], got[3])
        self.assertNotEqual(got[0], got[1])
        self.assertEqual(got[0][4:8], b"ftyp")
        self.assertEqual(self.calls("predictLongRunning"), 2)

    def test_op_never(self):
        """An operation that does not end: the reader may go, the mount may stop at once,
        and it is asked about again by the next one."""
        self.cloud.fault("op_never")
        path = self.video()
        thread = threading.Thread(target=outcome, args=(path,))
        thread.start()
        self.cloud.wait_for(lambda c: c["operations"]["polls"] >= 1)
        start = time.monotonic()
        self.assertEqual(self.mount.stop(), 0)
        self.assertLess(time.monotonic() - start, 3 * mountfix.SLOW)
        thread.join(10)
        polls = self.cloud.counters()["operations"]["polls"]
        self.mount.start()
        self.cloud.wait_for(lambda c: c["operations"]["polls"] > polls)
        cost = load(path + ".cost")
        self.assertEqual(cost["state"], "generating")
        self.assertEqual(self.calls("predictLongRunning"), 1)
        self.assertGreaterEqual(cost["budget"]["reserved_usd"], 0.2)


def png_size(data):
    return struct.unpack(">II", data[16:24])


def png_text(data):
    """What the server wrote into its picture: "picture N of the local server"."""
    at = 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            _, value = body.split(b"\0", 1)
            return (zlib.decompress(value[1:]) if kind == b"zTXt"
                    else value.lstrip(b"\0")).decode()
        at += 12 + size
    raise AssertionError("no text in the picture")


if __name__ == "__main__":
    mountfix.main()
