// SPDX-License-Identifier: MIT
/* Frames of a video, picked, decoded and converted. Any thread, no globals. */
#include "backend/media/decode_video.h"

#include <assert.h>
#include <errno.h>
#include <libswscale/swscale.h>
#include <stdio.h>
#include <string.h>

#include "backend/media/decode_internal.h"
#include "backend/media/demux.h"
#include "cache/base/mem.h"

#define ROW_PADDING 64
/* A file of empty packets must not keep us busy for ever. */
#define MAX_PACKETS 1000000

struct video {
	struct demux in;
	struct err *err;

	AVCodecContext *codec;
	AVPacket *packet;
	AVFrame *shown; /* on screen at the last target; empty before the first */
	AVFrame *ahead; /* decoded, but to be shown later; may be empty */
	struct SwsContext *scaler;
	uint8_t *wide; /* the scaler's output, rows padded */
	int stride;
	struct picture rgb;

	uint32_t packets;
	int64_t frame_duration; /* of the first, in the stream's time base; 0 unknown */
	bool is_draining, has_shown, has_ahead;
};

static int fault(struct video *v, int av, const char *what)
{
	return demux_fault(&v->in, av, what);
}

static int open_codec(struct video *v)
{
	int r;

	assert(v->in.video);
	r = demux_decoder(
		v->in.video->codecpar, v->in.video->time_base, &v->codec, v->err);
	if (r < 0)
		return r;
	v->packet = av_packet_alloc();
	v->shown = av_frame_alloc();
	v->ahead = av_frame_alloc();
	return v->packet && v->shown && v->ahead ? 0 : err_oom(v->err);
}

/* 0, or AVERROR_EOF once the decoder has been told that no more comes. */
static int feed(struct video *v)
{
	int r;

	if (v->is_draining)
		return AVERROR_EOF;
	if (++v->packets > MAX_PACKETS)
		return AVERROR_INVALIDDATA;
	r = av_read_frame(v->in.format, v->packet);
	if (r == AVERROR_EOF) {
		v->is_draining = true;
		return avcodec_send_packet(v->codec, NULL);
	}
	if (r < 0)
		return r;
	if (v->packet->stream_index == v->in.video->index && v->frame_duration == 0)
		v->frame_duration = v->packet->duration;
	if (v->packet->stream_index == v->in.video->index)
		r = avcodec_send_packet(v->codec, v->packet);
	av_packet_unref(v->packet);
	return r;
}

/* Fills v->ahead with the next frame in order of display: 1, or 0 at the end, or <0. */
static int look_ahead(struct video *v)
{
	while (!v->has_ahead) {
		int r = avcodec_receive_frame(v->codec, v->ahead);

		if (r == AVERROR_EOF)
			return 0;
		if (r == AVERROR(EAGAIN))
			r = feed(v);
		else if (r == 0)
			v->has_ahead = true;
		if (r < 0)
			return fault(v, r,
				avcodec_get_name(v->in.video->codecpar->codec_id));
	}
	return 1;
}

/* Skips to a key frame where one lies between what is decoded and `target`. */
static int approach(struct video *v, int64_t target)
{
	int at = av_index_search_timestamp(v->in.video, target, AVSEEK_FLAG_BACKWARD);
	const AVIndexEntry *key =
		at < 0 ? NULL : avformat_index_get_entry(v->in.video, at);
	int r;

	if (!key || !v->has_ahead || key->timestamp <= v->ahead->best_effort_timestamp)
		return 0;
	r = av_seek_frame(
		v->in.format, v->in.video->index, key->timestamp, AVSEEK_FLAG_BACKWARD);
	if (r < 0)
		return fault(v, r, "seeking");
	avcodec_flush_buffers(v->codec);
	av_frame_unref(v->ahead);
	v->is_draining = v->has_ahead = v->has_shown = false;
	return 0;
}

/* Makes v->shown the last frame that starts at or before `target`, or else the first
 * of all. 1, 0 where it is still the same, <0. */
static int frame_at(struct video *v, int64_t target)
{
	bool is_new = false;
	int r = approach(v, target);

	while (r >= 0) {
		r = look_ahead(v);
		if (r <= 0)
			break;
		if (v->has_shown && v->ahead->best_effort_timestamp > target)
			break;
		av_frame_unref(v->shown);
		av_frame_move_ref(v->shown, v->ahead);
		v->has_ahead = false;
		v->has_shown = is_new = true;
	}
	return r < 0 ? r : is_new;
}

static int resize(struct video *v, int width, int height)
{
	if (v->rgb.width == (uint32_t)width && v->rgb.height == (uint32_t)height)
		return 0;
	picture_finish(&v->rgb);
	av_freep(&v->wide);
	/* With tight rows the scaler leaves the last columns of an odd width out. */
	v->stride = FFALIGN(3 * (width + ROW_PADDING), ROW_PADDING);
	v->wide = av_malloc((size_t)v->stride * (size_t)height);
	if (!v->wide)
		return err_oom(v->err);
	return picture_alloc(&v->rgb, (uint32_t)width, (uint32_t)height, 3, v->err);
}

