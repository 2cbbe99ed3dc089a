# SPDX-License-Identifier: MIT
"""generateContent: Gemini's pictures and words, on Vertex AI and by API key."""
import uuid

import checks
from checks import (array, bad_value, boolean, either_case, integer, number, one_of,
                    record, string, unsupported)
from imagen import DISGUISE, spoiled
from media import colour, picture
from models import image_pixels, token_price, tokens_of
from wire import Hole, answer

MAX_INLINE = 20 << 20
IMAGE_TOKENS = 258  # of each picture that goes in
IMAGES = ("image/png", "image/jpeg", "image/webp")
CATEGORIES = ("HARM_CATEGORY_HARASSMENT", "HARM_CATEGORY_HATE_SPEECH",
              "HARM_CATEGORY_SEXUALLY_EXPLICIT", "HARM_CATEGORY_DANGEROUS_CONTENT",
              "HARM_CATEGORY_CIVIC_INTEGRITY")
THRESHOLDS = ("BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH",
              "BLOCK_NONE", "OFF")
WORDS = ("the", "fox", "crossed", "quiet", "snow", "while", "morning", "light", "fell",
         "between", "tall", "pines", "and", "nothing", "moved")


def proto(fields, required=()):
    return record(fields, required, snake=True)


def inline_data(value, at):
    found = proto({"mimeType": string(1), "data": checks.base64_bytes,
                   "displayName": string()}, ("mimeType", "data"))(value, at)
    if len(found["data"]) > MAX_INLINE:
        raise checks.Bad((at, f"{at} is above {MAX_INLINE} bytes."))
    kind = checks.sniff(found["data"])
    if found["mimeType"].startswith("image/") and kind != found["mimeType"]:
        raise checks.Bad((at, f"Unhandled generated data mime type: {kind or 'unknown'}"
                              f" (declared {found['mimeType']})"))
    return found


def file_uri(value, at):
    if not isinstance(value, str) or not value.startswith(("gs://", "https://")):
        raise bad_value(at, "TYPE_STRING", value)
    return value


PART = proto({
    "text": string(), "inlineData": inline_data,
    "fileData": proto({"mimeType": string(1), "fileUri": file_uri},
                      ("mimeType", "fileUri")),
    "thought": boolean, "thoughtSignature": string()})


def part(value, at):
    found = PART(value, at)
    if len({"text", "inlineData", "fileData"} & set(found)) != 1:
        raise checks.Bad((at, f"Unable to submit request because {at} must have one "
                              "initialized data field."))
    return found


def image_config(row, on_vertex):
    sizes = row["sizes"]
    fields = {"aspectRatio": one_of(*row["aspects"]),
              "imageSize": one_of(*sizes) if sizes else unsupported(row["id"])}
    vertex = {
        "imageOutputOptions": proto({"mimeType": one_of("image/png", "image/jpeg"),
                                     "compressionQuality": integer(0, 100)}),
        "personGeneration": either_case("allow_all", "allow_adult", "allow_none"),
        "prominentPeople": either_case("allow_prominent_people",
                                       "block_prominent_people")}
    if on_vertex:
        fields.update(vertex)
    else:
        fields.update({name: unsupported("the Gemini API") for name in vertex})
    return proto(fields)


def request_shape(row, api):
    makes_images = row["kind"] == "gemini-image"
    what = row["id"]
    config = {
        "temperature": number(0, 2), "topP": number(0, 1), "topK": number(1),
        "candidateCount": one_of(1), "maxOutputTokens": integer(1, row.get("max_output",
                                                                          32768)),
        "seed": integer(-2147483648, 2147483647),
        "stopSequences": array(string(1), 0, 5),
        "presencePenalty": number(-2, 2), "frequencyPenalty": number(-2, 2),
        "responseMimeType": one_of("text/plain", "application/json"),
        "responseModalities": array(one_of("TEXT", "IMAGE") if makes_images
                                    else one_of("TEXT"), 1, 2),
        "imageConfig": (image_config(row, api != "gemini") if makes_images
                        else unsupported(what)),
        "thinkingConfig": proto({
            "thinkingLevel": either_case("minimal", "low", "medium", "high"),
            "thinkingBudget": integer(-1), "includeThoughts": boolean}),
    }
    content = {"role": one_of("user", "model"), "parts": array(part, 1)}
    need_role = ("role", "parts") if api != "gemini" else ("parts",)
    top = {
        "contents": array(proto(content, need_role), 1),
        "systemInstruction": proto({"role": string(), "parts": array(part, 1)}),
        "generationConfig": proto(config),
        "safetySettings": array(proto({"category": one_of(*CATEGORIES),
                                       "threshold": one_of(*THRESHOLDS)},
                                      ("category", "threshold"))),
    }
    if api != "gemini":
        top["labels"] = checks.labels
    return proto(top, ("contents",))


