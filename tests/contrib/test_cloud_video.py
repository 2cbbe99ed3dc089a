# SPDX-License-Identifier: MIT
"""contrib/cloud: Veo on both APIs, operations, files, extension."""
import base64
import os
import shutil
import subprocess
import tempfile
import unittest
from unittest import mock

import tapcase
from cloudfix import BUCKET, PROJECT, CloudServer, vertex_path

VEO = "veo-3.1-generate-001"
LITE = "veo-3.1-lite-generate-001"
KEYED = "veo-3.1-generate-preview"
JPEG = {"bytesBase64Encoded": base64.b64encode(b"\xff\xd8\xff\xe0rest").decode(),
        "mimeType": "image/jpeg"}


def veo(prompt="a red fox", instance=None, **parameters):
    base = {"prompt": prompt} if prompt else {}
    return {"instances": [{**base, **(instance or {})}], "parameters": parameters}


def references(kind):
    return {"referenceImages": [{"image": JPEG, "referenceType": kind}]}


def probe(data):
    """(seconds, width, height, streams) as ffprobe sees them."""
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries",
         "format=duration:stream=codec_type,width,height", "-of", "csv=p=0", "-"],
        input=data, capture_output=True, check=True, text=False)
    lines = done.stdout.decode().split()
    kinds = [line.split(",")[0] for line in lines[:-1]]
    width, height = lines[kinds.index("video")].split(",")[1:3]
    return float(lines[-1]), int(width), int(height), sorted(kinds)


