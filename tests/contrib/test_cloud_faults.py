# SPDX-License-Identifier: MIT
"""contrib/cloud: each fault, what it looks like on the wire, and what it bills."""
import base64
import http.client
import json
import time
import unittest

import tapcase
from cloudfix import CloudServer, vertex_path

IMAGEN = "imagen-3.0-generate-002"
BANANA = "gemini-nano-banana-2.1"
ONE = 40000  # micro-USD


def imagen(prompt="a red fox", count=2, **parameters):
    return {"instances": [{"prompt": prompt}],
            "parameters": {"sampleCount": count, "includeRaiReason": True,
                           **parameters}}


DRAW = {"contents": [{"role": "user", "parts": [{"text": "a red fox"}]}],
        "generationConfig": {"responseModalities": ["IMAGE"]}}


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = cls.enterClassContext(CloudServer("--today", "2026-01-01"))

    def setUp(self):
        self.cloud.reset()
        self.cloud.token()

    def predict(self, body=None, **more):
        return self.cloud.vertex(IMAGEN, "predict", body or imagen(), **more)

    def billed(self):
        return self.cloud.counters()["billed_udollars"]

    def strike(self, kind, body=None, **fields):
        self.cloud.fault(kind, **fields)
        return self.predict(body)


class Refusals(Case):
    """Answers that stand for "not accepted": none is billed."""

    def tearDown(self):
        found = self.cloud.counters()
        self.assertEqual(found["billed_udollars"], 0)
        self.assertEqual(found["methods"]["predict"]["accepted"], 0)

    def test_google_errors(self):
        table = [
            ("400", 400, "INVALID_ARGUMENT"), ("429", 429, "RESOURCE_EXHAUSTED"),
            ("quota_minute", 429, "RESOURCE_EXHAUSTED"), ("500", 500, "INTERNAL"),
            ("503", 503, "UNAVAILABLE"), ("504", 504, "DEADLINE_EXCEEDED"),
            ("403_permission", 403, "PERMISSION_DENIED"),
            ("401_expired", 401, "UNAUTHENTICATED"), ("404_model", 404, "NOT_FOUND"),
            ("refused_prompt", 400, "INVALID_ARGUMENT"),
        ]
        for kind, status, name in table:
            with self.subTest(kind):
                got = self.strike(kind)
                self.assertEqual((got.status, got.error["code"], got.error["status"]),
                                 (status, status, name))
                self.assertIn("application/json", got.headers["Content-Type"])

    def test_hints(self):
        got = self.strike("429_retryinfo", seconds=0.847)
        self.assertEqual(got.error["details"][0]["retryDelay"], "0.847s")
        got = self.strike("429_retry_after", seconds=7)
        self.assertEqual(got.headers["Retry-After"], "7")
        self.assertNotIn("details", got.error)
        got = self.strike("quota_day", seconds=37)
        failure = got.error["details"][0]["violations"][0]
        self.assertIn("PerDay", failure["quotaId"])
        self.assertIsInstance(failure["quotaValue"], str)
        self.assertNotIn("details", self.strike("429").error)

    def test_reasons(self):
        for kind, reason in (("403_service_disabled", "SERVICE_DISABLED"),
                             ("403_billing_disabled", "BILLING_DISABLED"),
                             ("403_permission", "IAM_PERMISSION_DENIED"),
                             ("401_expired", "ACCESS_TOKEN_EXPIRED")):
            self.assertEqual(self.strike(kind).error["details"][0]["reason"], reason)
        got = self.strike("refused_prompt", code="58061214")
        self.assertTrue(got.error["message"].startswith(
            "Image generation failed with the following error: "))
        self.assertTrue(got.error["message"].endswith("58061214"))

    def test_bodies_that_are_not_json(self):
        for kind, status in (("502_html", 502), ("503_bare", 503)):
            got = self.strike(kind)
            self.assertEqual(got.status, status)
            self.assertIn("text/html", got.headers["Content-Type"])
            self.assertIn(b"<html>", got.body)

    def test_an_error_of_the_tests_own(self):
        got = self.strike("error", http=409, message="hm", details=[{"@type": "x"}],
                          headers={"Retry-After": "3"})
        self.assertEqual((got.status, got.error["message"], got.headers["Retry-After"]),
                         (409, "hm", "3"))


