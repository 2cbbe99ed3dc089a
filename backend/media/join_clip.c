// SPDX-License-Identifier: MIT
/* One clip of a joining: its packets listed, ranked, checked. The joining owns it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/media/demux.h"
#include "backend/media/join_internal.h"
#include "cache/base/mem.h"

#define NAL_IDR 5
#define NAL_TYPE 0x1f
#define AVCC_LENGTH_AT 4 /* the byte with the size of the lengths */
/* Ticks of a clip: further away than any video is, near enough for sums. */
#define FAR_TICKS (INT64_C(1) << 48)

void join_clip_finish(struct join_clip *c)
{
	avcodec_parameters_free(&c->par);
	avcodec_parameters_free(&c->sound);
	free(c->frames);
	free(c->at);
	free(c->packets);
	*c = (struct join_clip){0};
}

static int grow(void **list, uint32_t n, uint32_t *max, size_t size, struct err *err)
{
	void *more;

	if (n < *max)
		return 0;
	if (n >= JOIN_MAX_FRAMES)
		return err_set(err, EPROTO, "not decodable: more than %u samples",
			JOIN_MAX_FRAMES);
	more = reallocarray(*list, n ? 2 * (size_t)n : 256, size);
	if (!more)
		return err_oom(err);
	*list = more;
	*max = n ? 2 * n : 256;
	return 0;
}

/* H.264 marks as key what can be seeked to; only an IDR picture forgets what was
 * before. -1: not a chain of NAL units. */
static int has_idr(const AVCodecParameters *par, const uint8_t *data, size_t len)
{
	size_t prefix, at = 0;
	bool found = false;

	if (par->extradata_size <= AVCC_LENGTH_AT)
		return -1;
	prefix = (par->extradata[AVCC_LENGTH_AT] & 3u) + 1;
	while (at < len) {
		size_t n = 0;

		if (len - at < prefix)
			return -1;
		for (size_t i = 0; i < prefix; i++)
			n = n << 8 | data[at + i];
		at += prefix;
		if (n == 0 || n > len - at)
			return -1;
		found |= (data[at] & NAL_TYPE) == NAL_IDR;
		at += n;
	}
	return found;
}

static int add_frame(struct join_clip *c, const AVPacket *p, struct err *err)
{
	struct join_frame f = {.pts = p->pts,
		.pos = (uint64_t)p->pos,
		.size = (uint32_t)p->size,
		.is_key = p->flags & AV_PKT_FLAG_KEY,
		.is_hidden = p->flags & AV_PKT_FLAG_DISCARD};
	int r;

	if (c->par->codec_id == AV_CODEC_ID_H264) {
		int idr = has_idr(c->par, p->data, (size_t)p->size);

		if (idr < 0)
			return err_set(err, EPROTO, "not decodable: damaged H.264");
		f.is_key = f.is_key && idr;
	}
	r = grow((void **)&c->frames, c->n_frames, &c->max_frames, sizeof(f), err);
	if (r < 0)
		return r;
	c->frames[c->n_frames++] = f;
	if (p->duration > 0)
		c->last_time = p->duration;
	return 0;
}

static int add_packet(struct join_clip *c, const AVPacket *p, struct err *err)
{
	struct join_packet s = {
		.pts = p->pts, .pos = (uint64_t)p->pos, .size = (uint32_t)p->size};
	int r = grow(
		(void **)&c->packets, c->n_packets, &c->max_packets, sizeof(s), err);

	if (r < 0)
		return r;
	/* Fragments do not say how long a packet is. */
	if (c->n_packets == 0)
		c->unit = p->duration;
	else if (c->unit <= 0)
		c->unit = p->pts - c->packets[0].pts;
	c->packets[c->n_packets++] = s;
	return 0;
}

static int add_sample(
	struct join_clip *c, const struct demux *d, const AVPacket *p, struct err *err)
{
	bool is_video = p->stream_index == d->video->index;

	if (p->size <= 0 || p->pos < 0 || p->flags & AV_PKT_FLAG_CORRUPT)
		return err_set(err, EPROTO, "not decodable: the file is cut short");
	if (p->pts == AV_NOPTS_VALUE || p->pts > FAR_TICKS || p->pts < -FAR_TICKS)
		return err_set(err, EPROTO, "not decodable: no time stamps");
	return is_video ? add_frame(c, p, err) : add_packet(c, p, err);
}

static int read_samples(struct join_clip *c, struct demux *d, struct err *err)
{
	AVPacket *p = av_packet_alloc();
	int r = 0;

	if (!p)
		return err_oom(err);
	while (r == 0) {
		r = av_read_frame(d->format, p);
		if (r < 0) {
			r = r == AVERROR_EOF && d->io_error == 0
				    ? 1
				    : demux_fault(d, r, "samples");
			break;
		}
		r = add_sample(c, d, p, err);
		av_packet_unref(p);
	}
	av_packet_free(&p);
	return r < 0 ? r : demux_check_whole(d);
}

