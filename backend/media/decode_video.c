// SPDX-License-Identifier: MIT
#include "backend/media/decode_video.h"

#include <assert.h>
#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>
#include <stdio.h>
#include <string.h>

#include "backend/media/decode_parts.h"
#include "cache/base/mem.h"

#define ROW_PADDING 64
#define IO_BUFFER (256 << 10) /* bytes asked for at once */
/* A file of empty packets must not keep us busy for ever. */
#define MAX_PACKETS 1000000
#define CODECS "h264,hevc,mpeg4,libdav1d,av1"

struct video {
	const struct video_source *src;
	uint64_t at;
	int io_error; /* what src->read gave */
	struct err *err;

	AVIOContext *io;
	AVFormatContext *format;
	AVStream *stream; /* borrowed from format */
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
	char text[AV_ERROR_MAX_STRING_SIZE];

	if (v->io_error < 0)
		return v->io_error; /* its sentence is there already */
	if (av == AVERROR(ENOMEM))
		return err_oom(v->err);
	av_strerror(av, text, sizeof(text));
	return err_set(v->err, EPROTO, "not decodable: %s: %s", what, text);
}

static int on_read(void *user, uint8_t *buf, int size)
{
	struct video *v = user;
	uint64_t left = v->at < v->src->size ? v->src->size - v->at : 0;
	size_t n = (size_t)size < left ? (size_t)size : (size_t)left;

	if (n == 0)
		return AVERROR_EOF;
	v->io_error = v->src->read(v->src->user, v->at, buf, n, v->err);
	if (v->io_error < 0)
		return AVERROR(EIO);
	v->at += n;
	return (int)n;
}

static int64_t on_seek(void *user, int64_t offset, int whence)
{
	struct video *v = user;
	int64_t base = 0;

	switch (whence & ~AVSEEK_FORCE) {
	case AVSEEK_SIZE:
		return (int64_t)v->src->size;
	case SEEK_CUR:
		base = (int64_t)v->at;
		break;
	case SEEK_END:
		base = (int64_t)v->src->size;
		break;
	case SEEK_SET:
		break;
	default:
		return AVERROR(EINVAL);
	}
	if (__builtin_add_overflow(base, offset, &base) || base < 0)
		return AVERROR(EINVAL);
	v->at = (uint64_t)base;
	return base;
}

static int open_io(struct video *v)
{
	uint8_t *buffer = av_malloc(IO_BUFFER);

	v->io = buffer ? avio_alloc_context(
				 buffer, IO_BUFFER, 0, v, on_read, NULL, on_seek)
		       : NULL;
	if (!v->io)
		av_free(buffer);
	return v->io ? 0 : err_oom(v->err);
}

static int open_format(struct video *v)
{
	const AVInputFormat *mov = av_find_input_format("mov");
	int r;

	v->format = avformat_alloc_context();
	if (!v->format)
		return err_oom(v->err);
	v->format->pb = v->io;
	v->format->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_NOBUFFER;
	v->format->protocol_whitelist = av_strdup("");
	v->format->codec_whitelist = av_strdup(CODECS);
	if (!v->format->protocol_whitelist || !v->format->codec_whitelist)
		return err_oom(v->err);
	/* avformat_open_input frees the context where it fails. */
	r = avformat_open_input(&v->format, "", mov, NULL);
	if (r < 0)
		return fault(v, r, "MP4");
	for (unsigned i = 0; i < v->format->nb_streams; i++) {
		AVStream *s = v->format->streams[i];

		if (!v->stream && s->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
			!(s->disposition & AV_DISPOSITION_ATTACHED_PIC))
			v->stream = s;
		else
			s->discard = AVDISCARD_ALL;
	}
	return v->stream ? 0 : err_set(v->err, EPROTO, "not decodable: no video track");
}

