// SPDX-License-Identifier: MIT
#pragma once
/* What decode_picture.c is made of; others include decode_picture.h. Any thread, no
 * globals. */
#include "backend/media/decode_picture.h"

/* Checks the limits, then sets all members of an empty picture. -EPROTO, -ENOMEM. */
int picture_alloc(struct picture *p, uint32_t width, uint32_t height, int channels,
	struct err *err);

/* As decode_picture, for bytes that begin like a PNG or a JPEG. */
int decode_png(const void *data, size_t len, struct picture *ret, struct err *err);
int decode_jpeg(const void *data, size_t len, struct picture *ret, struct err *err);
