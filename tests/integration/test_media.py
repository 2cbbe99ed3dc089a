# SPDX-License-Identifier: MIT
"""The renderer's files are what their names say, for programs that are not ours."""
import json
import os
import shutil

import mountfix
from mountfix import read, run


class Videos(mountfix.MountCase):
    def probe(self, *parts):
        if not shutil.which("ffprobe"):
            self.skipTest("ffprobe is not installed")
        path = self.mount.path("videos", *parts)
        got = json.loads(run("ffprobe", "-v", "error", "-show_streams", "-show_format",
                             "-of", "json", path, timeout=120).stdout)
        video = [s for s in got["streams"] if s["codec_type"] == "video"]
        self.assertEqual(len(video), 1)
        return path, video[0], float(got["format"]["duration"])

    def test_h264_720p(self):
        path, video, seconds = self.probe("a field of wheat/veo-2/res=720p/3s.mp4")
        self.assertEqual((video["width"], video["height"]), (1280, 720))
        self.assertEqual((video["codec_name"], video["pix_fmt"]), ("h264", "yuv420p"))
        self.assertEqual(video["avg_frame_rate"], "24/1")
        self.assertAlmostEqual(seconds, 3, delta=0.05)
        data = read(path)
        self.assertEqual(data[4:8], b"ftyp")
        self.assertLess(data.index(b"moov"), data.index(b"mdat"), "not faststart")

    def test_defaults_to_1080p(self):
        _, video, seconds = self.probe("a field of barley/veo-1.5/2s.mp4")
        self.assertEqual((video["width"], video["height"]), (1920, 1080))
        self.assertAlmostEqual(seconds, 2, delta=0.05)

    def test_decodes_without_complaint(self):
        path, _, _ = self.probe("a field of rye/veo-2/res=720p/2s.mp4")
        done = run("ffmpeg", "-v", "error", "-i", path, "-f", "null", "-", timeout=120)
        self.assertEqual(done.stderr, b"")

    def test_takes_of_videos(self):
        base = self.mount.path("videos/a field of oats/veo-2/res=720p")
        self.assertNotEqual(read(os.path.join(base, "2s.mp4")),
                            read(os.path.join(base, "2s-2.mp4")))


if __name__ == "__main__":
    mountfix.main()
