// SPDX-License-Identifier: MIT
#pragma once
/* A growing byte buffer, always followed by a NUL that len does not count.
 * `= {0}` is a valid empty buffer. One thread. */
#include <stdarg.h>
#include <stddef.h>

#include "cache/base/err.h"

struct buf {
	char *data; /* NULL while empty and never grown */
	size_t len, cap;
};

void buf_finish(struct buf *b);
void buf_clear(struct buf *b); /* len = 0, memory kept */

/* Room for `more` bytes beyond len and the NUL. -ENOMEM. */
int buf_reserve(struct buf *b, size_t more);
int buf_add(struct buf *b, const void *data, size_t len);
int buf_adds(struct buf *b, const char *s);
int buf_addc(struct buf *b, char c);
int buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_addv(struct buf *b, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

/* The text, owned by the caller; b is empty after. Never NULL unless out of memory. */
char *buf_detach(struct buf *b);

/* Reads fd to its end. -EFBIG above max bytes, else the read's errno. */
int buf_read_all(struct buf *b, int fd, size_t max, struct err *err);
int buf_read_file(struct buf *b, const char *path, size_t max, struct err *err);
