// SPDX-License-Identifier: MIT
/* What cache/base/err.h says. Nobody's state, any thread. */
#include "cache/base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void one_line(char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = ' ';
	}
}

/* A cut must not end inside a UTF-8 sequence: people read this, and tools parse it. */
static void trim_partial_utf8(char *s)
{
	size_t n = strlen(s), back = 0;

	while (n && back < 3 && ((unsigned char)s[n - 1] & 0xc0) == 0x80) {
		n--;
		back++;
	}
	if (!n || !((unsigned char)s[n - 1] & 0x80))
		return;
	unsigned char lead = (unsigned char)s[n - 1];
	size_t want = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
	if (back < want)
		s[n - 1] = '\0';
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -code;
	err->code = code;
	err->transient = false;
	va_start(ap, fmt);
	vsnprintf(err->why, sizeof(err->why), fmt, ap);
	va_end(ap);
	one_line(err->why);
	trim_partial_utf8(err->why);
	return -code;
}

int err_errno(struct err *err, int code, const char *fmt, ...)
{
	char text[ERR_WHY_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(err, code, "%s: %s", text, strerror(code));
}

int err_wrap(struct err *err, int r, const char *fmt, ...)
{
	char text[ERR_WHY_MAX], old[ERR_WHY_MAX];
	va_list ap;

	if (!err)
		return r;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(old, err->why, sizeof(old));
	snprintf(err->why, sizeof(err->why), "%s: %s", text, old);
	one_line(err->why);
	trim_partial_utf8(err->why);
	return r;
}

int err_oom(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}
