# SPDX-License-Identifier: MIT
"""What a Veo request may ask, on Vertex AI and on the Gemini Developer API."""
import checks
from checks import boolean, either_case, integer, one_of, record, string, unsupported
from media import mp4_pixels, mp4_seconds
from models import VIDEO_PIXELS

MAX_IMAGE = 20 << 20
MAX_VIDEO = 64 << 20
MAX_EXTENDED = 37  # seconds of a whole video, on Vertex AI
EXTENSION = 7
IMAGES = ("image/png", "image/jpeg")
PERSONS = ("allow_adult", "dont_allow", "allow_all", "allowall")
ONLY_VERTEX = ("storageUri", "fps", "seed", "generateAudio", "compressionQuality",
               "pubsubTopic", "resizeMode")


def request_shape(row, api):
    on_vertex = api == "vertex"
    what = row["id"] if on_vertex else "the Gemini API"
    image = checks.media(IMAGES, MAX_IMAGE)
    names = ("bytesBase64Encoded", "gcsUri", "mimeType") if on_vertex else (
        "encodedVideo", "uri", "encoding")
    video = checks.media(("video/mp4",), MAX_VIDEO, *names,
                         uri=checks.gs_uri if on_vertex else checks.file_uri)
    reference = record({"image": image, "referenceType": one_of(*row["references"])},
                       ("image", "referenceType"))
    resolutions = row["resolutions"]
    parameters = {
        "sampleCount": integer(1, row["max_count"] if on_vertex else 1),
        "durationSeconds": integer(),
        "aspectRatio": one_of(*row["aspects"]),
        "resolution": (one_of(*resolutions) if len(resolutions) > 1
                       else unsupported(what)),
        "generateAudio": boolean if row["audio"] else unsupported(what),
        "seed": integer(0, 0xFFFFFFFF),
        "personGeneration": either_case(*PERSONS),
        "enhancePrompt": boolean,
        "negativePrompt": string(),
        "compressionQuality": either_case("optimized", "lossless"),
        "resizeMode": one_of("pad", "crop") if row["audio"] else unsupported(what),
        "storageUri": checks.gs_uri,
        "fps": one_of(24),
        "pubsubTopic": string(1),
    }
    instance = {
        "prompt": string(1, 20000),
        "image": image,
        "lastFrame": image if row["last"] else unsupported(what),
        "video": video if row["extend"] else unsupported(what),
        "referenceImages": (checks.array(reference, 1, 3) if row["references"]
                            else unsupported(what)),
        "mask": unsupported(what),
    }
    top = {"instances": checks.array(record(instance), 1, 1),
           "parameters": record(parameters)}
    if on_vertex:
        top["labels"] = checks.labels
    else:
        for name in ONLY_VERTEX:
            parameters[name] = unsupported(what)
        top["webhookConfig"] = record({"uris": checks.array(string(1))})
    return record(top, ("instances",))


def relaxed(shape):
    """The same, with unknown parameters ignored, as the service does."""
    def check(value, at):
        try:
            return shape(value, at)
        except checks.Bad as bad:
            unknown = [a for a, why in bad.violations if "Unknown name" in why]
            if unknown != ["parameters"] * len(bad.violations):
                raise
            names = [why.split('"')[1] for _, why in bad.violations]
            kept = {k: v for k, v in value["parameters"].items() if k not in names}
            return shape({**value, "parameters": kept}, at)
    return check


