// SPDX-License-Identifier: MIT
#include "backend/engine/unstored.h"
#include "backend/engine/paid/network.h"
#include "backend/engine/paid/paid.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "backend/provider/local.h"
#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

/* ---- tickets ---- */

void submission_free(struct submission *s)
{
	if (!s)
		return;
	request_finish(&s->req);
	free(s);
}

static void ticket_unref(struct ticket *t)
{
	if (atomic_fetch_sub(&t->refs, 1) == 1)
		free(t);
}

static bool ticket_move(struct ticket *t, uint8_t from, uint8_t to)
{
	return atomic_compare_exchange_strong(&t->state, &from, to);
}

static void ticket_end(
	struct ticket *t, const struct record *rec, const struct err *err)
{
	struct engine *e = t->e;

	submission_free(steal_ptr(t->sub));
	t->done(t->user, rec, err);
	ticket_unref(t);
	pthread_mutex_lock(&e->lock);
	if (--e->n_tickets == 0)
		pthread_cond_broadcast(&e->idle);
	pthread_mutex_unlock(&e->lock);
}

void ticket_complete(struct ticket *t, const struct record *rec, const struct err *err)
{
	if (ticket_move(t, TICKET_PARKED, TICKET_DONE))
		ticket_end(t, rec, err);
}

static void ticket_end_cancelled(struct ticket *t)
{
	struct err err = {0};

	err_set(&err, ECANCELED, "interrupted; the generation goes on");
	ticket_end(t, NULL, &err);
}

static void on_cancel(struct post *p)
{
	struct ticket *t = container_of(p, struct ticket, post);

	if (t->job)
		job_leave(t->job, t);
	ticket_end_cancelled(t);
}

void ticket_cancel(struct ticket *t)
{
	if (!t || ticket_move(t, TICKET_SUBMITTED, TICKET_CANCELLED))
		return; /* on_submit ends it */
	/* The engine waits for tickets that are not done, so it is still there. */
	if (ticket_move(t, TICKET_PARKED, TICKET_CANCELLED))
		loop_post(t->e->loop, &t->post, on_cancel);
}

void ticket_free(struct ticket *t)
{
	if (t)
		ticket_unref(t);
}

/* ---- submitting ---- */

/* Starts or joins a job. <0: neither, with a sentence. */
static int park(struct ticket *t, const struct record *rec, struct err *err)
{
	struct engine *e = t->e;
	struct submission *s = t->sub;
	bool is_many = request_job_takes(&s->req) > 1;
	struct flight *f = flights_find(&e->flights, is_many ? &s->job_key : &s->key);
	struct job *j = f ? f->owner : NULL;
	const struct model_row *row;
	int r;

	if (!j) {
		/* What engine_submit saw may have changed on the way here. */
		r = admit(e, &s->req, &s->who, rec, clk_real_ms(), &row, err);
		if (r == 0)
			r = job_start(e, s, row, 0, &j, err);
		if (r < 0)
			return r;
	}
	job_join(j, t, s->priority);
	submission_free(steal_ptr(t->sub));
	engine_dispatch(e);
	return 0;
}

static void remember_refusal(struct engine *e, const struct request *req,
	const struct digest *key, const struct err *err)
{
	scoped(buf_finish) struct buf path = {0};
	char hex[DIGEST_HEX];

	if (request_display(req, &path) == 0)
		errors_add(e->errors, key, path.data, err, clk_real_ms());
	/* The path holds the prompt, which the log must not. */
	digest_hex(key, hex);
	log_info("%s file=%.12s model=%s", err->why, hex, req->model);
}

static void on_submit(struct post *p)
{
	struct ticket *t = container_of(p, struct ticket, post);
	struct engine *e = t->e;
	struct record rec = {0};
	struct err err = {0};
	bool is_stopping;
	int r;

	if (!ticket_move(t, TICKET_SUBMITTED, TICKET_PARKED)) {
		ticket_end_cancelled(t);
		return;
	}
	pthread_mutex_lock(&e->lock);
	is_stopping = e->is_stopping;
	pthread_mutex_unlock(&e->lock);
	/* A job leaves the table after its commit, and both happen on this thread's
	 * watch: what is neither stored nor in the table is not being made. */
	r = cache_find(e->cache, &t->sub->key, &rec, NULL, &err);
	if (r == 0 && rec.state == RECORD_GENERATED) {
		ticket_complete(t, &rec, NULL);
	} else if (lodged_find(e, &t->sub->key)) {
		ticket_complete(t, lodged_find(e, &t->sub->key), NULL);
	} else if (r < 0 && r != -ENOENT) {
		ticket_complete(t, NULL, &err);
	} else if (is_stopping) {
		err_set(&err, ECANCELED, "promptfs is stopping");
		ticket_complete(t, NULL, &err);
	} else if (park(t, r == 0 ? &rec : NULL, &err) < 0) {
		remember_refusal(e, &t->sub->req, &t->sub->key, &err);
		ticket_complete(t, NULL, &err);
	}
	record_finish(&rec);
}

