// SPDX-License-Identifier: MIT
/* Pictures that are decoded and encoded anew. */
#include <errno.h>
#include <libavutil/opt.h>
#include <stdio.h>
#include <string.h>

#include "backend/media/demux.h"
#include "backend/media/join_internal.h"
#include "cache/base/mem.h"

#define KEY_SECONDS 2 /* at most this far to seek */
#define QUALITY "18"  /* x264's crf: no difference is seen */
/* x264's. Faster ones cost visible quality at this size, slower ones minutes. */
#define PRESET "veryfast"
#define LEAST_BITS 1000000 /* a second */
#define MOST_BITS 200000000
#define SEQUENCE_MAX 4096 /* bytes of both parameter sets */

struct join_encoder {
	const struct join_plan *plan;
	uint32_t fps; /* 0: frames keep their times */
	struct join_packets *keep;
	struct join_samples *samples;
	struct err *err;

	int set;
	AVCodecContext *codec; /* NULL before the first frame and between runs */
	uint8_t config[SEQUENCE_MAX];
	size_t config_len;
	int64_t *times; /* by number of the frame: when it is shown */
	uint32_t n_times, max_times;
	uint32_t n_made;       /* frames of the new rate */
	uint32_t before_codec; /* frames that former encoders got */

	struct join_fitter fitter; /* has the size of the output; 0: not known yet */
	AVPacket *packet, *encoded;
	AVFrame *frame;
};

static int fault(struct join_encoder *e, int av, const char *what)
{
	char text[AV_ERROR_MAX_STRING_SIZE];

	if (av == AVERROR(ENOMEM))
		return err_oom(e->err);
	av_strerror(av, text, sizeof(text));
	return err_set(e->err, EPROTO, "not decodable: %s: %s", what, text);
}

int join_encoder_new(const struct join_plan *p, const struct join_rule *rule, int set,
	struct join_packets *keep, struct join_samples *samples,
	struct join_encoder **ret, struct err *err)
{
	struct join_encoder *e = new0(struct join_encoder);

	if (!e)
		return err_oom(err);
	e->plan = p;
	e->fps = p->is_whole ? rule->fps : 0;
	e->set = set;
	e->keep = keep;
	e->samples = samples;
	e->err = err;
	e->packet = av_packet_alloc();
	e->encoded = av_packet_alloc();
	e->frame = av_frame_alloc();
	if (!e->packet || !e->encoded || !e->frame) {
		join_encoder_free(e);
		return err_oom(err);
	}
	*ret = e;
	return 0;
}

void join_encoder_free(struct join_encoder *e)
{
	if (!e)
		return;
	avcodec_free_context(&e->codec);
	join_fitter_finish(&e->fitter);
	av_frame_free(&e->frame);
	av_packet_free(&e->packet);
	av_packet_free(&e->encoded);
	free(e->times);
	free(e);
}

void join_encoder_tell(const struct join_encoder *e, struct join_encoded *ret)
{
	*ret = (struct join_encoded){.config = e->config,
		.config_len = e->config_len,
		.width = e->fitter.width,
		.height = e->fitter.height};
}

/* For the control of the rate only: times are written by the muxer. */
static int rate_of(const struct join_encoder *e)
{
	const struct join_clip *c = e->plan->clips;
	double seconds = (double)c->length / e->plan->timescale;
	double rate = seconds > 0 ? (c->end - c->first) / seconds : 24;

	if (e->fps)
		return (int)e->fps;
	return rate < 1 ? 1 : rate > JOIN_MAX_FPS ? JOIN_MAX_FPS : (int)(rate + 0.5);
}

/* Noise needs no more than this to look like noise, levels stay what the size and the
 * rate ask for, and what must be held fits, whatever the pictures are. */
static int most_bits_a_second(const struct join_encoder *e)
{
	int64_t seconds = e->plan->duration / e->plan->timescale + 3;
	int64_t held = (int64_t)(JOIN_MAX_ENCODED / 10 * 8 * 8) / seconds;
	int64_t wanted =
		(int64_t)e->fitter.width * e->fitter.height * rate_of(e) * 2 / 5;

	return (int)FFMAX(FFMIN(wanted, FFMIN(held, MOST_BITS)), LEAST_BITS);
}

static int take_config(struct join_encoder *e)
{
	const AVCodecContext *c = e->codec;

	if (c->extradata_size <= 0 || c->extradata_size > SEQUENCE_MAX)
		return err_set(e->err, EIO, "libx264 gave no parameter sets");
	if (e->config_len == 0) {
		e->config_len = (size_t)c->extradata_size;
		memcpy(e->config, c->extradata, e->config_len);
	}
	if (e->config_len != (size_t)c->extradata_size ||
		memcmp(e->config, c->extradata, e->config_len))
		return -EAGAIN;
	return 0;
}

