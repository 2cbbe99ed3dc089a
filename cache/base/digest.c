// SPDX-License-Identifier: MIT
/* What cache/base/digest.h says, by OpenSSL. Any thread; a hasher belongs to one. */
#include "cache/base/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct hasher {
	EVP_MD_CTX *ctx;
};

struct hasher *hasher_new(void)
{
	struct hasher *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->ctx = EVP_MD_CTX_new();
	if (!h->ctx || EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1) {
		hasher_free(h);
		return NULL;
	}
	return h;
}

void hasher_free(struct hasher *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void hasher_add(struct hasher *h, const void *data, size_t len)
{
	if (EVP_DigestUpdate(h->ctx, data, len) != 1)
		abort(); /* documented to fail only when misused */
}

void hasher_end(struct hasher *h, struct digest *ret)
{
	if (EVP_DigestFinal_ex(h->ctx, ret->b, NULL) != 1)
		abort();
}

void digest_of(struct digest *ret, const void *data, size_t len)
{
	if (EVP_Digest(data, len, ret->b, NULL, EVP_sha256(), NULL) != 1)
		abort();
}

void digest_of_strings(struct digest *ret, const char *first, ...)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	va_list ap;

	if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		abort();
	va_start(ap, first);
	for (const char *s = first; s; s = va_arg(ap, const char *)) {
		if (EVP_DigestUpdate(ctx, s, strlen(s) + 1) != 1)
			abort();
	}
	va_end(ap);
	if (EVP_DigestFinal_ex(ctx, ret->b, NULL) != 1)
		abort();
	EVP_MD_CTX_free(ctx);
}

void digest_hex(const struct digest *d, char ret[static DIGEST_HEX])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < sizeof(d->b); i++) {
		ret[2 * i] = digits[d->b[i] >> 4];
		ret[2 * i + 1] = digits[d->b[i] & 15];
	}
	ret[64] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int digest_parse(const char *hex, struct digest *ret)
{
	struct digest d;

	for (size_t i = 0; i < 32; i++) {
		int hi = hex_value(hex[2 * i]);
		int lo = hi < 0 ? -1 : hex_value(hex[2 * i + 1]);

		if (lo < 0)
			return -EINVAL;
		d.b[i] = (uint8_t)(hi << 4 | lo);
	}
	if (hex[64])
		return -EINVAL;
	*ret = d;
	return 0;
}

uint64_t digest_u64(const struct digest *d)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | d->b[i];
	return v;
}
