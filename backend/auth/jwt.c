// SPDX-License-Identifier: MIT
/* See jwt.h. */
#include "backend/auth/jwt.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "cache/base/json.h"
#include "cache/base/mem.h"

struct jwt_key {
	EVP_PKEY *pkey;
};

/* A key with a passphrase would make OpenSSL ask the terminal. */
static int no_passphrase(char *buf, int size, int rwflag, void *user)
{
	return -1;
}

int jwt_key_parse(const char *pem, size_t len, struct jwt_key **ret, struct err *err)
{
	BIO *bio = len <= INT_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
	EVP_PKEY *pkey =
		bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	struct jwt_key *k;

	BIO_free(bio);
	if (!pkey || EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA) {
		EVP_PKEY_free(pkey);
		return err_set(
			err, EINVAL, "the private key is not an RSA key in PEM form");
	}
	k = new0(struct jwt_key);
	if (!k) {
		EVP_PKEY_free(pkey);
		return err_oom(err);
	}
	k->pkey = pkey;
	*ret = k;
	return 0;
}

void jwt_key_free(struct jwt_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

int base64url(const void *data, size_t len, struct buf *ret)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const unsigned char *p = data;
	int r = 0;

	for (size_t i = 0; i < len && r == 0; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		unsigned v = (unsigned)p[i] << 16 |
			     (n > 1 ? (unsigned)p[i + 1] << 8 : 0) |
			     (n > 2 ? p[i + 2] : 0);
		char four[4] = {digits[v >> 18], digits[v >> 12 & 63],
			digits[v >> 6 & 63], digits[v & 63]};

		r = buf_add(ret, four, n + 1);
	}
	return r;
}

static int add_segment(cJSON *o, struct buf *ret)
{
	scoped(buf_finish) struct buf text = {0};
	int r = json_print_line(&text, o);

	return r < 0 ? r : base64url(text.data, text.len, ret);
}

static int add_header(const struct jwt_claims *c, struct buf *ret)
{
	scoped_json cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "alg", "RS256");
	cJSON_AddStringToObject(o, "typ", "JWT");
	if (c->key_id)
		cJSON_AddStringToObject(o, "kid", c->key_id);
	return o ? add_segment(o, ret) : -ENOMEM;
}

static int add_claims(const struct jwt_claims *c, struct buf *ret)
{
	scoped_json cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "iss", c->issuer);
	if (c->subject)
		cJSON_AddStringToObject(o, "sub", c->subject);
	if (c->audience)
		cJSON_AddStringToObject(o, "aud", c->audience);
	if (c->scope)
		cJSON_AddStringToObject(o, "scope", c->scope);
	json_add_int(o, "iat", c->issued_s);
	json_add_int(o, "exp", c->expires_s);
	return o ? add_segment(o, ret) : -ENOMEM;
}

static int add_signature(const struct jwt_key *k, size_t from, struct buf *ret)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char sig[1024]; /* RSA up to 8192 bits */
	size_t len = sizeof(sig);
	bool ok = ctx &&
		  EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k->pkey) == 1 &&
		  EVP_DigestSign(ctx, sig, &len, (unsigned char *)ret->data + from,
			  ret->len - from) == 1;

	EVP_MD_CTX_free(ctx);
	if (!ok)
		return -EINVAL;
	int r = buf_addc(ret, '.');
	return r < 0 ? r : base64url(sig, len, ret);
}

int jwt_sign(const struct jwt_key *k, const struct jwt_claims *claims, struct buf *ret,
	struct err *err)
{
	size_t from = ret->len;
	int r = add_header(claims, ret);

	if (r == 0)
		r = buf_addc(ret, '.');
	if (r == 0)
		r = add_claims(claims, ret);
	if (r == 0)
		r = add_signature(k, from, ret);
	if (r == 0)
		return 0;
	ret->len = from;
	if (ret->data)
		ret->data[from] = '\0';
	return err_set(err, -r, "cannot sign with the service account's key");
}