class Wish:
    """One checked request: what to make, and what it costs in seconds."""

    def __init__(self, row, api, body, read_uri):
        self.row, self.api = row, api
        self.instance = body["instances"][0]
        self.params = body.get("parameters", {})
        self.count = self.params.get("sampleCount", 1)
        self.resolution = self.params.get("resolution", "720p")
        self.aspect = self.params.get("aspectRatio", "16:9")
        self.audio = row["audio"] and self.params.get("generateAudio", True)
        self.extends = "video" in self.instance
        self.seconds = self.params.get("durationSeconds",
                                       EXTENSION if self.extends else 8)
        self.wrong = []
        self.check_inputs()
        self.check_parameters()
        self.before = 0
        self.pixels = VIDEO_PIXELS[self.resolution]
        if self.aspect == "9:16":
            self.pixels = self.pixels[::-1]
        if self.extends and not self.wrong:
            self.check_video(read_uri)
        if self.wrong:
            raise checks.invalid(*self.wrong)

    def need(self, condition, at, why):
        if not condition:
            self.wrong.append((at, why))

    def check_inputs(self):
        have = set(self.instance)
        at = "instances[0]"
        prompt = self.instance.get("prompt", "")
        self.need(prompt or have & {"image", "video"}, f"{at}.prompt",
                  "A prompt is required when neither image nor video is given.")
        self.need(len(prompt.split()) <= self.row["prompt_words"], f"{at}.prompt",
                  f"The prompt has more than {self.row['prompt_words']} tokens.")
        self.need(not {"image", "video"} <= have, at,
                  "image and video exclude each other.")
        self.need("lastFrame" not in have or "image" in have, f"{at}.lastFrame",
                  "lastFrame needs image.")
        if "referenceImages" in have:
            kinds = [r["referenceType"] for r in self.instance["referenceImages"]]
            self.need("prompt" in have, f"{at}.prompt",
                      "A prompt is required with referenceImages.")
            self.need(not have & {"image", "video", "lastFrame"}, at,
                      "referenceImages exclude image, video and lastFrame.")
            self.need(kinds in (["style"], ["asset"] * len(kinds)),
                      f"{at}.referenceImages",
                      "At most 3 asset images or 1 style image.")

    def check_parameters(self):
        at, params = "parameters.durationSeconds", self.params
        allowed = [EXTENSION] if self.extends else self.row["durations"]
        if "referenceImages" in self.instance:
            allowed = [8]
        self.need(self.seconds in allowed, at,
                  f"Unsupported output video duration {self.seconds} seconds, "
                  f"supported durations are {allowed} for this request.")
        on_developer = self.api == "gemini"
        if on_developer and self.resolution != "720p":
            self.need(self.seconds == 8 and not self.extends, at,
                      f"Resolution {self.resolution} needs durationSeconds 8.")
        if self.row["audio"]:
            self.need(params.get("enhancePrompt", True), "parameters.enhancePrompt",
                      "Veo 3 prompt enhancement cannot be disabled.")
        if on_developer and "personGeneration" in params and self.row["audio"]:
            allowed = ["allow_all", "allow_adult"]
            if set(self.instance) & {"image", "video", "lastFrame"}:
                allowed = ["allow_adult"]
            self.need(params["personGeneration"] in allowed,
                      "parameters.personGeneration",
                      f"{params['personGeneration']} for personGeneration is currently "
                      "not supported.")

    def check_video(self, read_uri):
        """The clip to go on with tells length and size of the result."""
        given, at = self.instance["video"], "instances[0].video"
        data = given["data"] or read_uri(given["uri"])
        length, pixels = mp4_seconds(data), mp4_pixels(data)
        if length is None or pixels is None:
            self.need(False, at, "The input video cannot be read as MP4.")
            return
        most = 141 if self.api == "gemini" else 30
        self.need(1 <= length <= most + 0.2, at,
                  f"The input video has {length:.2f} s; 1 to {most} are supported.")
        known = {p for p in VIDEO_PIXELS.values()} | {p[::-1] for p in
                                                      VIDEO_PIXELS.values()}
        self.need(pixels in known, at, f"Unsupported size {pixels[0]}x{pixels[1]}.")
        self.before, self.pixels = round(length * 24) / 24, pixels
        short = min(pixels)
        self.need(short == 720 or self.api != "gemini", at,
                  "Only videos of 720p can be extended.")
        self.resolution = {720: "720p", 1080: "1080p", 2160: "4k"}.get(short, "720p")

    @property
    def length(self):
        """Seconds of each video that comes back: an extension returns the whole."""
        return self.before + self.seconds
