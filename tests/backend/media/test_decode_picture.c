// SPDX-License-Identifier: MIT
#include "backend/media/decode_picture.h"

#include <errno.h>

#include "cache/base/mem.h"
#include "tests/backend/quality/golden.h"

static int decode(const struct buf *b, size_t len, struct err *err)
{
	scoped(picture_finish) struct picture p = {0};
	/* A copy of the exact size: a sanitizer sees a read beyond it. */
	scoped_free uint8_t *exact = malloc(len ? len : 1);

	if (len)
		memcpy(exact, b->data, len);
	return decode_picture(exact, len, &p, err);
}

/* Every prefix, every 97th for the larger ones. */
static void refuses_truncated_files(void)
{
	scoped_json cJSON *golden = golden_scores();

	for (const cJSON *g = golden->child; g; g = g->next) {
		scoped(buf_finish) struct buf b = {0};
		struct err err = {0};
		size_t end;

		if (str_ends(g->string, ".mp4"))
			continue;
		golden_read(&b, g->string);
		/* A JPEG without its last two bytes has all its samples. */
		end = str_ends(g->string, ".jpg") ? b.len - 2 : b.len;
		for (size_t len = 0; len < end; len += b.len < 2000 ? 1 : 97)
			if (!CHECK_INT(decode(&b, len, &err), -EPROTO))
				printf("# %s cut at %zu\n", g->string, len);
		CHECK(str_starts(err.why, "not decodable: "));
	}
}

static void survives_flipped_bits(void)
{
	scoped_json cJSON *golden = golden_scores();
	uint32_t seed = 1;

	for (const cJSON *g = golden->child; g; g = g->next) {
		scoped(buf_finish) struct buf b = {0};
		struct err err;

		if (str_ends(g->string, ".mp4"))
			continue;
		golden_read(&b, g->string);
		for (int i = 0; i < 200; i++) {
			size_t at;
			int r;

			seed = seed * 1664525 + 1013904223;
			at = (seed >> 8) % b.len;
			b.data[at] ^= (char)(1 << (seed >> 5 & 7));
			r = decode(&b, b.len, &err);
			CHECK(r == 0 || r == -EPROTO || r == -ENOMEM);
		}
	}
}

static void refuses_giants_before_allocating(void)
{
	scoped(buf_finish) struct buf b = {0};
	struct err err = {0};

	golden_read(&b, "420_odd.jpg");
	for (size_t i = 0; i + 9 < b.len; i++)
		if (!memcmp(b.data + i, "\xff\xc0\x00\x11\x08", 5)) {
			memset(b.data + i + 5, 0x40, 4); /* 16448 a side */
			break;
		}
	CHECK_INT(decode(&b, b.len, &err), -EPROTO);
	CHECK(strstr(err.why, "larger than 16384") != NULL);
}

static void refuses_other_formats(void)
{
	scoped(buf_finish) struct buf b = {0};
	struct err err = {0};

	buf_adds(&b, "GIF89a is neither of the two");
	CHECK_INT(decode(&b, b.len, &err), -EPROTO);
	CHECK_STR(err.why, "not decodable: neither PNG nor JPEG");
	CHECK_INT(decode(&b, 0, &err), -EPROTO);
}

TAP_MAIN(TAP_CASE(refuses_truncated_files), TAP_CASE(survives_flipped_bits),
	TAP_CASE(refuses_giants_before_allocating), TAP_CASE(refuses_other_formats))
