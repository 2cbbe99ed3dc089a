# SPDX-License-Identifier: MIT
"""The one path every call takes: route, credentials, checks, limits, fault, bill."""
import asyncio
import traceback

import faults
import route
from control import Control
from gemini import GenerateContent
from imagen import Predict
from ledger import Ledger
from openai import Chat, Images, list_models
from operations import Operations, PredictLongRunning
from storage import Store
from wire import ApiError, StorageError, error_info

STRIKE = faults.REFUSALS | faults.OUTCOMES | faults.TRANSPORT
SERVICES = {"predict": Predict, "predictLongRunning": PredictLongRunning,
            "generateContent": GenerateContent, "openai.images": Images,
            "openai.chat": Chat}


def default_config():
    return {
        "latency_ms": 0,            # of every paid call
        "latency_by_method": {},    # method -> ms, in place of latency_ms
        "operation_seconds": 0.2,   # from start to done
        "image_bytes": 0,           # every picture weighs at least so much
        "video_bytes": 0,
        "text_words": 40,           # of an answer in words
        "chunked": False,           # answers without Content-Length
        "gzip": False,              # where the client takes it
        "lenient": False,           # unknown parameters of :predict are ignored
        "download_redirect": False,  # Files API downloads answer 302 first
        "filtered_video_billed": False,
    }


class Cloud:
    def __init__(self, auth, models, clips, directory, options):
        self.auth = auth
        self.models = models
        self.clips = clips
        self.config = default_config()
        self.project = options.project
        self.locations = options.locations.split(",")
        self.faults = faults.Faults()
        self.ledger = Ledger()
        self.store = Store(directory, options.buckets.split(","))
        self.operations = Operations(self)
        self.control = Control(self)
        self.server = None
        self.calls = {}  # connection -> the call whose answer is being written
        self.made = 0

    def next_number(self):
        """Numbers what is made, so that no two pictures are the same bytes."""
        self.made += 1
        return self.made

    # What the HTTP server asks

    def early(self, req):
        """Whether to reset the connection now, the body unread."""
        req.target = None
        if req.path.startswith("/_control/"):
            return False
        req.target = route.find(req)
        return bool(self.faults.queue and req.target and
                    self.faults.pick(req.target, None, faults.EARLY))

    def sink(self, req):
        if req.target and req.target.method == "storage.upload":
            return self.store.open_sink()
        return None

    async def handle(self, req):
        if req.path.startswith("/_control/"):
            return await self.control.handle(req)
        target = req.target
        if target is None:
            known = route.knows_path(req)
            self.ledger.methods["unknown"].calls += 1
            return ApiError(405 if known else 404, "The requested URL was not found: "
                            f"{req.verb} {req.path}").reply()
        call = self.ledger.arrive(target, req)
        self.calls[req.connection] = call
        try:
            return await self.answer(call, target, req)
        except ApiError as error:
            return error.reply()
        except Exception:  # a bug of ours; the test that reads the counters sees it
            traceback.print_exc()
            self.ledger.internal_errors += 1
            return ApiError(500, "The local server has a bug; see its stderr.").reply()

    def done(self, req, reply):
        call = self.calls.pop(req.connection, None)
        if req.sink is not None:
            req.sink.discard()
        if call is not None:
            self.ledger.end(call, reply.status)

    # The path of a call

    async def answer(self, call, target, req):
        self.check_place(target, req)
        service = SERVICES.get(target.method)
        plan = service(self, target, req) if service else None
        if target.api == "express":
            target.api = "vertex"
        fault = None
        if plan:
            self.check_limits(target)
        if self.faults.queue:
            kinds = STRIKE if req.served else STRIKE - {"drop_keepalive"}
            fault = self.faults.pick(target, req.body, kinds)
        if fault:
            call.fault = fault.kind
            if fault.kind in faults.REFUSALS:
                return faults.refuse(fault, target)
        if not plan:
            reply = await self.free(target, req)
            if reply.status < 400:
                self.ledger.accept(call)
        else:
            reply = await self.paid(call, plan, fault)
        if fault and fault.kind in faults.TRANSPORT:
            reply = faults.spoil(reply, fault)
        return reply

    async def paid(self, call, plan, fault):
        """Accept, take the time, make the answer, bill it."""
        config, method = self.config, call.target.method
        self.ledger.accept(call)
        delay = config["latency_by_method"].get(method, config["latency_ms"])
        if delay:
            await asyncio.sleep(delay / 1000)
        plan.call = call
        reply = await plan.produce(
            fault if fault and fault.kind in faults.OUTCOMES else None)
        if fault and fault.billed is not None:
            plan.price = plan.full_price if fault.billed else 0
        self.ledger.bill(call, plan.price, plan.units)
        return reply

    async def free(self, target, req):
        method = target.method
        if method == "token":
            return self.auth.token(req)
        if method == "metadata":
            return self.auth.metadata(req)
        if method == "openai.models":
            return list_models(self.models)
        if method in ("fetchPredictOperation", "operations.get"):
            self.ledger.operations["polls"] += 1
            return await self.operations.poll(target, req)
        if method == "files.download":
            return self.operations.download(target, req)
        if method == "files.fetch":
            if {"authorization", "x-goog-api-key"} & set(req.headers):
                self.auth.leaks += 1
            return self.operations.fetch(target)
        return self.store.serve(method, target, req)

    def check_place(self, target, req):
        """Credentials, project, location."""
        api = target.api
        if api in ("token", "metadata", "open"):
            return
        self.auth.check(req, api)
        quota = req.headers.get("x-goog-user-project")
        if quota not in (None, self.project):
            raise ApiError(403, "Caller does not have required permission to use "
                                f"project {quota}.",
                           [error_info("USER_PROJECT_DENIED",
                                       consumer=f"projects/{quota}")])
        if api == "vertex":
            if target.project != self.project:
                raise faults.no_project(target.project, target.location)
            if target.location not in self.locations:
                raise faults.missing(target)
        if api == "storage" and target.bucket not in self.store.buckets:
            raise StorageError(404, "notFound", "The specified bucket does not exist.")

    def check_limits(self, target):
        over = self.ledger.over_limit(target)
        if over:
            raise faults.quota_error(target.api, target.model, *over)

    def file_url(self, name, host="127.0.0.1"):
        scheme = "https" if self.server and self.server.tls else "http"
        return f"{scheme}://{host}:{self.server.port}/_files/{name}"
