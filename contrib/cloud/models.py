# SPDX-License-Identifier: MIT
"""The table of models: limits, prices, and which are gone on a given day."""
import datetime
import json
import math

from wire import ApiError, OpenaiError, error_info

PIXELS = {
    "1:1": (1024, 1024), "3:4": (896, 1280), "4:3": (1280, 896), "9:16": (768, 1408),
    "16:9": (1408, 768),
}
VIDEO_PIXELS = {"720p": (1280, 720), "1080p": (1920, 1080), "4k": (3840, 2160)}


def image_pixels(aspect, size, base=1024):
    """Pixels of a picture; five ratios are documented, the others are near them."""
    scale = {"512": 0.5, "1K": 1, "2K": 2, "4K": 4}[size] * base / 1024
    if aspect in PIXELS:
        width, height = PIXELS[aspect]
    else:
        across, down = map(int, aspect.split(":"))
        unit = math.sqrt(1024 * 1024 / (across * down))
        width, height = (round(unit * n / 16) * 16 for n in (across, down))
    return int(width * scale), int(height * scale)


def tokens_of(text):
    """A tokenizer good enough for bills: four bytes a token."""
    return max(1, (len(text.encode()) + 3) // 4)


class Models:
    def __init__(self, path, extra=None, prices=None, today=None):
        self.today = today or datetime.date.today().isoformat()
        with open(path, encoding="utf-8") as file:
            table = json.load(file)
        self.families = table["families"]
        self.rows = {}
        for row in table["models"]:
            self.put(row)
        for row in (extra or {}).get("models", []):
            self.put(row)
        for name, price in (prices or {}).items():
            self.put({"id": name, "price": price})

    def put(self, row):
        """Add a row, or change fields of the one with this id."""
        old = self.rows.get(row["id"], {})
        base = self.families.get(row.get("family", old.get("family")), {})
        merged = {**base, **old, **row}
        if "kind" not in merged:
            raise ValueError(f"model {row['id']} needs a family")
        merged["aspects"] = merged.get("aspects", []) + [
            a for a in merged.pop("more_aspects", []) if a not in merged["aspects"]]
        merged.pop("_shapes", None)
        self.rows[row["id"]] = merged

    def find(self, name, api):
        row = self.rows.get(name)
        if row is None or api not in row["apis"]:
            return None
        return None if row.get("retired") and row["retired"] <= self.today else row

    def get(self, target, kinds):
        """The live row that `target` (a route's match) names, of one of `kinds`."""
        row = self.find(target.model, target.api)
        if row is None:
            raise missing(target)
        if row["kind"] not in kinds:
            raise wrong_method(target, row)
        allowed = row.get("locations")
        if target.location and allowed and target.location not in allowed:
            raise missing(target)
        return row


def missing(target):
    """How each service says that a model is retired, misspelt or elsewhere."""
    if target.api == "openai":
        return OpenaiError(404, f"The model `{target.model}` does not exist or you do "
                                "not have access to it.", "model_not_found", "model")
    if target.api == "gemini":
        return ApiError(404, f"models/{target.model} is not found for API version "
                             f"v1beta, or is not supported for {target.verb}.")
    return ApiError(404, f"Publisher Model `projects/{target.project}/locations/"
                         f"{target.location}/publishers/google/models/{target.model}` "
                         "was not found or your project does not have access to it. "
                         "Please ensure you are using a valid model version.")


def wrong_method(target, row):
    if row["kind"].startswith("openai"):
        return OpenaiError(400, f"The model `{target.model}` does not serve this "
                                "endpoint.", "invalid_value", "model")
    if row["kind"].startswith("gemini"):
        return ApiError(400, "Gemini cannot be accessed through Vertex "
                             "Predict/RawPredict API; use generateContent.")
    if row["kind"] == "veo":
        return ApiError(400, f"{target.model} is served by predictLongRunning, not by "
                             f"{target.verb}.")
    return ApiError(400, f"{target.model} is served by predict, not by {target.verb}.")


def image_price(row, count):
    return row["price"]["image"] * count


def video_price(row, resolution, audio, seconds):
    rates = row["price"]["audio" if audio else "video"]
    return math.ceil(rates.get(resolution, 0) * seconds)


def token_price(row, inputs, outputs, images=0):
    price = row["price"]
    total = (inputs * price["input_per_m"] + outputs * price["output_per_m"]
             + images * price.get("image_per_m", 0))
    return -(-total // 1000000)


def no_project(project, location):
    resource = f"projects/{project}/locations/{location}"
    return ApiError(403, "Permission 'aiplatform.endpoints.predict' denied on resource "
                         f"'//aiplatform.googleapis.com/{resource}' (or it may not "
                         "exist).",
                    [error_info("IAM_PERMISSION_DENIED", "aiplatform.googleapis.com",
                                permission="aiplatform.endpoints.predict",
                                resource=resource)])
