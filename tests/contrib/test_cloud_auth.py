# SPDX-License-Identifier: MIT
"""contrib/cloud: tokens, keys, the metadata server."""
import os
import time
import unittest
import urllib.parse

import tapcase
from cloudfix import API_KEY, CloudServer, b64url, sign_jwt

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASK = {"contents": [{"role": "user", "parts": [{"text": "a quiet fox"}]}]}


class Auth(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = cls.enterClassContext(CloudServer())
        cls.account = cls.cloud.key("service-account.json")

    def claims(self, **changes):
        now = int(time.time())
        base = {"iss": self.account["client_email"], "aud": self.account["token_uri"],
                "scope": SCOPE, "iat": now - 10, "exp": now + 3590}
        return {k: v for k, v in {**base, **changes}.items() if v is not None}

    def form(self, **fields):
        return self.cloud.call(
            "POST", "/token", urllib.parse.urlencode(fields).encode(), auth=None,
            headers={"Content-Type": "application/x-www-form-urlencoded"})

    def exchange(self, jwt):
        return self.form(grant_type=GRANT, assertion=jwt)

    def ask(self, auth):
        return self.cloud.vertex("gemini-3.8-flash", "generateContent", ASK, auth=auth)

    def test_jwt_is_exchanged_and_the_token_works(self):
        got = self.exchange(sign_jwt(self.account["private_key"], self.claims()))
        self.assertEqual(got.status, 200, got.body)
        self.assertEqual(got.json["token_type"], "Bearer")
        self.assertEqual(got.json["expires_in"], 3599)
        self.assertEqual(self.ask("Bearer " + got.json["access_token"]).status, 200)

    def test_bad_assertions(self):
        now = int(time.time())
        key = self.account["private_key"]
        other = self.cloud.key("service-account-unknown-key.json")["private_key"]
        good = sign_jwt(key, self.claims())
        head, body, mark = good.split(".")
        unsigned = b64url(b'{"alg":"none"}') + "." + body + "."
        table = [
            ("foreign key", sign_jwt(other, self.claims()), "invalid_grant"),
            ("changed", f"{head}.{body[:-2]}AA.{mark}", "invalid_grant"),
            ("no signature", unsigned, "invalid_grant"),
            ("padding", good + "=", "invalid_grant"),
            ("garbage", "a.b", "invalid_grant"),
            ("audience", sign_jwt(key, self.claims(aud="https://x/token")),
             "invalid_grant"),
            ("issuer", sign_jwt(key, self.claims(iss="x@y")), "invalid_grant"),
            ("no scope", sign_jwt(key, self.claims(scope=None)), "invalid_scope"),
            ("two hours", sign_jwt(key, self.claims(exp=now + 7200)), "invalid_grant"),
            ("over", sign_jwt(key, self.claims(iat=now - 3600, exp=now - 1)),
             "invalid_grant"),
            ("future", sign_jwt(key, self.claims(iat=now + 600, exp=now + 900)),
             "invalid_grant"),
            ("another user", sign_jwt(key, self.claims(sub="a@b")),
             "unauthorized_client"),
        ]
        for name, jwt, code in table:
            with self.subTest(name):
                got = self.exchange(jwt)
                self.assertIn(got.status, (400, 401))
                self.assertEqual(got.json["error"], code, got.body)
                self.assertIn("error_description", got.json)

    def test_refresh_token(self):
        user = self.cloud.key("authorized-user.json")
        fields = {k: user[k] for k in ("client_id", "client_secret", "refresh_token")}
        got = self.form(grant_type="refresh_token", **fields)
        self.assertEqual(got.status, 200)
        self.assertEqual(self.ask("Bearer " + got.json["access_token"]).status, 200)
        revoked = self.cloud.key("authorized-user-revoked.json")["refresh_token"]
        got = self.form(grant_type="refresh_token", **{**fields,
                                                       "refresh_token": revoked})
        self.assertEqual((got.status, got.json["error"]), (400, "invalid_grant"))
        got = self.form(grant_type="refresh_token", **{**fields, "client_secret": "x"})
        self.assertEqual((got.status, got.json["error"]), (401, "invalid_client"))

    def test_token_endpoint_wants_a_known_grant_in_a_form(self):
        self.assertEqual(self.form(grant_type="password").json["error"],
                         "unsupported_grant_type")
        got = self.cloud.call("POST", "/token", {"grant_type": GRANT}, auth=None)
        self.assertEqual((got.status, got.json["error"]), (400, "invalid_request"))

    def test_self_signed_jwt(self):
        key, email = self.account["private_key"], self.account["client_email"]
        other = self.cloud.key("service-account-unknown-key.json")["private_key"]
        now = int(time.time())
        host = "https://us-central1-aiplatform.googleapis.com/"
        table = [
            ("scope", key, {"aud": None}, 200),
            ("host", key, {"scope": None, "aud": host}, 200),
            ("this server", key, {"scope": None, "aud": self.cloud.url + "/"}, 200),
            ("both", key, {"aud": host}, 401),
            ("no slash", key, {"scope": None, "aud": host[:-1]}, 401),
            ("other service", key,
             {"scope": None, "aud": "https://storage.googleapis.com/"}, 401),
            ("foreign key", other, {"aud": None}, 401),
            ("no subject", key, {"aud": None, "sub": None}, 401),
            ("over", key, {"aud": None, "iat": now - 99, "exp": now - 1}, 401),
            ("other scope", key, {"aud": None, "scope": "https://x/y"}, 403),
        ]
        for name, pem, changes, status in table:
            with self.subTest(name):
                jwt = sign_jwt(pem, self.claims(**{"sub": email, **changes}))
                for _ in range(2):  # the second is answered from what is remembered
                    self.assertEqual(self.ask("Bearer " + jwt).status, status)

    def test_calls_without_a_good_token(self):
        for auth, reason in ((None, "CREDENTIALS_MISSING"),
                             ("Bearer nonsense", "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
                             ("Basic abc", "ACCESS_TOKEN_TYPE_UNSUPPORTED")):
            with self.subTest(auth):
                got = self.ask(auth)
                self.assertEqual(got.status, 401)
                self.assertEqual(got.error["status"], "UNAUTHENTICATED")
                self.assertEqual(got.error["details"][0]["reason"], reason)
                self.assertIn("Bearer", got.headers["WWW-Authenticate"])

    def test_tokens_expire(self):
        self.cloud.control("tokens", {"ttl": 1.5})
        try:
            self.cloud.bearer = None
            auth = "Bearer " + self.cloud.token()
            self.assertEqual(self.ask(auth).status, 200)
            deadline = time.monotonic() + 5
            while self.ask(auth).status == 200 and time.monotonic() < deadline:
                time.sleep(0.05)
            got = self.ask(auth)
            self.assertEqual(got.status, 401)
            self.assertEqual(got.error["details"][0]["reason"], "ACCESS_TOKEN_EXPIRED")
        finally:
            self.cloud.control("tokens", {"ttl": 3599})
            self.cloud.bearer = None
        auth = "Bearer " + self.cloud.token()
        self.assertEqual(self.ask(auth).status, 200)
        self.cloud.control("tokens", {"expire": True})
        self.assertEqual(self.ask(auth).status, 401)
        self.cloud.bearer = None

    def test_metadata_server(self):
        base = "/computeMetadata/v1/"
        flavour = {"Metadata-Flavor": "Google"}

        def get(path, headers=flavour):
            return self.cloud.call("GET", path, headers=headers, auth=None)
        got = get(base + "project/project-id")
        self.assertEqual(got.body, b"local-project")
        self.assertEqual(got.headers["Metadata-Flavor"], "Google")
        self.assertEqual(get("/").headers["Metadata-Flavor"], "Google")
        self.assertEqual(get(base + "project/project-id", {}).status, 403)
        self.assertEqual(get(base + "project/project-id",
                             {**flavour, "X-Forwarded-For": "1.2.3.4"}).status, 403)
        nobody = base + "instance/service-accounts/nobody/token"
        self.assertEqual(get(nobody).status, 404)
        account = base + "instance/service-accounts/default/"
        self.assertEqual(get(account + "email").body.decode(),
                         self.account["client_email"])
        token = get(account + "token").json["access_token"]
        self.assertEqual(self.ask("Bearer " + token).status, 200)
        narrow = get(account + "token?scopes=https://x/y").json["access_token"]
        self.assertEqual(self.ask("Bearer " + narrow).status, 403)

    def test_api_keys(self):
        def ask(headers, path="/v1beta/models/gemini-3.8-flash:generateContent"):
            return self.cloud.call("POST", path, ASK, headers=headers, auth=None)
        key = {"x-goog-api-key": API_KEY}
        self.assertEqual(ask(key).status, 200)
        self.assertEqual(ask({}).status, 403)
        got = ask({"x-goog-api-key": "x"})
        self.assertEqual((got.status, got.error["details"][0]["reason"]),
                         (400, "API_KEY_INVALID"))
        express = "/v1/publishers/google/models/gemini-3.8-flash:generateContent"
        self.assertEqual(ask(key, express).status, 200)
        self.assertEqual(ask({}, express).status, 401)
        got = self.cloud.vertex("gemini-3.8-flash", "generateContent", ASK, auth="key")
        self.assertEqual(got.status, 401)  # Vertex AI proper takes no key
        chat = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
        for auth, status in (("openai", 200), (None, 401), ("Bearer sk-x", 401)):
            got = self.cloud.call("POST", "/v1/chat/completions", chat, auth=auth)
            self.assertEqual(got.status, status)

    def test_credential_files(self):
        for name in ("service-account.json", "env.sh", "api-key.txt"):
            mode = os.stat(os.path.join(self.cloud.keys, name)).st_mode
            self.assertEqual(mode & 0o777, 0o600)
        self.assertEqual(self.cloud.env()["GOOGLE_CLOUD_PROJECT"], "local-project")
        again = CloudServer(keys=self.cloud.keys)
        with again:
            self.assertEqual(again.key("service-account.json")["private_key"],
                             self.account["private_key"])
            self.assertEqual(again.key("service-account.json")["token_uri"],
                             again.url + "/token")


if __name__ == "__main__":
    tapcase.main()
