// SPDX-License-Identifier: MIT
#pragma once
/* The kinds of media that a path can name. The values are stored: never renumber. */
#include <stddef.h>

enum media_type {
	MEDIA_NONE = 0,
	MEDIA_PNG = 1,
	MEDIA_JPEG = 2,
	MEDIA_MP4 = 3,
	MEDIA_TEXT = 4,
};

#define MEDIA_SNIFF_BYTES 16

/* "png", "jpg", "mp4", "txt"; "" for MEDIA_NONE. */
const char *media_ext(enum media_type type);
/* "image/png", ...; "application/octet-stream" for MEDIA_NONE. */
const char *media_mime(enum media_type type);
/* From the first bytes (labels lie): PNG, JPEG or MP4, else MEDIA_NONE. */
enum media_type media_sniff(const void *data, size_t len);