static int copy_parameters(
	AVCodecParameters **to, const AVCodecParameters *from, struct err *err)
{
	*to = avcodec_parameters_alloc();
	return *to && avcodec_parameters_copy(*to, from) >= 0 ? 0 : err_oom(err);
}

struct ranked {
	int64_t pts;
	uint32_t index;
};

static int by_pts(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return (x->pts > y->pts) - (x->pts < y->pts);
}

static int rank_frames(struct join_clip *c, struct err *err)
{
	scoped_free struct ranked *list = new_array(struct ranked, c->n_frames);

	c->at = new_array(uint32_t, c->n_frames);
	if (!list || !c->at)
		return err_oom(err);
	for (uint32_t i = 0; i < c->n_frames; i++)
		list[i] = (struct ranked){c->frames[i].pts, i};
	qsort(list, c->n_frames, sizeof(*list), by_pts);
	for (uint32_t i = 0; i < c->n_frames; i++) {
		if (i && list[i].pts == list[i - 1].pts)
			return err_set(err, EPROTO,
				"not decodable: two frames at the same time");
		c->at[i] = list[i].index;
		c->frames[list[i].index].rank = i;
	}
	return 0;
}

/* Edit lists that hide more than the beginning and the end are nobody's here. */
static int find_shown(struct join_clip *c, struct err *err)
{
	uint32_t first = 0, end = c->n_frames;

	while (first < end && c->frames[c->at[first]].is_hidden)
		first++;
	while (end > first && c->frames[c->at[end - 1]].is_hidden)
		end--;
	if (first == end)
		return err_set(err, EPROTO, "not decodable: no video frame");
	for (uint32_t i = first; i < end; i++)
		if (c->frames[c->at[i]].is_hidden)
			return err_set(err, EPROTO,
				"not decodable: an edit list in several parts");
	c->first = first;
	c->end = end;
	return 0;
}

/* The file may not say how long its last frame is shown: then as the one before. */
static int check_times(struct join_clip *c, struct err *err)
{
	const struct join_frame *last = &c->frames[c->at[c->end - 1]];
	int64_t second = av_rescale(c->base.den, 1, c->base.num);
	int64_t span, ms;

	if (c->last_time <= 0 || c->last_time > second)
		c->last_time = c->end - c->first > 1
				       ? last->pts - c->frames[c->at[c->end - 2]].pts
				       : FFMAX(second / 24, 1);
	span = last->pts + c->last_time - c->frames[c->at[c->first]].pts;
	ms = av_rescale_q(span, c->base, (AVRational){1, 1000}); /* <0: overflow */
	if (ms < 0 || ms > INT64_C(1000) * JOIN_MAX_SECONDS)
		return err_set(err, EPROTO, "not decodable: longer than %d s",
			JOIN_MAX_SECONDS);
	return 0;
}

/* Only sound that can be copied counts. */
static bool is_sound(const AVStream *s)
{
	return s && s->codecpar->codec_id == AV_CODEC_ID_AAC &&
	       s->codecpar->extradata_size >= 2 &&
	       s->codecpar->extradata_size <= MP4_MAX_CONFIG && s->time_base.num == 1 &&
	       s->time_base.den > 0 && s->time_base.den == s->codecpar->sample_rate;
}

static int read_all(struct join_clip *c, struct demux *d, struct err *err)
{
	int r = demux_open(d, c->src, true, err);

	if (r < 0)
		return r;
	c->base = d->video->time_base;
	if (c->base.num <= 0 || c->base.den <= 0)
		return err_set(err, EPROTO, "not decodable: no time base");
	r = copy_parameters(&c->par, d->video->codecpar, err);
	if (r == 0 && is_sound(d->audio)) {
		c->sound_base = d->audio->time_base;
		r = copy_parameters(&c->sound, d->audio->codecpar, err);
	} else if (d->audio) {
		d->audio->discard = AVDISCARD_ALL;
		d->audio = NULL;
	}
	if (r == 0)
		r = read_samples(c, d, err);
	if (r == 0 && c->n_frames == 0)
		r = err_set(err, EPROTO, "not decodable: no video frame");
	return r;
}

int join_clip_read(struct join_clip *c, const struct video_source *src, struct err *err)
{
	struct demux d;
	int r;

	c->src = src;
	r = read_all(c, &d, err);
	demux_close(&d);
	if (r == 0)
		r = rank_frames(c, err);
	if (r == 0)
		r = find_shown(c, err);
	return r < 0 ? r : check_times(c, err);
}

int join_clip_bytes(const struct join_clip *c, uint64_t pos, uint32_t size, void *buf,
	struct err *err)
{
	if (pos > c->src->size || size > c->src->size - pos)
		return err_set(err, EPROTO, "not decodable: the file is cut short");
	return c->src->read(c->src->user, pos, buf, size, err);
}
