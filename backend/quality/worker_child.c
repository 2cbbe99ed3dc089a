// SPDX-License-Identifier: MIT
#include "backend/quality/worker_child.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/media/decode_picture.h"
#include "backend/media/decode_video.h"
#include "backend/media/encode_picture.h"
#include "backend/quality/confine.h"
#include "backend/quality/report.h"
#include "backend/quality/worker.h"
#include "backend/quality/worker_wire.h"
#include "cache/base/buf.h"
#include "cache/base/mem.h"

#define EXIT_LOST 1 /* nobody to answer to */
#define EXIT_USAGE 2

static int write_all(const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		ssize_t n = write(WIRE_OUT, p, len);

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
		ssize_t n = read(WIRE_IN, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int send_frame(enum wire_kind kind, uint64_t off, const void *data, size_t len)
{
	struct wire_frame f = {.kind = kind, .len = (uint32_t)len, .off = off};
	int r = write_all(&f, sizeof(f));

	return r < 0 || !data ? r : write_all(data, len);
}

/* A range of the medium, from the parent. */
static int fetch(void *user, uint64_t off, void *buf, size_t len, struct err *err)
{
	uint8_t *to = buf;

	(void)user;
	while (len) {
		size_t n = len < WIRE_MAX_READ ? len : WIRE_MAX_READ;

		if (send_frame(WIRE_READ, off, NULL, n) < 0)
			return err_set(err, EIO, "the parent is gone");
		if (read_all(to, n) < 0)
			return err_set(err, EIO, "the parent is gone");
		to += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int load_picture(uint64_t size, struct picture *ret, struct err *err)
{
	scoped_free uint8_t *bytes = NULL;
	int r;

	if (size == 0 || size > PICTURE_MAX_BYTES)
		return err_set(err, EPROTO,
			"not decodable: the file is empty or larger than %u bytes",
			PICTURE_MAX_BYTES);
	bytes = new_array(uint8_t, size);
	if (!bytes)
		return err_oom(err);
	r = fetch(NULL, 0, bytes, size, err);
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

static int measure_video(uint64_t size, struct quality *ret, struct err *err)
{
	const struct video_source src = {.size = size, .read = fetch};
	struct quality q = {
		.kind = QUALITY_VIDEO, .metrics_version = QUALITY_METRICS_VERSION};
	struct video_info info;
	int r = decode_video(&src, QUALITY_SAMPLES, add_frame, &q, &info, err);

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
	send_frame(WIRE_RESULT, 0, line.data, line.len);
	return 0;
}

static int measure(uint64_t size, struct err *err)
{
	scoped(picture_finish) struct picture p = {0};
	uint8_t head[MEDIA_SNIFF_BYTES];
	size_t n = size < sizeof(head) ? (size_t)size : sizeof(head);
	struct quality q;
	int r = fetch(NULL, 0, head, n, err);

	if (r == 0 && media_sniff(head, n) == MEDIA_MP4) {
		r = measure_video(size, &q, err);
	} else if (r == 0) {
		r = load_picture(size, &p, err);
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
		size_t n = len < WIRE_MAX_OUTPUT ? len : WIRE_MAX_OUTPUT;

		if (send_frame(WIRE_OUTPUT, 0, p, n) < 0)
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

static int convert(uint64_t size, enum media_type to, struct err *err)
{
	scoped(picture_finish) struct picture p = {0};
	scoped_free uint8_t *row = NULL;
	struct encode_picture *e = NULL;
	int r = load_picture(size, &p, err);

	if (r < 0)
		return r;
	assert(p.width > 0);
	row = new_array(uint8_t, 3 * (size_t)p.width);
	if (!row)
		return err_oom(err);
	r = encode_picture_new(
		to, (int)p.width, (int)p.height, send_output, NULL, &e, err);
	if (r == 0)
		r = encode_rows(e, &p, row, err);
	encode_picture_free(e);
	if (r == 0)
		send_frame(WIRE_RESULT, 0, NULL, 0);
	return r;
}

static int serve(void)
{
	struct wire_request request;
	struct err err = {0};
	int r = confine(&err);

	if (read_all(&request, sizeof(request)) < 0)
		return EXIT_LOST;
	if (request.version != WIRE_VERSION)
		return EXIT_LOST;
	if (r < 0)
		err_wrap(&err, r, "the decoder is not confined");
	else if (request.op == WIRE_CONVERT)
		r = convert(request.size, request.to, &err);
	else
		r = measure(request.size, &err);
	if (r < 0) {
		uint64_t code = r == -EPROTO || r == -ENOMEM ? (uint64_t)-r : EIO;
		size_t len = strnlen(err.why, WIRE_MAX_SENTENCE);

		if (send_frame(WIRE_FAILED, code, err.why, len) < 0)
			return EXIT_LOST;
	}
	return 0;
}

int worker_child_main(int argc, char **argv)
{
	struct stat in, out;

	if (argc != 2 || strcmp(argv[1], WIRE_WORD) != 0)
		return -1;
	if (fstat(WIRE_IN, &in) < 0 || fstat(WIRE_OUT, &out) < 0 ||
		!S_ISFIFO(in.st_mode) || !S_ISFIFO(out.st_mode))
		return EXIT_USAGE;
	prctl(PR_SET_NAME, "media-worker");
	decode_video_hush();
	return serve();
}