static int open_codec(struct video *v)
{
	const AVCodec *codec = NULL;
	int r;

	assert(v->stream);
	/* The native AV1 decoder needs hardware, so name the one that does not. */
	if (v->stream->codecpar->codec_id == AV_CODEC_ID_AV1)
		codec = avcodec_find_decoder_by_name("libdav1d");
	if (!codec)
		codec = avcodec_find_decoder(v->stream->codecpar->codec_id);
	v->codec = codec ? avcodec_alloc_context3(codec) : NULL;
	if (!v->codec)
		return err_set(v->err, EPROTO, "not decodable: no decoder for %s",
			avcodec_get_name(v->stream->codecpar->codec_id));
	r = avcodec_parameters_to_context(v->codec, v->stream->codecpar);
	if (r < 0)
		return fault(v, r, "video track");
	v->codec->codec_whitelist = av_strdup(CODECS);
	v->codec->thread_count = 1;
	v->codec->max_pixels = VIDEO_MAX_AREA;
	v->codec->pkt_timebase = v->stream->time_base;
	r = avcodec_open2(v->codec, codec, NULL);
	if (r < 0)
		return fault(v, r, codec->name);
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
	r = av_read_frame(v->format, v->packet);
	if (r == AVERROR_EOF) {
		v->is_draining = true;
		return avcodec_send_packet(v->codec, NULL);
	}
	if (r < 0)
		return r;
	if (v->packet->stream_index == v->stream->index && v->frame_duration == 0)
		v->frame_duration = v->packet->duration;
	if (v->packet->stream_index == v->stream->index)
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
			return fault(
				v, r, avcodec_get_name(v->stream->codecpar->codec_id));
	}
	return 1;
}

/* Skips to a key frame where one lies between what is decoded and `target`. */
static int approach(struct video *v, int64_t target)
{
	int at = av_index_search_timestamp(v->stream, target, AVSEEK_FLAG_BACKWARD);
	const AVIndexEntry *key =
		at < 0 ? NULL : avformat_index_get_entry(v->stream, at);
	int r;

	if (!key || !v->has_ahead || key->timestamp <= v->ahead->best_effort_timestamp)
		return 0;
	r = av_seek_frame(
		v->format, v->stream->index, key->timestamp, AVSEEK_FLAG_BACKWARD);
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
	if (v->stream->duration > 0)
		return v->stream->duration;
	if (v->format->duration > 0)
		return av_rescale_q(
			v->format->duration, AV_TIME_BASE_Q, v->stream->time_base);
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
	AVRational rate = av_guess_frame_rate(v->format, v->stream, NULL);
	double frame_s = (double)v->frame_duration * av_q2d(v->stream->time_base);

	*ret = (struct video_info){.width = v->rgb.width, .height = v->rgb.height};
	ret->duration_s = (double)duration_of(v) * av_q2d(v->stream->time_base);
	if (rate.num > 0 && rate.den > 0)
		ret->fps = av_q2d(rate);
	else if (frame_s > 0) /* a fragmented file does not tell */
		ret->fps = 1 / frame_s;
	snprintf(ret->codec, sizeof(ret->codec), "%s",
		avcodec_get_name(v->codec->codec_id));
	for (unsigned i = 0; i < v->format->nb_streams; i++)
		ret->has_audio |= v->format->streams[i]->codecpar->codec_type ==
				  AVMEDIA_TYPE_AUDIO;
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
	avformat_close_input(&v->format);
	if (v->io)
		av_freep(&v->io->buffer);
	avio_context_free(&v->io);
}

int decode_video(const struct video_source *src, int samples, video_frame_fn on_frame,
	void *user, struct video_info *ret, struct err *err)
{
	scoped(finish) struct video v = {.src = src, .err = err};
	int r;

	assert(samples >= 1 && samples <= VIDEO_MAX_SAMPLES);
	r = open_io(&v);
	if (r == 0)
		r = open_format(&v);
	if (r == 0)
		r = open_codec(&v);
	if (r == 0)
		r = sample(&v, samples, on_frame, user);
	if (r == 0)
		tell(&v, ret);
	return r;
}

void decode_video_hush(void)
{
	av_log_set_level(AV_LOG_QUIET);
}
