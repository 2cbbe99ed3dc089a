# SPDX-License-Identifier: MIT
"""What stands beside a file: .cost .quality .json .error, the directories' sums, the
extended attributes. The shapes are section 3 of the contract."""
import errno
import hashlib
import os

import mountfix
from mountfix import load, read, settle, text

SCORES = ("sharpness_score", "brightness_score", "contrast_score")


class Sidecars(mountfix.MountCase):
    def test_cost_before(self):
        cost = load(self.mount.fresh(model="imagen-3") + ".cost")
        for key, value in (("state", "not generated"), ("model", "imagen-3"),
                           ("unit", "image"), ("units", 1), ("unit_price_usd", 0.025),
                           ("estimate_usd", 0.025), ("currency", "USD")):
            with self.subTest(key):
                self.assertEqual(cost[key], value)
        self.assertGreaterEqual(cost["worst_case_usd"], cost["estimate_usd"])
        self.assertIn({"model": "imagen-2", "estimate_usd": 0.02}, cost["alternatives"])

    def test_cost_of_a_video(self):
        cost = load(self.mount.fresh(model="veo-2", name="8s.mp4", tree="videos") + ".cost")
        self.assertEqual((cost["unit"], cost["units"]), ("second", 8))
        self.assertEqual(cost["unit_price_usd"], 0.025)
        self.assertAlmostEqual(cost["estimate_usd"], 0.2)

    def test_cost_after(self):
        path, _ = self.mount.generate(model="imagen-3")
        cost = load(path + ".cost")
        self.assertEqual(cost["state"], "generated")
        self.assertEqual(cost["charged_usd"], 0)
        self.assertEqual(cost["estimate_usd"], 0.025)
        self.assertEqual(cost["attempts"], 1)
        self.assertGreaterEqual(cost["latency_ms"], 0)
        self.assertTrue(cost["served_by"])
        self.assertTrue(str(cost["created"]).startswith("20"))

    def test_form(self):
        path = self.mount.fresh()
        for beside in (".cost", ".quality"):
            got = text(path + beside)
            self.assertEqual(len(got.encode()), os.stat(path + beside).st_size)
            self.assertTrue(got.startswith('{\n  "') and got.endswith("}\n"), got)

    def test_quality(self):
        path = self.mount.fresh()
        self.assertEqual(load(path + ".quality"), {"state": "not generated"})
        data = read(path)
        quality = settle(path)
        width, height = (int.from_bytes(data[i:i + 4], "big") for i in (16, 20))
        self.assertEqual((quality["width"], quality["height"]), (width, height))
        self.assertAlmostEqual(quality["file_size_kb"], len(data) / 1024, delta=0.01)
        self.assertIn(quality["quality_grade"], list("ABCD"))
        for key in SCORES + ("clipped_dark", "clipped_bright", "metrics_version",
                             "aspect_ratio"):
            self.assertIn(key, quality)
        self.assertTrue(0 < quality["brightness_score"] < 255)
        self.assertEqual(os.getxattr(path, "user.promptfs.grade").decode(),
                         quality["quality_grade"])

    def test_quality_of_a_video(self):
        path = self.mount.fresh(model="veo-2/res=720p", name="2s.mp4", tree="videos")
        read(path)
        quality = settle(path)
        for key in SCORES:
            self.assertIn(key, quality)
        self.assertAlmostEqual(quality["duration_s"], 2, delta=0.1)
        self.assertAlmostEqual(quality["fps"], 24, delta=0.01)
        self.assertEqual(quality["video_codec"], "h264")
        self.assertIn("black_ratio", quality)
        self.assertEqual((quality["width"], quality["height"]), (1280, 720))

    def test_json(self):
        path, data = self.mount.generate("a tall ship")
        about = load(path + ".json")
        self.assertIn("a tall ship", str(about))
        self.assertIn(hashlib.sha256(data).hexdigest(), str(about))
        self.assertIn("served_by", str(about))

    def test_error(self):
        path = self.mount.path("prompts/a weapon on a table/imagen-2/1.png")
        self.assertErrno(errno.EPERM, open, path, "rb")
        self.assertIn("weapon", text(path + ".error"))
        self.assertEqual(text(path + ".error").count("\n"), 1)
        self.assertIn("weapon", text(self.mount.path(".promptfs/errors.log")))
        self.assertIn(load(path + ".cost")["state"], ("failed", "not generated"))

    def test_sidecars_are_not_listed(self):
        path, _ = self.mount.generate()
        for beside in (".cost", ".quality", ".json"):
            read(path + beside)
        self.assertEqual(os.listdir(os.path.dirname(path)), ["1.png"])

    def test_a_snapshot_holds_while_open(self):
        path = self.mount.fresh()
        with open(path + ".cost", "rb") as f:
            before = os.fstat(f.fileno()).st_size
            read(path)
            self.assertEqual(len(f.read()), before)

    def test_xattrs(self):
        path, data = self.mount.generate("a tall lighthouse")

        def attr(name):
            return os.getxattr(path, name).decode()

        self.assertEqual(attr("user.promptfs.state"), "generated")
        self.assertEqual(attr("user.promptfs.model"), "imagen-2")
        self.assertEqual(attr("user.promptfs.sha256"), hashlib.sha256(data).hexdigest())
        self.assertEqual(float(attr("user.promptfs.cost_usd")), 0)
        self.assertTrue(attr("user.promptfs.served_by"))
        self.assertTrue(attr("user.promptfs.created").startswith("20"))
        self.assertEqual(attr("user.mime_type"), "image/png")
        self.assertTrue(attr("user.xdg.comment").startswith("a tall lighthouse"))
        for name in os.listxattr(path):
            attr(name)
        for name in ("security.selinux", "system.posix_acl_access"):
            self.assertErrno(errno.EOPNOTSUPP, os.getxattr, path, name)
        for name in ("user.nosuch", "user.promptfs.nosuch"):
            self.assertErrno(errno.ENODATA, os.getxattr, path, name)
        self.assertEqual(os.getxattr(self.mount.fresh(), "user.promptfs.state"),
                         b"not generated")

    def test_setting_xattrs(self):
        path, _ = self.mount.generate()
        with self.assertRaises(OSError):
            os.setxattr(path, "user.promptfs.model", b"veo-9")


