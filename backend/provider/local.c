// SPDX-License-Identifier: MIT
/* See local.h. */
#include "backend/provider/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/policy/limits.h"
#include "backend/render/render.h"
#include "cache/base/mem.h"
#include "cache/base/tmpfile.h"

#define LOCAL_FPS 24
#define LOCAL_SEED_MAX 0x7fffffffu

struct local {
	char *tmp_dir;
	int latency_ms;
};

/* ---- which drawing ---- */

static void add_string(struct hasher *h, const char *s)
{
	hasher_add(h, s ? s : "", s ? strlen(s) + 1 : 1);
}

static struct hasher *hash_request(const struct request *req, bool with_all)
{
	struct hasher *h = hasher_new();

	if (!h)
		return NULL;
	hasher_add(h, req->prompt->id.b, sizeof(req->prompt->id.b));
	add_string(h, req->model);
	for (int i = 0; i < OPT_COUNT_; i++)
		if (with_all || (i != OPT_SEED && i != OPT_COUNT))
			add_string(h, req->opt[i]);
	return h;
}

static void hash_end(struct hasher *h, struct digest *ret)
{
	if (h)
		hasher_end(h, ret);
	else
		memset(ret, 0, sizeof(*ret));
	hasher_free(h);
}

uint64_t local_seed(const struct request *req, uint16_t take, uint32_t draw)
{
	struct request this = *req; /* borrows its strings */
	struct digest d;
	struct hasher *h;
	char text[32];
	uint64_t seed;

	this.take = take;
	if (limits_seed(&this, &seed))
		return seed;
	h = hash_request(req, true);
	if (h) {
		snprintf(text, sizeof(text), "%u/%u", (unsigned)take, (unsigned)draw);
		add_string(h, text);
	}
	hash_end(h, &d);
	return digest_u64(&d) % LOCAL_SEED_MAX + 1;
}

void local_drawing(const struct request *req, uint64_t seed, struct digest *ret)
{
	struct hasher *h = hash_request(req, false);
	char text[32];

	if (h) {
		snprintf(text, sizeof(text), "%llu", (unsigned long long)seed);
		add_string(h, text);
	}
	hash_end(h, ret);
}

/* ---- work ---- */

struct target {
	struct sink *sink;
	struct output *output;
};

static int to_sink(void *user, const void *data, size_t len, struct err *err)
{
	struct target *t = user;

	return t->sink->write(t->sink, t->output, data, len, err);
}

static struct output *next_output(struct provider_job *job)
{
	for (uint32_t i = 0; i < job->n_outputs; i++)
		if (job->output[i]->state == OUTPUT_WANTED)
			return job->output[i];
	return NULL;
}

static uint32_t frames_per_second(const struct provider_job *job)
{
	double fps = 0;

	if (limits_number(job->row, job->req, OPT_FPS, &fps) && fps >= 1 &&
		fps <= RENDER_FPS_MAX)
		return (uint32_t)fps;
	return LOCAL_FPS;
}

static int draw(const struct local *l, struct provider_job *job,
	const struct render_spec *spec, struct target *t, const atomic_bool *stop,
	struct err *err)
{
	scoped_fd int fd = -1;

	if (!media_traits(job->req->type)->is_timed)
		return render_picture(spec, job->req->type, stop, to_sink, t, err);
	fd = tmpfile_open(l->tmp_dir, err);
	if (fd < 0)
		return fd;
	return render_video(spec, fd, stop, &job->permille, to_sink, t, err);
}

static int local_work(void *ctx, struct provider_job *job, struct sink *sink,
	const atomic_bool *stop, struct err *err)
{
	struct output *o = next_output(job);
	struct target t = {.sink = sink, .output = o};
	struct render_spec spec = {.prompt = job->prompt};
	int r;

	r = limits_pixels(job->row, job->req, &o->width, &o->height);
	if (r < 0)
		return err_set(
			err, -r, "%s makes no picture of this shape", job->row->name);
	o->seed = local_seed(job->req, o->take, o->draw);
	local_drawing(job->req, o->seed, &spec.seed);
	spec.style = limits_value(job->row, job->req, OPT_STYLE);
	spec.width = (int)o->width;
	spec.height = (int)o->height;
	if (media_traits(job->req->type)->is_timed) {
		o->fps = frames_per_second(job);
		spec.fps = (int)o->fps;
		spec.duration_ms = (int64_t)job->req->seconds * 1000;
		atomic_store(&job->permille, 0);
	}
	r = draw(ctx, job, &spec, &t, stop, err);
	if (r < 0)
		return r;
	o->state = OUTPUT_MADE;
	return 0;
}

/* ---- steps ---- */

static int local_can_make(void *ctx, const struct model_row *row,
	const struct request *req, struct err *err)
{
	if (row_is_text(row) || media_traits(req->type)->is_text)
		return err_set(err, EOPNOTSUPP,
			"the built-in renderer makes no text; mount with "
			"-o backend=vertex, gemini or openai to use %s",
			row->name);
	if (!row_is_offered(row, BACKEND_LOCAL))
		return err_set(err, EOPNOTSUPP,
			"the built-in renderer does not stand in for %s", row->name);
	return 0;
}

static void local_next(void *ctx, struct provider_job *job, const struct outcome *last,
	struct step *ret)
{
	const struct local *l = ctx;

	if (last->kind == OUTCOME_WORKED && last->result < 0) {
		*ret = (struct step){.kind = STEP_FAILED};
		ret->failed.err = *last->err;
		ret->failed.retry_after_ms = -1;
	} else if (last->kind == OUTCOME_BEGIN && l->latency_ms > 0) {
		*ret = (struct step){.kind = STEP_WAIT};
		ret->until_ms = last->now_ms + l->latency_ms;
	} else if (next_output(job)) {
		*ret = (struct step){.kind = STEP_WORK};
		ret->work = local_work;
	} else {
		*ret = (struct step){.kind = STEP_DONE};
	}
}

static void local_free(void *ctx)
{
	struct local *l = ctx;

	free(l->tmp_dir);
	free(l);
}

static const struct provider_ops local_ops = {
	.name = "local",
	.note = "drawn by the built-in renderer; not AI",
	.can_make = local_can_make,
	.next = local_next,
	.free = local_free,
};

int local_new(
	const char *tmp_dir, int latency_ms, struct provider *ret, struct err *err)
{
	struct local *l = new0(struct local);

	if (!l)
		return err_oom(err);
	l->latency_ms = latency_ms;
	l->tmp_dir = strdup(tmp_dir);
	if (!l->tmp_dir) {
		free(l);
		return err_oom(err);
	}
	*ret = (struct provider){.ops = &local_ops, .ctx = l};
	return 0;
}