/* Says no on the caller's thread, as far as it can be told here. */
static int check(struct engine *e, const struct request *req,
	const struct engine_who *who, const struct digest *key, struct err *err)
{
	const struct model_row *row;
	struct file_brief brief;
	struct record rec = {0};
	int r = cache_brief(e->cache, key, &brief, NULL);

	if (r == 0 && brief.state == RECORD_GENERATED)
		return 0;
	if (r == 0)
		r = cache_find(e->cache, key, &rec, NULL, err);
	if (r < 0 && r != -ENOENT)
		return err && err->code ? r : err_errno(err, -r, "the store failed");
	r = admit(e, req, who, r == 0 ? &rec : NULL, clk_real_ms(), &row, err);
	record_finish(&rec);
	return r;
}

static struct submission *submission_new(struct engine *e, const struct request *req,
	const struct engine_who *who, enum engine_priority priority,
	const struct digest *key)
{
	struct submission *s = new0(struct submission);

	if (!s)
		return NULL;
	if (request_copy(&s->req, req) < 0) {
		free(s);
		return NULL;
	}
	if (who)
		s->who = *who;
	s->who.program[sizeof(s->who.program) - 1] = '\0';
	s->priority = priority;
	s->key = *key;
	if (request_job_key(req, e->ns, &s->job_key) < 0) {
		submission_free(s);
		return NULL;
	}
	return s;
}

static bool count_ticket(struct engine *e)
{
	bool may;

	pthread_mutex_lock(&e->lock);
	may = !e->is_stopping;
	e->n_tickets += may;
	pthread_mutex_unlock(&e->lock);
	return may;
}

int engine_submit(struct engine *e, const struct request *req,
	const struct engine_who *who, enum engine_priority priority,
	engine_done_fn done, void *user, struct ticket **ret, struct err *err)
{
	struct ticket *t;
	struct digest key;
	struct err own = {0};
	int r;

	if (!request_is_file(req))
		return err_set(err, EINVAL, "this path names no file");
	if (request_key(req, e->ns, &key) < 0)
		return err_oom(err);
	r = check(e, req, who, &key, &own);
	if (r < 0) {
		remember_refusal(e, req, &key, &own);
		if (err)
			*err = own;
		return r;
	}
	t = new0(struct ticket);
	if (t)
		t->sub = submission_new(e, req, who, priority, &key);
	if (!t || !t->sub) {
		free(t);
		return err_oom(err);
	}
	t->e = e;
	t->done = done;
	t->user = user;
	t->take = req->take;
	atomic_init(&t->state, TICKET_SUBMITTED);
	atomic_init(&t->refs, ret ? 2 : 1);
	if (!count_ticket(e)) {
		submission_free(t->sub);
		free(t);
		return err_set(err, ECANCELED, "promptfs is stopping");
	}
	if (ret)
		*ret = t;
	loop_post(e->loop, &t->post, on_submit);
	return 0;
}

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

/* ---- start and stop ---- */

static int copy_deny(struct engine *e, const struct engine_config *c)
{
	e->deny = new_array(char *, c->n_deny_programs + 1);
	if (!e->deny)
		return -ENOMEM;
	for (; e->n_deny < c->n_deny_programs; e->n_deny++) {
		e->deny[e->n_deny] = strdup(c->deny_programs[e->n_deny]);
		if (!e->deny[e->n_deny])
			return -ENOMEM;
	}
	return 0;
}

static int make_safety(struct engine *e, const struct engine_config *c, struct err *err)
{
	scoped(buf_finish) struct buf words = {0};
	int r = buf_adds(&words, "");

	for (size_t i = 0; i < c->n_blocked_words && r == 0; i++)
		r = buf_addf(&words, i ? "+%s" : "%s", c->blocked_words[i]);
	return r < 0 ? err_oom(err) : safety_new(words.data, &e->safety, err);
}

