# SPDX-License-Identifier: MIT
"""/_control/...: what a test sets, and what it reads. Never counted as a call."""
import json
import re

from wire import Reply, answer, json_parts

LOCAL = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.I)


class ControlError(Exception):
    def __init__(self, status, why):
        super().__init__(why)
        self.status = status


class Control:
    def __init__(self, cloud):
        self.cloud = cloud
        self.pages = {
            ("GET", "status"): self.status,
            ("GET", "counters"): self.counters,
            ("POST", "reset"): self.reset,
            ("GET", "config"): lambda req: self.cloud.config,
            ("POST", "config"): self.configure,
            ("GET", "faults"): self.list_faults,
            ("POST", "faults"): self.add_faults,
            ("DELETE", "faults"): self.clear_faults,
            ("GET", "requests"): self.requests,
            ("GET", "keys"): lambda req: self.cloud.ledger.keys,
            ("GET", "limits"): lambda req: self.cloud.ledger.limits,
            ("POST", "limits"): self.limit,
            ("GET", "models"): self.list_models,
            ("POST", "models"): self.change_models,
            ("POST", "tokens"): self.tokens,
            ("POST", "refuse"): self.refuse,
            ("GET", "operations"): self.operations,
        }

    async def handle(self, req):
        # The address is loopback already; a web page of another name is not.
        try:
            host = req.headers.get("host", "")
            if "origin" in req.headers or not LOCAL.fullmatch(host):
                raise ControlError(403, "the control pages are for local programs")
            name = req.path[len("/_control/"):]
            page = self.pages.get((req.verb, name))
            if page is None:
                shown = sorted({f"{v} /_control/{n}" for v, n in self.pages})
                raise ControlError(404, "no such page; there are: " + ", ".join(shown))
            found = page(req)
            return answer(found if found is not None else {})
        except ControlError as error:
            return refusal(error.status, str(error))
        except ValueError as error:
            return refusal(400, str(error))

    def status(self, _req):
        cloud = self.cloud
        return {"project": cloud.project, "locations": cloud.locations,
                "buckets": list(cloud.store.buckets), "today": cloud.models.today,
                "ffmpeg": cloud.clips.has_ffmpeg, "port": cloud.server.port}

    def counters(self, _req):
        cloud = self.cloud
        return {**cloud.ledger.report(), "tokens": dict(cloud.auth.issued),
                "leaked_credentials": cloud.auth.leaks,
                "faults_struck": cloud.faults.struck,
                "faults_waiting": len(cloud.faults.queue)}

    def reset(self, _req):
        """Counters, histories and faults to zero; settings, tokens, objects stay."""
        cloud = self.cloud
        cloud.ledger.reset()
        cloud.faults.queue.clear()
        cloud.faults.struck.clear()
        cloud.auth.leaks = 0
        cloud.auth.issued.update(dict.fromkeys(cloud.auth.issued, 0))

    def configure(self, req):
        wishes, config = load(req, dict), self.cloud.config
        for name, value in wishes.items():
            if name not in config:
                raise ControlError(400, f"no setting {name!r}; there are: "
                                        + ", ".join(config))
            old = config[name]
            plain = isinstance(value, (int, float)) and not isinstance(value, bool)
            fits = (plain if isinstance(old, (int, float)) and not isinstance(old, bool)
                    else isinstance(value, type(old)))
            if not fits:
                raise ControlError(400, f"{name} has the wrong type")
        config.update(wishes)
        return config

    def list_faults(self, _req):
        return {"waiting": [vars(f) for f in self.cloud.faults.queue],
                "struck": self.cloud.faults.struck}

    def add_faults(self, req):
        specs = load(req, (dict, list))
        specs = specs if isinstance(specs, list) else [specs]
        return {"ids": [self.cloud.faults.add(s) for s in specs]}

    def clear_faults(self, _req):
        self.cloud.faults.queue.clear()

    def requests(self, req):
        """Newest last; filters: method, model, key, location, contains, limit."""
        query = req.query
        unknown = set(query) - {"method", "model", "key", "location", "contains",
                                "limit", "bodies"}
        if unknown:
            raise ControlError(400, f"unknown filter {sorted(unknown)[0]!r}")
        needle = query.get("contains", "").encode()
        found = [c for c in self.cloud.ledger.ring
                 if query.get("method", c.target.method) == c.target.method
                 and query.get("model", c.target.model) == c.target.model
                 and query.get("location", c.target.location) == c.target.location
                 and query.get("key", c.key) == c.key and needle in c.body]
        found = found[-int(query.get("limit", "1000")):]
        return {"requests": [c.report(query.get("bodies", "1") == "1") for c in found]}

    def limit(self, req):
        """{"MODEL or *": {"rpm", "concurrent", "window_seconds"} or null}"""
        limits = self.cloud.ledger.limits
        for model, limit in load(req, dict).items():
            if limit is None:
                limits.pop(model, None)
                continue
            if not isinstance(limit, dict) or set(limit) - {"rpm", "concurrent",
                                                            "window_seconds"}:
                raise ControlError(400, "a limit has rpm, concurrent, window_seconds")
            limits[model] = limit
        return limits

    def list_models(self, _req):
        return {"today": self.cloud.models.today, "models": [
            {k: v for k, v in row.items() if not k.startswith("_")}
            for row in self.cloud.models.rows.values()]}

    def change_models(self, req):
        rows = load(req, (dict, list))
        for row in rows if isinstance(rows, list) else [rows]:
            if not isinstance(row, dict) or not isinstance(row.get("id"), str):
                raise ControlError(400, "a model is an object with an id")
            self.cloud.models.put(row)

    def tokens(self, req):
        """{"expire": true}: all out there die now. {"ttl": N}: of those to come."""
        wishes, auth = load(req, dict), self.cloud.auth
        if set(wishes) - {"expire", "ttl"}:
            raise ControlError(400, "tokens takes expire and ttl")
        if wishes.get("expire"):
            auth.expire_all()
        auth.ttl = float(wishes.get("ttl", auth.ttl))
        return {"ttl": auth.ttl, "live": len(auth.tokens)}

    def refuse(self, req):
        """New connections are refused for a while; open ones go on."""
        seconds = float(load(req, dict).get("seconds", 1))
        self.cloud.server.refuse(seconds)

    def operations(self, _req):
        return {"operations": [
            {"name": o.name, "done": o.is_done, "fault": o.kind, "started": o.started,
             "videos": len(o.videos)} for o in self.cloud.operations.known.values()]}


def load(req, kinds):
    value = json.loads(req.body or b"{}")
    if not isinstance(value, kinds):
        raise ControlError(400, "the body has the wrong JSON type")
    return value


def refusal(status, why):
    return Reply(status, json_parts({"error": why}), [], "application/json")