/* v->shown as v->rgb. */
static int convert(struct video *v)
{
	const AVFrame *f = v->shown;
	uint8_t *to[4] = {0};
	int strides[4] = {0};
	int r;

	if (f->width <= 0 || f->height <= 0 || f->width > PICTURE_MAX_SIDE ||
		f->height > PICTURE_MAX_SIDE)
		return err_set(v->err, EPROTO, "not decodable: impossible frame size");
	v->scaler = sws_getCachedContext(v->scaler, f->width, f->height, f->format,
		f->width, f->height, AV_PIX_FMT_RGB24, SWS_BICUBIC, NULL, NULL, NULL);
	if (!v->scaler)
		return err_set(v->err, EPROTO, "not decodable: unusual pixel format");
	r = resize(v, f->width, f->height);
	if (r < 0)
		return r;
	to[0] = v->wide;
	strides[0] = v->stride;
	r = sws_scale(v->scaler, (const uint8_t *const *)f->data, f->linesize, 0,
		f->height, to, strides);
	if (r < 0)
		return fault(v, r, "conversion");
	for (size_t y = 0; y < v->rgb.height; y++)
		memcpy(v->rgb.px + 3 * y * v->rgb.width,
			v->wide + y * (size_t)v->stride, 3 * (size_t)v->rgb.width);
	return 0;
}

static int64_t duration_of(const struct video *v)
{
	if (v->in.video->duration > 0)
		return v->in.video->duration;
	if (v->in.format->duration > 0)
		return av_rescale_q(
			v->in.format->duration, AV_TIME_BASE_Q, v->in.video->time_base);
	return 0;
}

/* What the container calls the start may be another frame's. */
static int first_timestamp(struct video *v, int64_t *ret)
{
	int r = look_ahead(v);

	if (r == 0)
		return err_set(v->err, EPROTO, "not decodable: no video frame");
	*ret = v->ahead->best_effort_timestamp;
	if (r > 0 && *ret == AV_NOPTS_VALUE)
		return err_set(v->err, EPROTO, "not decodable: no time stamps");
	return r;
}

static int sample(struct video *v, int samples, video_frame_fn on_frame, void *user)
{
	int64_t duration = duration_of(v), start = 0;
	int r = first_timestamp(v, &start);

	for (int i = 0; i < samples && r >= 0; i++) {
		int64_t part = av_rescale(duration, 2 * i + 1, 2 * (int64_t)samples);

		r = frame_at(v, av_sat_add64(start, part));
		if (r == 1)
			r = convert(v);
		else if (r == 0)
			continue;
		if (r == 0)
			r = on_frame(user, &v->rgb, v->err);
	}
	return r < 0 ? r : 0;
}

static void tell(const struct video *v, struct video_info *ret)
{
	AVRational rate = av_guess_frame_rate(v->in.format, v->in.video, NULL);
	double frame_s = (double)v->frame_duration * av_q2d(v->in.video->time_base);

	*ret = (struct video_info){.width = v->rgb.width, .height = v->rgb.height};
	ret->duration_s = (double)duration_of(v) * av_q2d(v->in.video->time_base);
	if (rate.num > 0 && rate.den > 0)
		ret->fps = av_q2d(rate);
	else if (frame_s > 0) /* a fragmented file does not tell */
		ret->fps = 1 / frame_s;
	snprintf(ret->codec, sizeof(ret->codec), "%s",
		avcodec_get_name(v->codec->codec_id));
	ret->has_audio = v->in.audio != NULL;
}

static void finish(struct video *v)
{
	picture_finish(&v->rgb);
	av_free(v->wide);
	sws_freeContext(v->scaler);
	av_frame_free(&v->shown);
	av_frame_free(&v->ahead);
	av_packet_free(&v->packet);
	avcodec_free_context(&v->codec);
	demux_close(&v->in);
}

static int open_video(struct video *v, const struct video_source *src)
{
	int r = demux_open(&v->in, src, false, v->err);

	return r < 0 ? r : open_codec(v);
}

int decode_video(const struct video_source *src, int samples, video_frame_fn on_frame,
	void *user, struct video_info *ret, struct err *err)
{
	scoped(finish) struct video v = {.err = err};
	int r;

	assert(samples >= 1 && samples <= VIDEO_MAX_SAMPLES);
	r = open_video(&v, src);
	if (r == 0)
		r = sample(&v, samples, on_frame, user);
	if (r == 0)
		tell(&v, ret);
	return r;
}

int decode_video_last(const struct video_source *src, video_frame_fn on_frame,
	void *user, struct err *err)
{
	scoped(finish) struct video v = {.err = err};
	int64_t start;
	int r = open_video(&v, src);

	if (r == 0)
		r = first_timestamp(&v, &start);
	if (r >= 0)
		r = frame_at(&v, INT64_MAX);
	/* What looks like the end may be where the file was cut. */
	if (r >= 0)
		r = demux_check_whole(&v.in);
	if (r >= 0)
		r = convert(&v);
	return r < 0 ? r : on_frame(user, &v.rgb, err);
}

void decode_video_hush(void)
{
	av_log_set_level(AV_LOG_QUIET);
}
