// SPDX-License-Identifier: MIT
#include "backend/quality/measure.h"

#include <errno.h>

#include "backend/media/decode_picture.h"
#include "cache/base/mem.h"
#include "tests/backend/quality/golden.h"

static void equals_opencv_and_numpy(void)
{
	scoped_json cJSON *golden = golden_scores();
	int pictures = 0;

	CHECK(golden != NULL);
	for (const cJSON *want = golden->child; want; want = want->next) {
		scoped(buf_finish) struct buf bytes = {0};
		scoped(picture_finish) struct picture p = {0};
		struct quality q;
		struct err err = {0};

		if (str_ends(want->string, ".mp4"))
			continue;
		golden_read(&bytes, want->string);
		if (decode_picture(bytes.data, bytes.len, &p, &err) < 0) {
			CHECK(false);
			printf("# %s: %s\n", want->string, err.why);
			continue;
		}
		CHECK_INT(p.channels, json_int(want, "channels", -1));
		CHECK_INT(quality_measure_picture(
				  p.px, p.width, p.height, p.channels, &q),
			0);
		golden_check(&q, want);
		pictures++;
	}
	CHECK_INT(pictures, 35);
}

static void refuses_impossible_pictures(void)
{
	const uint8_t px[3] = {0};
	struct quality q = {.grade = 'x'};

	CHECK_INT(quality_measure_picture(px, 0, 1, 3, &q), -EINVAL);
	CHECK_INT(quality_measure_picture(px, 1, 0, 3, &q), -EINVAL);
	CHECK_INT(quality_measure_picture(px, 16385, 1, 1, &q), -EINVAL);
	CHECK_INT(quality_measure_picture(px, 1, 16385, 1, &q), -EINVAL);
	CHECK_INT(quality_measure_picture(px, 1, 1, 4, &q), -EINVAL);
	CHECK_INT(q.grade, 'x');
}

static void grades_as_specified(void)
{
	static const struct {
		double sharpness, brightness, contrast;
		char want;
	} rows[] = {
		{1001, 150, 51, 'A'},     /* 3 + 2 + 2 */
		{1000, 150, 51, 'A'},     /* 2 + 2 + 2 */
		{500, 150, 51, 'B'},      /* 1 + 2 + 2 */
		{100, 100, 50, 'C'},      /* 0 + 2 + 1 */
		{100, 99.9, 25.1, 'C'},   /* 0 + 1 + 1 */
		{100, 200, 25, 'C'},      /* 0 + 2 + 0 */
		{100, 200.1, 25, 'D'},    /* 0 + 1 + 0 */
		{100.1, 50, 25, 'C'},     /* 1 + 1 + 0 */
		{100.1, 49.9, 25, 'D'},   /* 1 + 0 + 0 */
		{5000, 250.1, 50.1, 'B'}, /* 3 + 0 + 2 */
		{5000, 250, 50.1, 'A'},   /* 3 + 1 + 2 */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK_INT(quality_grade(rows[i].sharpness, rows[i].brightness,
				  rows[i].contrast),
			rows[i].want);
}

static void counts_clipped_pixels(void)
{
	const uint8_t gray[10] = {0, 1, 2, 3, 100, 200, 252, 253, 254, 255};
	struct quality q;

	CHECK_INT(quality_measure_picture(gray, 5, 2, 1, &q), 0);
	CHECK(q.clipped_dark == 0.3 && q.clipped_bright == 0.3);
}

static void counts_text(void)
{
	static const struct {
		const char *text;
		uint64_t characters, words;
	} rows[] = {
		{"", 0, 0},
		{" \n\t ", 4, 0},
		{"one", 3, 1},
		{" two  words\n", 12, 2},
		{"Gr\xc3\xbc\xc3\x9f Gott", 9, 2},
		{"a\xc2\xa0"
		 "b",
			3, 2},                                  /* no-break space */
		{"\xe6\x97\xa5\xe3\x80\x80\xe6\x9c\xac", 3, 2}, /* ideographic space */
		{"\xf0\x9f\xa6\x8a fox", 5, 2},
	};
	struct quality q;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = strlen(rows[i].text);

		CHECK_INT(quality_measure_text(rows[i].text, len, "STOP", &q), 0);
		CHECK_INT(q.characters, rows[i].characters);
		CHECK_INT(q.words, rows[i].words);
		CHECK_INT(q.size_bytes, len);
		CHECK_STR(q.finish_reason, "STOP");
	}
	CHECK_INT(quality_measure_text("\xff", 1, NULL, &q), -EILSEQ);
	CHECK_INT(quality_measure_text("\xc3", 1, NULL, &q), -EILSEQ);
}

TAP_MAIN(TAP_CASE(equals_opencv_and_numpy), TAP_CASE(refuses_impossible_pictures),
	TAP_CASE(grades_as_specified), TAP_CASE(counts_clipped_pixels),
	TAP_CASE(counts_text))
