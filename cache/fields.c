// SPDX-License-Identifier: MIT
/* What cache/fields.h says. */
#include "cache/fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/enc.h"

#define FIELD_NULL UINT32_MAX /* stored length of a NULL */

void fields_free(const struct field *f, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(*f[i].at);
}

int fields_size(const struct field *f, size_t n, size_t *ret)
{
	size_t total = n * FIELD_LENGTH;

	for (size_t i = 0; i < n; i++) {
		size_t len = *f[i].at ? strlen(*f[i].at) : 0;

		if (len > f[i].max)
			return -E2BIG;
		total += len;
	}
	*ret = total;
	return 0;
}

void fields_write(struct wr *w, const struct field *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = *f[i].at ? strlen(*f[i].at) : 0;

		wr_u32(w, *f[i].at ? (uint32_t)len : FIELD_NULL);
		wr_bytes(w, *f[i].at, len);
	}
}

int field_read(struct rd *in, uint32_t max, const char **ret, size_t *ret_len)
{
	uint32_t len = rd_u32(in);
	const uint8_t *p;

	*ret = NULL;
	*ret_len = 0;
	if (in->bad)
		return -EBADMSG;
	if (len == FIELD_NULL)
		return 0;
	p = len > max ? NULL : rd_bytes(in, len);
	if (!p || memchr(p, '\0', len))
		return -EBADMSG;
	*ret = (const char *)p;
	*ret_len = len;
	return 0;
}

int fields_read(struct rd *in, const struct field *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *p;
		size_t len;
		int r = field_read(in, f[i].max, &p, &len);

		if (r < 0)
			return r;
		if (!p && !f[i].is_never_null)
			continue;
		*f[i].at = strndup(p ? p : "", len);
		if (!*f[i].at)
			return -ENOMEM;
	}
	return 0;
}
