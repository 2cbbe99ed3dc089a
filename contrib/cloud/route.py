# SPDX-License-Identifier: MIT
"""Which method of which service a request means."""
import re
import urllib.parse

P = (r"/(?P<version>v1|v1beta1)/projects/(?P<project>[^/]+)/locations/"
     r"(?P<location>[^/]+)")
M = r"/publishers/google/models/(?P<model>[^/:]+)"
VERBS = "predict|predictLongRunning|fetchPredictOperation|generateContent"
B = r"/b/(?P<bucket>[^/]+)"

# verb, path, api (whose errors and whose credentials), method
ROUTES = [(verb, re.compile(path), api, method) for verb, path, api, method in (
    ("POST", rf"{P}{M}:(?P<call>{VERBS})", "vertex", ""),
    ("GET", rf"{P}{M}/operations/(?P<name>[^/]+)", "vertex", "operations.get"),
    ("POST", rf"/(?P<version>v1|v1beta1){M}:(?P<call>generateContent)", "express", ""),
    ("POST", r"/(?P<version>v1beta)/models/(?P<model>[^/:]+):"
             r"(?P<call>predict|predictLongRunning|generateContent)", "gemini", ""),
    ("GET", r"/(?P<version>v1beta)/models/(?P<model>[^/:]+)/operations/"
            r"(?P<name>[^/]+)", "gemini", "operations.get"),
    ("GET", r"/v1beta/files/(?P<name>[^/:]+):download", "gemini", "files.download"),
    ("GET", r"/_files/(?P<name>[^/]+)", "open", "files.fetch"),
    ("POST", r"/v1/images/generations", "openai", "openai.images"),
    ("POST", r"/v1/chat/completions", "openai", "openai.chat"),
    ("GET", r"/v1/models", "openai", "openai.models"),
    ("POST", rf"/upload/storage/v1{B}/o", "storage", "storage.upload"),
    ("GET", rf"/storage/v1{B}/o/(?P<name>[^/]+)", "storage", "storage.get"),
    ("DELETE", rf"/storage/v1{B}/o/(?P<name>[^/]+)", "storage", "storage.delete"),
    ("GET", rf"/storage/v1{B}/o", "storage", "storage.list"),
    ("POST", r"/token", "token", "token"),
    ("GET", r"/computeMetadata/v1/.*|/", "metadata", "metadata"),
)]
PAID = {"predict", "predictLongRunning", "generateContent", "openai.images",
        "openai.chat"}


class Target:
    __slots__ = ("api", "method", "verb", "version", "project", "location", "model",
                 "bucket", "name", "is_paid")

    def __init__(self, api, method, match=None):
        found = match.groupdict() if match else {}
        self.method = method or found["call"]
        self.verb = self.method
        # Express mode is Vertex without a project in the path.
        self.api = api
        self.version = found.get("version", "")
        for field in ("project", "location", "model", "bucket", "name"):
            setattr(self, field, urllib.parse.unquote(found.get(field) or ""))
        self.is_paid = self.method in PAID


def find(req):
    """The Target of a request, or None: (allowed verbs) decides 404 or 405."""
    for verb, path, api, method in ROUTES:
        if verb == req.verb:
            match = path.fullmatch(req.path)
            if match:
                return Target(api, method, match)
    return None


def knows_path(req):
    return any(path.fullmatch(req.path) for _, path, _, _ in ROUTES)
