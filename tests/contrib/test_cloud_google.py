# SPDX-License-Identifier: MIT
"""contrib/cloud: pictures and words of Imagen, Gemini and OpenAI, and their limits."""
import base64
import shutil
import struct
import subprocess
import unittest
import zlib

import tapcase
from cloudfix import BUCKET, CloudServer, vertex_path

IMAGEN = "imagen-3.0-generate-001"
IMAGEN4 = "imagen-4.0-generate-001"
BANANA = "gemini-nano-banana-2.1"
NOBODY = "gemini-0-none"


def png_size(data):
    """(width, height) of a PNG whose every chunk and pixel row is as it should be."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, size, pixels = 8, None, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        crc = struct.unpack(">I", data[at + 8 + length:at + 12 + length])[0]
        assert crc == zlib.crc32(kind + body), kind
        assert length < 8000000
        if kind == b"IHDR":
            size = struct.unpack(">II", body[:8])
        elif kind == b"IDAT":
            pixels += body
        at += 12 + length
    assert kind == b"IEND" and at == len(data)
    assert len(zlib.decompress(pixels)) == size[1] * (1 + 3 * size[0])
    return size


def jpeg_size(data):
    assert data[:2] == b"\xff\xd8" and data[-2:] == b"\xff\xd9"
    at = 2
    while data[at + 1] != 0xC0:
        at += 2 + struct.unpack(">H", data[at + 2:at + 4])[0]
    height, width = struct.unpack(">HH", data[at + 5:at + 9])
    return width, height


def imagen(prompt="a red fox", **parameters):
    return {"instances": [{"prompt": prompt}], "parameters": parameters}


def gemini(*parts, **config):
    return {"contents": [{"role": "user", "parts": list(parts) or
                          [{"text": "a red fox"}]}], "generationConfig": config}


def fields(answer):
    """What a BadRequest complains about."""
    return [v["field"] for d in answer.error["details"]
            for v in d.get("fieldViolations", [])]


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = cls.enterClassContext(CloudServer("--today", "2025-04-01"))

    def setUp(self):
        self.cloud.reset()

    def refused(self, got, field=None):
        self.assertEqual(got.status, 400, got.body[:300])
        self.assertEqual(got.error["status"], "INVALID_ARGUMENT")
        if field:
            self.assertIn(field, fields(got), got.body)


class Imagen(Case):
    def predict(self, body, model=IMAGEN, **more):
        return self.cloud.vertex(model, "predict", body, **more)

    def test_pictures_of_the_asked_size_each_its_own_bytes(self):
        table = {"1:1": (1024, 1024), "3:4": (896, 1280), "4:3": (1280, 896),
                 "9:16": (768, 1408), "16:9": (1408, 768)}
        for aspect, size in table.items():
            got = self.predict(imagen(sampleCount=2, aspectRatio=aspect))
            self.assertEqual(got.status, 200)
            files = [base64.b64decode(p["bytesBase64Encoded"], validate=True)
                     for p in got.json["predictions"]]
            self.assertEqual([png_size(f) for f in files], [size, size])
            self.assertNotEqual(*files)
        self.assertEqual(self.cloud.counters()["billed_udollars"], 10 * 40000)

    def test_count_left_out_is_four_paid_pictures(self):
        got = self.predict(imagen())
        self.assertEqual(len(got.json["predictions"]), 4)
        self.assertEqual(self.cloud.counters()["billed_udollars"], 160000)

    def test_jpeg_and_2k(self):
        got = self.predict(imagen(
            sampleCount=1, sampleImageSize="2K", aspectRatio="16:9",
            outputOptions={"mimeType": "image/jpeg", "compressionQuality": 80}),
            IMAGEN4)
        item = got.json["predictions"][0]
        data = base64.b64decode(item["bytesBase64Encoded"])
        self.assertEqual(item["mimeType"], "image/jpeg")
        self.assertEqual(jpeg_size(data), (2816, 1536))

    @unittest.skipUnless(shutil.which("ffmpeg"), "ffmpeg is not installed")
    def test_foreign_decoders_agree(self):
        for mime in ("image/png", "image/jpeg"):
            got = self.predict(imagen(sampleCount=1, aspectRatio="9:16",
                                      outputOptions={"mimeType": mime}))
            data = base64.b64decode(got.json["predictions"][0]["bytesBase64Encoded"])
            done = subprocess.run(
                ["ffmpeg", "-v", "error", "-i", "-", "-f", "rawvideo", "-pix_fmt",
                 "rgb24", "-"], input=data, capture_output=True, check=True)
            self.assertEqual(done.stderr, b"")
            self.assertEqual(len(done.stdout), 768 * 1408 * 3)
            self.assertLess(max(done.stdout[:999:3]) - min(done.stdout[:999:3]), 2)

    def test_refused_fields(self):
        table = [
            ("type", imagen(sampleCount="2"), "parameters.sampleCount"),
            ("float", imagen(sampleCount=2.0), "parameters.sampleCount"),
            ("bool", imagen(sampleCount=True), "parameters.sampleCount"),
            ("too many", imagen(sampleCount=5), "parameters.sampleCount"),
            ("aspect", imagen(aspectRatio="2:1"), "parameters.aspectRatio"),
            ("snake", imagen(sample_count=1), "parameters"),
            ("unknown", imagen(gcsOutputDirectory="gs://x/"), "parameters"),
            ("top", {**imagen(), "foo": 1}, ""),
            ("instance", {"instances": [{"prompt": "fox", "seed": 1}]}, "instances[0]"),
            ("no prompt", {"instances": [{}]}, "instances[0].prompt"),
            ("two", {"instances": [{"prompt": "fox"}] * 2}, "instances"),
            ("none", {"parameters": {}}, "instances"),
            ("seed+mark", imagen(seed=5), "parameters.seed"),
            ("seed+enhance", imagen(seed=5, addWatermark=False, enhancePrompt=True),
             "parameters.seed"),
            ("seed range", imagen(seed=0, addWatermark=False), "parameters.seed"),
            ("safety", imagen(safetySetting="none"), "parameters.safetySetting"),
            ("size", imagen(sampleImageSize="2K"), "parameters.sampleImageSize"),
            ("guidance", imagen(guidanceScale=7.5), "parameters.guidanceScale"),
            ("quality", imagen(outputOptions={"compressionQuality": 5}),
             "parameters.outputOptions.compressionQuality"),
            ("mime", imagen(outputOptions={"mimeType": "image/gif"}),
             "parameters.outputOptions.mimeType"),
            ("long", imagen("word " * 481), "instances[0].prompt"),
            ("label", {**imagen(), "labels": {"A": "b"}}, "labels"),
            ("image", {"instances": [{"prompt": "x", "image": {}}]},
             "instances[0].image"),
        ]
        for name, body, field in table:
            with self.subTest(name):
                self.refused(self.predict(body), field)
        self.assertEqual(self.cloud.counters()["billed_udollars"], 0)

    def test_accepted_fields(self):
        for body in (imagen(seed=7, addWatermark=False, sampleCount=1),
                     imagen(negativePrompt="blur", personGeneration="ALLOW_ADULT",
                            safetySetting="block_low_and_above", language="en"),
                     {**imagen(includeRaiReason=True), "labels": {"a": "b"}}):
            self.assertEqual(self.predict(body).status, 200)
        got = self.predict(imagen(negativePrompt="blur"), "imagen-3.0-generate-002")
        self.refused(got, "parameters.negativePrompt")
        old = imagen(seed=7, guidanceScale=7.5, negativePrompt="x", sampleCount=1)
        got = self.predict(old, "imagegeneration@006")
        data = base64.b64decode(got.json["predictions"][0]["bytesBase64Encoded"])
        self.assertEqual(png_size(data), (1536, 1536))
        self.assertEqual(self.predict(imagen(), "imagegeneration%40006").status, 200)

    def test_lenient_ignores_what_the_service_ignores(self):
        self.cloud.config(lenient=True)
        try:
            got = self.predict(imagen(sample_count=1, sampleCount=1))
            self.assertEqual(got.status, 200)
        finally:
            self.cloud.config(lenient=False)

    def test_results_in_a_bucket(self):
        got = self.predict(imagen(sampleCount=1, storageUri=f"gs://{BUCKET}/out/"))
        item = got.json["predictions"][0]
        self.assertNotIn("bytesBase64Encoded", item)
        name = item["gcsUri"].removeprefix(f"gs://{BUCKET}/").replace("/", "%2F")
        got = self.cloud.call("GET", f"/storage/v1/b/{BUCKET}/o/{name}?alt=media")
        self.assertEqual(png_size(got.body), (1024, 1024))
        got = self.predict(imagen(storageUri="gs://not-mine/x/"))
        self.assertEqual(got.status, 403)

    def test_models_that_are_not_there(self):
        for model in ("imagen-9", "imagen-3.0-generate-001x"):
            got = self.predict(imagen(), model)
            self.assertEqual((got.status, got.error["status"]), (404, "NOT_FOUND"))
            self.assertIn("was not found or your project does not have access to it",
                          got.error["message"])
        got = self.cloud.vertex(IMAGEN, "predict", imagen(), location="mars-north1")
        self.assertEqual(got.status, 404)
        self.refused(self.predict(imagen(), BANANA))
        self.refused(self.predict(imagen(), "veo-3.1-generate-001"))
        path = (f"/v1/projects/other/locations/global/publishers/google/models/{IMAGEN}"
                ":predict")
        got = self.cloud.call("POST", path, imagen())
        self.assertEqual((got.status, got.error["details"][0]["reason"]),
                         (403, "IAM_PERMISSION_DENIED"))

    def test_retirement(self):
        with CloudServer() as now:
            got = now.vertex(IMAGEN, "predict", imagen())
            self.assertEqual(got.status, 404)
            self.assertIn(f"models/{IMAGEN}` was not found", got.error["message"])
            now.control("models", {"id": IMAGEN, "retired": None})
            self.assertEqual(now.vertex(IMAGEN, "predict", imagen()).status, 200)
            for model in ("gemini-pro", "gemini-pro-vision"):
                got = now.vertex(model, "generateContent", gemini())
                self.assertEqual(got.status, 404)

    def test_bodies_that_are_not_requests(self):
        for body, ctype in ((b"{", "application/json"), (b"[]", "application/json"),
                            (b"", "application/json"), (b"{}", "text/plain"),
                            (b'{"instances":NaN}', "application/json"),
                            (b'{"a":1,"a":2}', "application/json"),
                            (b"[" * 100000, "application/json")):
            got = self.cloud.call("POST", vertex_path(IMAGEN, "predict"), body,
                                  {"Content-Type": ctype})
            self.refused(got)


class Gemini(Case):
    def ask(self, body, model=BANANA, api="vertex"):
        return getattr(self.cloud, api)(model, "generateContent", body)

    def test_picture(self):
        for api in ("vertex", "gemini"):
            got = self.ask(gemini(responseModalities=["IMAGE"], imageConfig={
                "aspectRatio": "16:9", "imageSize": "2K"}), api=api)
            self.assertEqual(got.status, 200, got.body[:300])
            part = got.json["candidates"][0]["content"]["parts"][-1]["inlineData"]
            self.assertEqual(part["mimeType"], "image/png")
            self.assertEqual(png_size(base64.b64decode(part["data"])), (2816, 1536))
            usage = got.json["usageMetadata"]
            self.assertEqual(usage["candidatesTokensDetails"],
                             [{"modality": "IMAGE", "tokenCount": 1680}])
        # 3 tokens in at 1.50 USD a million, 1,680 out at 30: rounded up once a call.
        self.assertEqual(self.cloud.counters()["billed_udollars"], 2 * 50405)

    def test_jpeg_and_text_beside_the_picture(self):
        got = self.ask(gemini(responseModalities=["TEXT", "IMAGE"], imageConfig={
            "imageOutputOptions": {"mimeType": "image/jpeg"}}))
        text, image = got.json["candidates"][0]["content"]["parts"]
        self.assertIn("text", text)
        self.assertEqual(jpeg_size(base64.b64decode(image["inlineData"]["data"])),
                         (1024, 1024))

    def test_words(self):
        got = self.ask(gemini(temperature=0.7, maxOutputTokens=8192),
                       "gemini-3.8-flash")
        self.assertEqual(got.json["candidates"][0]["finishReason"], "STOP")
        text = got.json["candidates"][0]["content"]["parts"][0]["text"]
        self.assertEqual(len(text.split()), 40)
        got = self.ask(gemini(maxOutputTokens=5), "gemini-3.8-flash")
        self.assertEqual(got.json["candidates"][0]["finishReason"], "MAX_TOKENS")

    def test_vision(self):
        data = base64.b64encode(b"\xff\xd8\xff\xe0rest").decode()
        picture = {"inlineData": {"mimeType": "image/jpeg", "data": data}}
        got = self.ask(gemini({"text": "what is it"}, picture), "gemini-pro-vision")
        self.assertEqual(got.status, 200, got.body)
        self.assertEqual(got.json["usageMetadata"]["promptTokenCount"], 258 + 3)
        self.refused(self.ask(gemini(), "gemini-pro-vision"), "contents")
        wrong = {"inlineData": {"mimeType": "image/png", "data": data}}
        self.refused(self.ask(gemini(wrong)), "contents[0].parts[0].inlineData")

    def test_refused_fields(self):
        at = "generationConfig"
        table = [
            ("unknown", gemini(foo=1), at),
            ("type", gemini(seed="1"), f"{at}.seed"),
            ("candidates", gemini(candidateCount=2), f"{at}.candidateCount"),
            ("lower case", gemini(imageConfig={"imageSize": "2k"}),
             f"{at}.imageConfig.imageSize"),
            ("size", gemini(imageConfig={"imageSize": "512"}),
             f"{at}.imageConfig.imageSize"),
            ("aspect", gemini(imageConfig={"aspectRatio": "7:5"}),
             f"{at}.imageConfig.aspectRatio"),
            ("modality", gemini(responseModalities=["AUDIO"]),
             f"{at}.responseModalities[0]"),
            ("temperature", gemini(temperature=3), f"{at}.temperature"),
            ("no role", {"contents": [{"parts": [{"text": "x"}]}]}, "contents[0].role"),
            ("empty part", gemini({}), "contents[0].parts[0]"),
            ("two in a part", gemini({"text": "x", "fileData": {
                "mimeType": "image/png", "fileUri": "gs://b/o"}}),
             "contents[0].parts[0]"),
            ("no mime", gemini({"fileData": {"fileUri": "gs://b/o"}}),
             "contents[0].parts[0].fileData.mimeType"),
            ("base64", gemini({"inlineData": {"mimeType": "image/png", "data": "*"}}),
             "contents[0].parts[0].inlineData.data"),
            ("threshold", {**gemini(), "safetySettings": [
                {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "block"}]},
             "safetySettings[0].threshold"),
        ]
        for name, body, field in table:
            with self.subTest(name):
                self.refused(self.ask(body), field)
        self.refused(self.ask(gemini(imageConfig={"aspectRatio": "1:1"}),
                              "gemini-3.8-flash"), f"{at}.imageConfig")
        self.refused(self.ask(gemini(imageConfig={"personGeneration": "ALLOW_ALL"}),
                              api="gemini"), f"{at}.imageConfig.personGeneration")
        self.refused(self.ask({**gemini(), "labels": {"a": "b"}}, api="gemini"), "")

    def test_original_field_names_are_taken_as_well(self):
        got = self.ask({"contents": gemini()["contents"],
                        "generation_config": {"response_modalities": ["IMAGE"]}})
        self.assertEqual(got.status, 200, got.body[:200])

    def test_role_is_optional_by_key(self):
        got = self.ask({"contents": [{"parts": [{"text": "x"}]}]}, api="gemini")
        self.assertEqual(got.status, 200)

    def test_missing_model_by_key(self):
        got = self.ask(gemini(), NOBODY, "gemini")
        self.assertEqual(got.status, 404)
        self.assertIn("is not found for API version v1beta", got.error["message"])


class Openai(Case):
    def images(self, **body):
        return self.cloud.call("POST", "/v1/images/generations",
                               {"prompt": "a red fox", **body}, auth="openai")

    def chat(self, **body):
        base = {"model": "gpt-4o-mini",
                "messages": [{"role": "user", "content": "hello"}]}
        return self.cloud.call("POST", "/v1/chat/completions", {**base, **body},
                               auth="openai")

    def test_pictures(self):
        got = self.images(model="gpt-image-1", n=2, size="1536x1024")
        data = [base64.b64decode(d["b64_json"]) for d in got.json["data"]]
        self.assertEqual([png_size(d) for d in data], [(1536, 1024)] * 2)
        got = self.images(model="dall-e-3")
        url = got.json["data"][0]["url"]
        path = url.removeprefix(self.cloud.url)
        got = self.cloud.call("GET", path, auth=None)
        self.assertEqual(png_size(got.body), (1024, 1024))
        self.assertEqual(self.cloud.counters()["leaked_credentials"], 0)
        self.cloud.call("GET", path, auth="openai")
        self.assertEqual(self.cloud.counters()["leaked_credentials"], 1)
        self.assertEqual(self.cloud.counters()["billed_udollars"], 2 * 42000 + 40000)

    def test_refused(self):
        for body, param in (({"model": "gpt-image-1", "foo": 1}, "foo"),
                            ({"model": "gpt-image-1", "response_format": "b64_json"},
                             "response_format"),
                            ({"model": "dall-e-3", "n": 2}, "n"),
                            ({"model": "dall-e-3", "size": "1x1"}, "size"),
                            ({"model": "dall-e-3", "n": "1"}, "n"),
                            ({}, "model")):
            got = self.images(**body)
            self.assertEqual((got.status, got.error["param"]), (400, param), got.body)
            self.assertEqual(got.error["type"], "invalid_request_error")
        got = self.images(model="dall-e-9")
        self.assertEqual((got.status, got.error["code"]), (404, "model_not_found"))
        got = self.images(model="gpt-4o-mini")
        self.assertEqual(got.status, 400)

    def test_chat(self):
        got = self.chat(max_tokens=3)
        self.assertEqual(got.json["choices"][0]["finish_reason"], "length")
        self.assertEqual(got.json["usage"]["completion_tokens"], 3)
        self.assertEqual(self.chat(messages=[]).status, 400)
        self.assertEqual(self.chat(stream=True).status, 400)
        url = "data:image/png;base64,AAAA"
        parts = [{"type": "text", "text": "x"},
                 {"type": "image_url", "image_url": {"url": url}}]
        got = self.chat(messages=[{"role": "user", "content": parts}])
        self.assertEqual(got.status, 200, got.body)
        parts[1]["image_url"]["url"] = "file:///etc/passwd"
        got = self.chat(messages=[{"role": "user", "content": parts}])
        self.assertEqual(got.status, 400)

    def test_list(self):
        got = self.cloud.call("GET", "/v1/models", auth="openai")
        self.assertIn("local-image", [m["id"] for m in got.json["data"]])


if __name__ == "__main__":
    tapcase.main()