class Queue(Case):
    def test_nth_times_and_order(self):
        self.cloud.fault("503", nth=2, times=2)
        self.cloud.fault("500", nth=2)
        seen = [self.predict().status for _ in range(6)]
        # The second fault does not see the calls that the first one struck.
        self.assertEqual(seen, [200, 503, 503, 500, 200, 200])

    def test_matching(self):
        self.cloud.fault("503", model=BANANA, times=0)
        self.cloud.fault("429", prompt="green frog", times=0)
        self.cloud.fault("500", location="europe-west4", times=0)
        self.cloud.fault("504", method="storage.", times=0)
        self.assertEqual(self.predict().status, 200)
        self.assertEqual(self.predict(imagen("a green frog")).status, 429)
        self.assertEqual(self.predict(location="europe-west4").status, 500)
        for _ in range(3):
            got = self.cloud.vertex(BANANA, "generateContent", DRAW)
            self.assertEqual(got.status, 503)
        got = self.cloud.call("GET", "/storage/v1/b/local-bucket/o")
        self.assertEqual(got.status, 504)
        self.assertEqual(got.error["errors"][0]["reason"], "backendError")
        self.cloud.control("faults", verb="DELETE")
        self.assertEqual(self.predict(location="europe-west4").status, 200)

    def test_what_is_no_fault(self):
        for spec in ({"kind": "x"}, {"kind": "429", "foo": 1},
                     {"kind": "429", "nth": "1"}, {}):
            got = self.cloud.call("POST", "/_control/faults", spec, auth=None)
            self.assertEqual(got.status, 400, spec)

    def test_wrong_requests_are_told_before_a_fault(self):
        self.cloud.fault("503")
        self.assertEqual(self.predict({"instances": []}).status, 400)
        self.assertEqual(self.predict(auth=None).status, 401)
        self.assertEqual(self.predict().status, 503)

    def test_token_endpoint_and_other_services(self):
        self.cloud.fault("500", method="metadata")
        self.cloud.bearer = None
        got = self.cloud.call("GET", "/computeMetadata/v1/project/project-id",
                              auth=None, headers={"Metadata-Flavor": "Google"})
        self.assertEqual(got.status, 500)
        self.cloud.fault("429", method="openai.images")
        got = self.cloud.call("POST", "/v1/images/generations",
                              {"model": "local-image", "prompt": "x"}, auth="openai")
        self.assertEqual((got.status, got.error["type"]), (429, "rate_limit_error"))

    def test_billed_can_be_said_otherwise(self):
        self.strike("filtered_all", billed=True)
        self.assertEqual(self.billed(), 2 * ONE)
        self.strike("jpeg_for_png", billed=False)
        self.assertEqual(self.billed(), 2 * ONE)


class Outcomes(Case):
    def test_filtered(self):
        got = self.strike("filtered_some", code="17301594").json["predictions"]
        self.assertIn("bytesBase64Encoded", got[0])
        self.assertEqual(list(got[1]), ["raiFilteredReason"])
        self.assertIn("17301594", got[1]["raiFilteredReason"])
        self.assertEqual(self.billed(), ONE)
        got = self.strike("filtered_all").json["predictions"]
        self.assertEqual([list(p) for p in got], [["raiFilteredReason"]] * 2)
        silent = imagen()
        del silent["parameters"]["includeRaiReason"]
        self.assertEqual(self.strike("filtered_all", silent).json, {})
        self.assertEqual(self.strike("empty").json, {})
        self.assertEqual(self.billed(), ONE)

    def test_media_that_is_not_what_it_says(self):
        item = self.strike("jpeg_for_png").json["predictions"][0]
        self.assertEqual(item["mimeType"], "image/png")
        self.assertEqual(base64.b64decode(item["bytesBase64Encoded"])[:3],
                         b"\xff\xd8\xff")
        item = self.strike("bad_base64").json["predictions"][0]
        with self.assertRaises(ValueError):
            base64.b64decode(item["bytesBase64Encoded"], validate=True)
        item = self.strike("not_media").json["predictions"][0]
        self.assertEqual(base64.b64decode(item["bytesBase64Encoded"]), b"not a picture")
        self.assertEqual(self.billed(), 6 * ONE)

    def test_gemini(self):
        def draw(kind, **fields):
            self.cloud.fault(kind, **fields)
            return self.cloud.vertex(BANANA, "generateContent", DRAW).json
        got = draw("text_only", message="No.")["candidates"][0]
        self.assertEqual((got["content"]["parts"], got["finishReason"]),
                         ([{"text": "No."}], "STOP"))
        got = draw("filtered_all", code="IMAGE_PROHIBITED_CONTENT")["candidates"][0]
        self.assertEqual(got, {"finishReason": "IMAGE_PROHIBITED_CONTENT"})
        got = draw("blocked", code="SAFETY")
        self.assertEqual(got["promptFeedback"]["blockReason"], "SAFETY")
        self.assertNotIn("candidates", got)
        self.assertEqual(draw("empty"), {})
        before = self.billed()
        parts = draw("thought_first")["candidates"][0]["content"]["parts"]
        self.assertTrue(parts[0]["thought"])
        self.assertNotIn("thought", parts[1])
        self.assertGreater(self.billed() - before, 33600)
        # Text and blocked prompts cost tokens, but no picture.
        self.assertLess(before, 1000)