class Directories(mountfix.MountCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.where = cls.mount.path("prompts/a market at noon/imagen-3")
        for n in (1, 2):
            path = os.path.join(cls.where, f"{n}.png")
            read(path)
            settle(path)
        read(os.path.join(cls.where, "1.png"))

    def test_cost(self):
        for where in (self.where, os.path.dirname(self.where), self.mount.path("prompts"),
                      self.mount.root):
            cost = load(os.path.join(where, ".cost"))
            with self.subTest(where):
                self.assertEqual(cost["generated"], 2)
                self.assertEqual(cost["spent_usd"], 0)
                self.assertEqual(cost["reserved_usd"], 0)
                self.assertEqual(cost["unknown_usd"], 0)
                self.assertIn("imagen-3", cost["by_model"])
        root = load(self.mount.path(".cost"))
        for key in ("by_program", "by_user", "by_day", "alert"):
            self.assertIn(key, root)
        self.assertIn(str(os.getuid()), root["by_user"])

    def test_saved(self):
        def saved():
            return load(self.mount.path(".cost"))["saved_usd"] >= 0.025

        mountfix.wait_for(saved, 10, "saved_usd to count the second open")

    def test_quality(self):
        quality = load(os.path.join(self.where, ".quality"))
        self.assertEqual(sum(quality["grades"].values()), 2)
        self.assertEqual(sorted(f["name"] for f in quality["files"]), ["1.png", "2.png"])
        self.assertIn(quality["best"], ("1.png", "2.png"))
        above = load(self.mount.path("prompts/.quality"))
        self.assertEqual(above["grades"], quality["grades"])
        self.assertFalse(above.get("files"))

    def test_best_link(self):
        best = os.readlink(os.path.join(self.where, "best.png"))
        self.assertEqual(os.lstat(os.path.join(self.where, "best.png")).st_size, len(best))
        self.assertEqual(best, load(os.path.join(self.where, ".quality"))["best"])
        self.assertNotIn("best.png", os.listdir(self.where))
        self.assertErrno(errno.ENOENT, os.readlink,
                         self.mount.path("prompts/nothing here/imagen-3/best.png"))

    def test_metrics(self):
        metrics = self.mount.control("metrics.json")
        for key in ("total_requests", "successful_requests", "failed_requests",
                    "success_rate", "total_duration_seconds", "average_duration",
                    "total_cost_usd", "average_cost_per_request", "models_used",
                    "performance_by_model"):
            self.assertIn(key, metrics)
        self.assertEqual(metrics["success_rate"], 100)
        prom = text(self.mount.path(".promptfs/metrics.prom"))
        self.assertIn("_total", prom)
        self.assertNotIn("market", prom)

    def test_status_and_version(self):
        status = self.mount.control("status.json")
        self.assertEqual(status["jobs"], [])
        self.assertLessEqual({"active_requests", "available_slots", "queue_size"},
                             set(status["slots"]))
        self.assertTrue(self.mount.control("version.json"))
        self.assertEqual(self.mount.control("config.json")["backend"], "local")

    def test_readme(self):
        self.assertIn("prompt", text(self.mount.path("README.txt")))


if __name__ == "__main__":
    mountfix.main()
