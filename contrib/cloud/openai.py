# SPDX-License-Identifier: MIT
"""An OpenAI-compatible server: pictures, words, the list of models."""
import re
import time
import uuid

import checks
from checks import Bad, array, boolean, integer, number, one_of, record, string
from gemini import WORDS
from imagen import DISGUISE, spoiled
from media import colour, picture
from models import image_price, token_price, tokens_of
from wire import ApiError, Hole, OpenaiError, answer

IMAGE_URL = re.compile(r"data:image/(png|jpeg|webp);base64,[A-Za-z0-9+/=]+"
                       r"|https?://.+")
DALLE = ("dall-e-2", "dall-e-3")


def body_of(req, shape):
    """The checked body; what is wrong is told as OpenAI does."""
    try:
        value = checks.parse(req)
    except ApiError as error:
        raise OpenaiError(400, error.message) from None
    try:
        return shape(value, "")
    except Bad as bad:
        at, why = bad.violations[0]
        unknown = re.search(r'Unknown name "([^"]+)"', why)
        if unknown:
            name = f"{at}.{unknown[1]}" if at else unknown[1]
            raise OpenaiError(400, f"Unknown parameter: '{name}'.", "unknown_parameter",
                              name) from None
        code = "missing_required_parameter" if "required" in why else "invalid_value"
        raise OpenaiError(400, why, code, at) from None


def images_shape(row):
    dalle = row["id"] in DALLE
    fields = {
        "model": string(1), "prompt": string(1, 32000),
        "n": integer(1, row["max_count"]), "user": string(),
        "size": one_of(*row["sizes"], *(() if dalle else ("auto",))),
    }
    if dalle or row["id"].startswith("local"):
        fields["response_format"] = one_of("url", "b64_json")
    if row["id"].startswith("local"):  # as LocalAI does; OpenAI knows no seed here
        fields["seed"] = integer(0, 0xFFFFFFFF)
    if row["id"] == "dall-e-3":
        fields["quality"] = one_of("standard", "hd")
        fields["style"] = one_of("vivid", "natural")
    if not dalle:
        fields["quality"] = one_of("auto", "low", "medium", "high")
        fields["background"] = one_of("auto", "opaque", "transparent")
        fields["moderation"] = one_of("auto", "low")
        fields["output_format"] = one_of("png", "jpeg")
        fields["output_compression"] = integer(0, 100)
    return record(fields, ("prompt", "model"))


def model_row(cloud, target, req, kind):
    """The row that the body names: the path of this API has no model in it."""
    try:
        body = checks.parse(req)
    except ApiError as error:
        raise OpenaiError(400, error.message) from None
    name = body.get("model")
    if not isinstance(name, str):
        raise OpenaiError(400, "you must provide a model parameter",
                          "missing_required_parameter", "model")
    target.model = name
    return cloud.models.get(target, (kind,))


class Images:
    def __init__(self, cloud, target, req):
        row = model_row(cloud, target, req, "openai-image")
        self.body = body_of(req, images_shape(row))
        self.cloud, self.row = cloud, row
        self.units = self.body.get("n", 1)
        self.price = self.full_price = image_price(row, self.units)

    async def produce(self, fault):
        kind = fault.kind if fault else None
        if kind in ("filtered_all", "filtered_some", "blocked", "filtered_silent"):
            self.price = self.units = 0
            raise OpenaiError(400, "Your request was rejected by the safety system.",
                              "moderation_blocked")
        if kind in ("empty", "no_videos"):
            return answer({})
        return answer({"created": int(time.time()),
                       "data": [self.image(kind) for _ in range(self.units)]})

    def image(self, kind):
        body, cloud = self.body, self.cloud
        mime = "image/" + body.get("output_format", "png")
        made = DISGUISE.get(kind, mime)
        size = body.get("size", "auto")
        if size == "auto":
            size = "1024x1024"
        width, height = map(int, size.split("x"))
        number_made = cloud.next_number()
        image = picture(made, width, height, colour(body["prompt"], number_made),
                        f"picture {number_made} of the local server",
                        cloud.config["image_bytes"])
        wants_url = body.get("response_format", "url" if self.row["id"] in DALLE
                             else "b64_json") == "url"
        if wants_url:
            name = uuid.uuid4().hex[:12]
            cloud.operations.keep_file(name, image)
            return {"url": cloud.file_url(name)}
        item = {"b64_json": Hole(spoiled(image, kind))}
        if self.row["id"] == "dall-e-3":
            item["revised_prompt"] = body["prompt"] + ", in fine detail"
        return item


def image_url(value, at):
    found = record({"url": string(1, 32 << 20),
                    "detail": one_of("auto", "low", "high")}, ("url",))(value, at)
    if not IMAGE_URL.fullmatch(found["url"]):
        raise Bad((f"{at}.url", "Expected a data: URL of an image or an http(s) URL."))
    return found


PART = record({"type": one_of("text", "image_url"), "text": string(),
               "image_url": image_url}, ("type",))


def content(value, at):
    if isinstance(value, str):
        return [{"type": "text", "text": value}]
    parts = array(PART, 1)(value, at)
    for index, part in enumerate(parts):
        if part["type"] not in part or len(part) != 2:
            raise Bad((f"{at}[{index}]", f"A part of type {part['type']} needs that "
                                         "field and no other."))
    return parts


CHAT = record({
    "model": string(1),
    "messages": array(record({
        "role": one_of("system", "developer", "user", "assistant"),
        "content": content, "name": string(1)}, ("role", "content")), 1),
    "temperature": number(0, 2), "top_p": number(0, 1), "n": one_of(1),
    "max_tokens": integer(1), "max_completion_tokens": integer(1), "seed": integer(),
    "stop": array(string(1), 1, 4), "user": string(), "stream": one_of(False),
    "presence_penalty": number(-2, 2), "frequency_penalty": number(-2, 2),
    "response_format": record({"type": one_of("text", "json_object")}, ("type",)),
    "store": boolean}, ("model", "messages"))


class Chat:
    def __init__(self, cloud, target, req):
        self.row = model_row(cloud, target, req, "openai-chat")
        self.body = body_of(req, CHAT)
        self.cloud = cloud
        parts = [p for m in self.body["messages"] for p in m["content"]]
        self.tokens = sum(tokens_of(p.get("text", " " * 1000)) for p in parts)
        most = self.body.get("max_completion_tokens", self.body.get("max_tokens",
                                                                    1 << 30))
        self.cut = cloud.config["text_words"] > most
        self.words = min(cloud.config["text_words"], most)
        self.price = self.full_price = token_price(self.row, self.tokens, self.words)
        self.units = 1

    async def produce(self, fault):
        kind = fault.kind if fault else None
        if kind == "empty":
            return answer({})
        reason, words = "length" if self.cut else "stop", self.words
        if kind in ("filtered_all", "filtered_some", "blocked", "filtered_silent"):
            reason, words = "content_filter", 0
        self.price = token_price(self.row, self.tokens, words)
        text = " ".join(WORDS[i % len(WORDS)] for i in range(words))
        return answer({
            "id": f"chatcmpl-{uuid.uuid4().hex}", "object": "chat.completion",
            "created": int(time.time()), "model": self.row["id"],
            "choices": [{"index": 0, "finish_reason": reason,
                         "message": {"role": "assistant", "content": text or None}}],
            "usage": {"prompt_tokens": self.tokens, "completion_tokens": words,
                      "total_tokens": self.tokens + words}})


def list_models(models):
    rows = [{"id": r["id"], "object": "model", "owned_by": "local"}
            for r in models.rows.values() if "openai" in r["apis"]]
    return answer({"object": "list", "data": rows})
