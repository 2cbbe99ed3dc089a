// SPDX-License-Identifier: MIT
/* What cache/base/buf.h says. A buffer belongs to one thread. */
#include "cache/base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/mem.h"

void buf_finish(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->data)
		b->data[0] = '\0';
}

int buf_reserve(struct buf *b, size_t more)
{
	size_t need, cap = b->cap ? b->cap : 64;
	char *p;

	if (__builtin_add_overflow(b->len, more, &need) ||
		__builtin_add_overflow(need, (size_t)1, &need))
		return -ENOMEM;
	if (need <= b->cap)
		return 0;
	while (cap < need) {
		if (__builtin_mul_overflow(cap, (size_t)2, &cap))
			return -ENOMEM;
	}
	p = realloc(b->data, cap);
	if (!p)
		return -ENOMEM;
	b->data = p;
	b->cap = cap;
	b->data[b->len] = '\0';
	return 0;
}

int buf_add(struct buf *b, const void *data, size_t len)
{
	int r = buf_reserve(b, len);

	if (r < 0)
		return r;
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

int buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_addc(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int buf_addv(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n, r;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return -EINVAL;
	r = buf_reserve(b, (size_t)n);
	if (r < 0)
		return r;
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
	return 0;
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_addv(b, fmt, ap);
	va_end(ap);
	return r;
}

char *buf_detach(struct buf *b)
{
	char *p;

	if (!b->data && buf_reserve(b, 0) < 0)
		return NULL;
	p = b->data;
	*b = (struct buf){0};
	return p;
}

int buf_read_all(struct buf *b, int fd, size_t max, struct err *err)
{
	for (;;) {
		ssize_t n;

		if (buf_reserve(b, 65536) < 0)
			return err_oom(err);
		n = read(fd, b->data + b->len, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "cannot read");
		b->data[b->len + (size_t)n] = '\0';
		if (n == 0)
			return 0;
		b->len += (size_t)n;
		if (b->len > max)
			return err_set(err, EFBIG, "longer than %zu bytes", max);
	}
}

int buf_read_file(struct buf *b, const char *path, size_t max, struct err *err)
{
	scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_errno(err, errno, "cannot open %s", path);
	r = buf_read_all(b, fd, max, err);
	return r < 0 ? err_wrap(err, r, "%s", path) : 0;
}
