# SPDX-License-Identifier: MIT
"""Shapes that a JSON request must have, told as Google's front end tells them.

A checker is a function (value, at) that returns the value to use, or raises Bad
with one (field, sentence) for everything wrong below it.
"""
import base64
import binascii
import json
import re

from wire import ApiError, bad_request


class Bad(Exception):
    def __init__(self, *violations):
        super().__init__(violations)
        self.violations = list(violations)


def bad_value(at, kind, value):
    shown = json.dumps(value)
    return Bad((at, f"Invalid value at '{at}' ({kind}), {shown[:80]}"))


def integer(low=None, high=None):
    def check(value, at):
        # 8.0 and "8" are both refused: what a service does with them varies.
        if isinstance(value, bool) or not isinstance(value, int):
            raise bad_value(at, "TYPE_INT32", value)
        if (low is not None and value < low) or (high is not None and value > high):
            raise Bad((at, f"{at} must be between {low} and {high}, not {value}."))
        return value
    return check


def one_of(*allowed):
    def check(value, at):
        if isinstance(value, bool) or value not in allowed:
            if allowed and type(value) is not type(allowed[0]):
                raise bad_value(at, "TYPE_" + type(allowed[0]).__name__.upper(), value)
            shown = ", ".join(map(str, allowed)) or "none for this model"
            raise Bad((at, f"Unsupported value {json.dumps(value)} for {at}; "
                           f"supported: {shown}."))
        return value
    return check


def either_case(*allowed):
    """Enum texts that the service takes in lower and in upper case."""
    def check(value, at):
        if not isinstance(value, str):
            raise bad_value(at, "TYPE_STRING", value)
        if value.lower() not in allowed:
            raise Bad((at, f"Unsupported value {value!r} for {at}."))
        return value.lower()
    return check


def number(low=None, high=None):
    def check(value, at):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise bad_value(at, "TYPE_FLOAT", value)
        if (low is not None and value < low) or (high is not None and value > high):
            raise Bad((at, f"{at} must be between {low} and {high}, not {value}."))
        return value
    return check


def boolean(value, at):
    if not isinstance(value, bool):
        raise bad_value(at, "TYPE_BOOL", value)
    return value


def string(low=0, high=1 << 20):
    def check(value, at):
        if not isinstance(value, str):
            raise bad_value(at, "TYPE_STRING", value)
        if not low <= len(value) <= high:
            raise Bad((at, f"{at} must have {low} to {high} characters."))
        return value
    return check


def array(item, low=0, high=1 << 16):
    def check(value, at):
        if not isinstance(value, list):
            raise bad_value(at, "TYPE_ARRAY", value)
        if not low <= len(value) <= high:
            raise Bad((at, f"{at} must have {low} to {high} elements, "
                           f"not {len(value)}."))
        return [item(v, f"{at}[{i}]") for i, v in enumerate(value)]
    return check


def labels(value, at):
    if not isinstance(value, dict):
        raise bad_value(at, "TYPE_MAP", value)
    for key, text in value.items():
        if not isinstance(text, str):
            raise bad_value(f"{at}.{key}", "TYPE_STRING", text)
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key) or len(text) > 63:
            raise Bad((at, f"{at} key {key!r} is not a valid label."))
    return value


def camel(name):
    return re.sub(r"_([a-z0-9])", lambda m: m.group(1).upper(), name)


def unknown(name, at):
    where = f" at '{at}'" if at else ""
    return (at, f'Invalid JSON payload received. Unknown name "{name}"{where}: '
                "Cannot find field.")


def record(fields, required=(), snake=False, loose=None):
    """An object with exactly these fields.

    `snake`: proto messages take the original field names as well.
    `loose`: a function saying whether unknown names are ignored.
    """
    def check(value, at):
        found, wrong = {}, []
        if not isinstance(value, dict):
            raise bad_value(at or "(root)", "TYPE_MESSAGE", value)
        for name, item in value.items():
            known = name if name in fields else camel(name) if snake else None
            if known not in fields:
                if not (loose and loose()):
                    wrong.append(unknown(name, at))
                continue
            try:
                path = f"{at}.{known}" if at else known
                found[known] = fields[known](item, path)
            except Bad as bad:
                wrong += bad.violations
        for name in required:
            if name not in value and name not in found:
                path = f"{at}.{name}" if at else name
                wrong.append((path, f"Field '{path}' is required."))
        if wrong:
            raise Bad(*wrong)
        return found
    return check