class GenerateContent:
    def __init__(self, cloud, target, req):
        row = cloud.models.get(_on_vertex(target), ("gemini-image", "gemini-text"))
        shapes = row.setdefault("_shapes", {})
        if target.api not in shapes:
            shapes[target.api] = request_shape(row, target.api)
        body = checks.run(shapes[target.api], checks.parse(req))
        self.cloud, self.row = cloud, row
        self.config = body.get("generationConfig", {})
        self.makes_images = row["kind"] == "gemini-image"
        parts = [p for c in body["contents"] for p in c["parts"]]
        parts += body.get("systemInstruction", {}).get("parts", [])
        self.prompt = " ".join(p["text"] for p in parts if "text" in p)
        pictures = [p for p in parts if "inlineData" in p or "fileData" in p]
        self.check_pictures(row, pictures, body)
        self.input_tokens = tokens_of(self.prompt) + IMAGE_TOKENS * len(pictures)
        self.modalities = self.config.get(
            "responseModalities", ["TEXT", "IMAGE"] if self.makes_images else ["TEXT"])
        self.full_price = self.cost(0 if self.makes_images else self.words_wanted(),
                                    self.image_tokens())
        self.price, self.units = self.full_price, 1

    def check_pictures(self, row, pictures, body):
        wrong = []
        if row.get("needs_image") and not pictures:
            wrong.append(("contents", f"{row['id']} needs at least one image."))
        if len(pictures) > row["max_inputs"]:
            wrong.append(("contents", f"At most {row['max_inputs']} images are taken."))
        if body["contents"][-1].get("role", "user") != "user":
            wrong.append(("contents", "The last turn must be the user's."))
        for item in pictures:
            uri = item.get("fileData", {}).get("fileUri", "")
            if uri.startswith("gs://"):
                self.cloud.store.read_uri(uri)
        if wrong:
            raise checks.invalid(*wrong)

    def image_tokens(self):
        if "IMAGE" not in self.modalities or not self.makes_images:
            return 0
        return self.row["image_tokens"][self.size()]

    def size(self):
        return self.config.get("imageConfig", {}).get("imageSize", "1K")

    def words_wanted(self):
        most = self.config.get("maxOutputTokens", 1 << 30)
        return min(self.cloud.config["text_words"], most)

    def cost(self, output_tokens, image_tokens):
        return token_price(self.row, self.input_tokens, output_tokens, image_tokens)

    async def produce(self, fault):
        kind = fault.kind if fault else None
        if kind == "empty":
            self.price = self.cost(0, 0)
            return answer({})
        if kind == "blocked":
            self.price = self.cost(0, 0)
            return answer({"promptFeedback": {
                "blockReason": fault.code or "PROHIBITED_CONTENT",
                "blockReasonMessage": fault.message or "The prompt was blocked."},
                "usageMetadata": self.usage(0, 0), **self.identity()})
        if self.makes_images and "IMAGE" in self.modalities:
            return self.picture_answer(kind, fault)
        return self.text_answer(kind, fault)

    def picture_answer(self, kind, fault):
        parts, image_tokens, text_tokens = [], self.image_tokens(), 0
        reason = "STOP"
        if kind == "text_only":
            words = fault.message or "I cannot draw this picture."
            parts.append({"text": words})
            image_tokens, text_tokens = 0, tokens_of(words)
        elif kind in ("filtered_all", "filtered_some", "filtered_silent"):
            reason = fault.code or "IMAGE_SAFETY"
            image_tokens = 0
        else:
            if kind == "thought_first":
                draft = self.image(None)
                parts.append({"inlineData": draft, "thought": True})
                text_tokens += 100
            if "TEXT" in self.modalities:
                parts.append({"text": "Here is the picture."})
                text_tokens += 5
            image = self.image(kind)
            parts.append({"inlineData": image})
        return self.reply(parts, reason, text_tokens, image_tokens)

    def image(self, kind):
        config = self.config.get("imageConfig", {})
        mime = config.get("imageOutputOptions", {}).get("mimeType", "image/png")
        made = DISGUISE.get(kind, mime)
        width, height = image_pixels(config.get("aspectRatio", "1:1"), self.size())
        call = self.cloud.next_number()
        image = picture(made, width, height, colour(self.prompt, call),
                        f"picture {call} of the local server",
                        self.cloud.config["image_bytes"])
        return {"mimeType": mime, "data": Hole(spoiled(image, kind))}

    def text_answer(self, kind, fault):
        reason = "STOP"
        wanted = self.words_wanted()
        if self.cloud.config["text_words"] > wanted:
            reason = "MAX_TOKENS"
        words = " ".join(WORDS[i % len(WORDS)] for i in range(wanted))
        parts = [{"text": words}]
        if kind == "thought_first":
            parts.insert(0, {"text": "Thinking of an answer.", "thought": True})
        if kind in ("filtered_all", "filtered_some", "filtered_silent"):
            parts, reason, wanted = [], fault.code or "SAFETY", 0
        return self.reply(parts, reason, wanted, 0)

    def reply(self, parts, reason, text_tokens, image_tokens):
        self.price = self.cost(text_tokens, image_tokens)
        candidate = {"finishReason": reason}
        if parts:
            candidate["content"] = {"role": "model", "parts": parts}
        return answer({"candidates": [candidate],
                       "usageMetadata": self.usage(text_tokens, image_tokens),
                       **self.identity()})

    def usage(self, text_tokens, image_tokens):
        out = text_tokens + image_tokens
        found = {"promptTokenCount": self.input_tokens,
                 "totalTokenCount": self.input_tokens + out,
                 "trafficType": "ON_DEMAND"}
        if out:
            found["candidatesTokenCount"] = out
            found["candidatesTokensDetails"] = [
                {"modality": name, "tokenCount": count}
                for name, count in (("TEXT", text_tokens), ("IMAGE", image_tokens))
                if count]
        return found

    def identity(self):
        return {"modelVersion": self.row["id"], "responseId": uuid.uuid4().hex[:22]}


def _on_vertex(target):
    """Express mode finds the models that Vertex has."""
    if target.api == "express":
        target.api = "vertex"
        target.project, target.location = "express", "global"
    return target
