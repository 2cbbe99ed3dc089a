// SPDX-License-Identifier: MIT
/* The engine begins, answers questions, and ends. Any thread, but where said. */
#include "backend/engine/engine.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "backend/engine/job.h"
#include "backend/engine/local_maker.h"
#include "backend/engine/paid/paid_maker.h"
#include "backend/engine/unstored.h"
#include "backend/provider/local.h"
#include "cache/base/clk.h"
#include "cache/base/mem.h"

/* ---- failures ---- */

bool engine_last_error(struct engine *e, const struct digest *key, struct err *ret,
	int64_t *ret_when_ms)
{
	return errors_find(e->errors, key, ret, ret_when_ms);
}

bool engine_forget_error(struct engine *e, const struct digest *key)
{
	return errors_forget(e->errors, key);
}

int engine_errors(struct engine *e, struct buf *out)
{
	return errors_print(e->errors, out);
}

/* ---- start ---- */

static int copy_deny(struct engine_rules *r, const struct engine_config *c)
{
	r->deny = new_array(char *, c->n_deny_programs + 1);
	if (!r->deny)
		return -ENOMEM;
	for (; r->n_deny < c->n_deny_programs; r->n_deny++) {
		r->deny[r->n_deny] = strdup(c->deny_programs[r->n_deny]);
		if (!r->deny[r->n_deny])
			return -ENOMEM;
	}
	return 0;
}

static int make_safety(
	const struct engine_config *c, struct safety **ret, struct err *err)
{
	scoped(buf_finish) struct buf words = {0};
	int r = buf_adds(&words, "");

	for (size_t i = 0; i < c->n_blocked_words && r == 0; i++)
		r = buf_addf(&words, i ? "+%s" : "%s", c->blocked_words[i]);
	return r < 0 ? err_oom(err) : safety_new(words.data, ret, err);
}

static int make_rules(
	struct engine_rules *r, const struct engine_config *c, struct err *err)
{
	r->max_concurrent = c->max_concurrent > 0 ? c->max_concurrent : 1;
	r->stop_timeout_ms = c->stop_timeout_ms;
	r->timeout_ms = c->timeout_ms;
	r->offline = c->offline;
	r->enhance = c->enhance;
	r->fallback = c->fallback;
	return copy_deny(r, c) < 0 ? err_oom(err) : make_safety(c, &r->safety, err);
}

static int configure(struct engine *e, const struct engine_config *c, struct err *err)
{
	e->cache = c->cache;
	e->catalogue = c->catalogue;
	e->ns = strdup(c->ns);
	e->exe = strdup(c->exe ? c->exe : "/proc/self/exe");
	e->errors = errors_new();
	if (!e->ns || !e->exe || !e->errors || flights_init(&e->work.flights) < 0 ||
		flights_init(&e->measuring) < 0)
		return err_oom(err);
	if (getrandom(&e->random, sizeof(e->random), 0) < 0)
		e->random = (uint64_t)clk_mono_us();
	return make_rules(&e->rules, c, err);
}

/* Threads, and the maker across a network. */
static int start(struct engine *e, const struct engine_config *c, struct err *err)
{
	int r = configure(e, c, err);

	if (r == 0)
		r = loop_start(&e->loop, err);
	if (r == 0)
		r = pool_start(e->loop, c->pool_threads, &e->pool, err);
	if (r == 0 && c->remote)
		r = paid_maker_new(e, c->remote, &e->maker, err);
	return r;
}

static void end_threads(struct engine *e)
{
	if (e->maker.ops && e->maker.ops->close)
		e->maker.ops->close(e);
	pool_stop(e->pool);
	loop_stop(e->loop);
	e->stopping.is_over = true;
}

int engine_start_with(const struct engine_config *config,
	const struct engine_parts *parts, struct engine **ret, struct err *err)
{
	struct engine *e = new0(struct engine);
	struct maker maker = {0};
	int r;

	if (parts->provider.ops && local_maker_new(&parts->provider, &maker) < 0) {
		free(e);
		return err_oom(err);
	}
	if (!e) {
		if (maker.ops)
			maker.ops->free(maker.ctx);
		return err_oom(err);
	}
	e->maker = maker;
	e->rules.retry = parts->retry;
	if (config->remote && config->remote->tries > 0)
		e->rules.retry.tries = (uint32_t)config->remote->tries;
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->idle, NULL);
	r = start(e, config, err);
	if (r < 0) {
		end_threads(e);
		engine_free(e);
		return r;
	}
	if (e->maker.ops->open)
		e->maker.ops->open(e);
	*ret = e;
	return 0;
}

int engine_start(
	const struct engine_config *config, struct engine **ret, struct err *err)
{
	struct engine_parts parts = {.retry = RETRY_RULE};
	int r;

	if (config->remote)
		return engine_start_with(config, &parts, ret, err);
	if (strcmp(config->backend, backend_name(BACKEND_LOCAL)) != 0)
		return err_set(err, EOPNOTSUPP,
			"backend \"%s\" is not built in; use backend=local",
			config->backend);
	r = local_new(config->tmp_dir, config->latency_ms, &parts.provider, err);
	if (r < 0)
		return r;
	return engine_start_with(config, &parts, ret, err);
}

/* ---- stop ---- */

static bool can_end_now(const struct job *j)
{
	return j->phase == PHASE_QUEUED || j->phase == PHASE_PAUSED ||
	       (j->run && j->e->maker.ops->can_wait(j));
}

static void stop_jobs(struct engine *e, bool also_running)
{
	struct job *j, *next;

	for (j = e->work.first; j; j = next) {
		next = j->next;
		if (also_running || can_end_now(j))
			job_advance(j, EVENT_STOP);
	}
}

static void on_stop_timeout(struct timer *t)
{
	stop_jobs(container_of(t, struct engine, stopping.timer), true);
}

static void on_stop(struct post *p)
{
	struct engine *e = container_of(p, struct engine, stopping.post);

	stop_jobs(e, false);
	loop_timer_set(e->loop, &e->stopping.timer,
		clk_mono_ms() + e->rules.stop_timeout_ms, on_stop_timeout);
}

void engine_stop(struct engine *e)
{
	bool is_first;

	if (!e)
		return;
	pthread_mutex_lock(&e->lock);
	is_first = !e->stopping.is_wanted;
	e->stopping.is_wanted = true;
	pthread_mutex_unlock(&e->lock);
	if (!is_first || e->stopping.is_over)
		return;
	loop_post(e->loop, &e->stopping.post, on_stop);
	pthread_mutex_lock(&e->lock);
	while (e->work.n_tickets || e->work.n_jobs || e->is_opening)
		pthread_cond_wait(&e->idle, &e->lock);
	pthread_mutex_unlock(&e->lock);
	end_threads(e);
	unstored_end(e);
}

static void rules_finish(struct engine_rules *r)
{
	safety_free(r->safety);
	for (size_t i = 0; i < r->n_deny; i++)
		free(r->deny[i]);
	free(r->deny);
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	engine_stop(e);
	if (e->maker.ops)
		e->maker.ops->free(e->maker.ctx);
	slots_finish(&e->work.slots);
	if (e->work.flights.bucket)
		flights_finish(&e->work.flights);
	if (e->measuring.bucket)
		flights_finish(&e->measuring);
	errors_free(e->errors);
	rules_finish(&e->rules);
	free(e->ns);
	free(e->exe);
	pthread_cond_destroy(&e->idle);
	pthread_mutex_destroy(&e->lock);
	free(e);
}