class Transport(Case):
    def broken(self, kind, errors, **fields):
        with self.assertRaises(errors):
            self.strike(kind, **fields)

    def test_resets_and_drops(self):
        self.broken("reset_before", ConnectionResetError)
        found = self.cloud.counters()
        self.assertEqual((found["billed_udollars"], found["connections"]["resets"]),
                         (0, 1))
        self.assertEqual(len(self.cloud.requests(method="predict")), 0)
        self.broken("reset_after", ConnectionResetError)
        self.assertEqual(self.billed(), 2 * ONE)
        self.broken("drop", http.client.RemoteDisconnected)
        self.assertEqual(self.billed(), 4 * ONE)
        self.broken("reset_body", (ConnectionResetError, http.client.IncompleteRead))
        self.broken("truncated", http.client.IncompleteRead)
        found = self.cloud.counters()
        self.assertEqual(found["billed_udollars"], 8 * ONE)
        self.assertEqual(found["methods"]["predict"]["accepted"], 4)

    def test_a_kept_connection_dropped(self):
        self.cloud.fault("drop_keepalive")
        conn = self.cloud.connect()
        self.assertEqual(self.predict(connection=conn).status, 200)
        with self.assertRaises(http.client.RemoteDisconnected):
            self.predict(connection=conn)
        conn.close()
        found = self.cloud.counters()
        self.assertEqual(found["methods"]["predict"]["accepted"], 2)
        self.assertEqual(found["billed_udollars"], 4 * ONE)
        self.assertEqual(found["connections"]["dropped"], 1)

    def test_json_that_is_not(self):
        for kind in ("malformed", "truncated_json"):
            got = self.strike(kind)
            self.assertEqual(got.status, 200)
            with self.assertRaises(ValueError):
                json.loads(got.body)
        self.assertEqual(self.billed(), 4 * ONE)

    def test_slowness(self):
        for kind, fields in (("stall", {}), ("stall_body", {}),
                             ("drip", {"bytes": 4000, "seconds": 0.1})):
            start = time.monotonic()
            got = self.strike(kind, **{"seconds": 0.3, **fields})
            self.assertEqual(len(got.json["predictions"]), 2)
            self.assertGreater(time.monotonic() - start, 0.25)

    def test_a_stalled_call_is_billed_though_nobody_waits(self):
        self.cloud.fault("stall", seconds=1)
        conn = self.cloud.connect(timeout=0.2)
        body = json.dumps(imagen()).encode()
        conn.request("POST", vertex_path(IMAGEN, "predict"), body,
                     {"Content-Type": "application/json",
                      "Authorization": f"Bearer {self.cloud.token()}"})
        with self.assertRaises(TimeoutError):
            conn.getresponse()
        conn.close()
        self.assertEqual(self.billed(), 2 * ONE)

    def test_refused_connections(self):
        self.cloud.control("refuse", {"seconds": 0.5})
        deadline = time.monotonic() + 5
        refused = False
        while time.monotonic() < deadline:
            try:
                if self.predict().status == 200 and refused:
                    break
            except ConnectionError as error:
                refused = refused or isinstance(error, ConnectionRefusedError)
                time.sleep(0.05)
        self.assertTrue(refused)
        self.assertEqual(self.predict().status, 200)


if __name__ == "__main__":
    tapcase.main()
