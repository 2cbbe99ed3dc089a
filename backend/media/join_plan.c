// SPDX-License-Identifier: MIT
/* What of the clips is shown when, and what of it must be encoded. Pure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/media/join_internal.h"
#include "cache/base/mem.h"

/* The time scale: multiples of a frame rate, or what the first clip has. */
#define TICKS_PER_FRAME 512
#define TIMESCALE_LOW 1000
#define TIMESCALE_HIGH 1000000
#define TIMESCALE_OTHER 90000
/* Rates that are closer than this, in frames per second, are one rate. */
#define SAME_RATE 0.005

void join_plan_finish(struct join_plan *p)
{
	free(p->runs);
	p->runs = NULL;
	p->n_runs = 0;
}

static int64_t pts_of(const struct join_clip *c, uint32_t rank)
{
	return c->frames[c->at[rank]].pts;
}

int64_t join_begin(const struct join_clip *c, uint32_t rank)
{
	return c->start + av_rescale(pts_of(c, rank) - c->zero, c->length, c->span);
}

int64_t join_end(const struct join_plan *p, uint32_t clip, uint32_t rank)
{
	const struct join_clip *c = &p->clips[clip];

	if (rank + 1 < c->end)
		return join_begin(c, rank + 1);
	return clip + 1 < p->n ? c[1].start : p->duration;
}

static uint32_t timescale_for(const struct join_clip *c, const struct join_rule *rule)
{
	if (rule->fps)
		return rule->fps * TICKS_PER_FRAME;
	if (c->base.num == 1 && c->base.den >= TIMESCALE_LOW &&
		c->base.den <= TIMESCALE_HIGH)
		return (uint32_t)c->base.den;
	return TIMESCALE_OTHER;
}

/* Ticks of the clip from one frame to another, or to the end of the last. */
static int64_t between(const struct join_clip *c, uint32_t from, uint32_t to)
{
	int64_t end =
		to < c->n_frames ? pts_of(c, to) : pts_of(c, to - 1) + c->last_time;

	return end - pts_of(c, from);
}

/* Are the frames before rank `end` all decoded before the others? */
static bool ends_cleanly(
	const struct join_clip *c, uint32_t from, uint32_t to, uint32_t end)
{
	for (uint32_t i = from; i < to && i - from < end - from; i++)
		if (c->frames[i].rank >= end)
			return false;
	return true;
}

/* Leaves out one of the two equal frames at each join. */
static void drop_doubles(struct join_clip *clips, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++) {
		struct join_clip *before = &clips[i - 1], *c = &clips[i];

		if (before->end - before->first > 1 &&
			ends_cleanly(before, 0, before->n_frames, before->end - 1))
			before->end--;
		else if (c->end - c->first > 1)
			c->first++;
	}
}

/* What clip i lasts: as its frames say, or as it did before any was left out. */
static void set_times(struct join_plan *p, const uint32_t *first, const uint32_t *end,
	bool is_stretched)
{
	const AVRational out = {1, (int)p->timescale};
	int64_t at = 0;

	for (uint32_t i = 0; i < p->n; i++) {
		struct join_clip *c = &p->clips[i];
		int64_t whole = between(c, first[i], end[i]);

		c->zero = pts_of(c, c->first);
		c->span = between(c, c->first, c->end);
		c->sound_from = is_stretched ? pts_of(c, first[i]) : c->zero;
		c->length = av_rescale_q(is_stretched ? whole : c->span, c->base, out);
		c->start = at;
		at += c->length;
	}
	p->duration = at;
}

/* A frame belongs to the video if its middle does. */
static void cut(struct join_plan *p, int64_t limit)
{
	for (uint32_t i = 0; i < p->n; i++) {
		struct join_clip *c = &p->clips[i];
		uint32_t end = c->first;

		if (c->start + c->length <= limit)
			continue;
		while (end < c->end &&
			(join_begin(c, end) + join_end(p, i, end)) / 2 < limit)
			end++;
		if (end == c->first && i == 0)
			end++;
		p->n = end == c->first ? i : i + 1;
		c->end = end == c->first ? c->end : end;
		p->duration = limit;
		return;
	}
}

static int plan_times(
	struct join_plan *p, const struct join_rule *rule, struct err *err)
{
	int64_t limit = (int64_t)rule->seconds * p->timescale;
	scoped_free uint32_t *first = new_array(uint32_t, p->n);
	scoped_free uint32_t *end = new_array(uint32_t, p->n);
	const struct join_clip *last = &p->clips[p->n - 1];
	int64_t half;

	if (!first || !end)
		return err_oom(err);
	for (uint32_t i = 0; i < p->n; i++) {
		first[i] = p->clips[i].first;
		end[i] = p->clips[i].end;
	}
	if (rule->is_chained)
		drop_doubles(p->clips, p->n);
	set_times(p, first, end, false);
	half = av_rescale_q(last->last_time, last->base,
		       (AVRational){1, (int)p->timescale}) /
	       2;
	if (limit && p->duration + half < limit)
		set_times(p, first, end, true);
	if (limit)
		cut(p, limit);
	if (p->duration <= 0)
		return err_set(err, EPROTO, "not decodable: no time stamps");
	if (p->duration > (int64_t)JOIN_MAX_SECONDS * p->timescale)
		return err_set(
			err, EPROTO, "the video is longer than %d s", JOIN_MAX_SECONDS);
	return 0;
}

