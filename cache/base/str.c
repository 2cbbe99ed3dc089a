// SPDX-License-Identifier: MIT
/* What cache/base/str.h says. Nobody's state, any thread. */
#include "cache/base/str.h"

#include <errno.h>
#include <string.h>

bool str_starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && !memcmp(s + n - m, suffix, m);
}

bool str_in(const char *s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(s, list[i]))
			return true;
	}
	return false;
}

bool str_next_piece(const char **list, struct str_piece *ret)
{
	const char *at = *list;
	size_t len;

	if (!at)
		return false;
	len = strcspn(at, "+");
	*list = at[len] ? at + len + 1 : NULL;
	*ret = (struct str_piece){at, len};
	return true;
}

size_t str_count_pieces(const char *list)
{
	struct str_piece piece;
	size_t n = 0;

	while (str_next_piece(&list, &piece))
		n++;
	return n;
}

int str_parse_u64(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(v, 10u, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return -ERANGE;
	}
	if (v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int str_parse_decimal(const char *s, double *ret)
{
	double whole = 0, frac = 0, scale = 1;
	int digits = 0;
	bool point = false;

	for (; *s; s++) {
		if (*s == '.' && !point) {
			point = true;
			continue;
		}
		if (*s < '0' || *s > '9' || ++digits > 15)
			return -EINVAL;
		if (point) {
			frac = frac * 10 + (*s - '0');
			scale *= 10;
		} else {
			whole = whole * 10 + (*s - '0');
		}
	}
	if (!digits)
		return -EINVAL;
	*ret = whole + frac / scale;
	return 0;
}

int str_utf8_count(const char *s, size_t len, size_t *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < len; n++) {
		unsigned char c = (unsigned char)s[i];
		size_t extra = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
		uint32_t v = c < 0x80 ? c : c & (0x3fu >> extra);

		if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || extra > len - i - 1)
			return -EILSEQ;
		for (size_t k = 1; k <= extra; k++) {
			unsigned char d = (unsigned char)s[i + k];

			if ((d & 0xc0) != 0x80)
				return -EILSEQ;
			v = v << 6 | (d & 0x3f);
		}
		if ((extra == 2 && v < 0x800) || (extra == 3 && v < 0x10000) ||
			(v >= 0xd800 && v <= 0xdfff) || v > 0x10ffff)
			return -EILSEQ;
		i += extra + 1;
	}
	*ret = n;
	return 0;
}
