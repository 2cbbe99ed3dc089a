// SPDX-License-Identifier: MIT
#pragma once
/* JSON Web Tokens signed with RS256 (RFC 7515, RFC 7518): the only user of OpenSSL
 * keys. Pure but for the key; any thread. */
#include <stddef.h>
#include <stdint.h>

#include "cache/base/buf.h"
#include "cache/base/err.h"

struct jwt_key;

/* A private RSA key in PEM (PKCS#8 or PKCS#1), unencrypted. -EINVAL with a sentence
 * that says nothing of the key. */
int jwt_key_parse(const char *pem, size_t len, struct jwt_key **ret, struct err *err);
void jwt_key_free(struct jwt_key *k); /* NULL is fine */

struct jwt_claims {
	const char *key_id;          /* header "kid"; NULL: none */
	const char *issuer;          /* "iss" */
	const char *subject;         /* "sub"; NULL: none */
	const char *audience;        /* "aud"; NULL: none */
	const char *scope;           /* NULL: none */
	int64_t issued_s, expires_s; /* Unix time */
};

/* Appends the compact form: header.claims.signature. -ENOMEM, -EINVAL. */
int jwt_sign(const struct jwt_key *k, const struct jwt_claims *claims, struct buf *ret,
	struct err *err);

/* base64url without padding (RFC 4648, section 5), appended. */
int base64url(const void *data, size_t len, struct buf *ret);
