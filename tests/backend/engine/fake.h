// SPDX-License-Identifier: MIT
#pragma once
/* For tests of the engine: a provider that does as it is told, a real store in a
 * temporary directory, and completions that are counted. */
#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "backend/engine/job.h"
#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"
#include "tests/support/tap.h"

#define FAKE_ORDER_MAX 1024
#define FAKE_WAIT_MS 20000 /* a test that needs longer has failed */

struct fake {
	/* what it shall do */
	_Atomic bool gate_closed;      /* waits before the work, without a thread */
	_Atomic bool work_gate_closed; /* waits in the work */
	_Atomic int fail_times;        /* the first n tries of all fail with: */
	int fail_code;
	bool fail_transient, fail_is_refusal;
	int64_t retry_after_ms;
	_Atomic int half_times; /* the first n pieces of work fail in the middle */
	_Atomic uint32_t refuse_take; /* this output is filtered out */
	_Atomic uint32_t hold_take;   /* only work on this output waits for its gate */
	bool is_paid, is_unable, makes_nothing;

	/* what happened */
	_Atomic int begun, active, most, worked, n_order;
	char order[FAKE_ORDER_MAX][24]; /* prompts in the order of their starts */
};

static inline int fake_can_make(void *ctx, const struct model_row *row,
	const struct request *req, struct err *err)
{
	struct fake *f = ctx;

	return f->is_unable ? err_set(err, EOPNOTSUPP, "the fake cannot") : 0;
}

static inline bool fake_is_held(struct fake *f, uint32_t take)
{
	uint32_t hold = atomic_load(&f->hold_take);

	return atomic_load(&f->work_gate_closed) && (!hold || hold == take);
}

static inline int fake_work(void *ctx, struct provider_job *job, struct sink *sink,
	const atomic_bool *stop, struct err *err)
{
	struct fake *f = ctx;
	struct output **at = job->output, *o;
	char text[64] = {0};
	int r;

	while ((*at)->state != OUTPUT_WANTED)
		at++;
	o = *at;
	atomic_fetch_add(&f->worked, 1);
	if (atomic_load(&f->refuse_take) == o->take) {
		o->state = OUTPUT_REFUSED;
		err_set(&o->err, EPERM, "take %u was filtered out", (unsigned)o->take);
		return 0;
	}
	while (fake_is_held(f, o->take)) {
		if (atomic_load(stop))
			return err_set(err, ECANCELED, "stopped");
		usleep(500);
	}
	snprintf(text, sizeof(text), "%.20s take %u draw %u", job->req->prompt->text,
		(unsigned)o->take, (unsigned)o->draw);
	r = sink->write(sink, o, text, 16, err);
	if (r == 0 && atomic_fetch_sub(&f->half_times, 1) > 0) {
		err_set(err, EBUSY, "the fake stops half-way");
		err->transient = true;
		return -EBUSY;
	}
	if (r == 0)
		r = sink->write(sink, o, text + 16, sizeof(text) - 16, err);
	if (r == 0) {
		o->seed = o->take;
		o->state = OUTPUT_MADE;
	}
	return r;
}

static inline void fake_begin(struct fake *f, const struct provider_job *job)
{
	int now = atomic_fetch_add(&f->active, 1) + 1;
	int n = atomic_load(&f->n_order);

	if (now > atomic_load(&f->most))
		atomic_store(&f->most, now);
	if (n < FAKE_ORDER_MAX) {
		snprintf(f->order[n], sizeof(f->order[n]), "%.23s",
			job->req->prompt->text);
		atomic_store(&f->n_order, n + 1);
	}
	atomic_fetch_add(&f->begun, 1);
}

static inline bool fake_is_wanted(const struct provider_job *job)
{
	for (uint32_t i = 0; i < job->n_outputs; i++)
		if (job->output[i]->state == OUTPUT_WANTED)
			return true;
	return false;
}

static inline void fake_fail(struct fake *f, struct step *ret)
{
	*ret = (struct step){.kind = STEP_FAILED};
	err_set(&ret->failed.err, f->fail_code, "the fake fails");
	ret->failed.err.transient = f->fail_transient;
	ret->failed.is_refusal = f->fail_is_refusal;
	ret->failed.retry_after_ms = f->retry_after_ms;
}

/* `active` counts jobs between their begin and their first work or failure. */
static inline void fake_next(void *ctx, struct provider_job *job,
	const struct outcome *last, struct step *ret)
{
	struct fake *f = ctx;

	if (last->kind == OUTCOME_BEGIN)
		fake_begin(f, job);
	if (last->kind == OUTCOME_WORKED && last->result < 0) {
		*ret = (struct step){.kind = STEP_FAILED};
		ret->failed.err = *last->err;
		ret->failed.retry_after_ms = -1;
		return;
	}
	if (atomic_load(&f->gate_closed)) {
		*ret = (struct step){.kind = STEP_WAIT};
		ret->until_ms = last->now_ms + 2;
		return;
	}
	if (last->kind != OUTCOME_WORKED)
		atomic_fetch_sub(&f->active, 1);
	if (atomic_load(&f->fail_times) > 0) {
		atomic_fetch_sub(&f->fail_times, 1);
		fake_fail(f, ret);
	} else if (!fake_is_wanted(job) || f->makes_nothing) {
		*ret = (struct step){.kind = STEP_DONE};
	} else {
		*ret = (struct step){.kind = STEP_WORK};
		ret->work = fake_work;
	}
}

