# SPDX-License-Identifier: MIT
"""Long-running operations: Veo's start, polling on both APIs, and its files."""
import asyncio
import time
import uuid

import checks
import veo
from media import mp4
from models import video_price
from wire import ApiError, Hole, Reply, answer, chunks

RESPONSE = "type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse"
POLL = checks.record({"operationName": checks.string(1, 1024)}, ("operationName",))
MAX_KEPT = 2000  # operations and files remembered
FILTERED = ("Veo could not generate videos because the input violates the usage "
            "guidelines. Try rephrasing the prompt. Support codes: {}")
# Faults of a job that ends without a video.
NOTHING = ("filtered_all", "filtered_silent", "empty", "op_empty", "no_videos")


def operation_prefix(target):
    return (f"projects/{target.project}/locations/{target.location}/publishers/google/"
            f"models/{target.model}/operations/")


class Operation:
    def __init__(self, name, wish, fault):
        self.name = name
        self.wish = wish
        self.fault = fault
        self.kind = fault.kind if fault else None
        self.started = time.time()
        self.is_done = False
        self.videos = []    # Media, gs:// names or file names, as the API hands out
        self.filtered = 0
        self.failure = None


class PredictLongRunning:
    def __init__(self, cloud, target, req):
        row = cloud.models.get(target, ("veo",))
        shapes = row.setdefault("_shapes", {})
        if target.api not in shapes:
            shapes[target.api] = veo.request_shape(row, target.api)
        shape = shapes[target.api]
        if cloud.config["lenient"]:
            shape = veo.relaxed(shape)
        body = checks.run(shape, checks.parse(req))
        cloud.clips.need_ffmpeg()
        read = (cloud.operations if target.api == "gemini" else cloud.store).read_uri
        self.wish = veo.Wish(row, target.api, body, read)
        if "storageUri" in self.wish.params:
            cloud.store.check_uri(self.wish.params["storageUri"])
        self.cloud, self.target = cloud, target
        self.full_price = video_price(row, self.wish.resolution, self.wish.audio,
                                      self.wish.seconds * self.wish.count)
        # The bill comes when the operation is done.
        self.price = self.units = 0
        self.call = None

    async def produce(self, fault):
        target, operations = self.target, self.cloud.operations
        if target.api == "gemini":
            name = f"models/{target.model}/operations/{uuid.uuid4().hex[:12]}"
        else:
            name = f"{operation_prefix(target)}{uuid.uuid4()}"
        operations.start(Operation(name, self.wish, fault), self)
        return answer({"name": name})


