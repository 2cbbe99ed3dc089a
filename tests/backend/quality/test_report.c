// SPDX-License-Identifier: MIT
#include "backend/quality/report.h"

#include <errno.h>

#include "cache/base/mem.h"
#include "tests/support/tap.h"

static const struct quality picture = {.kind = QUALITY_PICTURE,
	.metrics_version = 1,
	.size_bytes = 1234567,
	.width = 1024,
	.height = 768,
	.sharpness = 1234.0 / 7,
	.brightness = 100.1,
	.contrast = 1.0 / 3,
	.clipped_dark = 0.1,
	.clipped_bright = 1,
	.grade = 'B'};

static struct quality video(void)
{
	struct quality q = picture;

	q.kind = QUALITY_VIDEO;
	q.duration_s = 8.04;
	q.fps = 23.976;
	snprintf(q.video_codec, sizeof(q.video_codec), "h264");
	q.black_ratio = 0.25;
	q.sampled_frames = 12;
	q.has_audio = true;
	return q;
}

static const struct quality text = {.kind = QUALITY_TEXT,
	.metrics_version = 1,
	.size_bytes = 77,
	.characters = 70,
	.words = 12,
	.finish_reason = "STOP"};

static void print(struct buf *b, const struct quality *q)
{
	scoped_json cJSON *j = quality_to_json(q);

	CHECK(j != NULL);
	CHECK_INT(json_print_line(b, j), 0);
}

static void prints_the_contract(void)
{
	scoped(buf_finish) struct buf b = {0};

	print(&b, &picture);
	CHECK_STR(b.data,
		"{\"width\":1024,\"height\":768,\"aspect_ratio\":1.3333333333333333,"
		"\"file_size_kb\":1205.6318359375,"
		"\"sharpness_score\":176.28571428571428,\"brightness_score\":100.1,"
		"\"contrast_score\":0.3333333333333333,\"quality_grade\":\"B\","
		"\"clipped_dark\":0.1,\"clipped_bright\":1,\"metrics_version\":1}");
}

static void reads_back_equal(void)
{
	const struct quality all[] = {picture, video(), text};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		scoped(buf_finish) struct buf b = {0}, again = {0};
		scoped_json cJSON *j = NULL;
		struct quality q = {0};

		print(&b, &all[i]);
		CHECK(b.len < QUALITY_MAX_JSON);
		j = json_parse(b.data, b.len, NULL);
		CHECK_INT(quality_from_json(j, &q, NULL), 0);
		CHECK_INT(q.kind, all[i].kind);
		CHECK_INT(q.size_bytes, all[i].size_bytes);
		CHECK(q.sharpness == all[i].sharpness);
		print(&again, &q);
		CHECK_STR(again.data, b.data);
	}
}

/* Puts `value` (JSON) in place of a member, or removes it where NULL. */
static int with(const struct quality *base, const char *member, const char *value)
{
	scoped_json cJSON *j = quality_to_json(base);
	struct quality q = {.width = 4711};
	struct err err = {0};
	int r;

	cJSON_DeleteItemFromObjectCaseSensitive(j, member);
	if (value)
		cJSON_AddItemToObject(j, member, cJSON_Parse(value));
	r = quality_from_json(j, &q, &err);
	if (r < 0) {
		CHECK_INT(q.width, 4711);
		CHECK(strstr(err.why, member) != NULL);
	}
	return r;
}

static void refuses_what_is_wrong(void)
{
	static const struct {
		enum quality_kind kind;
		const char *member, *value;
	} rows[] = {
		{QUALITY_PICTURE, "width", NULL},
		{QUALITY_PICTURE, "width", "\"1\""},
		{QUALITY_PICTURE, "width", "0"},
		{QUALITY_PICTURE, "width", "1.5"},
		{QUALITY_PICTURE, "height", "16385"},
		{QUALITY_PICTURE, "height", "1e300"},
		{QUALITY_PICTURE, "sharpness_score", "-1"},
		{QUALITY_PICTURE, "brightness_score", "null"},
		{QUALITY_PICTURE, "contrast_score", "256"},
		{QUALITY_PICTURE, "quality_grade", "\"E\""},
		{QUALITY_PICTURE, "quality_grade", "\"AA\""},
		{QUALITY_PICTURE, "quality_grade", "1"},
		{QUALITY_PICTURE, "clipped_dark", "1.01"},
		{QUALITY_PICTURE, "file_size_kb", "-0.5"},
		{QUALITY_PICTURE, "metrics_version", "2"},
		{QUALITY_PICTURE, "metrics_version", NULL},
		{QUALITY_VIDEO, "fps", "true"},
		{QUALITY_VIDEO, "video_codec", "\"0123456789abcdef\""},
		{QUALITY_VIDEO, "video_codec", "\"a\\nb\""},
		{QUALITY_VIDEO, "video_codec", "[]"},
		{QUALITY_VIDEO, "sampled_frames", "0"},
		{QUALITY_VIDEO, "has_audio", "1"},
		{QUALITY_TEXT, "characters", "-1"},
		{QUALITY_TEXT, "words", NULL},
		{QUALITY_TEXT, "finish_reason", "7"},
	};
	const struct quality bases[] = {picture, video(), text};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!CHECK_INT(
			    with(&bases[rows[i].kind], rows[i].member, rows[i].value),
			    -EINVAL))
			printf("# %s: %s\n", rows[i].member,
				rows[i].value ? rows[i].value : "absent");
	CHECK_INT(with(&text, "finish_reason", NULL), 0);
	CHECK_INT(with(&picture, "something_new", "[1]"), 0);
	CHECK_INT(quality_from_json(NULL, &(struct quality){0}, NULL), -EINVAL);
}

TAP_MAIN(TAP_CASE(prints_the_contract), TAP_CASE(reads_back_equal),
	TAP_CASE(refuses_what_is_wrong))
