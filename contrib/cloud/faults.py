# SPDX-License-Identifier: MIT
"""Faults: what goes wrong, for which call, and how often.

A fault waits in a queue until calls match it. It counts the matching calls it sees,
strikes from the `nth` on, and `times` times; the first in the queue that strikes
decides, and those behind it do not see that call.
"""
from dataclasses import dataclass, field

from models import missing, no_project
from wire import (ApiError, OauthError, OpenaiError, Reply, StorageError, error_info,
                  quota_failure, retry_info, text)

HTML = ("<html><head><title>{0}</title></head><body><h1>Error: {1}</h1>"
        "<p>The server could not complete the request.</p></body></html>\n")

# Faults that answer in place of the service: nothing is accepted, nothing is billed.
REFUSALS = {
    "400", "429", "429_retryinfo", "429_retry_after", "quota_day", "quota_minute",
    "500", "502_html", "503", "503_bare", "504", "401_expired", "403_permission",
    "403_service_disabled", "403_billing_disabled", "403_key", "404_model",
    "refused_prompt", "error", "html",
}
# Faults of what an accepted call brings.
OUTCOMES = {
    "filtered_some", "filtered_all", "filtered_silent", "blocked", "empty", "text_only",
    "jpeg_for_png", "png_for_jpeg", "bad_base64", "not_media", "no_videos",
    "thought_first", "op_error", "op_lost", "op_never", "op_empty",
}
# Faults of the transport, on the way out of an accepted call.
TRANSPORT = {
    "malformed", "truncated", "truncated_json", "reset_after", "reset_body", "drop",
    "drop_keepalive", "stall", "stall_body", "drip",
}
# Faults before the request's body is read.
EARLY = {"reset_before"}
KINDS = REFUSALS | OUTCOMES | TRANSPORT | EARLY


@dataclass
class Fault:
    kind: str
    method: str = ""      # "": what is paid; "*": all; "storage.": all with that start
    model: str = ""
    location: str = ""
    prompt: str = ""      # a part of the request's body
    nth: int = 1          # the first matching call that is struck
    times: int = 1        # 0: for ever
    seconds: float = 0    # of stalls, hints, and between two pieces of a drip
    bytes: int = 0        # sent before a cut or stall; size of a drip's pieces
    count: int = 1        # images or videos filtered
    code: str = ""        # a support code
    http: int = 500       # of kind "error" and "html"
    message: str = ""
    details: list = field(default_factory=list)
    headers: dict = field(default_factory=dict)
    rpc: int = 13         # of kind "op_error"
    billed: bool | None = None  # overrides what is billed for a struck call
    seen: int = 0
    struck: int = 0
    id: int = 0

    def matches(self, target, body):
        method = target.method
        return ((method == self.method or self.method == "*"
                 or (not self.method and target.is_paid)
                 or (self.method.endswith(".") and method.startswith(self.method)))
                and (not self.model or self.model == target.model)
                and (not self.location or self.location == target.location)
                and (not self.prompt or self.prompt.encode() in (body or b"")))

    @property
    def wait(self):
        return self.seconds or (0.05 if self.kind == "drip" else 30)

    @property
    def is_spent(self):
        return self.times and self.struck >= self.times


FIELDS = {f for f in Fault.__dataclass_fields__ if f not in ("seen", "struck", "id")}
TYPES = {"nth": int, "times": int, "bytes": int, "count": int, "http": int, "rpc": int,
         "details": list, "headers": dict, "billed": bool, "seconds": (int, float)}


class Faults:
    def __init__(self):
        self.queue = []
        self.next_id = 1
        self.struck = {}

    def add(self, spec):
        """Queue one fault; ValueError for a field or kind that does not exist."""
        if not isinstance(spec, dict):
            raise ValueError("a fault is an object")
        for name, value in spec.items():
            if name not in FIELDS:
                raise ValueError(f"unknown field {name!r} of a fault")
            if not isinstance(value, TYPES.get(name, str)):
                raise ValueError(f"field {name!r} of a fault has the wrong type")
        if spec.get("kind") not in KINDS:
            raise ValueError(f"unknown kind of fault {spec.get('kind')!r}")
        fault = Fault(**spec, id=self.next_id)
        self.next_id += 1
        self.queue.append(fault)
        return fault.id

    def pick(self, target, body, kinds):
        """The fault of `kinds` that strikes this call, or None."""
        for fault in self.queue:
            if fault.kind not in kinds or not fault.matches(target, body):
                continue
            fault.seen += 1
            if fault.seen < fault.nth:
                continue
            fault.struck += 1
            self.struck[fault.kind] = self.struck.get(fault.kind, 0) + 1
            if fault.is_spent:
                self.queue.remove(fault)
            return fault
        return None