static int configure(struct engine *e, const struct engine_config *c, struct err *err)
{
	e->cache = c->cache;
	e->catalogue = c->catalogue;
	e->max_concurrent = c->max_concurrent > 0 ? c->max_concurrent : 1;
	e->stop_timeout_ms = c->stop_timeout_ms;
	e->timeout_ms = c->timeout_ms;
	e->offline = c->offline;
	e->enhance = c->enhance;
	e->fallback = c->fallback;
	e->ns = strdup(c->ns);
	e->exe = strdup(c->exe ? c->exe : "/proc/self/exe");
	e->errors = errors_new();
	if (!e->ns || !e->exe || !e->errors || flights_init(&e->flights) < 0 ||
		flights_init(&e->measuring) < 0 || copy_deny(e, c) < 0)
		return err_oom(err);
	if (getrandom(&e->random, sizeof(e->random), 0) < 0)
		e->random = (uint64_t)clk_mono_us();
	return make_safety(e, c, err);
}

int engine_start_with(const struct engine_config *config,
	const struct engine_parts *parts, struct engine **ret, struct err *err)
{
	struct engine *e = new0(struct engine);
	int r;

	if (!e) {
		if (parts->provider.ops && parts->provider.ops->free)
			parts->provider.ops->free(parts->provider.ctx);
		return err_oom(err);
	}
	e->provider = parts->provider;
	e->retry = parts->retry;
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->idle, NULL);
	r = configure(e, config, err);
	if (r == 0)
		r = loop_start(&e->loop, err);
	if (r == 0)
		r = pool_start(e->loop, config->pool_threads, &e->pool, err);
	if (r == 0 && config->remote)
		r = network_start(e, config->remote, err);
	if (r < 0) {
		if (e->http)
			network_close(e);
		pool_stop(e->pool);
		loop_stop(e->loop);
		e->is_stopped = true;
		engine_free(e);
		return r;
	}
	if (e->remote)
		network_open(e);
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

/* An operation that the ledger has the name of can wait for the next mount. */
static bool is_journalled(const struct job *j)
{
	return j->run && j->run->paid &&
	       (j->phase == PHASE_WAITING || j->phase == PHASE_RESERVING);
}

static void stop_jobs(struct engine *e, bool also_running)
{
	struct job *j, *next;

	for (j = e->jobs; j; j = next) {
		next = j->next;
		if (also_running || j->phase == PHASE_QUEUED ||
			j->phase == PHASE_BACKOFF || is_journalled(j))
			job_advance(j, EVENT_STOP);
	}
}

static void on_stop_timeout(struct timer *t)
{
	stop_jobs(container_of(t, struct engine, stop_timer), true);
}

static void on_stop(struct post *p)
{
	struct engine *e = container_of(p, struct engine, stop_post);

	stop_jobs(e, false);
	loop_timer_set(e->loop, &e->stop_timer, clk_mono_ms() + e->stop_timeout_ms,
		on_stop_timeout);
}

void engine_stop(struct engine *e)
{
	bool is_first;

	if (!e)
		return;
	pthread_mutex_lock(&e->lock);
	is_first = !e->is_stopping;
	e->is_stopping = true;
	pthread_mutex_unlock(&e->lock);
	if (!is_first || e->is_stopped)
		return;
	loop_post(e->loop, &e->stop_post, on_stop);
	pthread_mutex_lock(&e->lock);
	while (e->n_tickets || e->n_jobs || e->is_opening)
		pthread_cond_wait(&e->idle, &e->lock);
	pthread_mutex_unlock(&e->lock);
	if (e->http)
		network_close(e);
	pool_stop(e->pool);
	loop_stop(e->loop);
	lodged_end(e);
	e->is_stopped = true;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	engine_stop(e);
	if (e->provider.ops && e->provider.ops->free)
		e->provider.ops->free(e->provider.ctx);
	network_free(e);
	slots_finish(&e->slots);
	if (e->flights.bucket)
		flights_finish(&e->flights);
	if (e->measuring.bucket)
		flights_finish(&e->measuring);
	errors_free(e->errors);
	safety_free(e->safety);
	for (size_t i = 0; i < e->n_deny; i++)
		free(e->deny[i]);
	free(e->deny);
	free(e->ns);
	free(e->exe);
	pthread_cond_destroy(&e->idle);
	pthread_mutex_destroy(&e->lock);
	free(e);
}
