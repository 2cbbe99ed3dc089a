// SPDX-License-Identifier: MIT
/* The tasks of the confined process. Their bodies see foreign bytes: they run in the
 * child only, in its one thread; the table is constant and read by both ends. */
#include "backend/sandbox/task.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "backend/media/decode_picture.h"
#include "backend/media/decode_video.h"
#include "backend/media/encode_picture.h"
#include "backend/media/join.h"
#include "backend/quality/report.h"
#include "backend/sandbox/confine.h"
#include "backend/sandbox/sandbox.h"
#include "cache/base/buf.h"
#include "cache/base/mem.h"

_Static_assert(JOIN_MAX_CLIPS == SANDBOX_JOIN_MAX_CLIPS &&
		       JOIN_MAX_CLIPS <= MESSAGE_MAX_SOURCES &&
		       JOIN_MAX_SECONDS == SANDBOX_JOIN_MAX_SECONDS &&
		       JOIN_MAX_FPS == SANDBOX_JOIN_MAX_FPS,
	"one limit, told at two places");

static int load_picture(struct medium *m, struct picture *ret, struct err *err)
{
	uint64_t size = m->size;
	scoped_free uint8_t *bytes = NULL;
	int r;

	if (size == 0 || size > PICTURE_MAX_BYTES)
		return err_set(err, EPROTO,
			"not decodable: the file is empty or larger than %u bytes",
			PICTURE_MAX_BYTES);
	bytes = new_array(uint8_t, size);
	if (!bytes)
		return err_oom(err);
	r = channel_fetch(m, 0, bytes, size, err);
	return r < 0 ? r : decode_picture(bytes, size, ret, err);
}

static int measure_picture(
	const struct picture *p, struct quality *ret, struct err *err)
{
	int r = quality_measure_picture(p->px, p->width, p->height, p->channels, ret);

	return r < 0 ? err_errno(err, -r, "cannot measure the picture") : 0;
}

static int add_frame(void *user, const struct picture *frame, struct err *err)
{
	struct quality *sum = user, q;
	int r = measure_picture(frame, &q, err);

	if (r < 0)
		return r;
	sum->sharpness += q.sharpness;
	sum->brightness += q.brightness;
	sum->contrast += q.contrast;
	sum->clipped_dark += q.clipped_dark;
	sum->clipped_bright += q.clipped_bright;
	sum->black_ratio += q.brightness < QUALITY_BLACK_BELOW;
	sum->sampled_frames++;
	return 0;
}

static int measure_video(struct medium *m, struct quality *ret, struct err *err)
{
	const struct video_source src = {
		.size = m->size, .read = channel_fetch, .user = m};
	struct quality q = {
		.kind = QUALITY_VIDEO, .metrics_version = QUALITY_METRICS_VERSION};
	struct video_info info;
	int r = decode_video(&src, SANDBOX_SAMPLES, add_frame, &q, &info, err);

	if (r < 0)
		return r;
	q.sharpness /= q.sampled_frames;
	q.brightness /= q.sampled_frames;
	q.contrast /= q.sampled_frames;
	q.clipped_dark /= q.sampled_frames;
	q.clipped_bright /= q.sampled_frames;
	q.black_ratio /= q.sampled_frames;
	q.grade = quality_grade(q.sharpness, q.brightness, q.contrast);
	q.width = info.width;
	q.height = info.height;
	q.duration_s = info.duration_s;
	q.fps = info.fps;
	q.has_audio = info.has_audio;
	_Static_assert(
		sizeof(q.video_codec) == sizeof(info.codec), "copied as a whole");
	memcpy(q.video_codec, info.codec, sizeof(q.video_codec));
	*ret = q;
	return 0;
}

static int send_report(const struct quality *q, struct err *err)
{
	scoped(buf_finish) struct buf line = {0};
	scoped_json cJSON *j = quality_to_json(q);

	if (!j || json_print_line(&line, j) < 0)
		return err_oom(err);
	channel_send(MESSAGE_RESULT, 0, line.data, line.len);
	return 0;
}

