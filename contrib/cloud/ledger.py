# SPDX-License-Identifier: MIT
"""What a provider would have seen and would bill; limits of rate and concurrency."""
import collections
import hashlib
import json
import time

RING_CALLS = 5000
RING_BYTES = 64 << 20


class Method:
    """Counters of one method. `calls` is what arrived; `accepted` passed all checks."""

    def __init__(self):
        self.calls = 0
        self.accepted = 0
        self.refused = collections.Counter()  # HTTP status -> calls not accepted
        self.billed_udollars = 0
        self.units = 0
        self.in_flight = 0
        self.max_in_flight = 0

    def report(self):
        return {**vars(self), "refused": {str(k): v for k, v in self.refused.items()}}


class Call:
    """One request, from its arrival to the end of its answer."""

    __slots__ = ("number", "target", "key", "body", "at", "status", "accepted",
                 "billed", "ended", "fault", "connection", "headers")

    def __init__(self, number, target, req):
        self.number = number
        self.target = target
        self.body = req.body
        self.headers = req.headers
        self.key = request_key(target, req.body)
        self.at = time.time()
        self.status = 0
        self.accepted = False
        self.billed = 0
        self.ended = None
        self.fault = None
        self.connection = req.connection

    def report(self, with_body=True):
        shown = {"number": self.number, "method": self.target.method,
                 "model": self.target.model, "location": self.target.location,
                 "key": self.key, "at": self.at, "status": self.status,
                 "accepted": self.accepted, "billed_udollars": self.billed,
                 "seconds": self.ended - self.at if self.ended else None,
                 "fault": self.fault, "connection": self.connection}
        if with_body:
            shown["headers"] = {k: v for k, v in self.headers.items()
                                if k not in ("authorization", "x-goog-api-key")}
            try:
                shown["body"] = json.loads(self.body) if self.body else None
            except (ValueError, RecursionError):
                shown["body"] = self.body.decode("utf-8", "replace")
        return shown


def request_key(target, body):
    """Equal for requests that ask the same in the same bytes."""
    what = f"{target.method} {target.model} {target.name} ".encode()
    return hashlib.sha256(what + body).hexdigest()[:16]


class Ledger:
    def __init__(self):
        self.limits = {}     # model -> {"rpm", "concurrent", "window_seconds"}
        self.running = collections.Counter()
        self.connections = {"accepted": 0, "open": 0, "max_open": 0, "resets": 0,
                            "dropped": 0}
        self.reset()

    def reset(self):
        """Forget all but limits and what is in flight at this moment."""
        flying = {n: m.in_flight for n, m in getattr(self, "methods", {}).items()}
        self.methods = collections.defaultdict(Method)
        for name, count in flying.items():
            if count:
                self.methods[name].in_flight = count
                self.methods[name].max_in_flight = count
        self.paid_in_flight = getattr(self, "paid_in_flight", 0)
        self.max_paid_in_flight = self.paid_in_flight
        self.models = collections.Counter()
        self.billed = 0
        running = getattr(self, "operations", {}).get("running", 0)
        self.operations = {"running": running, "max_running": running, "started": 0,
                           "polls": 0}
        self.keys = {}
        self.ring = collections.deque()
        self.ring_bytes = 0
        self.number = 0
        self.internal_errors = 0
        self.recent = collections.defaultdict(collections.deque)
        for name in ("accepted", "resets", "dropped"):
            self.connections[name] = 0
        self.connections["max_open"] = self.connections["open"]

    def arrive(self, target, req):
        self.number += 1
        call = Call(self.number, target, req)
        method = self.methods[target.method]
        method.calls += 1
        method.in_flight += 1
        method.max_in_flight = max(method.max_in_flight, method.in_flight)
        if target.is_paid:
            self.paid_in_flight += 1
            self.max_paid_in_flight = max(self.max_paid_in_flight, self.paid_in_flight)
        self.ring.append(call)
        self.ring_bytes += len(call.body)
        while len(self.ring) > RING_CALLS or self.ring_bytes > RING_BYTES:
            self.ring_bytes -= len(self.ring.popleft().body)
            if not self.ring:
                break
        seen = self.keys.setdefault(call.key, {"method": target.method,
                                               "model": target.model, "calls": 0,
                                               "accepted": 0, "billed_udollars": 0})
        seen["calls"] += 1
        return call

    def over_limit(self, target):
        """None, or (limit, seconds to wait) when this call is one too many."""
        limit = self.limits.get(target.model) or self.limits.get("*")
        if not limit:
            return None
        now, window = time.monotonic(), limit.get("window_seconds", 60)
        recent = self.recent[target.model]
        while recent and recent[0] <= now - window:
            recent.popleft()
        if "rpm" in limit and len(recent) >= limit["rpm"]:
            wait = recent[0] + window - now if recent else window
            return limit["rpm"], round(wait, 3)
        if "concurrent" in limit and self.running[target.model] >= limit["concurrent"]:
            return limit["concurrent"], 1
        recent.append(now)
        return None

    def accept(self, call):
        call.accepted = True
        self.methods[call.target.method].accepted += 1
        self.running[call.target.model] += 1
        if call.key in self.keys:
            self.keys[call.key]["accepted"] += 1

    def bill(self, call, udollars, units):
        method = self.methods[call.target.method]
        method.billed_udollars += udollars
        method.units += units
        call.billed += udollars
        self.billed += udollars
        self.models[call.target.model] += udollars
        if call.key in self.keys:
            self.keys[call.key]["billed_udollars"] += udollars

    def end(self, call, status):
        method = self.methods[call.target.method]
        call.status = status
        call.ended = time.time()
        method.in_flight -= 1
        if call.target.is_paid:
            self.paid_in_flight -= 1
        if call.accepted:
            self.running[call.target.model] -= 1
        else:
            method.refused[status] += 1

    def report(self):
        return {
            "billed_udollars": self.billed,
            "methods": {n: m.report() for n, m in self.methods.items()},
            "billed_by_model": dict(self.models),
            "paid_in_flight": self.paid_in_flight,
            "max_paid_in_flight": self.max_paid_in_flight,
            "operations": self.operations,
            "internal_errors": self.internal_errors,
            "connections": self.connections,
        }