@unittest.skipUnless(shutil.which("ffmpeg"), "ffmpeg is not installed")
class Video(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = cls.enterClassContext(CloudServer("--operation-seconds", "0.1"))

    def setUp(self):
        self.cloud.reset()

    def start(self, body, model=VEO):
        return self.cloud.vertex(model, "predictLongRunning", body)

    def make(self, body, model=VEO):
        got = self.start(body, model)
        self.assertEqual(got.status, 200, got.body[:300])
        self.assertEqual(list(got.json), ["name"])
        return self.cloud.finish(got.json["name"]).json

    def billed(self):
        return self.cloud.counters()["billed_udollars"]

    def test_a_video_inline(self):
        done = self.make(veo(durationSeconds=4, resolution="720p", generateAudio=True,
                             sampleCount=1, aspectRatio="16:9"))
        video = done["response"]["videos"][0]
        self.assertEqual(video["mimeType"], "video/mp4")
        data = base64.b64decode(video["bytesBase64Encoded"], validate=True)
        seconds, width, height, streams = probe(data)
        self.assertAlmostEqual(seconds, 4, delta=0.05)
        self.assertEqual((width, height, streams), (1280, 720, ["audio", "video"]))
        self.assertEqual(self.billed(), 4 * 400000)
        again = self.make(veo(durationSeconds=4, generateAudio=True))
        other = again["response"]["videos"][0]["bytesBase64Encoded"]
        self.assertNotEqual(other, video["bytesBase64Encoded"])

    def test_silent_upright_and_several(self):
        done = self.make(veo(durationSeconds=4, generateAudio=False, sampleCount=2,
                             aspectRatio="9:16"), LITE)
        videos = done["response"]["videos"]
        self.assertEqual(len(videos), 2)
        data = base64.b64decode(videos[0]["bytesBase64Encoded"])
        self.assertEqual(probe(data)[1:], (720, 1280, ["video"]))
        self.assertEqual(self.billed(), 2 * 4 * 30000)

    def test_into_a_bucket_and_extended_from_there(self):
        done = self.make(veo(durationSeconds=4, storageUri=f"gs://{BUCKET}/v"))
        uri = done["response"]["videos"][0]["gcsUri"]
        self.assertRegex(uri, rf"gs://{BUCKET}/v/\d+/sample_0\.mp4")
        self.cloud.reset()
        video = {"video": {"gcsUri": uri, "mimeType": "video/mp4"}}
        done = self.make(veo(instance=video, durationSeconds=7))
        data = base64.b64decode(done["response"]["videos"][0]["bytesBase64Encoded"])
        self.assertAlmostEqual(probe(data)[0], 11, delta=0.1)
        self.assertEqual(self.billed(), 7 * 400000)
        got = self.start(veo(instance=video, durationSeconds=8))
        self.assertEqual(got.status, 400)
        gone = {"video": {"gcsUri": f"gs://{BUCKET}/none", "mimeType": "video/mp4"}}
        self.assertEqual(self.start(veo(instance=gone)).status, 404)

    def test_frames_carry_their_number(self):
        done = self.make(veo(durationSeconds=4, generateAudio=False))
        data = base64.b64decode(done["response"]["videos"][0]["bytesBase64Encoded"])
        raw = subprocess.run(
            ["ffmpeg", "-v", "error", "-i", "-", "-vf", "crop=320:32:0:0", "-f",
             "rawvideo", "-pix_fmt", "gray", "-"], input=data, capture_output=True,
            check=True).stdout
        size = 320 * 32
        self.assertEqual(len(raw), 96 * size)
        for frame in (0, 1, 37, 95):
            row = raw[frame * size + 16 * 320:][:320]
            bits = [row[32 * k + 16] > 128 for k in range(10)]
            self.assertEqual(sum(b << k for k, b in enumerate(bits)), frame)

    def test_polling(self):
        running = self.cloud.counters()["operations"]["running"]
        self.cloud.config(operation_seconds=30)
        try:
            name = self.start(veo(durationSeconds=4)).json["name"]
        finally:
            self.cloud.config(operation_seconds=0.1)
        self.assertRegex(name, rf"^projects/{PROJECT}/locations/us-central1/publishers/"
                               rf"google/models/{VEO}/operations/[0-9a-f-]{{36}}$")

        def poll(body, model=VEO):
            return self.cloud.vertex(model, "fetchPredictOperation", body)
        self.assertEqual(poll({"operationName": name}).json, {"name": name})
        self.assertEqual(poll({"operationName": name}, LITE).status, 400)
        self.assertEqual(poll({"name": name}).status, 400)
        self.assertEqual(poll({"operationName": name[:-1] + "x"}).status, 404)
        got = self.cloud.call("GET", f"/v1/{name}")
        self.assertEqual(got.status, 400)  # polling is POST here
        self.assertEqual(self.billed(), 0)
        self.assertEqual(self.cloud.counters()["operations"]["running"],
                         running + 1)

    def test_refused_fields(self):
        at = "parameters"
        table = [
            (veo(durationSeconds=5), f"{at}.durationSeconds"),
            (veo(durationSeconds="8"), f"{at}.durationSeconds"),
            (veo(durationSeconds=8.0), f"{at}.durationSeconds"),
            (veo(duration_seconds=8), at),
            (veo(gcsOutputDirectory="gs://x/"), at),
            (veo(aspectRatio="1:1"), f"{at}.aspectRatio"),
            (veo(resolution="4K"), f"{at}.resolution"),
            (veo(sampleCount=5), f"{at}.sampleCount"),
            (veo(seed=-1), f"{at}.seed"),
            (veo(seed=1 << 32), f"{at}.seed"),
            (veo(generateAudio="true"), f"{at}.generateAudio"),
            (veo(enhancePrompt=False), f"{at}.enhancePrompt"),
            (veo(""), "instances[0].prompt"),
            (veo(instance={"lastFrame": JPEG}), "instances[0].lastFrame"),
            (veo(instance={"image": {**JPEG, "mimeType": "image/png"}}),
             "instances[0].image"),
            (veo(instance={"image": {"mimeType": "image/png"}}), "instances[0].image"),
            (veo(instance={"image": JPEG, "extra": 1}), "instances[0]"),
            (veo(instance=references("style")),
             "instances[0].referenceImages[0].referenceType"),
            (veo(instance=references("asset"), durationSeconds=4),
             f"{at}.durationSeconds"),
            (veo(instance={"video": {**JPEG, "mimeType": "video/mp4"}}),
             "instances[0].video"),
        ]
        for body, field in table:
            with self.subTest(field):
                got = self.start(body)
                self.assertEqual(got.status, 400, got.body[:300])
                found = [v["field"]
                         for v in got.error["details"][0]["fieldViolations"]]
                self.assertIn(field, found, got.body)
        self.assertEqual(self.start(veo(resolution="4k"), LITE).status, 400)
        got = self.cloud.vertex(VEO, "predict", veo())
        self.assertEqual(got.status, 400)
        self.assertEqual(self.start(veo(), "veo-2.0-generate-001").status, 404)
        self.assertEqual(self.start(veo(), "veo-3.1-generate-preview").status, 404)

    def test_first_and_last_frame(self):
        done = self.make(veo(instance={"image": JPEG, "lastFrame": JPEG},
                             durationSeconds=4, resizeMode="pad"))
        self.assertIn("videos", done["response"])

    def test_developer_api(self):
        got = self.cloud.gemini(KEYED, "predictLongRunning", veo(durationSeconds=4))
        name = got.json["name"]
        self.assertRegex(name, rf"^models/{KEYED}/operations/\w+$")
        self.cloud.wait_for(lambda c: c["billed_udollars"] == 4 * 400000, 60)
        got = self.cloud.call("GET", f"/v1beta/{name}", auth="key")
        sample = got.json["response"]["generateVideoResponse"]["generatedSamples"][0]
        path = sample["video"]["uri"].removeprefix(self.cloud.url)
        self.assertRegex(path, r"^/v1beta/files/\w+:download\?alt=media$")
        data = self.cloud.call("GET", path, auth="key").body
        self.assertEqual(probe(data)[1:3], (1280, 720))
        self.assertEqual(self.cloud.call("GET", path, auth=None).status, 403)
        self.cloud.config(download_redirect=True)
        got = self.cloud.call("GET", path, auth="key")
        self.cloud.config(download_redirect=False)
        self.assertEqual(got.status, 302)
        self.assertIn("//localhost:", got.headers["Location"])
        self.assertEqual(self.cloud.call("GET", f"/v1beta/models/{KEYED}/operations/x",
                                         auth="key").status, 404)

    def test_developer_api_extends_its_own_files(self):
        def extend(uri):
            return self.cloud.gemini(
                KEYED, "predictLongRunning",
                veo(instance={"video": {"uri": uri, "encoding": "video/mp4"}},
                    durationSeconds=7))

        for seconds, res, wanted in ((4, "720p", 200), (8, "1080p", 400)):
            got = self.cloud.gemini(KEYED, "predictLongRunning",
                                    veo(durationSeconds=seconds, resolution=res))
            self.cloud.wait_for(lambda c: c["operations"]["running"] == 0, 60)
            done = self.cloud.call("GET", f"/v1beta/{got.json['name']}",
                                   auth="key").json
            sample = done["response"]["generateVideoResponse"]["generatedSamples"][0]
            uri = sample["video"]["uri"]
            got = extend(uri)
            self.assertEqual(got.status, wanted, got.body)
        self.assertEqual(extend(uri.replace("/files/", "/files/no")).status, 404)
        self.assertEqual(extend(f"gs://{BUCKET}/v/x.mp4").status, 400)

    def test_developer_api_refuses_what_only_vertex_has(self):
        for name, value in (("seed", 1), ("generateAudio", True), ("fps", 24),
                            ("storageUri", "gs://local-bucket/"), ("sampleCount", 2),
                            ("resizeMode", "pad"), ("compressionQuality", "lossless")):
            got = self.cloud.gemini(KEYED, "predictLongRunning", veo(**{name: value}))
            self.assertEqual(got.status, 400, name)
        got = self.cloud.gemini(KEYED, "predictLongRunning",
                                veo(resolution="1080p", durationSeconds=6))
        self.assertEqual(got.status, 400)
        got = self.cloud.gemini(KEYED, "predictLongRunning",
                                veo(instance={"image": JPEG},
                                    personGeneration="allow_all"))
        self.assertEqual(got.status, 400)

    # Faults of operations

    def test_operation_faults(self):
        def run(kind, **more):
            self.cloud.reset()
            self.cloud.fault(kind, method="predictLongRunning", **more)
            return self.make(veo(durationSeconds=4, generateAudio=False, sampleCount=2))
        done = run("op_error", rpc=13, message="audio trouble")
        self.assertEqual(done["error"], {"code": 13, "message": "audio trouble"})
        self.assertEqual(self.billed(), 0)
        done = run("blocked", code="58061214")
        self.assertEqual(done["error"]["code"], 3)
        self.assertIn("Support codes: 58061214", done["error"]["message"])
        done = run("filtered_some")
        self.assertEqual(len(done["response"]["videos"]), 1)
        self.assertEqual(done["response"]["raiMediaFilteredCount"], 1)
        self.assertEqual(self.billed(), 4 * 200000)
        done = run("filtered_all")
        self.assertNotIn("videos", done["response"])
        self.assertEqual(done["response"]["raiMediaFilteredCount"], 2)
        self.assertEqual(self.billed(), 0)
        self.assertEqual(list(run("no_videos")["response"]), ["@type"])
        self.assertEqual(set(run("op_empty")), {"name", "done"})
        done = run("bad_base64")
        with self.assertRaises(ValueError):
            base64.b64decode(done["response"]["videos"][0]["bytesBase64Encoded"],
                             validate=True)
        self.assertEqual(self.billed(), 8 * 200000)

    def test_operation_lost_and_never_done(self):
        self.cloud.fault("op_lost", method="predictLongRunning")
        name = self.start(veo(durationSeconds=4)).json["name"]
        self.assertEqual(self.cloud.finish(name).status, 404)
        self.cloud.wait_for(lambda c: c["billed_udollars"] == 4 * 400000)
        self.cloud.fault("op_never", method="predictLongRunning")
        name = self.start(veo(durationSeconds=4)).json["name"]
        got = self.cloud.call("POST", vertex_path(VEO, "fetchPredictOperation"),
                              {"operationName": name})
        self.assertEqual(got.json, {"name": name})

    def test_poll_faults_leave_the_job_alone(self):
        name = self.start(veo(durationSeconds=4)).json["name"]
        self.cloud.fault("503", method="fetchPredictOperation")
        got = self.cloud.call("POST", vertex_path(VEO, "fetchPredictOperation"),
                              {"operationName": name})
        self.assertEqual(got.status, 503)
        self.assertIn("response", self.cloud.finish(name).json)
        self.assertEqual(self.billed(), 4 * 400000)


class WithoutFfmpeg(unittest.TestCase):
    def test_it_says_so(self):
        with tempfile.TemporaryDirectory() as tools:
            os.symlink(shutil.which("openssl"), os.path.join(tools, "openssl"))
            with mock.patch.dict(os.environ, PATH=tools), CloudServer() as cloud:
                got = cloud.vertex(VEO, "predictLongRunning", veo())
                self.assertEqual(got.status, 500)
                self.assertIn("ffmpeg is not installed", got.error["message"])
                self.assertEqual(cloud.counters()["billed_udollars"], 0)
                with open(cloud.log, encoding="utf-8") as log:
                    self.assertIn("ffmpeg is not installed", log.read())


if __name__ == "__main__":
    tapcase.main()
