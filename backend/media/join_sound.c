// SPDX-License-Identifier: MIT
/* Sound: packets of the clips, one after the other without a gap. */
#include <errno.h>
#include <libavutil/channel_layout.h>
#include <string.h>

#include "backend/media/join_internal.h"
#include "cache/base/mem.h"

#define UNIT_MAX 4096    /* ticks of a packet; AAC has 1024, or 2048 */
#define SILENT_PACKETS 3 /* the first ones of an encoder are not its usual ones */

/* Of the output: ticks are samples, packet k begins at k * unit - skip. */
struct sound {
	const struct join_plan *plan;
	const struct join_clip *like; /* whose format it has */
	int64_t unit, skip;
	struct join_packets *keep;
	struct join_samples *samples;
	int64_t silence; /* number of the silent packet in keep; -1: not made yet */
	uint32_t silence_size;
	struct err *err;
};

static bool has_sound(const struct join_clip *c)
{
	return c->sound && c->n_packets && c->unit > 0 && c->unit <= UNIT_MAX;
}

static bool is_alike(const struct join_clip *c, const struct join_clip *like)
{
	return has_sound(c) && c->unit == like->unit &&
	       c->sound_base.den == like->sound_base.den &&
	       c->sound->extradata_size == like->sound->extradata_size &&
	       !memcmp(c->sound->extradata, like->sound->extradata,
		       (size_t)c->sound->extradata_size);
}

/* The plan's ticks as the sound's. */
static int64_t in_sound(const struct sound *s, int64_t ticks)
{
	return av_rescale(ticks, s->like->sound_base.den, s->plan->timescale);
}

/* Where the clip's sound is when its first frame is shown. */
static int64_t sound_from(const struct join_clip *c)
{
	return av_rescale_q(c->sound_from, c->base, c->sound_base);
}

/* A decoder needs the packet before the first that is heard. */
static int64_t skip_of(const struct sound *s)
{
	const struct join_clip *c = s->plan->clips;
	int64_t from;

	if (!is_alike(c, s->like))
		return 0;
	from = sound_from(c);
	for (uint32_t i = 0; i < c->n_packets; i++) {
		int64_t before = from - c->packets[i].pts;

		if (before < 2 * s->unit)
			return before > 0 ? before : 0;
	}
	return 0;
}

static int encode_silence(struct sound *s, AVCodecContext *c, AVFrame *f, AVPacket *p)
{
	int r = 0;

	for (int i = 0; i <= SILENT_PACKETS && r >= 0; i++) {
		f->pts = (int64_t)i * c->frame_size;
		r = avcodec_send_frame(c, f);
		if (r >= 0)
			r = avcodec_receive_packet(c, p);
		if (r == AVERROR(EAGAIN))
			r = 0;
	}
	if (r < 0 || p->size <= 0)
		return err_set(s->err, EPROTO, "silence cannot be made of this sound");
	s->silence = (int64_t)s->keep->n;
	s->silence_size = (uint32_t)p->size;
	return join_keep(s->keep, p, s->err);
}

static AVCodecContext *open_aac(const AVCodecParameters *par)
{
	const AVCodec *aac = avcodec_find_encoder(AV_CODEC_ID_AAC);
	AVCodecContext *c = aac ? avcodec_alloc_context3(aac) : NULL;

	if (!c)
		return NULL;
	c->sample_rate = par->sample_rate;
	c->sample_fmt = AV_SAMPLE_FMT_FLTP;
	c->bit_rate = 64000;
	c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
	av_channel_layout_default(&c->ch_layout, par->ch_layout.nb_channels);
	if (avcodec_open2(c, aac, NULL) < 0)
		avcodec_free_context(&c);
	return c;
}

