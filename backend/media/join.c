// SPDX-License-Identifier: MIT
/* A joining, from its clips to the bytes written. One thread, no globals. */
#include "backend/media/join.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/media/join_internal.h"
#include "cache/base/mem.h"

struct join {
	struct join_clip *clips;
	size_t n;
	const struct join_rule *rule;
	struct join_plan plan;
	struct join_encoder *encoder;
	struct join_packets keep;
	struct join_samples pictures, sound;
	struct join_config config;
	struct mp4_track tracks[2];
	struct err *err;
};

static void finish(struct join *j)
{
	for (size_t i = 0; j->clips && i < j->n; i++)
		join_clip_finish(&j->clips[i]);
	free(j->clips);
	join_plan_finish(&j->plan);
	join_encoder_free(j->encoder);
	join_packets_finish(&j->keep);
	free(j->pictures.list);
	free(j->sound.list);
}

static int read_clips(struct join *j, const struct video_source *sources)
{
	uint64_t samples = 0;

	j->clips = new_array(struct join_clip, j->n);
	if (!j->clips)
		return err_oom(j->err);
	for (size_t i = 0; i < j->n; i++) {
		int r = join_clip_read(&j->clips[i], &sources[i], j->err);

		samples += j->clips[i].n_frames + j->clips[i].n_packets;
		if (r == 0 && samples > 2 * (uint64_t)JOIN_MAX_FRAMES)
			r = err_set(j->err, EPROTO, "more than %u samples",
				2 * JOIN_MAX_FRAMES);
		if (r < 0)
			return err_wrap(j->err, r, "clip %zu", i + 1);
	}
	return 0;
}

static int copy_run(struct join *j, const struct join_run *run)
{
	const struct join_clip *c = &j->clips[run->clip];

	for (uint32_t i = run->from; i < run->to; i++) {
		const struct join_frame *f = &c->frames[i];
		struct mp4_sample s = {.pts = join_begin(c, f->rank),
			.size = f->size,
			.is_key = f->is_key,
			.origin = run->clip,
			.pos = f->pos};

		if (join_add(&j->pictures, &s) < 0)
			return err_oom(j->err);
	}
	return 0;
}

static int do_runs(struct join *j, int set)
{
	int r = 0;

	if (j->plan.is_whole || j->plan.is_mixed)
		r = join_encoder_new(&j->plan, j->rule, set, &j->keep, &j->pictures,
			&j->encoder, j->err);
	for (uint32_t i = 0; i < j->plan.n_runs && r == 0; i++) {
		const struct join_run *run = &j->plan.runs[i];

		r = run->is_encoded ? join_encoder_run(j->encoder, run, j->err)
				    : copy_run(j, run);
		if (r < 0 && r != -EAGAIN)
			r = err_wrap(j->err, r, "clip %u", run->clip + 1);
	}
	if (r == 0 && j->encoder)
		r = join_encoder_end(j->encoder, j->err);
	return r;
}

/* What looked as if it could stand beside copies and cannot is told by -EAGAIN. */
static int make_pictures(struct join *j)
{
	const AVCodecParameters *par = j->clips->par;
	int set = 0, r;

	if (j->plan.is_mixed)
		set = join_config_free_set(par->extradata, (size_t)par->extradata_size);
	r = do_runs(j, set);
	if (r != -EAGAIN)
		return r;
	join_encoder_free(j->encoder);
	j->encoder = NULL;
	join_packets_finish(&j->keep);
	j->pictures.n = 0;
	r = join_plan_whole(&j->plan, j->err);
	return r < 0 ? r : do_runs(j, 0);
}

static int describe_config(struct join *j, const struct join_encoded *made)
{
	const AVCodecParameters *par = j->clips->par;
	int r = 0;

	if (j->plan.is_whole)
		r = join_config_new(&j->config, made->config, made->config_len);
	else
		r = join_config_new(
			&j->config, par->extradata, (size_t)par->extradata_size);
	if (r == 0 && j->plan.is_mixed)
		r = join_config_add(&j->config, made->config, made->config_len);
	return r < 0 ? err_set(j->err, EIO, "impossible H.264 parameters") : 0;
}

static uint16_t colour(int v)
{
	return v >= 0 && v <= UINT8_MAX && v != 0 ? (uint16_t)v : 2;
}

static int describe_pictures(struct join *j)
{
	const AVCodecParameters *par = j->clips->par;
	struct mp4_track *t = &j->tracks[0];
	struct join_encoded made = {.width = par->width, .height = par->height};
	int r;

	if (j->encoder)
		join_encoder_tell(j->encoder, &made);
	r = describe_config(j, &made);
	if (r < 0)
		return r;
	*t = (struct mp4_track){.kind = MP4_H264,
		.timescale = j->plan.timescale,
		.samples = j->pictures.list,
		.n = j->pictures.n,
		.duration = j->plan.duration,
		.config = j->config.bytes,
		.config_len = j->config.len,
		.width = (uint16_t)made.width,
		.height = (uint16_t)made.height,
		.colour = {2, 2, 2}};
	if (par->sample_aspect_ratio.num > 0 && par->sample_aspect_ratio.den > 0 &&
		par->sample_aspect_ratio.num != par->sample_aspect_ratio.den) {
		t->aspect[0] = (uint32_t)par->sample_aspect_ratio.num;
		t->aspect[1] = (uint32_t)par->sample_aspect_ratio.den;
	}
	/* What is encoded as a whole says its colours itself. */
	if (!j->plan.is_whole) {
		t->colour[0] = colour(par->color_primaries);
		t->colour[1] = colour(par->color_trc);
		t->colour[2] = colour(par->color_space);
		t->is_full_range = par->color_range == AVCOL_RANGE_JPEG;
	}
	return 0;
}

static int get_sample(
	void *user, const struct mp4_sample *s, void *buf, struct err *err)
{
	const struct join *j = user;
	int r;

	if (s->origin == JOIN_ENCODED) {
		memcpy(buf, j->keep.list[s->pos]->data, s->size);
		return 0;
	}
	r = join_clip_bytes(&j->clips[s->origin], s->pos, s->size, buf, err);
	return r < 0 ? err_wrap(err, r, "clip %u", s->origin + 1) : 0;
}

static int check(size_t n, const struct join_rule *rule, struct err *err)
{
	if (n < 1 || n > JOIN_MAX_CLIPS)
		return err_set(err, EINVAL, "%zu clips cannot be joined; 1 to %d can",
			n, JOIN_MAX_CLIPS);
	if (rule->seconds > JOIN_MAX_SECONDS || rule->fps > JOIN_MAX_FPS)
		return err_set(err, EINVAL,
			"a video has at most %d s and %d frames a second",
			JOIN_MAX_SECONDS, JOIN_MAX_FPS);
	return 0;
}

int join_videos(const struct video_source *clips, size_t n,
	const struct join_rule *rule, encode_sink_fn sink, void *user, struct err *err)
{
	scoped(finish) struct join j = {.n = n, .rule = rule, .err = err};
	int r = check(n, rule, err);

	if (r == 0)
		r = read_clips(&j, clips);
	if (r == 0)
		r = join_plan_make(&j.plan, j.clips, (uint32_t)n, rule, err);
	if (r == 0)
		r = make_pictures(&j);
	if (r == 0)
		r = describe_pictures(&j);
	if (r == 0)
		r = join_sound(&j.plan, &j.keep, &j.sound, &j.tracks[1], err);
	if (r < 0)
		return r;
	return mp4_write(j.tracks, j.sound.n ? 2 : 1, get_sample, &j, sink, user, err);
}
