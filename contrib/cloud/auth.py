# SPDX-License-Identifier: MIT
"""Tokens: the token endpoint, the metadata server, and the check on every call."""
import re
import secrets
import time
import urllib.parse

from keys import jwt_parts
from wire import (ApiError, OauthError, OpenaiError, StorageError, answer,
                  error_info, text)

CLOUD = "https://www.googleapis.com/auth/cloud-platform"
STORAGE_SCOPES = {CLOUD, "https://www.googleapis.com/auth/devstorage.read_write",
                  "https://www.googleapis.com/auth/devstorage.full_control"}
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SKEW = 10  # seconds of difference between clocks that pass
TIMEFRAME = ("Invalid JWT: Token must be a short-lived token (60 minutes) and in a "
             "reasonable timeframe. Check your iat and exp values in the JWT claim.")
HOSTS = {
    "vertex": r"https://([a-z0-9-]+-)?aiplatform(\.(us|eu)\.rep)?\.googleapis\.com/",
    "gemini": r"https://generativelanguage\.googleapis\.com/",
    "storage": r"https://storage\.googleapis\.com/",
}
META = "/computeMetadata/v1/"


class Auth:
    def __init__(self, identity, ttl):
        self.identity = identity
        self.ttl = ttl
        self.tokens = {}  # access token -> (expiry, scopes)
        self.jwts = {}    # self-signed JWT already verified -> claims
        self.issued = {"jwt": 0, "refresh": 0, "metadata": 0}
        self.base = ""
        self.storage_open = False
        self.leaks = 0  # a key or token that arrived where none belongs

    def issue(self, how, scopes):
        now = time.time()
        for old in [t for t, v in self.tokens.items() if v[0] < now - 60]:
            del self.tokens[old]
        token = f"ya29.local.{secrets.token_urlsafe(24)}"
        self.tokens[token] = (now + self.ttl, frozenset(scopes))
        self.issued[how] += 1
        return {"access_token": token, "expires_in": int(self.ttl),
                "token_type": "Bearer"}

    def expire_all(self):
        """Every token out there stops to be accepted, whatever it was told to last."""
        self.tokens = {t: (0, v[1]) for t, v in self.tokens.items()}
        self.jwts.clear()

    def token(self, req):
        """POST /token"""
        ctype = req.headers.get("content-type", "").split(";")[0].strip()
        if req.verb != "POST" or ctype != "application/x-www-form-urlencoded":
            raise OauthError(400, "invalid_request", "A form is needed.")
        try:
            form = dict(urllib.parse.parse_qsl(req.body.decode(), strict_parsing=True))
        except ValueError:
            raise OauthError(400, "invalid_request", "Bad form.") from None
        grant = form.get("grant_type")
        if grant == JWT_GRANT:
            return answer(self.grant_jwt(form.get("assertion", "")))
        if grant == "refresh_token":
            return answer(self.grant_refresh(form))
        raise OauthError(400, "unsupported_grant_type", f"Invalid grant_type: {grant}")

    def grant_jwt(self, assertion):
        me = self.identity
        try:
            header, claims = jwt_parts(assertion, *me.public)
        except ValueError as err:
            raise OauthError(400, "invalid_grant", str(err)) from None
        if claims.get("iss") != me.email or header.get("kid", me.key_id) != me.key_id:
            raise OauthError(400, "invalid_grant", "Invalid grant: account not found")
        if claims.get("sub", me.email) != me.email:
            raise OauthError(401, "unauthorized_client", "No domain-wide delegation.")
        if claims.get("aud") != f"{self.base}/token":
            raise OauthError(400, "invalid_grant",
                             "Invalid JWT: Failed audience check.")
        if not times_are_fair(claims):
            raise OauthError(400, "invalid_grant", TIMEFRAME)
        scopes = str(claims.get("scope", "")).split()
        if not scopes:
            raise OauthError(400, "invalid_scope",
                             "Empty or missing scope not allowed.")
        return self.issue("jwt", scopes)

    def grant_refresh(self, form):
        me = self.identity
        if form.get("client_id") != me.client_id:
            raise OauthError(401, "invalid_client", "The OAuth client was not found.")
        if form.get("client_secret") != me.client_secret:
            raise OauthError(401, "invalid_client", "Unauthorized")
        if form.get("refresh_token") != me.refresh_token:
            raise OauthError(400, "invalid_grant",
                             "Token has been expired or revoked.")
        return {**self.issue("refresh", [CLOUD]), "scope": CLOUD}

    def metadata(self, req):
        """GET /computeMetadata/v1/..."""
        flavour = [("Metadata-Flavor", "Google"),
                   ("Server", "Metadata Server for VM")]
        if req.path == "/":
            return text(200, "computeMetadata/\n", "application/text", flavour)
        if req.headers.get("metadata-flavor") != "Google":
            return text(403, "<html>Missing Metadata-Flavor:Google header.</html>",
                        "text/html", flavour)
        if "x-forwarded-for" in req.headers:
            return text(403, "<html>X-Forwarded-For is not allowed.</html>",
                        "text/html", flavour)
        if "authorization" in req.headers or "x-goog-api-key" in req.headers:
            self.leaks += 1
        if req.verb != "GET":
            return text(405, "Method Not Allowed", headers=flavour)
        path = req.path[len(META):]
        account = re.fullmatch(
            r"instance/service-accounts/([^/]+)/(token|email|scopes)", path)
        plain = {"project/project-id": self.identity.project,
                 "instance/service-accounts/": "default/\n",
                 "instance/zone": "projects/1/zones/us-central1-a"}
        if account and account[1] in ("default", self.identity.email):
            if account[2] == "token":
                scopes = req.query.get("scopes", CLOUD).split(",")
                reply = answer(self.issue("metadata", scopes))
                reply.headers += flavour
                return reply
            plain[path] = {"email": self.identity.email, "scopes": CLOUD}[account[2]]
        if path in plain:
            return text(200, plain[path], "application/text", flavour)
        return text(404, "<html>404 Not Found</html>", "text/html", flavour)

    def check(self, req, api):
        """Who calls? Raises in the shape of the service `api` unless allowed."""
        if api == "openai":
            return self.check_openai(req)
        key = req.headers.get("x-goog-api-key") or req.query.get("key")
        bearer = req.headers.get("authorization")
        if key is not None and api in ("gemini", "express"):
            if key != self.identity.api_key:
                raise ApiError(400, "API key not valid. Please pass a valid API key.",
                               [error_info(
                                   "API_KEY_INVALID",
                                   service="generativelanguage.googleapis.com")])
            return f"key:{key}"
        if bearer is None:
            if api == "storage" and self.storage_open:
                return "anonymous"
            raise self.missing(api)
        return self.check_bearer(bearer, "vertex" if api == "express" else api)

    def missing(self, api):
        if api == "storage":
            return StorageError(401, "required", "Anonymous caller does not have "
                                                 "access to the object.")
        if api == "gemini":
            return ApiError(403, "Method doesn't allow unregistered callers (callers "
                                 "without established identity). Please use API Key or "
                                 "other form of API consumer identity.")
        return unauthenticated(
            "CREDENTIALS_MISSING", "Request is missing required authentication "
            "credential. Expected OAuth 2 access token.")

    def check_bearer(self, value, api):
        kind, _, token = value.partition(" ")
        if kind != "Bearer" or not token:
            raise self.bad_token(api, "ACCESS_TOKEN_TYPE_UNSUPPORTED")
        known = self.tokens.get(token)
        if known is not None:
            if known[0] <= time.time():
                raise self.bad_token(api, "ACCESS_TOKEN_EXPIRED")
            scopes = known[1]
        elif token.count(".") == 2 and token.startswith("ey"):
            scopes = self.check_self_signed(token, api)
        else:
            raise self.bad_token(api, "ACCESS_TOKEN_TYPE_UNSUPPORTED")
        wanted = STORAGE_SCOPES if api == "storage" else {CLOUD}
        if not wanted & scopes:
            raise ApiError(403, "Request had insufficient authentication scopes.",
                           [error_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT")])
        return token

    def check_self_signed(self, token, api):
        claims = self.jwts.get(token)
        if claims is None:
            try:
                _, claims = jwt_parts(token, *self.identity.public)
            except ValueError:
                raise self.bad_token(api, "ACCESS_TOKEN_TYPE_UNSUPPORTED") from None
            if len(self.jwts) > 1000:
                self.jwts.clear()
            self.jwts[token] = claims
        email = self.identity.email
        if claims.get("iss") != email or claims.get("sub") != email:
            raise self.bad_token(api, "ACCOUNT_STATE_INVALID")
        if not times_are_fair(claims):
            raise self.bad_token(api, "ACCESS_TOKEN_EXPIRED")
        aud, scope = claims.get("aud"), claims.get("scope")
        if (aud is None) == (scope is None):
            raise self.bad_token(api, "ACCESS_TOKEN_TYPE_UNSUPPORTED")
        if scope is not None:
            return set(str(scope).split())
        if aud != f"{self.base}/" and not re.fullmatch(HOSTS[api], str(aud)):
            raise self.bad_token(api, "ACCESS_TOKEN_TYPE_UNSUPPORTED")
        return {CLOUD}

    def bad_token(self, api, reason):
        message = ("Request had invalid authentication credentials. Expected OAuth 2 "
                   "access token.")
        if api == "storage":
            return StorageError(401, "authError", "Invalid Credentials",
                                [("WWW-Authenticate", 'Bearer error="invalid_token"')])
        return unauthenticated(reason, message)

    def check_openai(self, req):
        bearer = req.headers.get("authorization", "")
        if bearer != f"Bearer {self.identity.openai_key}":
            raise OpenaiError(401, "Incorrect API key provided." if bearer else
                              "You didn't provide an API key.", "invalid_api_key")
        return bearer


def times_are_fair(claims):
    now, iat, exp = time.time(), claims.get("iat"), claims.get("exp")
    if not all(isinstance(t, int) and not isinstance(t, bool) for t in (iat, exp)):
        return False
    return iat <= now + SKEW and now < exp <= iat + 3600 and exp > iat


def unauthenticated(reason, message):
    return ApiError(401, message,
                    [error_info(reason, service="aiplatform.googleapis.com")],
                    [("WWW-Authenticate",
                      'Bearer realm="https://accounts.google.com/", '
                      'error="invalid_token"')])
