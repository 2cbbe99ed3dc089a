// SPDX-License-Identifier: MIT
#include "backend/provider/wire.h"

#include <stdarg.h>
#include <stdio.h>

void verdict_finish(struct verdict *v)
{
	buf_finish(&v->text);
}

enum verdict_kind verdict_set(
	struct verdict *v, enum verdict_kind kind, int code, const char *fmt, ...)
{
	char text[sizeof(v->err.why)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_set(&v->err, code, "%s", text);
	v->kind = kind;
	return kind;
}

int wire_add_base64(struct buf *b, const void *data, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = data;
	int r = buf_reserve(b, (len + 2) / 3 * 4);

	for (size_t i = 0; i < len && r == 0; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		unsigned v = (unsigned)p[i] << 16 |
			     (n > 1 ? (unsigned)p[i + 1] << 8 : 0) |
			     (n > 2 ? p[i + 2] : 0);
		char four[4] = {digits[v >> 18], digits[v >> 12 & 63],
			n > 1 ? digits[v >> 6 & 63] : '=',
			n > 2 ? digits[v & 63] : '='};

		r = buf_add(b, four, 4);
	}
	return r;
}
