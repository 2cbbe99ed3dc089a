// SPDX-License-Identifier: MIT
#pragma once
/* Strings in stored values: a length (2^32-1: NULL), then the bytes without a NUL; one
 * after the other, in the order of a list of fields. Reads hostile bytes. What holds
 * the strings owns them. Pure, any thread. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rd;
struct wr;

#define FIELD_LENGTH 4 /* bytes of a stored length */

struct field {
	char **at;
	uint32_t max;       /* a longer one is not ours */
	bool is_never_null; /* NULL is read as "" */
};

void fields_free(const struct field *f, size_t n);
/* What they take when stored. -E2BIG where one is above its maximum. */
int fields_size(const struct field *f, size_t n, size_t *ret);
void fields_write(struct wr *w, const struct field *f, size_t n);
/* *at must be NULL. -EBADMSG, -ENOMEM: some may be set. */
int fields_read(struct rd *in, const struct field *f, size_t n);
/* One, in place: not terminated; NULL with *ret_len 0 for NULL. -EBADMSG. */
int field_read(struct rd *in, uint32_t max, const char **ret, size_t *ret_len);