static int open_codec(struct join_encoder *e, const AVFrame *like)
{
	const AVCodec *x264 = avcodec_find_encoder_by_name("libx264");
	int bits = most_bits_a_second(e);
	AVCodecContext *c;
	char more[64];
	int r;

	if (!x264)
		return err_set(e->err, EOPNOTSUPP,
			"FFmpeg's libavcodec on this machine has no libx264, so videos "
			"cannot be encoded; install a libavcodec that has it");
	c = e->codec = avcodec_alloc_context3(x264);
	if (!c)
		return err_oom(e->err);
	c->width = e->fitter.width;
	c->height = e->fitter.height;
	c->pix_fmt = AV_PIX_FMT_YUV420P;
	c->framerate = (AVRational){rate_of(e), 1};
	c->time_base = av_inv_q(c->framerate);
	c->sample_aspect_ratio = like->sample_aspect_ratio;
	c->gop_size = rate_of(e) * KEY_SECONDS;
	c->thread_count = 1;
	c->color_range = like->color_range;
	c->color_primaries = like->color_primaries;
	c->color_trc = like->color_trc;
	c->colorspace = like->colorspace;
	c->chroma_sample_location = like->chroma_location;
	c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
	c->rc_max_rate = bits;
	c->rc_buffer_size = bits / 2;
	snprintf(more, sizeof(more), "annexb=0:sps-id=%d", e->set);
	av_opt_set(c->priv_data, "preset", PRESET, 0);
	av_opt_set(c->priv_data, "profile", "high", 0);
	av_opt_set(c->priv_data, "crf", QUALITY, 0);
	av_opt_set(c->priv_data, "x264-params", more, 0);
	r = avcodec_open2(c, x264, NULL);
	return r < 0 ? fault(e, r, "libx264") : take_config(e);
}

static int take_packets(struct join_encoder *e)
{
	for (;;) {
		struct mp4_sample s = {.origin = JOIN_ENCODED, .pos = e->keep->n};
		int64_t at;
		int r = avcodec_receive_packet(e->codec, e->encoded);

		if (r == AVERROR(EAGAIN) || r == AVERROR_EOF)
			return 0;
		if (r < 0)
			return fault(e, r, "libx264");
		at = e->before_codec + e->encoded->pts;
		if (at < 0 || at >= e->n_times)
			return err_set(e->err, EIO, "libx264 made up a frame");
		s.pts = e->times[at];
		s.size = (uint32_t)e->encoded->size;
		s.is_key = e->encoded->flags & AV_PKT_FLAG_KEY;
		r = join_keep(e->keep, e->encoded, e->err);
		if (r < 0)
			return r;
		if (join_add(e->samples, &s) < 0)
			return err_oom(e->err);
	}
}

static int add_time(struct join_encoder *e, int64_t at)
{
	if (e->n_times >= JOIN_MAX_FRAMES)
		return err_set(e->err, EPROTO, "more than %u frames", JOIN_MAX_FRAMES);
	if (e->n_times == e->max_times) {
		uint32_t max = e->max_times ? 2 * e->max_times : 1024;
		void *more = reallocarray(e->times, max, sizeof(*e->times));

		if (!more)
			return err_oom(e->err);
		e->times = more;
		e->max_times = max;
	}
	e->times[e->n_times++] = at;
	return 0;
}

static int encode(struct join_encoder *e, AVFrame *f, int64_t at)
{
	int r;

	if (!e->codec) {
		e->before_codec = e->n_times;
		r = open_codec(e, f);
		if (r < 0)
			return r;
	}
	f->pts = e->n_times - e->before_codec;
	f->pict_type = AV_PICTURE_TYPE_NONE;
	r = add_time(e, at);
	if (r < 0)
		return r;
	r = avcodec_send_frame(e->codec, f);
	return r < 0 ? fault(e, r, "libx264") : take_packets(e);
}

/* Full range in a format of its own has the same bytes as the plain one. */
static bool is_plain(const AVFrame *f)
{
	return f->format == AV_PIX_FMT_YUV420P || f->format == AV_PIX_FMT_YUVJ420P;
}