def refuse(fault, target):
    """The reply of a fault in REFUSALS."""
    if fault.kind in ("502_html", "503_bare", "html"):
        http = {"502_html": 502, "503_bare": 503}.get(fault.kind, fault.http)
        return text(http, HTML.format(http, fault.message or "Server Error"),
                    "text/html; charset=UTF-8", fault.headers.items())
    error = google_error(fault, target)
    if target.api == "openai":
        error = OpenaiError(error.http, error.message, headers=error.headers)
    elif target.api == "storage":
        reason = {429: "rateLimitExceeded", 403: "forbidden", 401: "authError",
                  404: "notFound"}.get(error.http, "backendError")
        error = StorageError(error.http, reason, error.message, error.headers)
    elif target.api == "token":
        code = {401: "invalid_client", 400: "invalid_grant"}.get(error.http,
                                                                "internal_failure")
        error = OauthError(error.http, code, error.message)
    return error.reply()


def google_error(fault, target):
    kind, model, seconds = fault.kind, target.model, fault.wait
    service = "aiplatform.googleapis.com"
    extra = list(fault.headers.items())
    busy = "Resource exhausted, please try again later."
    if kind == "429":
        return ApiError(429, busy, fault.details, extra)
    if kind == "429_retryinfo":
        return ApiError(429, busy, [retry_info(seconds)], extra)
    if kind == "429_retry_after":
        return ApiError(429, busy, (), [("Retry-After", f"{seconds:g}"), *extra])
    if kind == "quota_minute":
        return quota_error(target.api, model, 10, seconds)
    if kind == "quota_day":
        return ApiError(429, "You exceeded your current quota, please check your plan "
                             "and billing details.",
                        [quota_failure("generate_requests_per_model_per_day",
                                       "GenerateRequestsPerDayPerProjectPerModel", 100,
                                       model), retry_info(seconds)])
    if kind == "401_expired":
        return ApiError(401, "Request had invalid authentication credentials.",
                        [error_info("ACCESS_TOKEN_EXPIRED", service=service)],
                        [("WWW-Authenticate", 'Bearer error="invalid_token"')])
    if kind == "403_permission":
        return no_project(target.project or "p", target.location or "us-central1")
    if kind == "403_service_disabled":
        return ApiError(403, f"API {service} has not been used in project "
                             f"{target.project} before or it is disabled.",
                        [error_info("SERVICE_DISABLED", service=service,
                                    consumer=f"projects/{target.project}",
                                    activationUrl="https://console.example.com/on")])
    if kind == "403_billing_disabled":
        return ApiError(403, "This API method requires billing to be enabled.",
                        [error_info("BILLING_DISABLED", service=service,
                                    consumer=f"projects/{target.project}")])
    if kind == "403_key":
        return ApiError(403, "Requests from this key are blocked.",
                        [error_info("API_KEY_SERVICE_BLOCKED", service=service)])
    if kind == "404_model":
        return ApiError(404, missing(target).message)
    if kind == "refused_prompt":
        return ApiError(400, fault.message or
                        "Image generation failed with the following error: The prompt "
                        "could not be submitted. It contains words that violate the "
                        "usage guidelines. Try rephrasing the prompt. Support codes: "
                        + (fault.code or "62263041"))
    http = int(kind) if kind.isdigit() else fault.http
    words = {400: "Request contains an invalid argument.",
             500: "Internal error encountered.",
             503: "The service is currently unavailable.",
             504: "Deadline expired before operation could complete."}
    return ApiError(http, fault.message or words.get(http, "Error."), fault.details,
                    extra)


def quota_error(api, model, limit, seconds):
    """Too many requests this minute; only the Developer API adds hints."""
    if api == "gemini":
        return ApiError(429, "You exceeded your current quota, please check your plan "
                             f"and billing details. Please retry in {seconds:g}s.",
                        [quota_failure("generate_requests_per_model",
                                       "GenerateRequestsPerMinutePerProjectPerModel",
                                       limit, model), retry_info(seconds)])
    if api == "openai":
        return OpenaiError(429, f"Rate limit reached for {model}. Limit: {limit}/min.",
                           "rate_limit_exceeded",
                           headers=[("Retry-After", f"{max(1, round(seconds))}")])
    return ApiError(429, "Quota exceeded for aiplatform.googleapis.com/"
                         "online_prediction_requests_per_base_model with base model: "
                         f"{model}.")


def spoil(reply, fault):
    """Apply a fault of the transport to a finished reply."""
    if fault.kind == "malformed":
        return Reply(200, [b'{"predictions": [{"mimeType": "image/png", oops'],
                     reply.headers)
    reply.fault = fault
    return reply
