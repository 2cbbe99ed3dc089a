// SPDX-License-Identifier: MIT
/* Which decoder the first bytes ask for. Any thread, no globals. */
#include "backend/media/decode_picture.h"

#include <errno.h>
#include <stdlib.h>

#include "backend/media/decode_internal.h"
#include "cache/base/media_type.h"
#include "cache/base/mem.h"

void picture_finish(struct picture *p)
{
	free(p->px);
	*p = (struct picture){0};
}

int picture_alloc(struct picture *p, uint32_t width, uint32_t height, int channels,
	struct err *err)
{
	if (width == 0 || height == 0)
		return err_set(err, EPROTO, "not decodable: the picture is empty");
	if (width > PICTURE_MAX_SIDE || height > PICTURE_MAX_SIDE ||
		(uint64_t)width * height > PICTURE_MAX_AREA)
		return err_set(err, EPROTO,
			"not decodable: %ux%u is larger than "
			"%d pixels a side or %u in all",
			width, height, PICTURE_MAX_SIDE, PICTURE_MAX_AREA);
	p->px = new_array(uint8_t, (size_t)width * height * (size_t)channels);
	if (!p->px)
		return err_oom(err);
	p->width = width;
	p->height = height;
	p->channels = channels;
	return 0;
}

int decode_picture(const void *data, size_t len, struct picture *ret, struct err *err)
{
	if (len > PICTURE_MAX_BYTES)
		return err_set(err, EPROTO,
			"not decodable: a picture of %zu bytes; the limit is %u", len,
			PICTURE_MAX_BYTES);
	switch (media_sniff(data, len)) {
	case MEDIA_PNG:
		return decode_png(data, len, ret, err);
	case MEDIA_JPEG:
		return decode_jpeg(data, len, ret, err);
	default:
		return err_set(err, EPROTO, "not decodable: neither PNG nor JPEG");
	}
}
