// SPDX-License-Identifier: MIT
#pragma once
/* SHA-256 (OpenSSL EVP). The only user of EVP digests. */
#include <stddef.h>
#include <stdint.h>

struct digest {
	uint8_t b[32];
};

struct hasher; /* one running SHA-256; one thread at a time */

void digest_of(struct digest *ret, const void *data, size_t len);
/* Over several strings, each followed by its NUL; ends at NULL. */
void digest_of_strings(struct digest *ret, const char *first, ...)
	__attribute__((sentinel));

struct hasher *hasher_new(void); /* NULL: out of memory */
void hasher_free(struct hasher *h);
void hasher_add(struct hasher *h, const void *data, size_t len);
void hasher_end(struct hasher *h, struct digest *ret);

#define DIGEST_HEX 65
void digest_hex(const struct digest *d, char ret[static DIGEST_HEX]);
/* -EINVAL unless 64 hex digits, either case. */
int digest_parse(const char *hex, struct digest *ret);
/* First 8 bytes, big-endian. */
uint64_t digest_u64(const struct digest *d);
