// SPDX-License-Identifier: MIT
#include "backend/media/decode_video.h"

#include <errno.h>

#include "cache/base/mem.h"
#include "tests/backend/quality/golden.h"

struct seen {
	int frames, stop_after;
	uint32_t width, height;
};

static int on_read(void *user, uint64_t off, void *buf, size_t len, struct err *err)
{
	const struct buf *b = user;

	CHECK(off <= b->len && len <= b->len - off);
	memcpy(buf, b->data + off, len);
	return 0;
}

static int broken_read(void *user, uint64_t off, void *buf, size_t len, struct err *err)
{
	return err_set(err, EBADMSG, "the store is damaged");
}

static int on_frame(void *user, const struct picture *frame, struct err *err)
{
	struct seen *s = user;

	s->frames++;
	s->width = frame->width;
	s->height = frame->height;
	CHECK_INT(frame->channels, 3);
	return s->frames == s->stop_after ? err_set(err, ENOSPC, "enough") : 0;
}

static int decode(struct buf *b, int samples, struct seen *s, struct video_info *info,
	struct err *err)
{
	const struct video_source src = {.size = b->len, .read = on_read, .user = b};

	return decode_video(&src, samples, on_frame, s, info, err);
}

static void knows_the_codecs(void)
{
	static const struct {
		const char *name, *codec;
		bool has_audio;
		int frames; /* of 5 asked for */
		double duration_s;
	} rows[] = {
		{"h264_audio.mp4", "h264", true, 5, 2},
		{"fragmented.mp4", "h264", false, 5, 2},
		{"hevc.mp4", "hevc", false, 5, 2},
		{"mpeg4.mp4", "mpeg4", false, 5, 2},
		{"av1.mp4", "av1", false, 5, 1},
		{"one_frame.mp4", "h264", false, 1, 1.0 / 24},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(buf_finish) struct buf b = {0};
		struct video_info info;
		struct seen s = {0};
		struct err err = {0};

		golden_read(&b, rows[i].name);
		CHECK_INT(decode(&b, 5, &s, &info, &err), 0);
		CHECK_STR(err.why, "");
		CHECK_STR(info.codec, rows[i].codec);
		CHECK_INT(info.has_audio, rows[i].has_audio);
		CHECK_INT(s.frames, rows[i].frames);
		CHECK(s.width == info.width && s.height == info.height);
		CHECK(fabs(info.duration_s - rows[i].duration_s) < 0.01);
	}
}

static void passes_failures_on(void)
{
	scoped(buf_finish) struct buf b = {0};
	const struct video_source broken = {.size = 1000, .read = broken_read};
	struct video_info info;
	struct seen s = {.stop_after = 2};
	struct err err = {0};

	golden_read(&b, "mpeg4.mp4");
	CHECK_INT(decode(&b, 5, &s, &info, &err), -ENOSPC);
	CHECK_INT(s.frames, 2);
	CHECK_INT(decode_video(&broken, 1, on_frame, &s, &info, &err), -EBADMSG);
	CHECK_STR(err.why, "the store is damaged");
}

static void refuses_what_is_no_video(void)
{
	scoped(buf_finish) struct buf b = {0};
	struct video_info info;
	struct seen s = {0};
	struct err err = {0};

	golden_read(&b, "rgb.png");
	CHECK_INT(decode(&b, 5, &s, &info, &err), -EPROTO);
	b.len = 0;
	CHECK_INT(decode(&b, 5, &s, &info, &err), -EPROTO);
	CHECK_INT(s.frames, 0);
}

static void survives_damage(void)
{
	static const char *const names[] = {
		"h264_audio.mp4", "fragmented.mp4", "mpeg4.mp4", "hevc.mp4", "av1.mp4"};
	uint32_t seed = 1;

	for (size_t n = 0; n < ARRAY_SIZE(names); n++) {
		scoped(buf_finish) struct buf b = {0};
		struct video_info info;

		golden_read(&b, names[n]);
		for (int i = 0; i < 30; i++) {
			struct seen s = {0};
			struct err err;
			int r;

			seed = seed * 1664525 + 1013904223;
			b.data[(seed >> 8) % b.len] ^= (char)(1 << (seed >> 5 & 7));
			r = decode(&b, 3, &s, &info, &err);
			CHECK(r == 0 || r == -EPROTO || r == -ENOMEM);
		}
	}
}

int main(void)
{
	static const struct tap_case cases[] = {TAP_CASE(knows_the_codecs),
		TAP_CASE(passes_failures_on), TAP_CASE(refuses_what_is_no_video),
		TAP_CASE(survives_damage)};

	decode_video_hush();
	return tap_run_(cases, ARRAY_SIZE(cases));
}
