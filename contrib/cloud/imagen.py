# SPDX-License-Identifier: MIT
"""Imagen: POST :predict, one instance, one to eight pictures."""
import asyncio

import checks
from checks import (boolean, either_case, integer, number, one_of, record, string,
                    unsupported)
from media import colour, picture
from models import image_pixels, image_price
from wire import Hole, answer

MAX_IMAGE = 10 << 20
STYLES = ("photograph", "digital_art", "landscape", "sketch", "watercolor", "cyberpunk",
          "pop_art")
SAFETY = ("block_low_and_above", "block_medium_and_above", "block_only_high",
          "block_none", "block_most", "block_some", "block_few", "block_fewest")
IMAGE = checks.media(("image/png", "image/jpeg"), MAX_IMAGE)
MASK = record({"bytesBase64Encoded": checks.base64_bytes, "gcsUri": checks.gs_uri,
               "mimeType": string()})
REFERENCE = record({
    "referenceType": either_case(
        "reference_type_raw", "reference_type_mask", "reference_type_control",
        "reference_type_style", "reference_type_subject"),
    "referenceId": integer(0), "referenceImage": IMAGE,
    "maskImageConfig": record({"maskMode": string(), "dilation": number(0, 1)})},
    ("referenceType", "referenceId"))
# Faults that answer with another format than the label says.
DISGUISE = {"jpeg_for_png": "image/jpeg", "png_for_jpeg": "image/png"}
OPTIONAL = {
    "negativePrompt": string(), "enhancePrompt": boolean,
    "guidanceScale": number(0, 500), "sampleImageStyle": one_of(*STYLES)}


def request_shape(row, lenient):
    """What this model takes; the rest exists elsewhere and is refused by name."""
    extra = row["parameters"]
    fields = {
        "sampleCount": integer(1, row["max_count"]),
        "aspectRatio": one_of(*row["aspects"]),
        "seed": integer(0, 0xFFFFFFFF),
        "addWatermark": boolean,
        "personGeneration": either_case("dont_allow", "allow_adult", "allow_all"),
        "safetySetting": either_case(*SAFETY),
        "includeRaiReason": boolean,
        "includeSafetyAttributes": boolean,
        "language": one_of("auto", "en", "ja", "ko", "hi", "zh", "zh-TW", "pt", "es"),
        "outputOptions": record({"mimeType": one_of("image/png", "image/jpeg"),
                                 "compressionQuality": integer(0, 100)}),
        "storageUri": checks.gs_uri,
        "sampleImageSize": (one_of(*row["sizes"]) if len(row["sizes"]) > 1
                            else unsupported(row["id"])),
    }
    for name, check in OPTIONAL.items():
        fields[name] = check if name in extra else unsupported(row["id"])
    upscales = "upscale" in extra
    fields["mode"] = one_of("upscale") if upscales else unsupported(row["id"])
    fields["upscaleConfig"] = (record({"upscaleFactor": one_of("x2", "x4")})
                               if upscales else unsupported(row["id"]))
    edits = "edit" in extra
    if edits:
        fields["editMode"] = string()
        fields["editConfig"] = record({"baseSteps": integer(1)})
    instance = {
        "prompt": string(1, 20000),
        "image": IMAGE if edits or upscales else unsupported(row["id"]),
        "mask": record({"image": MASK}) if edits else unsupported(row["id"]),
        "referenceImages": (checks.array(REFERENCE, 1, 8) if edits
                            else unsupported(row["id"])),
    }
    loose = (lambda: True) if lenient else None
    return record({
        "instances": checks.array(record(instance, ("prompt",)), 1, 1),
        "parameters": record(fields, loose=loose),
        "labels": checks.labels}, ("instances",))