static int silent_frame(const AVCodecContext *c, AVFrame *f)
{
	f->nb_samples = c->frame_size;
	f->format = c->sample_fmt;
	f->sample_rate = c->sample_rate;
	if (av_channel_layout_copy(&f->ch_layout, &c->ch_layout) < 0 ||
		av_frame_get_buffer(f, 0) < 0)
		return -ENOMEM;
	for (int i = 0; i < c->ch_layout.nb_channels; i++)
		memset(f->extended_data[i], 0, (size_t)c->frame_size * sizeof(float));
	return 0;
}

static int make_silence(struct sound *s)
{
	AVCodecContext *c = open_aac(s->like->sound);
	AVFrame *f = av_frame_alloc();
	AVPacket *p = av_packet_alloc();
	int r;

	if (!c)
		r = err_set(s->err, EPROTO, "silence cannot be made of this sound");
	else if (!f || !p || silent_frame(c, f) < 0)
		r = err_oom(s->err);
	else
		r = encode_silence(s, c, f, p);
	av_packet_free(&p);
	av_frame_free(&f);
	avcodec_free_context(&c);
	return r;
}

static int add_silence(struct sound *s, int64_t pts)
{
	struct mp4_sample sample = {.pts = pts, .is_key = true, .origin = JOIN_ENCODED};
	int r = s->silence < 0 ? make_silence(s) : 0;

	if (r < 0)
		return r;
	sample.pos = (uint64_t)s->silence;
	sample.size = s->silence_size;
	return join_add(s->samples, &sample) < 0 ? err_oom(s->err) : 0;
}

/* The packet of clip i that belongs into place k. The offset is one for the whole clip,
 * so that its packets stay neighbours. */
static int add_place(struct sound *s, uint32_t i, int64_t k)
{
	const struct join_clip *c = &s->plan->clips[i];
	int64_t offset, n;
	struct mp4_sample sample = {.pts = k * s->unit, .is_key = true, .origin = i};

	if (!is_alike(c, s->like))
		return add_silence(s, k * s->unit);
	offset = sound_from(c) - in_sound(s, c->start) - s->skip - c->packets[0].pts;
	n = k + (offset >= 0 ? (offset + s->unit / 2) / s->unit
			     : -((-offset + s->unit / 2) / s->unit));
	if (n < 0 || n >= c->n_packets)
		return add_silence(s, k * s->unit);
	sample.pos = c->packets[n].pos;
	sample.size = c->packets[n].size;
	return join_add(s->samples, &sample) < 0 ? err_oom(s->err) : 0;
}

static int fill(struct sound *s, int64_t duration)
{
	uint32_t clip = 0;
	int r = 0;

	for (int64_t k = 0; r == 0 && k * s->unit - s->skip < duration; k++) {
		int64_t middle = k * s->unit - s->skip + s->unit / 2;

		while (clip + 1 < s->plan->n &&
			in_sound(s, s->plan->clips[clip + 1].start) <= middle)
			clip++;
		r = add_place(s, clip, k);
	}
	return r;
}

int join_sound(const struct join_plan *p, struct join_packets *keep,
	struct join_samples *samples, struct mp4_track *track, struct err *err)
{
	struct sound s = {
		.plan = p, .keep = keep, .samples = samples, .silence = -1, .err = err};
	int r;

	for (uint32_t i = 0; i < p->n && !s.like; i++)
		s.like = has_sound(&p->clips[i]) ? &p->clips[i] : NULL;
	if (!s.like)
		return 0;
	s.unit = s.like->unit;
	s.skip = skip_of(&s);
	*track = (struct mp4_track){.kind = MP4_AAC,
		.timescale = (uint32_t)s.like->sound_base.den,
		.skip = s.skip,
		.duration = in_sound(&s, p->duration),
		.config = s.like->sound->extradata,
		.config_len = (size_t)s.like->sound->extradata_size,
		.channels = (uint16_t)s.like->sound->ch_layout.nb_channels};
	r = fill(&s, track->duration);
	track->samples = samples->list;
	track->n = samples->n;
	return r;
}