static int measure(
	const struct message_request *request, struct medium *m, struct err *err)
{
	scoped(picture_finish) struct picture p = {0};
	uint8_t head[MEDIA_SNIFF_BYTES];
	size_t n = m->size < sizeof(head) ? (size_t)m->size : sizeof(head);
	struct quality q;
	int r = channel_fetch(m, 0, head, n, err);

	if (r == 0 && media_sniff(head, n) == MEDIA_MP4) {
		r = measure_video(m, &q, err);
	} else if (r == 0) {
		r = load_picture(m, &p, err);
		if (r == 0)
			r = measure_picture(&p, &q, err);
	}
	return r < 0 ? r : send_report(&q, err);
}

static int encode_rows(struct encode_picture *e, const struct picture *p, uint8_t *row,
	struct err *err)
{
	int r = 0;

	for (uint32_t y = 0; y < p->height && r == 0; y++) {
		const uint8_t *in = p->px + (size_t)y * p->width * (size_t)p->channels;

		for (size_t x = 0; p->channels == 1 && x < p->width; x++)
			memset(row + 3 * x, in[x], 3);
		r = encode_picture_row(e, p->channels == 1 ? row : in, err);
	}
	return r < 0 ? r : encode_picture_end(e, err);
}

static int send_picture(const struct picture *p, enum media_type to, struct err *err)
{
	scoped_free uint8_t *row = NULL;
	struct encode_picture *e = NULL;
	int r;

	assert(p->width > 0);
	row = new_array(uint8_t, 3 * (size_t)p->width);
	if (!row)
		return err_oom(err);
	r = encode_picture_new(
		to, (int)p->width, (int)p->height, channel_output, NULL, &e, err);
	if (r == 0)
		r = encode_rows(e, p, row, err);
	encode_picture_free(e);
	return r;
}

static int send_end(int r)
{
	if (r == 0)
		channel_send(MESSAGE_RESULT, 0, NULL, 0);
	return r;
}

static int convert(
	const struct message_request *request, struct medium *m, struct err *err)
{
	scoped(picture_finish) struct picture p = {0};
	int r = load_picture(m, &p, err);

	return send_end(r < 0 ? r : send_picture(&p, request->to, err));
}

static int send_last(void *user, const struct picture *frame, struct err *err)
{
	const enum media_type *to = user;

	return send_picture(frame, *to, err);
}

static int last_frame(
	const struct message_request *request, struct medium *m, struct err *err)
{
	enum media_type to = request->to;
	const struct video_source src = {
		.size = m->size, .read = channel_fetch, .user = m};

	return send_end(decode_video_last(&src, send_last, &to, err));
}

static int join(
	const struct message_request *request, struct medium *media, struct err *err)
{
	const struct join_rule rule = {.seconds = request->seconds,
		.fps = request->fps,
		.is_chained = request->is_chained};
	scoped_free struct video_source *clips =
		new_array(struct video_source, request->sources);

	if (!clips)
		return err_oom(err);
	for (uint32_t i = 0; i < request->sources; i++)
		clips[i] = (struct video_source){.size = media[i].size,
			.read = channel_fetch,
			.user = &media[i]};
	return send_end(
		join_videos(clips, request->sources, &rule, channel_output, NULL, err));
}

static const struct task tasks[] = {
	[TASK_MEASURE] = {measure, .cpu_s = CONFINE_CPU_S, .in_background = true},
	[TASK_CONVERT] = {convert, CONFINE_CPU_S, MESSAGE_MAX_PICTURE},
	[TASK_LAST_FRAME] = {last_frame, CONFINE_CPU_S, MESSAGE_MAX_PICTURE},
	[TASK_JOIN] = {join, CONFINE_CPU_LONG_S, SANDBOX_JOIN_MAX_BYTES},
};

const struct task *task_of(uint32_t id)
{
	return id < ARRAY_SIZE(tasks) && tasks[id].run ? &tasks[id] : NULL;
}
