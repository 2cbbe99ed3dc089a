// SPDX-License-Identifier: MIT
#pragma once
/* Writes a picture row by row as PNG (8-bit RGB) or JPEG (quality 90, 4:4:4), so that
 * no caller ever holds the encoded file. Equal rows give equal bytes: no time stamp, no
 * library version. One thread at a time; several encoders may run at once. */
#include <stddef.h>
#include <stdint.h>

#include "cache/base/err.h"
#include "cache/base/media_type.h"

#define ENCODE_PICTURE_SIDE_MAX 65500 /* what libjpeg can say */

/* Gets the bytes in order, as they arise. A negative value ends the encoding, which
 * then fails with it; `err` is for its sentence and may be NULL. */
typedef int (*encode_sink_fn)(
	void *user, const void *data, size_t len, struct err *err);

struct encode_picture;

/* `type` is MEDIA_PNG or MEDIA_JPEG, else -EINVAL; so are sides outside
 * 1..ENCODE_PICTURE_SIDE_MAX. `user` is borrowed until the encoder is freed. -ENOMEM.
 */
int encode_picture_new(enum media_type type, int width, int height, encode_sink_fn sink,
	void *user, struct encode_picture **ret, struct err *err);

/* The next row: 3 * width bytes, R G B, sRGB. At most `height` rows. Fails with the
 * sink's code, -ENOMEM, or -EIO with the library's sentence; then only free is left. */
int encode_picture_row(struct encode_picture *e, const uint8_t *rgb, struct err *err);

/* After the last row: writes what is left. Errors as above; -EINVAL if rows are
 * missing. */
int encode_picture_end(struct encode_picture *e, struct err *err);

void encode_picture_free(struct encode_picture *e);