/* ---- a bench: store, catalogue, engine ---- */

struct bench {
	char dir[64];
	struct cache *cache;
	struct catalogue *catalogue;
	struct engine *engine;
	struct engine_config config;
	struct provider_ops ops;
	struct fake fake;
	struct cache_config cache_config;
};

static inline void bail_out(const char *why)
{
	printf("Bail out! %s\n", why);
	exit(99);
}

static inline int remove_one(
	const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline struct bench *bench_new(void)
{
	static const char *const blocked[] = {"weapon"};
	static const char *const deny[] = {"indexer"};
	struct bench *b = new0(struct bench);

	log_set_level(getenv("ENGINE_TEST_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
	snprintf(b->dir, sizeof(b->dir), "/tmp/engine-test.XXXXXX");
	if (!mkdtemp(b->dir) || catalogue_new(&b->catalogue, NULL) < 0)
		bail_out("no directory or no catalogue");
	b->cache_config = (struct cache_config){
		.dir = b->dir, .ns = "local", .map_size = UINT64_C(256) << 20};
	b->ops = (struct provider_ops){.name = "fake",
		.note = "",
		.can_make = fake_can_make,
		.next = fake_next};
	b->fake.retry_after_ms = -1;
	b->config = (struct engine_config){.catalogue = b->catalogue,
		.ns = "local",
		.backend = "local",
		.exe = "/nonexistent",
		.tmp_dir = b->dir,
		.max_concurrent = 4,
		.stop_timeout_ms = 5000,
		.pool_threads = 2,
		.blocked_words = blocked,
		.n_blocked_words = 1,
		.deny_programs = deny,
		.n_deny_programs = 1};
	return b;
}

/* The test may change config, cache_config and fake before. */
static inline void bench_start(struct bench *b)
{
	struct err err = {0};
	struct engine_parts parts = {.provider = {&b->ops, &b->fake},
		.retry = {.tries = 3, .base_ms = 2, .cap_ms = 5, .total_ms = 60000}};

	b->ops.is_paid = b->fake.is_paid;
	if (cache_open(&b->cache_config, &b->cache, &err) < 0)
		bail_out(err.why);
	b->config.cache = b->cache;
	if (engine_start_with(&b->config, &parts, &b->engine, &err) < 0)
		bail_out(err.why);
}

static inline struct bench *bench_begin(void)
{
	struct bench *b = bench_new();

	bench_start(b);
	return b;
}

static inline void bench_end(struct bench *b)
{
	engine_stop(b->engine);
	engine_free(b->engine);
	cache_close(b->cache);
	catalogue_free(b->catalogue);
	nftw(b->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(b);
}

/* ---- requests and completions ---- */

static inline struct request ask(const char *prompt, uint16_t take)
{
	struct request r = {.tree = TREE_PROMPTS,
		.model = "imagen-3",
		.type = MEDIA_PNG,
		.take = take};

	if (prompt_from_text(prompt, strlen(prompt), &r.prompt) < 0)
		bail_out("bad prompt");
	return r;
}

struct seen {
	_Atomic int done, ok, failed, code;
	_Atomic uint64_t size, draw;
	_Atomic int64_t at_us;
	char why[248]; /* of the last failure; read it after `done` */
};

static inline void saw(void *user, const struct record *rec, const struct err *err)
{
	struct seen *s = user;

	if (rec) {
		atomic_store(&s->size, rec->size);
		atomic_store(&s->draw, rec->draw);
		atomic_fetch_add(&s->ok, 1);
	} else {
		atomic_store(&s->code, err->code);
		memcpy(s->why, err->why, sizeof(s->why));
		atomic_fetch_add(&s->failed, 1);
	}
	atomic_store(&s->at_us, clk_mono_us());
	atomic_fetch_add(&s->done, 1);
}

static inline bool wait_for(_Atomic int *what, int n)
{
	int64_t end = clk_mono_ms() + FAKE_WAIT_MS;

	while (atomic_load(what) < n) {
		if (clk_mono_ms() > end)
			return false;
		usleep(200);
	}
	return true;
}

static inline int submit_as(struct bench *b, const char *prompt, uint32_t uid,
	const char *program, enum engine_priority priority, struct seen *s,
	struct ticket **ticket, struct err *err)
{
	struct request r = ask(prompt, 1);
	struct engine_who who = {.uid = uid};
	int rc;

	snprintf(who.program, sizeof(who.program), "%s", program);
	rc = engine_submit(b->engine, &r, NULL, &who, priority, saw, s, ticket, err);
	request_finish(&r);
	return rc;
}

static inline int submit(struct bench *b, const char *prompt, struct seen *s)
{
	return submit_as(b, prompt, 1000, "cat", PRIORITY_OPEN, s, NULL, NULL);
}

static inline int submit_take(struct bench *b, const char *prompt, const char *count,
	uint16_t take, struct seen *s)
{
	struct request r = ask(prompt, take);
	int rc;

	r.opt[OPT_COUNT] = strdup(count);
	rc = engine_submit(
		b->engine, &r, NULL, NULL, PRIORITY_OPEN, saw, s, NULL, NULL);
	request_finish(&r);
	return rc;
}