class Predict:
    def __init__(self, cloud, target, req):
        row = cloud.models.get(target, ("imagen",))
        lenient = cloud.config["lenient"]
        shapes = row.setdefault("_shapes", {})
        if lenient not in shapes:
            shapes[lenient] = request_shape(row, lenient)
        body = checks.run(shapes[lenient], checks.parse(req))
        self.cloud, self.row = cloud, row
        self.prompt = body["instances"][0]["prompt"]
        self.has_image = "image" in body["instances"][0]
        self.params = body.get("parameters", {})
        self.check_together(target.api)
        self.count = self.params.get("sampleCount", row["max_count"])
        self.units = self.count
        self.price = self.full_price = image_price(row, self.count)

    def check_together(self, api):
        """What each field allows and all of them together do not."""
        params, row = self.params, self.row
        wrong = []
        if len(self.prompt.split()) > row["prompt_words"]:
            wrong.append(("instances[0].prompt", f"The prompt has more than "
                                                 f"{row['prompt_words']} tokens."))
        if "seed" in params:
            if params.get("addWatermark", row["watermark"]):
                wrong.append(("parameters.seed", "Seed is not supported when watermark "
                                                 "is enabled."))
            if params.get("enhancePrompt"):
                wrong.append(("parameters.seed", "Seed is not supported when "
                                                 "enhancePrompt is enabled."))
            if not 1 <= params["seed"] <= 2147483647:
                wrong.append(("parameters.seed", "Seed must be between 1 and "
                                                 "2147483647."))
        output = params.get("outputOptions", {})
        if "compressionQuality" in output and output.get("mimeType") != "image/jpeg":
            wrong.append(("parameters.outputOptions.compressionQuality",
                          "compressionQuality is only for image/jpeg."))
        if params.get("mode") == "upscale" and not self.has_image:
            wrong.append(("instances[0].image", "Upscaling needs an image."))
        if api == "gemini":
            for name in ("seed", "addWatermark", "storageUri"):
                if name in params:
                    wrong.append((f"parameters.{name}",
                                  f"{name} isn't supported by the Gemini API."))
        if "storageUri" in params:
            self.cloud.store.check_uri(params["storageUri"])
        if wrong:
            raise checks.invalid(*wrong)

    async def produce(self, fault):
        kind = fault.kind if fault else None
        wants_reason = self.params.get("includeRaiReason", False)
        lost = 0
        if kind == "filtered_some":
            lost = min(fault.count, self.count - 1) if self.count > 1 else 1
        elif kind in ("filtered_all", "filtered_silent", "empty", "blocked"):
            lost = self.count
        made = self.count - lost
        self.units, self.price = made, image_price(self.row, made)
        predictions = []
        for at in range(made):
            predictions.append(self.prediction(kind))
            if made > 1 and at % 2:
                await asyncio.sleep(0)
        if wants_reason and kind in ("filtered_some", "filtered_all", "blocked"):
            reason = ("Unable to show generated images. All images were filtered out "
                      "because they violated the usage guidelines. Support codes: "
                      + (fault.code or "39322892"))
            predictions += [{"raiFilteredReason": reason}] * lost
        if self.params.get("includeSafetyAttributes"):
            predictions.append({"contentType": "Positive Prompt", "safetyAttributes": {
                "categories": ["Violence"], "scores": [0.1]}})
        if not predictions or kind == "empty":
            return answer({})
        return answer({"predictions": predictions})

    def prediction(self, kind):
        params, cloud = self.params, self.cloud
        mime = params.get("outputOptions", {}).get("mimeType", "image/png")
        made = DISGUISE.get(kind, mime)
        width, height = image_pixels(params.get("aspectRatio", "1:1"),
                                     params.get("sampleImageSize", "1K"),
                                     self.row["pixels"])
        number = cloud.next_number()
        image = picture(made, width, height, colour(self.prompt, number),
                        f"picture {number} of the local server",
                        cloud.config["image_bytes"])
        item = {"mimeType": mime}
        if "storageUri" in params:
            item["gcsUri"] = cloud.store.put_generated(
                params["storageUri"], f"{number}/sample_0.{mime[6:]}", image)
        else:
            item["bytesBase64Encoded"] = Hole(spoiled(image, kind))
        if params.get("enhancePrompt"):
            item["prompt"] = f"{self.prompt}, in fine detail"
        if params.get("includeSafetyAttributes"):
            item["safetyAttributes"] = {"categories": ["Violence"], "scores": [0.1]}
        return item


def spoiled(image, kind):
    """The base64 of `image`, or what a fault puts in its place."""
    if kind == "bad_base64":
        return [b"iVBORw0KGgo*not*base64*", b"AAAA"]
    if kind == "not_media":
        return [b"bm90IGEgcGljdHVyZQ=="]
    return image.text()
