// SPDX-License-Identifier: MIT
/* Escapes of path components. */
#include "backend/request/spell.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <utf8proc.h>

#include "cache/base/mem.h"
#include "cache/base/str.h"

/* The character that the escape at s stands for, 0 if there is no escape. */
static char escaped(const char *s, size_t len)
{
	if (len < 3 || s[0] != '%')
		return 0;
	if (s[1] == '4')
		return s[2] == '0' ? '@' : 0;
	if (s[1] != '2')
		return 0;
	switch (s[2]) {
	case 'F':
	case 'f':
		return '/';
	case 'E':
	case 'e':
		return '.';
	case '5':
		return '%';
	default:
		return 0;
	}
}

int spell_decode(struct buf *ret, const char *name, size_t len)
{
	int r = buf_reserve(ret, len);

	for (size_t i = 0; i < len && r == 0;) {
		char c = escaped(name + i, len - i);

		r = buf_addc(ret, c ? c : name[i]);
		i += c ? 3 : 1;
	}
	return r;
}

int spell_encode(struct buf *ret, const char *text, size_t len, bool is_whole)
{
	int r = buf_reserve(ret, len);

	for (size_t i = 0; i < len && r == 0; i++) {
		char c = text[i];
		bool opens = is_whole && i == 0 && (c == '.' || c == '@');

		if (c == '/' || opens || (c == '%' && escaped(text + i, len - i)))
			r = buf_addf(ret, "%%%02X", (unsigned char)c);
		else
			r = buf_addc(ret, c);
	}
	return r;
}

static bool is_white_space(int32_t c)
{
	return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 ||
	       c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
	       c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

static void trim_white_space(const char **text, size_t *len)
{
	const uint8_t *s = (const uint8_t *)*text;
	size_t from = 0, to = 0;
	bool seen = false;

	for (size_t i = 0; i < *len;) {
		utf8proc_int32_t c = 0;
		utf8proc_ssize_t n =
			utf8proc_iterate(s + i, (utf8proc_ssize_t)(*len - i), &c);

		if (!is_white_space(c)) {
			if (!seen)
				from = i;
			seen = true;
			to = i + (size_t)n;
		}
		i += (size_t)n;
	}
	*text += from;
	*len = to - from;
}

int spell_normalise(struct buf *ret, const char *text, size_t len, bool trim)
{
	scoped_free utf8proc_uint8_t *nfc = NULL;
	utf8proc_ssize_t n;
	size_t count;
	int r;

	if (len > INT32_MAX || memchr(text, 0, len))
		return -EILSEQ;
	r = str_utf8_count(text, len, &count);
	if (r < 0)
		return r;
	if (trim)
		trim_white_space(&text, &len);
	if (len == 0)
		return 0;
	n = utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)len, &nfc,
		UTF8PROC_STABLE | UTF8PROC_COMPOSE);
	if (n < 0)
		return n == UTF8PROC_ERROR_NOMEM ? -ENOMEM : -EILSEQ;
	return buf_add(ret, nfc, (size_t)n);
}
