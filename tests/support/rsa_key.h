// SPDX-License-Identifier: MIT
#pragma once
/* A fresh RSA key for a test, as PEM and as OpenSSL's. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

static inline char *test_pem_of(EVP_PKEY *key, const EVP_CIPHER *cipher)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *pem;
	long len;

	PEM_write_bio_PKCS8PrivateKey(
		bio, key, cipher, cipher ? "secret" : NULL, cipher ? 6 : 0, NULL, NULL);
	len = BIO_get_mem_data(bio, &data);
	pem = strndup(data, (size_t)len);
	BIO_free(bio);
	return pem;
}

static inline EVP_PKEY *test_rsa_key(void)
{
	return EVP_RSA_gen(2048);
}

/* base64url without padding; the length, 0 for what is none. */
static inline size_t test_base64url_decode(const char *in, size_t len, char *ret)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t n = 0;
	unsigned bits = 0, have = 0;

	for (size_t i = 0; i < len; i++) {
		const char *d = strchr(digits, in[i]);

		if (!in[i] || !d)
			return 0;
		bits = bits << 6 | (unsigned)(d - digits);
		have += 6;
		if (have >= 8) {
			have -= 8;
			ret[n++] = (char)(bits >> have);
			bits &= (1u << have) - 1;
		}
	}
	return n;
}
