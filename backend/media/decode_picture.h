// SPDX-License-Identifier: MIT
#pragma once
/* PNG and JPEG from memory to 8-bit samples, as OpenCV decodes them: alpha is dropped
 * and not composited, palettes are expanded, 16 bits are reduced by >> 8, CMYK becomes
 * R = C K / 255 of the inverted values that such files hold. Gray stays gray. Neither
 * gamma, colour profile nor EXIF orientation is applied.
 *
 * The bytes are foreign: call it only in the confined process (backend/sandbox), in
 * tests and in the fuzz target. Any thread, no globals. */
#include <stddef.h>
#include <stdint.h>

#include "cache/base/err.h"

#define PICTURE_MAX_SIDE 16384
#define PICTURE_MAX_AREA (UINT32_C(128) << 20)  /* pixels */
#define PICTURE_MAX_BYTES (UINT32_C(128) << 20) /* of the file */

struct picture {
	uint8_t *px; /* rows of width * channels samples, without padding */
	uint32_t width, height;
	int channels; /* 1 gray, 3 RGB */
};

void picture_finish(struct picture *p);

/* Truncated and corrupt files are refused even where a part could be shown: it was
 * paid for as a whole.
 * ret	to be finished by the caller; untouched on failure
 * -EPROTO: neither PNG nor JPEG, damaged, or above the limits. -ENOMEM. */
int decode_picture(const void *data, size_t len, struct picture *ret, struct err *err);
