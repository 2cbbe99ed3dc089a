# SPDX-License-Identifier: MIT
"""RS256 verified by hand, and the credential files that lead to this server."""
import base64
import binascii
import hashlib
import json
import os
import shlex
import subprocess

SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")


def unpad64(text):
    """base64url without padding; ValueError when it is anything else."""
    if "=" in text or "+" in text or "/" in text:
        raise ValueError("not base64url without padding")
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_",
                            validate=True)


def der(data):
    """(tag, content, rest) of the first element of `data`."""
    tag, length, at = data[0], data[1], 2
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(data[at:at + count], "big")
        at += count
    return tag, data[at:at + length], data[at + length:]


def der_sequence(data):
    items = []
    while data:
        _, content, data = der(data)
        items.append(content)
    return items


def public_numbers(pem):
    """(n, e) of a PKCS#8 private key."""
    body = "".join(line for line in pem.splitlines() if not line.startswith("-----"))
    _, top, _ = der(base64.b64decode(body))
    _, rsa, _ = der(der_sequence(top)[2])
    numbers = der_sequence(rsa)
    return int.from_bytes(numbers[1], "big"), int.from_bytes(numbers[2], "big")


def rs256_is_valid(signed, signature, n, e):
    """RSASSA-PKCS1-v1_5 with SHA-256: the whole padded block must be as expected."""
    size = (n.bit_length() + 7) // 8
    if len(signature) != size:
        return False
    block = pow(int.from_bytes(signature, "big"), e, n).to_bytes(size, "big")
    tail = SHA256_PREFIX + hashlib.sha256(signed).digest()
    return block == b"\0\1" + b"\xff" * (size - len(tail) - 3) + b"\0" + tail


def jwt_parts(token, n, e):
    """The claims of a JWT, or a ValueError that says what is wrong with it."""
    pieces = token.split(".")
    if len(pieces) != 3:
        raise ValueError("not a JWT")
    try:
        header, claims = (json.loads(unpad64(p)) for p in pieces[:2])
        signature = unpad64(pieces[2])
    except (ValueError, binascii.Error):
        raise ValueError("a segment cannot be decoded") from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise ValueError("a segment is not an object")
    if header.get("alg") != "RS256" or header.get("typ", "JWT") != "JWT":
        raise ValueError("alg must be RS256")
    if not rs256_is_valid(f"{pieces[0]}.{pieces[1]}".encode(), signature, n, e):
        raise ValueError("Invalid JWT Signature.")
    return header, claims


def new_key():
    """A 2048-bit key as PKCS#8 PEM."""
    done = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        check=True, capture_output=True, text=True)
    return done.stdout


class Identity:
    """Who may call: one service account, one user, and their keys."""

    def __init__(self, project):
        self.project = project
        self.email = f"promptfs@{project}.iam.gserviceaccount.com"
        self.key_id = "4f6b2c0d9e8a71350c0ffee00123456789abcdef"
        self.client_id = "1234567890-promptfs.apps.example.com"
        self.client_secret = "local-client-secret"
        self.refresh_token = "1//local-refresh-token"
        self.api_key = "local-api-key"
        self.openai_key = "sk-local-openai-key"
        self.pem = None
        self.public = None

    def load(self, pem):
        self.pem = pem
        self.public = public_numbers(pem)

    def files(self, base, port):
        """name -> content of each credential file."""
        account = {
            "type": "service_account", "project_id": self.project,
            "private_key_id": self.key_id, "private_key": self.pem,
            "client_email": self.email, "client_id": "100000000000000000001",
            "token_uri": f"{base}/token", "universe_domain": "googleapis.com"}
        user = {
            "type": "authorized_user", "client_id": self.client_id,
            "client_secret": self.client_secret, "refresh_token": self.refresh_token,
            "quota_project_id": self.project, "token_uri": f"{base}/token",
            "universe_domain": "googleapis.com"}
        env = {
            "GOOGLE_CLOUD_PROJECT": self.project,
            "GOOGLE_CLOUD_LOCATION": "us-central1",
            "GOOGLE_VERTEX_BASE_URL": base, "GOOGLE_GEMINI_BASE_URL": base,
            "GOOGLE_API_KEY": self.api_key, "OPENAI_API_KEY": self.openai_key,
            "OPENAI_BASE_URL": f"{base}/v1", "STORAGE_EMULATOR_HOST": base,
            "GCE_METADATA_HOST": f"127.0.0.1:{port}"}
        return {
            "service-account.json": json.dumps(account, indent=2) + "\n",
            "service-account-unknown-key.json":
                json.dumps({**account, "private_key": new_key()}, indent=2) + "\n",
            "authorized-user.json": json.dumps(user, indent=2) + "\n",
            "authorized-user-revoked.json":
                json.dumps({**user, "refresh_token": "1//revoked"}, indent=2) + "\n",
            "api-key.txt": self.api_key + "\n",
            "openai-key.txt": self.openai_key + "\n",
            "env.json": json.dumps(env, indent=2) + "\n",
        }

    def write(self, directory, base, port):
        """Write the files; a service account already there keeps its key."""
        os.makedirs(directory, mode=0o700, exist_ok=True)
        path = os.path.join(directory, "service-account.json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                self.load(json.load(file)["private_key"])
        else:
            self.load(new_key())
        files = self.files(base, port)
        with_key = {"GOOGLE_APPLICATION_CREDENTIALS": os.path.abspath(path)}
        env = {**json.loads(files["env.json"]), **with_key}
        files["env.json"] = json.dumps(env, indent=2) + "\n"
        files["env.sh"] = "".join(f"export {k}={shlex.quote(v)}\n"
                                  for k, v in env.items())
        for name, content in files.items():
            target = os.path.join(directory, name)
            fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(content)