static bool has_rate(const struct join_clip *c, uint32_t fps)
{
	double seconds = (double)between(c, c->first, c->end) * av_q2d(c->base);
	double frames = c->end - c->first;

	if (seconds <= 0)
		return false;
	return frames / seconds > fps - SAME_RATE && frames / seconds < fps + SAME_RATE;
}

static bool is_like(const struct join_clip *c, const struct join_clip *first)
{
	const AVCodecParameters *a = c->par, *b = first->par;

	return a->codec_id == AV_CODEC_ID_H264 && b->codec_id == AV_CODEC_ID_H264 &&
	       a->width == b->width && a->height == b->height &&
	       a->extradata_size == b->extradata_size &&
	       !memcmp(a->extradata, b->extradata, (size_t)b->extradata_size) &&
	       c->frames[0].is_key;
}

static bool can_copy(const struct join_plan *p, const struct join_rule *rule)
{
	const AVCodecParameters *par = p->clips->par;
	struct join_config config;

	if (par->width <= 0 || par->height <= 0 || par->width > UINT16_MAX ||
		par->height > UINT16_MAX)
		return false;
	for (uint32_t i = 0; i < p->n; i++) {
		const struct join_clip *c = &p->clips[i];

		if (!is_like(c, p->clips) || (rule->fps && !has_rate(c, rule->fps)))
			return false;
	}
	return join_config_new(&config, par->extradata, (size_t)par->extradata_size) ==
	       0;
}

static int add_run(struct join_plan *p, const struct join_run *run, struct err *err)
{
	struct join_run *last = p->n_runs ? &p->runs[p->n_runs - 1] : NULL;
	struct join_run *more;

	if (last && !last->is_encoded && !run->is_encoded && last->clip == run->clip &&
		last->to == run->from) {
		last->to = run->to;
		last->end = run->end;
		return 0;
	}
	more = reallocarray(p->runs, p->n_runs + 1, sizeof(*more));
	if (!more)
		return err_oom(err);
	p->runs = more;
	p->runs[p->n_runs++] = *run;
	return 0;
}

/* Frames [from, to) in order of decoding are a group that nothing else refers to, and
 * so they are ranks [from, to) as well. */
static int add_group(
	struct join_plan *p, uint32_t clip, uint32_t from, uint32_t to, struct err *err)
{
	const struct join_clip *c = &p->clips[clip];
	struct join_run run = {.clip = clip,
		.from = from,
		.to = to,
		.first = FFMAX(from, c->first),
		.end = FFMIN(to, c->end)};

	if (run.first >= run.end)
		return 0;
	run.is_encoded = run.first > from || !ends_cleanly(c, from, to, run.end);
	if (!run.is_encoded)
		run.to = run.end;
	p->is_mixed |= run.is_encoded;
	return add_run(p, &run, err);
}

/* Marks the frames in order of decoding where a group begins: a key frame that is
 * shown after all that are decoded before it, and before all that are decoded later. */
static int find_groups(const struct join_clip *c, bool *begins, struct err *err)
{
	scoped_free uint32_t *least = new_array(uint32_t, (size_t)c->n_frames + 1);
	uint32_t most = 0;

	if (!least)
		return err_oom(err);
	least[c->n_frames] = UINT32_MAX;
	for (uint32_t i = c->n_frames; i-- > 0;)
		least[i] = FFMIN(least[i + 1], c->frames[i].rank);
	for (uint32_t i = 0; i < c->n_frames; i++) {
		begins[i] = i == 0 || (c->frames[i].is_key && least[i] > most);
		most = FFMAX(most, c->frames[i].rank);
	}
	return 0;
}

static int plan_copies(struct join_plan *p, struct err *err)
{
	int r = 0;

	for (uint32_t i = 0; i < p->n && r == 0; i++) {
		const struct join_clip *c = &p->clips[i];
		scoped_free bool *begins = new_array(bool, (size_t)c->n_frames + 1);
		uint32_t from = 0;

		if (!begins)
			return err_oom(err);
		r = find_groups(c, begins, err);
		for (uint32_t k = 1; k <= c->n_frames && r == 0; k++) {
			if (k < c->n_frames && !begins[k])
				continue;
			r = add_group(p, i, from, k, err);
			from = k;
		}
	}
	return r;
}

int join_plan_whole(struct join_plan *p, struct err *err)
{
	int r = 0;

	join_plan_finish(p);
	p->is_whole = true;
	p->is_mixed = false;
	for (uint32_t i = 0; i < p->n && r == 0; i++) {
		const struct join_clip *c = &p->clips[i];
		struct join_run run = {.clip = i,
			.to = c->n_frames,
			.first = c->first,
			.end = c->end,
			.is_encoded = true};

		r = add_run(p, &run, err);
	}
	return r;
}

int join_plan_make(struct join_plan *p, struct join_clip *clips, uint32_t n,
	const struct join_rule *rule, struct err *err)
{
	const AVCodecParameters *par = clips->par;
	bool copies;
	int r;

	*p = (struct join_plan){
		.clips = clips, .n = n, .timescale = timescale_for(clips, rule)};
	r = plan_times(p, rule, err);
	if (r < 0)
		return r;
	copies = can_copy(p, rule);
	if (copies)
		r = plan_copies(p, err);
	if (r == 0 &&
		(!copies || (p->is_mixed && !join_config_free_set(par->extradata,
						    (size_t)par->extradata_size))))
		r = join_plan_whole(p, err);
	return r;
}
