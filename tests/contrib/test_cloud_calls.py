# SPDX-License-Identifier: MIT
"""What the providers' functions make is what the services take: every row of the
catalogue, with the options it allows, and requests that another row serves, sent to the
strict local cloud. Whatever is allowed by a path must never end as a 400."""
import itertools
import json
import os
import random
import shutil
import subprocess
import tempfile
import unittest

import tapcase
from cloudfix import API_KEY, BUCKET, OPENAI_KEY, PROJECT, CloudServer

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
HELPER = os.environ["REMOTE_CALLS"]
PICTURE = os.path.join(ROOT, "tests/backend/quality/golden/rgb.png")
ALIVE = "2025-04-01"  # all models of the catalogue are live on that day
COMBINATIONS = 25     # of options, for each row, chosen by a fixed seed
BANANA = "gemini-nano-banana-2.1"
NOWHERE = {"veo-1.5-001"}  # no service ever had them

# Of numbers and texts; choices are taken from the row.
VALUES = {"negative": ["rain"], "style": ["anime"], "image": ["a"], "last": ["b"]}


def table(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return json.load(file)["models"]


# The example's servers are played by the local cloud's own models.
MINE = table("contrib/conf/catalog.json")
MINE["sd"]["wire"]["openai"] = "local-image"
MINE["llama"]["wire"]["openai"] = "local-chat"
ROWS = table("backend/model/models.json")
for key, changes in MINE.items():
    ROWS[key] = {**ROWS.get(key, {}), **changes}


def values(option, rule):
    if option in VALUES:
        return VALUES[option]
    if "min" in rule:
        ends = {rule["min"], rule["max"], rule.get("default", rule["min"])}
        return [f"{v:g}" if v < 1e6 else str(v) for v in sorted(ends)]
    return list(rule)


def files(row):
    if row["kind"] == "video":
        calls = {s for k, v in row["seconds"].items() if k != "max" for s in v}
        return [f"{s}s.mp4" for s in sorted(calls)]
    return ["1.txt"] if row["kind"] == "text" else ["1.png", "2.jpg"]


def wishes(row):
    """(file, options): each value alone, then some of all combinations."""
    known = {o: values(o, rule) for o, rule in row.get("options", {}).items()}
    needed = {o: "a" for o, rule in row.get("options", {}).items()
              if o == "image" and rule["min"] > 0}
    for name in files(row):
        yield name, needed
    for option, texts in known.items():
        for text in texts:
            for name in files(row) if option in ("res", "audio") else files(row)[-1:]:
                extra = {"image": "a"} if option == "last" else {}
                yield name, {**needed, **extra, option: text}
    dice = random.Random(row["protocol"])
    for _ in range(COMBINATIONS if known else 0):
        chosen = dice.sample(sorted(known), dice.randint(2, len(known)))
        yield (dice.choice(files(row)),
               {**needed, **{o: dice.choice(known[o]) for o in chosen}})


class Helper:
    """The C functions, one JSON line in and one out."""

    def __init__(self, url):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"models": MINE}, file)
            file.flush()
            self.process = subprocess.Popen(
                [HELPER, url, PROJECT, file.name], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True)
            self.ask("fetch", uri="")  # it has read the file

    def ask(self, op, **fields):
        self.process.stdin.write(json.dumps({"op": op, **fields}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait()


class Case(unittest.TestCase):
    arguments = ("--today", ALIVE)

    @classmethod
    def setUpClass(cls):
        cls.cloud = cls.enterClassContext(CloudServer(*cls.arguments))
        cls.helper = Helper(cls.cloud.url)
        cls.connection = cls.cloud.connect()

    @classmethod
    def tearDownClass(cls):
        cls.connection.close()
        assert cls.helper.close() == 0

    def setUp(self):
        self.cloud.reset()

    def send(self, call, backend="vertex"):
        """A call of the helper's, with the credentials it names."""
        headers = {"Content-Type": "application/json"} if call["body"] else {}
        if call["auth"] == "key":
            headers["x-goog-api-key"] = API_KEY
        elif call["auth"] == "bearer":
            token = OPENAI_KEY if backend == "openai" else self.cloud.token()
            headers["Authorization"] = f"Bearer {token}"
        self.assertTrue(call["url"].startswith(self.cloud.url + "/"), call["url"])
        return self.cloud.call(
            call["method"], call["url"][len(self.cloud.url):],
            call["body"].encode() or None, headers, auth=None,
            connection=self.connection)


class Accepted(Case):
    """A fault strikes only what the server would have made: 429 is a good request."""

    def setUp(self):
        super().setUp()
        self.cloud.token()
        self.cloud.control("models", {"id": "local-image", "sizes": [
            "512x512", "768x512", "512x768"]})
        self.cloud.fault("429", method="*", times=0)

    def tearDown(self):
        self.cloud.control("faults", verb="DELETE")

    def check(self, backend, asked, row, file, options):
        takes = 1
        call = self.helper.ask("make", backend=backend, asked=asked, row=row, file=file,
                               options=options, takes=takes, picture=PICTURE,
                               storage=f"gs://{BUCKET}/p/")
        if "stage" in call:
            return call["stage"]
        got = self.send(call, backend)
        wanted = 404 if ROWS[row]["wire"][backend] in NOWHERE else 429
        if got.status != wanted:
            self.fail(f"{backend} {asked} by {row} {file} {options}: {got.status} "
                      f"{got.body.decode()[:400]}\n{call['body'][:600]}")
        return "sent"

    def test_every_row(self):
        sent = {}
        for name, row in ROWS.items():
            for backend in row["wire"]:
                for file, options in wishes(row):
                    stage = self.check(backend, name, name, file, options)
                    key = name, backend
                    sent[key] = sent.get(key, 0) + (stage == "sent")
        for key, count in sent.items():
            self.assertGreater(count, 1, key)
        print(f"# {sum(sent.values())} requests of {len(sent)} rows")

    def test_rows_that_serve_for_another(self):
        """Any row of the same kind that can make the shape: the worst that a user's
        catalogue can name as fallback or successor."""
        stages = {}
        for (name, row), (other, server) in itertools.permutations(ROWS.items(), 2):
            if row["kind"] != server["kind"]:
                continue
            dice = random.Random(name + other)
            chosen = list(wishes(row))
            chosen = dice.sample(chosen, min(6, len(chosen)))
            for backend in set(server["wire"]) - {"openai"}:
                for file, options in chosen:
                    stage = self.check(backend, name, other, file, options)
                    stages[stage] = stages.get(stage, 0) + 1
        self.assertGreater(stages["sent"], 500, stages)
        print(f"# {stages}")

    def test_several_takes(self):
        for name, row in ROWS.items():
            most = row.get("options", {}).get("count", {}).get("max", 1)
            for backend in row["wire"]:
                if backend == "gemini" and row["protocol"] == "veo":
                    continue
                if row["kind"] == "text" or most == 1 or backend == "openai":
                    continue
                call = self.helper.ask(
                    "make", backend=backend, row=name, takes=most, file=files(row)[-1],
                    options={"count": str(most)})
                got = self.send(call, backend)
                wanted = 404 if row["wire"][backend] in NOWHERE else 429
                self.assertEqual(got.status, wanted, got.body)


class Judged(Case):
    """What is read from an answer against what the server would bill for it."""
    JOBS = (("vertex", "imagen-3", "1.png"), ("vertex", BANANA, "1.png"),
            ("gemini", BANANA, "1.png"), ("vertex", "gemini-3.8-flash", "1.txt"),
            ("openai", "sd", "1.png"), ("openai", "llama", "1.txt"))
    KINDS = {
        "400": "rejected", "429": "busy", "429_retryinfo": "busy",
        "429_retry_after": "busy", "quota_minute": "busy", "quota_day": "busy",
        "500": "unknown", "503": "busy", "504": "unknown", "401_expired": "auth",
        "403_permission": "rejected", "403_service_disabled": "rejected",
        "403_billing_disabled": "rejected", "403_key": "rejected",
        "404_model": "no model", "refused_prompt": "refused", "502_html": "unknown",
        "503_bare": "unknown", "filtered_all": "refused", "filtered_silent": "refused",
        "blocked": "refused", "empty": "refused", "bad_base64": "unusable",
        "not_media": "unusable", "malformed": "unusable", "truncated_json": "unusable",
        "jpeg_for_png": "done", None: "done"}

    def judge(self, backend, row, file, kind):
        self.cloud.reset()
        job = {"backend": backend, "row": row, "file": file}
        if kind:
            self.cloud.fault(kind, method="*", times=1)
        got = self.send(self.helper.ask("make", **job), backend)
        verdict = self.helper.ask("read", status=got.status,
                                  answer=got.body.decode("utf-8", "replace"), **job)
        self.cloud.control("faults", verb="DELETE")
        return verdict, self.cloud.counters()["billed_udollars"]

    def expected(self, job, kind):
        words = job[2].endswith(".txt")
        if kind == "empty" and job[1] != "imagen-3":
            return "unusable"  # nobody says why
        if words and kind in ("bad_base64", "not_media"):
            return "done"  # there are no media in it
        return self.KINDS[kind]

    def test_every_fault(self):
        for job in self.JOBS:
            self.cloud.token()
            for kind in self.KINDS:
                verdict, billed = self.judge(*job, kind)
                told = job, kind, billed, verdict
                self.assertEqual(verdict["kind"], self.expected(job, kind), told)
                if billed:
                    self.assertNotEqual(verdict["charge"], "nothing", told)
                if verdict["kind"] in ("rejected", "busy", "auth", "no model"):
                    self.assertEqual(verdict["charge"], "nothing", told)
                self.assertEqual(bool(verdict["why"]), verdict["kind"] != "done", told)

    def test_hints(self):
        for kind in ("429_retryinfo", "quota_minute"):
            self.assertFalse(self.judge(*self.JOBS[2], kind)[0]["is_final"])
        self.assertTrue(self.judge(*self.JOBS[0], "quota_day")[0]["is_final"])
        self.assertTrue(self.judge(*self.JOBS[2], "quota_day")[0]["is_final"])
        self.assertEqual(self.judge(*self.JOBS[0], "429_retryinfo")[0][
            "retry_after_ms"], 30000)


@unittest.skipUnless(shutil.which("ffmpeg"), "ffmpeg is not installed")
class Chains(Case):
    arguments = ("--operation-seconds", "0.05")
    PREFIX = f"gs://{BUCKET}/promptfs/attempt 7/"

    def video(self, row="veo-3.1", backend="vertex", **job):
        """Start, poll, fetch: the bytes and where they are."""
        job = {"backend": backend, "row": row, "file": "8s.mp4", **job}
        got = self.send(self.helper.ask("make", **job))
        verdict = self.helper.ask("read", status=got.status,
                                  answer=got.body.decode(), **job)
        self.assertEqual(verdict["kind"], "operation", verdict)
        poll = self.helper.ask("poll", backend=backend, operation=verdict["operation"])
        verdict = {"kind": "pending"}
        while verdict["kind"] == "pending":
            got = self.send(poll)
            verdict = self.helper.ask("read_poll", status=got.status,
                                      answer=got.body.decode(), **job)
        self.assertEqual(verdict["kind"], "done", verdict)
        uri = verdict["results"][0]["uri"]
        found = self.send(self.helper.ask("fetch", backend=backend, uri=uri))
        self.assertEqual(found.status, 200, found.body[:200])
        self.assertEqual(found.body[4:8], b"ftyp")
        return found.body, uri, verdict

    def seconds(self, data):
        done = subprocess.run(
            ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of",
             "csv=p=0", "-"], input=data, capture_output=True, check=True)
        return round(float(done.stdout))

    def last_frame(self, data):
        done = subprocess.run(
            ["ffmpeg", "-v", "error", "-i", "-", "-update", "1", "-f", "image2pipe",
             "-c:v", "png", "-vf", "reverse", "-frames:v", "1", "-"], input=data,
            capture_output=True, check=True)
        path = os.path.join(self.enterContext(tempfile.TemporaryDirectory()), "f.png")
        with open(path, "wb") as file:
            file.write(done.stdout)
        return path

    def test_the_last_frame_begins_the_next(self):
        for backend, storage in (("vertex", self.PREFIX), ("gemini", None)):
            more = {"options": {"res": "720p"}, "backend": backend,
                    **({"storage": storage} if storage else {})}
            data, uri, verdict = self.video(seconds=4, **more)
            self.assertEqual(verdict["seconds"], 4)
            data, uri, verdict = self.video(
                seconds=6, first_frame=True, picture=self.last_frame(data), **more)
            self.assertEqual(self.seconds(data), 6)
            self.assertEqual(uri.startswith(self.PREFIX), bool(storage))

    def test_an_extension_is_the_whole_clip(self):
        more = {"options": {"res": "1080p"}, "storage": self.PREFIX}
        data, uri, verdict = self.video(seconds=8, **more)
        for whole in (15, 22):
            data, uri, verdict = self.video(seconds=7, video=uri, **more)
            self.assertEqual(self.seconds(data), whole)
            self.assertEqual(verdict["seconds"], 7)
        found = self.send(self.helper.ask("list", prefix=self.PREFIX))
        listed = self.helper.ask("read_list", status=found.status,
                                 answer=found.body.decode(), prefix=self.PREFIX)
        self.assertIn(uri, listed["uris"])

    def test_an_extension_by_key(self):
        more = {"backend": "gemini", "options": {"res": "720p"}}
        _, uri, _ = self.video(seconds=8, **more)
        data, _, verdict = self.video(seconds=7, video=uri, **more)
        self.assertEqual(self.seconds(data), 15)
        self.assertEqual(verdict["seconds"], 7)

    def test_what_is_not_an_extension_is_not_sent(self):
        for row, seconds, video in (
                ("veo-3.1", 8, f"gs://{BUCKET}/x.mp4"),
                ("veo-2", 7, f"gs://{BUCKET}/x.mp4"),
                ("veo-3.1", 7, "https://x.org/x.mp4")):
            made = self.helper.ask("make", row=row, file="8s.mp4", seconds=seconds,
                                   video=video)
            self.assertEqual(made.get("stage"), "make", made)


if __name__ == "__main__":
    tapcase.main()