class Operations:
    def __init__(self, cloud):
        self.cloud = cloud
        self.known = {}
        self.files = {}   # Files API: id -> Media
        self.tasks = set()

    def start(self, operation, plan):
        while len(self.known) >= MAX_KEPT:
            del self.known[next(iter(self.known))]
        self.known[operation.name] = operation
        counters = self.cloud.ledger.operations
        counters["started"] += 1
        counters["running"] += 1
        counters["max_running"] = max(counters["max_running"], counters["running"])
        task = asyncio.create_task(self.run(operation, plan))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def run(self, operation, plan):
        try:
            delay = self.cloud.config["operation_seconds"]
            deadline = time.monotonic() + delay
            if operation.kind == "op_never":
                await asyncio.Event().wait()
            if operation.kind == "op_error":
                operation.failure = (operation.fault.rpc, operation.fault.message
                                     or "Internal error while making the video.")
            elif operation.kind == "blocked":
                operation.failure = (3, FILTERED.format(operation.fault.code
                                                        or "15236754"))
            else:
                await self.make(operation, plan)
            await asyncio.sleep(max(0, deadline - time.monotonic()))
        except ApiError as error:
            operation.failure = (13, error.message)
        finally:
            self.cloud.ledger.operations["running"] -= 1
        self.bill(operation, plan)
        operation.is_done = True

    def bill(self, operation, plan):
        wish, fault = operation.wish, operation.fault
        made = len(operation.videos)
        if operation.kind in ("filtered_all", "filtered_silent"):
            made = wish.count if self.cloud.config["filtered_video_billed"] else 0
        price = plan.full_price * made // wish.count
        if fault and fault.billed is not None:
            price = plan.full_price if fault.billed else 0
        self.cloud.ledger.bill(plan.call, price, made * wish.seconds)

    async def make(self, operation, plan):
        wish, kind = operation.wish, operation.kind
        count = wish.count
        if kind in NOTHING:
            count = 0
        elif kind == "filtered_some":
            count = max(0, count - operation.fault.count)
        operation.filtered = wish.count - count
        if not count:
            return
        data = await self.cloud.clips.get(wish.length, *wish.pixels, wish.audio)
        for sample in range(count):
            number = self.cloud.next_number()
            media = mp4(data, f"video {number} of the local server",
                        self.cloud.config["video_bytes"])
            if "storageUri" in wish.params:
                folder = str(10**18 + number)
                media = self.cloud.store.put_generated(
                    wish.params["storageUri"], f"{folder}/sample_{sample}.mp4", media)
            elif wish.api == "gemini":
                name = uuid.uuid4().hex[:12]
                self.keep_file(name, media)
                media = name
            operation.videos.append(media)

    # Polling

    async def poll(self, target, req):
        if target.method == "fetchPredictOperation":
            body = checks.run(POLL, checks.parse(req))
            name = body["operationName"]
            prefix = operation_prefix(target)
            if not name.startswith(prefix):
                raise checks.invalid(("operationName", "The operation name does not "
                                      "match the model's resource name."))
        elif target.api == "vertex":
            raise checks.invalid(("name", "The operation id must be a number; poll "
                                  "this operation with fetchPredictOperation."))
        else:
            name = f"models/{target.model}/operations/{target.name}"
        operation = self.known.get(name)
        if operation is None or operation.kind == "op_lost":
            raise ApiError(404, f"Operation {name} not found.")
        if not operation.is_done:
            return answer({"name": name})
        done = {"name": name, "done": True}
        if operation.failure:
            code, message = operation.failure
            done["error"] = {"code": code, "message": message}
        elif operation.kind != "op_empty":
            done["response"] = self.response(operation)
        return answer(done)

    def response(self, operation):
        found = {}
        if operation.filtered and operation.kind not in ("filtered_silent", "no_videos",
                                                         "empty"):
            code = operation.fault.code or "29310472"
            found["raiMediaFilteredCount"] = operation.filtered
            found["raiMediaFilteredReasons"] = [FILTERED.format(code)]
        if operation.wish.api == "gemini":
            if operation.videos:
                found["generatedSamples"] = [
                    {"video": {"uri": self.uri(name)}} for name in operation.videos]
            return {"@type": "type.googleapis.com/google.ai.generativelanguage.v1beta."
                             "PredictLongRunningResponse",
                    "generateVideoResponse": found}
        if operation.videos:
            found["videos"] = [self.inline(v, operation.kind) for v in operation.videos]
        return {"@type": RESPONSE, **found}

    def inline(self, video, kind):
        if isinstance(video, str):
            return {"gcsUri": video, "mimeType": "video/mp4"}
        parts = video.text()
        if kind == "bad_base64":
            parts = [b"AAAAIGZ0*"]
        elif kind == "not_media":
            parts = [b"bm90IGEgdmlkZW8="]
        return {"bytesBase64Encoded": Hole(parts), "mimeType": "video/mp4"}

    def uri(self, name):
        whole = self.cloud.file_url(name)
        return whole.replace("/_files/", "/v1beta/files/") + ":download?alt=media"

    # Files

    def keep_file(self, name, media):
        while len(self.files) >= MAX_KEPT:
            del self.files[next(iter(self.files))]
        self.files[name] = media

    def read_uri(self, uri):
        """The bytes of a file, for an extension."""
        name = uri.split("/files/")[1].partition(":")[0]
        if name not in self.files:
            raise ApiError(404, f"File {name} not found.")
        return b"".join(chunks(self.files[name].raw()))

    def download(self, target, req):
        if target.name not in self.files or req.query.get("alt") != "media":
            raise ApiError(404, f"File {target.name} not found.")
        if self.cloud.config["download_redirect"]:
            # Another host name, so that a client must leave its key behind.
            return Reply(302, [], [("Location",
                                    self.cloud.file_url(target.name, "localhost"))])
        return self.fetch(target)

    def fetch(self, target):
        media = self.files.get(target.name)
        if media is None:
            raise ApiError(404, f"File {target.name} not found.")
        return Reply(200, media.raw(), [], media.mime)

    def stop(self):
        for task in self.tasks:
            task.cancel()
