// SPDX-License-Identifier: MIT
/* What cache/base/media_type.h says. Pure, any thread. */
#include "cache/base/media_type.h"

#include <string.h>

static const struct {
	const char *ext, *mime;
} types[] = {
	[MEDIA_NONE] = {"", "application/octet-stream"},
	[MEDIA_PNG] = {"png", "image/png"},
	[MEDIA_JPEG] = {"jpg", "image/jpeg"},
	[MEDIA_MP4] = {"mp4", "video/mp4"},
	[MEDIA_TEXT] = {"txt", "text/plain"},
};

const char *media_ext(enum media_type type)
{
	return types[type].ext;
}

const char *media_mime(enum media_type type)
{
	return types[type].mime;
}

enum media_type media_sniff(const void *data, size_t len)
{
	if (len >= 8 && !memcmp(data, "\x89PNG\r\n\x1a\n", 8))
		return MEDIA_PNG;
	if (len >= 3 && !memcmp(data, "\xff\xd8\xff", 3))
		return MEDIA_JPEG;
	if (len >= 12 && !memcmp((const char *)data + 4, "ftyp", 4))
		return MEDIA_MP4;
	return MEDIA_NONE;
}