def unsupported(what):
    def check(_value, at):
        raise Bad((at, f"{at.rsplit('.', 1)[-1]} isn't supported by {what}."))
    return check


def no_duplicates(pairs):
    seen = dict(pairs)
    if len(seen) != len(pairs):
        raise ValueError("a name appears twice")
    return seen


def no_constant(name):
    raise ValueError(f"{name} is not JSON")


def parse(req):
    """The JSON object in a request's body."""
    ctype = req.headers.get("content-type", "").split(";")[0].strip().lower()
    if ctype != "application/json":
        raise ApiError(400, f"Content-Type {ctype or '(none)'} where application/json "
                            "is needed.")
    try:
        value = json.loads(req.body.decode(), object_pairs_hook=no_duplicates,
                           parse_constant=no_constant)
        if b"\\u" in req.body:  # half a surrogate pair is no text
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as err:
        raise ApiError(400, f"Invalid JSON payload received. {err}") from None
    if not isinstance(value, dict):
        raise ApiError(400, "Invalid JSON payload received. Not an object.")
    return value


def run(check, value):
    """`check(value)`, with what is wrong as one INVALID_ARGUMENT."""
    try:
        return check(value, "")
    except Bad as bad:
        raise invalid(*bad.violations) from None


def invalid(*violations):
    return ApiError(400, "\n".join(why for _, why in violations),
                    [bad_request(violations)])


def base64_bytes(value, at):
    if not isinstance(value, str):
        raise bad_value(at, "TYPE_BYTES", value)
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise Bad((at, f"Invalid value at '{at}' (TYPE_BYTES), Base64 decoding "
                       "failed")) from None
    if not data:
        raise Bad((at, f"{at} is empty."))
    return data


def gs_uri(value, at):
    if not isinstance(value, str) or not re.fullmatch(r"gs://[a-z0-9][^/]{2,62}(/.*)?",
                                                      value):
        raise Bad((at, f"{at} must be a gs:// URI."))
    return value


def file_uri(value, at):
    """A file of the Developer API, as its answers name it."""
    if not isinstance(value, str) or not re.fullmatch(
            r"https?://[^/]+/v1beta/files/[^/:?]+(:download(\?alt=media)?)?", value):
        raise Bad((at, f"{at} must be the uri of a generated video."))
    return value


def sniff(data):
    """The media type that the first bytes tell, or None."""
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "image/png"
    if data[:3] == b"\xff\xd8\xff":
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp":
        return "video/mp4"
    return None


def media(types, most, data_name="bytesBase64Encoded", uri_name="gcsUri",
          mime_name="mimeType", extra=None, uri=gs_uri):
    """An inline or stored input; checks that label and magic bytes agree."""
    shape = record({data_name: base64_bytes, uri_name: uri,
                    mime_name: one_of(*types), **(extra or {})})

    def check(value, at):
        found = shape(value, at)
        data, place = found.get(data_name), found.get(uri_name)
        if (data is None) == (place is None):
            raise Bad((at, f"{at} needs exactly one of {data_name}, {uri_name}."))
        if mime_name not in found:
            raise Bad((f"{at}.{mime_name}", f"{at}.{mime_name} is required."))
        if data is not None and len(data) > most:
            raise Bad((at, f"{at} has {len(data)} bytes; at most {most} are taken."))
        if data is not None and sniff(data) != found[mime_name]:
            raise Bad((at, f"Unhandled generated data mime type: "
                           f"{sniff(data) or 'unknown'} (declared {found[mime_name]})"))
        return {"data": data, "uri": place, "mime": found[mime_name],
                **{k: found[k] for k in (extra or {}) if k in found}}
    return check