static int check_size(struct join_encoder *e, const AVFrame *f)
{
	if (f->width <= 0 || f->height <= 0 || f->width > PICTURE_MAX_SIDE ||
		f->height > PICTURE_MAX_SIDE)
		return err_set(e->err, EPROTO, "not decodable: impossible frame size");
	if (e->fitter.width)
		return 0;
	e->fitter.width = FFMAX(f->width & ~1, 2);
	e->fitter.height = FFMAX(f->height & ~1, 2);
	return 0;
}

/* A frame of the plan, as often as the new rate shows it. */
static int take_frame(
	struct join_encoder *e, const struct join_run *run, uint32_t rank, AVFrame *f)
{
	int64_t tick, end = join_end(e->plan, run->clip, rank);
	int r = check_size(e, f);

	if (r < 0)
		return r;
	if (f->width != e->fitter.width || f->height != e->fitter.height ||
		!is_plain(f)) {
		if (!e->plan->is_whole)
			return -EAGAIN;
		r = join_fit(&e->fitter, f, e->err);
		f = e->fitter.frame;
	} else if (f->format == AV_PIX_FMT_YUVJ420P) {
		f->format = AV_PIX_FMT_YUV420P;
		f->color_range = AVCOL_RANGE_JPEG;
	}
	if (r < 0 || !e->fps)
		return r < 0 ? r
			     : encode(e, f,
				       join_begin(&e->plan->clips[run->clip], rank));
	/* A new frame shows what there is in its middle. */
	tick = e->plan->timescale / e->fps;
	while (r == 0 && e->n_made * tick + tick / 2 < end)
		r = encode(e, f, e->n_made++ * tick);
	return r;
}

static int send_sample(struct join_encoder *e, AVCodecContext *decoder,
	const struct join_clip *c, const struct join_frame *f)
{
	int r = av_new_packet(e->packet, (int)f->size);

	if (r < 0)
		return err_oom(e->err);
	r = join_clip_bytes(c, f->pos, f->size, e->packet->data, e->err);
	if (r == 0) {
		e->packet->pts = f->rank;
		e->packet->flags = f->is_key ? AV_PKT_FLAG_KEY : 0;
		r = avcodec_send_packet(decoder, e->packet);
		r = r < 0 ? fault(e, r, "the video") : 0;
	}
	av_packet_unref(e->packet);
	return r;
}

/* 0: it wants more; 1: it has none left or the run is complete. */
static int take_frames(struct join_encoder *e, AVCodecContext *decoder,
	const struct join_run *run, uint32_t *next)
{
	while (*next < run->end) {
		int r = avcodec_receive_frame(decoder, e->frame);
		int64_t rank;

		if (r == AVERROR(EAGAIN))
			return 0;
		if (r == AVERROR_EOF)
			return 1;
		if (r < 0)
			return fault(e, r, "the video");
		rank = e->frame->pts;
		if (rank > *next)
			return err_set(
				e->err, EPROTO, "not decodable: a frame is missing");
		if (rank == *next) {
			r = take_frame(e, run, (*next)++, e->frame);
			if (r < 0)
				return r;
		}
		av_frame_unref(e->frame);
	}
	return 1;
}

static int drain(struct join_encoder *e)
{
	int r;

	if (!e->codec)
		return 0;
	r = avcodec_send_frame(e->codec, NULL);
	r = r < 0 ? fault(e, r, "libx264") : take_packets(e);
	avcodec_free_context(&e->codec);
	return r;
}

int join_encoder_run(
	struct join_encoder *e, const struct join_run *run, struct err *err)
{
	const struct join_clip *c = &e->plan->clips[run->clip];
	AVCodecContext *decoder = NULL;
	uint32_t next = run->first;
	int r = demux_decoder(c->par, c->base, &decoder, err);

	for (uint32_t i = run->from; i < run->to && r == 0; i++) {
		r = send_sample(e, decoder, c, &c->frames[i]);
		if (r == 0)
			r = take_frames(e, decoder, run, &next);
	}
	if (r == 0) {
		r = avcodec_send_packet(decoder, NULL);
		r = r < 0 ? fault(e, r, "the video")
			  : take_frames(e, decoder, run, &next);
	}
	avcodec_free_context(&decoder);
	av_frame_unref(e->frame);
	if (r >= 0 && next < run->end)
		r = err_set(err, EPROTO, "not decodable: a frame is missing");
	/* Copied frames follow, or another clip that is described as a whole. */
	if (r >= 0 && !e->plan->is_whole)
		r = drain(e);
	return r < 0 ? r : 0;
}

int join_encoder_end(struct join_encoder *e, struct err *err)
{
	int r = drain(e);

	if (r == 0 && e->config_len == 0)
		r = err_set(err, EPROTO, "not decodable: no video frame");
	return r;
}
