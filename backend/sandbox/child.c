// SPDX-License-Identifier: MIT
#include "backend/sandbox/child.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/media/decode_picture.h"
#include "backend/media/decode_video.h"
#include "backend/media/encode_picture.h"
#include "backend/media/join.h"
#include "backend/quality/report.h"
#include "backend/sandbox/confine.h"
#include "backend/sandbox/message.h"
#include "backend/sandbox/sandbox.h"
#include "cache/base/buf.h"
#include "cache/base/mem.h"

_Static_assert(JOIN_MAX_CLIPS == SANDBOX_JOIN_MAX_CLIPS &&
		       JOIN_MAX_CLIPS <= MESSAGE_MAX_SOURCES &&
		       JOIN_MAX_SECONDS == SANDBOX_JOIN_MAX_SECONDS &&
		       JOIN_MAX_FPS == SANDBOX_JOIN_MAX_FPS,
	"one limit, told at two places");

#define EXIT_LOST 1 /* nobody to answer to */
#define EXIT_USAGE 2
/* Larger blocks go back when they are freed: encoders come and go, and what they leave
 * between them grew by 6 MB each. */
#define LARGE_BLOCK (1 << 20)

struct medium {
	uint32_t number;
	uint64_t size;
};

static int write_all(const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		ssize_t n = write(PIPE_OUT, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int read_all(void *data, size_t len)
{
	uint8_t *p = data;

	while (len) {
		ssize_t n = read(PIPE_IN, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int send_message(
	enum message_kind kind, uint64_t off, const void *data, size_t len)
{
	struct message msg = {.kind = kind, .len = (uint32_t)len, .off = off};
	int r = write_all(&msg, sizeof(msg));

	return r < 0 ? r : write_all(data, len);
}

/* A range of a medium, from the parent. */
static int fetch(void *user, uint64_t off, void *buf, size_t len, struct err *err)
{
	const struct medium *m = user;
	uint8_t *to = buf;

	while (len) {
		size_t n = len < MESSAGE_MAX_READ ? len : MESSAGE_MAX_READ;
		struct message msg = {.kind = MESSAGE_READ,
			.len = (uint32_t)n,
			.off = off,
			.source = m->number};

		if (write_all(&msg, sizeof(msg)) < 0)
			return err_set(err, EIO, "the parent is gone");
		if (read_all(to, n) < 0)
			return err_set(err, EIO, "the parent is gone");
		to += n;
		off += n;
		len -= n;
	}
	return 0;
}

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
	r = fetch(m, 0, bytes, size, err);
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
	const struct video_source src = {.size = m->size, .read = fetch, .user = m};
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
	send_message(MESSAGE_RESULT, 0, line.data, line.len);
	return 0;
}

static int measure(struct medium *m, struct err *err)
{
	scoped(picture_finish) struct picture p = {0};
	uint8_t head[MEDIA_SNIFF_BYTES];
	size_t n = m->size < sizeof(head) ? (size_t)m->size : sizeof(head);
	struct quality q;
	int r = fetch(m, 0, head, n, err);

	if (r == 0 && media_sniff(head, n) == MEDIA_MP4) {
		r = measure_video(m, &q, err);
	} else if (r == 0) {
		r = load_picture(m, &p, err);
		if (r == 0)
			r = measure_picture(&p, &q, err);
	}
	return r < 0 ? r : send_report(&q, err);
}

static int send_output(void *user, const void *data, size_t len, struct err *err)
{
	const uint8_t *p = data;

	(void)user;
	while (len) {
		size_t n = len < MESSAGE_MAX_OUTPUT ? len : MESSAGE_MAX_OUTPUT;

		if (send_message(MESSAGE_OUTPUT, 0, p, n) < 0)
			return err_set(err, EIO, "the parent is gone");
		p += n;
		len -= n;
	}
	return 0;
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
		to, (int)p->width, (int)p->height, send_output, NULL, &e, err);
	if (r == 0)
		r = encode_rows(e, p, row, err);
	encode_picture_free(e);
	return r;
}

static int send_end(int r)
{
	if (r == 0)
		send_message(MESSAGE_RESULT, 0, NULL, 0);
	return r;
}

static int convert(struct medium *m, enum media_type to, struct err *err)
{
	scoped(picture_finish) struct picture p = {0};
	int r = load_picture(m, &p, err);

	return send_end(r < 0 ? r : send_picture(&p, to, err));
}

static int send_last(void *user, const struct picture *frame, struct err *err)
{
	const enum media_type *to = user;

	return send_picture(frame, *to, err);
}

static int last_frame(struct medium *m, enum media_type to, struct err *err)
{
	const struct video_source src = {.size = m->size, .read = fetch, .user = m};

	return send_end(decode_video_last(&src, send_last, &to, err));
}

static int join(
	struct medium *media, const struct message_request *request, struct err *err)
{
	const struct join_rule rule = {.seconds = request->seconds,
		.fps = request->fps,
		.is_chained = request->is_chained};
	scoped_free struct video_source *clips =
		new_array(struct video_source, request->sources);

	if (!clips)
		return err_oom(err);
	for (uint32_t i = 0; i < request->sources; i++)
		clips[i] = (struct video_source){
			.size = media[i].size, .read = fetch, .user = &media[i]};
	return send_end(
		join_videos(clips, request->sources, &rule, send_output, NULL, err));
}

static int obey(
	const struct message_request *request, struct medium *media, struct err *err)
{
	switch (request->op) {
	case TASK_CONVERT:
		return convert(media, request->to, err);
	case TASK_LAST_FRAME:
		return last_frame(media, request->to, err);
	case TASK_JOIN:
		return join(media, request, err);
	default:
		return measure(media, err);
	}
}

/* What the protocol has a word for. */
static uint64_t failure_code(int r)
{
	return r == -EPROTO || r == -ENOMEM || r == -EOPNOTSUPP ? (uint64_t)-r : EIO;
}

static int read_media(const struct message_request *request, struct medium *media)
{
	for (uint32_t i = 0; i < request->sources; i++) {
		media[i].number = i;
		if (read_all(&media[i].size, sizeof(media[i].size)) < 0)
			return -EIO;
	}
	return 0;
}

static int serve(void)
{
	static struct medium media[MESSAGE_MAX_SOURCES];
	struct message_request request;
	struct err err = {0};
	int r;

	/* What the parent says may be trusted; media come later. */
	if (read_all(&request, sizeof(request)) < 0)
		return EXIT_LOST;
	if (request.version != MESSAGE_VERSION || request.sources < 1 ||
		request.sources > MESSAGE_MAX_SOURCES)
		return EXIT_LOST;
	r = confine(request.op == TASK_JOIN ? CONFINE_CPU_LONG_S : CONFINE_CPU_S, &err);
	if (read_media(&request, media) < 0)
		return EXIT_LOST;
	if (r < 0)
		err_wrap(&err, r, "the decoder is not confined");
	else
		r = obey(&request, media, &err);
	if (r < 0) {
		size_t len = strnlen(err.why, MESSAGE_MAX_SENTENCE);

		if (send_message(MESSAGE_FAILED, failure_code(r), err.why, len) < 0)
			return EXIT_LOST;
	}
	return 0;
}

int sandbox_child_main(int argc, char **argv)
{
	struct stat in, out;

	if (argc != 2 || strcmp(argv[1], SANDBOX_WORD) != 0)
		return -1;
	if (fstat(PIPE_IN, &in) < 0 || fstat(PIPE_OUT, &out) < 0 ||
		!S_ISFIFO(in.st_mode) || !S_ISFIFO(out.st_mode))
		return EXIT_USAGE;
	prctl(PR_SET_NAME, "media-worker");
	mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
	decode_video_hush();
	return serve();
}
