# SPDX-License-Identifier: MIT
"""Start and stop contrib/cloud for a test, set its faults, read its counters.

    with CloudServer("--today", "2026-01-01") as cloud:
        cloud.fault("503", method="predict", times=2)
        ... run something against cloud.url with the files in cloud.keys ...
        assert cloud.counters()["billed_udollars"] == 40000

Only the standard library; one process per server, ended by its own pid.
"""
import base64
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ENTRY = os.path.join(HERE, "..", "..", "contrib", "cloud", "cloud.py")
PROJECT = "local-project"
BUCKET = "local-bucket"
API_KEY = "local-api-key"
OPENAI_KEY = "sk-local-openai-key"


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """The `error` object of Google's and OpenAI's shape."""
        return self.json["error"]


class CloudServer:
    def __init__(self, *args, keys=None):
        self.args = args
        self.temp = tempfile.mkdtemp(prefix="cloudfix-")
        self.keys = keys or os.path.join(self.temp, "keys")
        self.process = None
        self.port = 0
        self.url = ""
        self.log = os.path.join(self.temp, "stderr")
        self.bearer = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.temp, ignore_errors=True)

    def start(self, port=0):
        """Returns when the server listens; its port is then known."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, ENTRY, "--port", str(port), "--write-credentials",
                 self.keys, *self.args], stdout=subprocess.PIPE, stderr=log)
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            with open(self.log, encoding="utf-8") as log:
                raise RuntimeError(f"the local cloud did not start: {log.read()}")
        self.port = int(line)
        scheme = "https" if "--tls" in self.args else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.bearer = None

    def stop(self):
        """SIGTERM, and the exit status."""
        if self.process is None:
            return None
        self.process.terminate()
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.process.stdout.close()
        self.process = None
        return status

    def env(self):
        """Variables that lead Google's and OpenAI's clients here."""
        with open(os.path.join(self.keys, "env.json"), encoding="utf-8") as file:
            return json.load(file)

    def key(self, name):
        """The parsed content of one of the credential files."""
        with open(os.path.join(self.keys, name), encoding="utf-8") as file:
            return json.load(file)

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0

    # Control

    def control(self, page, body=None, verb=None):
        verb = verb or ("GET" if body is None else "POST")
        found = self.call(verb, f"/_control/{page}", body, auth=None)
        if found.status != 200:
            raise RuntimeError(f"{verb} {page}: {found.status} {found.body.decode()}")
        return found.json

    def reset(self):
        self.control("reset", {})

    def counters(self):
        return self.control("counters")

    def config(self, **settings):
        return self.control("config", settings)

    def fault(self, kind, **fields):
        return self.control("faults", {"kind": kind, **fields})["ids"][0]

    def limit(self, model, **limit):
        return self.control("limits", {model: limit or None})

    def requests(self, **filters):
        query = urllib.parse.urlencode(filters)
        return self.control(f"requests?{query}")["requests"]

    def wait_for(self, condition, seconds=20):
        """Poll `condition(counters)` until it is true; for what has no answer."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.counters()
            if condition(found):
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {seconds} s: {found}")
            time.sleep(0.02)

    # Calls

    def connect(self, timeout=30):
        if "--tls" in self.args:
            import ssl
            trust = ssl.create_default_context(
                cafile=os.path.join(self.keys, "tls-cert.pem"))
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout,
                                               context=trust)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def call(self, verb, path, body=None, headers=None, auth="bearer", connection=None):
        """One request. `body`: bytes, or a value to send as JSON.

        `auth`: None, "bearer" (a fresh token of the metadata server), "key", "openai",
        or the text of an Authorization header.
        """
        sent = dict(headers or {})
        if auth == "bearer":
            sent.setdefault("Authorization", f"Bearer {self.token()}")
        elif auth == "key":
            sent.setdefault("x-goog-api-key", API_KEY)
        elif auth == "openai":
            sent.setdefault("Authorization", f"Bearer {OPENAI_KEY}")
        elif auth:
            sent.setdefault("Authorization", auth)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        conn = connection or self.connect()
        try:
            conn.request(verb, path, body, sent)
            got = conn.getresponse()
            return Answer(got.status, got.headers, got.read())
        finally:
            if connection is None:
                conn.close()

    def token(self):
        if self.bearer is None:
            got = self.call("GET", "/computeMetadata/v1/instance/service-accounts/"
                            "default/token", auth=None,
                            headers={"Metadata-Flavor": "Google"})
            self.bearer = got.json["access_token"]
        return self.bearer

    def vertex(self, model, verb, body, location="us-central1", **more):
        return self.call("POST", vertex_path(model, verb, location), body, **more)

    def gemini(self, model, verb, body, **more):
        more.setdefault("auth", "key")
        return self.call("POST", f"/v1beta/models/{model}:{verb}", body, **more)

    def finish(self, name, seconds=60):
        """Poll an operation of Vertex AI until it is done; the last answer."""
        prefix = name.split("/operations/")[0]
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            got = self.call("POST", f"/v1/{prefix}:fetchPredictOperation",
                            {"operationName": name})
            if got.status != 200 or got.json.get("done"):
                return got
            time.sleep(0.05)
        raise TimeoutError(name)


def vertex_path(model, verb, location="us-central1", project=PROJECT):
    return (f"/v1/projects/{project}/locations/{location}/publishers/google/models/"
            f"{model}:{verb}")


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign_jwt(pem, claims, header=None):
    """A JWT with an RS256 signature made by the openssl program."""
    header = header or {"alg": "RS256", "typ": "JWT"}
    text = ".".join(b64url(json.dumps(p).encode()) for p in (header, claims))
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(pem)
        file.flush()
        done = subprocess.run(["openssl", "dgst", "-sha256", "-sign", file.name],
                              input=text.encode(), capture_output=True, check=True)
    return f"{text}.{b64url(done.stdout)}"
