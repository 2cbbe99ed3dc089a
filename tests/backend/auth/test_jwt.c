// SPDX-License-Identifier: MIT
#include "backend/auth/jwt.h"

#include <errno.h>
#include <openssl/ec.h>

#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "tests/support/rsa_key.h"
#include "tests/support/tap.h"

static void base64url_of_rfc_4648(void)
{
	static const struct {
		const char *in, *out;
		size_t len;
	} cases[] = {
		{"", "", 0},
		{"f", "Zg", 1},
		{"fo", "Zm8", 2},
		{"foo", "Zm9v", 3},
		{"foob", "Zm9vYg", 4},
		{"fooba", "Zm9vYmE", 5},
		{"foobar", "Zm9vYmFy", 6},
		{"\xfb\xff\xbf", "-_-_", 3},
		{"\0\0", "AAA", 2},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scoped(buf_finish) struct buf b = {0};

		CHECK_INT(base64url(cases[i].in, cases[i].len, &b), 0);
		CHECK_STR(b.data ? b.data : "", cases[i].out);
	}
}

static bool verifies(EVP_PKEY *key, const char *jwt)
{
	const char *dot = strrchr(jwt, '.');
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	char sig[1024];
	size_t len = test_base64url_decode(dot + 1, strlen(dot + 1), sig);
	bool ok = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
		  EVP_DigestVerify(ctx, (unsigned char *)sig, len,
			  (const unsigned char *)jwt, (size_t)(dot - jwt)) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

static cJSON *segment(const char *from, const char *to)
{
	char text[2048] = "";
	size_t len = test_base64url_decode(from, (size_t)(to - from), text);

	return json_parse(text, len, NULL);
}

static void signs_what_openssl_verifies(void)
{
	static const struct jwt_claims claims[] = {
		{"key-1", "me@x.iam", NULL, "https://oauth2.googleapis.com/token",
			"a b", 1700000000, 1700003600},
		{NULL, "me@x.iam", "me@x.iam", NULL, "a", 1, 2},
	};
	EVP_PKEY *rsa = test_rsa_key();
	scoped_free char *pem = test_pem_of(rsa, NULL);
	struct jwt_key *key = NULL;

	CHECK_INT(jwt_key_parse(pem, strlen(pem), &key, NULL), 0);
	for (size_t i = 0; key && i < ARRAY_SIZE(claims); i++) {
		scoped(buf_finish) struct buf b = {0};
		const struct jwt_claims *c = &claims[i];

		buf_adds(&b, "assertion=");
		CHECK_INT(jwt_sign(key, c, &b, NULL), 0);
		const char *jwt = b.data + 10, *dot = strchr(jwt, '.');
		const char *second = strchr(dot + 1, '.');
		scoped_json cJSON *head = segment(jwt, dot);
		scoped_json cJSON *body = segment(dot + 1, second);

		CHECK(!strncmp(b.data, "assertion=", 10));
		CHECK(!strpbrk(jwt, "+/="));
		CHECK(verifies(rsa, jwt));
		CHECK_STR(json_str(head, "alg", ""), "RS256");
		CHECK_STR(json_str(head, "kid", NULL), c->key_id);
		CHECK_STR(json_str(body, "iss", NULL), c->issuer);
		CHECK_STR(json_str(body, "sub", NULL), c->subject);
		CHECK_STR(json_str(body, "aud", NULL), c->audience);
		CHECK_STR(json_str(body, "scope", NULL), c->scope);
		CHECK_INT(json_int(body, "iat", 0), c->issued_s);
		CHECK_INT(json_int(body, "exp", 0), c->expires_s);
		b.data[12] ^= 1;
		CHECK(!verifies(rsa, jwt));
	}
	jwt_key_free(key);
	EVP_PKEY_free(rsa);
}

static void other_keys_are_refused(void)
{
	EVP_PKEY *rsa = test_rsa_key(), *ec = EVP_EC_gen("P-256");
	char *pems[] = {strdup(""), strdup("-----BEGIN PRIVATE KEY-----\nhushhush\n"),
		test_pem_of(ec, NULL), test_pem_of(rsa, EVP_aes_128_cbc())};

	for (size_t i = 0; i < ARRAY_SIZE(pems); i++) {
		struct jwt_key *key = NULL;
		struct err err = {0};

		CHECK_INT(jwt_key_parse(pems[i], strlen(pems[i]), &key, &err), -EINVAL);
		CHECK(!key);
		CHECK(*err.why && !strstr(err.why, "hush"));
		free(pems[i]);
	}
	jwt_key_free(NULL);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
}

TAP_MAIN(TAP_CASE(base64url_of_rfc_4648), TAP_CASE(signs_what_openssl_verifies),
	TAP_CASE(other_keys_are_refused))
