// SPDX-License-Identifier: MIT
/* What status.json and metrics.json show. Any thread. */
#include "backend/engine/job.h"

#include <errno.h>

#include "cache/base/clk.h"
#include "cache/base/json.h"

#define STATUS_JOBS_MAX 256 /* shown; the number of all is queue_size */

/* ---- one file ---- */

/* Of the whole job, if it makes several files. */
static int permille_of(const struct job *j)
{
	int p = j->run ? atomic_load(&j->run->pj.permille) : -1;
	int n;

	if (p < 0 || j->n_takes == 1)
		return p;
	n = __builtin_popcountll(j->told);
	return (int)((n * 1000 + p) / (int)j->n_takes);
}

static void brief_of(const struct engine *e, const struct job *j, struct job_brief *ret)
{
	bool waits = j->phase == PHASE_QUEUED || j->phase == PHASE_PAUSED;

	ret->state = waits ? JOB_QUEUED : JOB_GENERATING;
	ret->permille = waits ? -1 : permille_of(j);
	ret->position = waits ? slots_position(&e->work.slots, &j->slot) : 0;
	ret->readers = j->readers;
	ret->since_ms = j->since_ms;
}

void engine_job(struct engine *e, const struct digest *key, struct job_brief *ret)
{
	const struct flight *f;

	*ret = (struct job_brief){.permille = -1};
	pthread_mutex_lock(&e->lock);
	f = flights_find(&e->work.flights, key);
	if (f) {
		const struct job *j = f->owner;
		bool is_all = j->by_take && f == &j->flight;
		uint64_t bit = 1;

		if (j->by_take && !is_all)
			bit = UINT64_C(1) << (f - j->by_take);
		/* Who was told how it ended can look, rm and open again at once. */
		if (is_all || (j->wanted & ~j->told & bit))
			brief_of(e, j, ret);
	}
	pthread_mutex_unlock(&e->lock);
}

/* ---- status.json ---- */

static bool add_job(const struct engine *e, cJSON *list, const struct job *j)
{
	cJSON *o = cJSON_CreateObject();
	struct job_brief b;
	struct buf path = {0};
	int64_t tenths;
	bool ok;

	if (!o || !cJSON_AddItemToArray(list, o)) {
		cJSON_Delete(o);
		return false;
	}
	brief_of(e, j, &b);
	tenths = (clk_real_ms() - b.since_ms) / 100;
	ok = request_display(&j->req, &path) == 0 &&
	     cJSON_AddStringToObject(o, "path", path.data) &&
	     cJSON_AddStringToObject(o, "model", j->req.model) &&
	     cJSON_AddStringToObject(
		     o, "state", b.state == JOB_QUEUED ? "queued" : "generating") &&
	     cJSON_AddNumberToObject(o, "seconds", (double)tenths / 10) &&
	     json_add_int(o, "position", b.position) &&
	     json_add_int(o, "readers", b.readers);
	buf_finish(&path);
	if (ok && b.permille >= 0)
		return cJSON_AddNumberToObject(o, "percent", b.permille / 10.0);
	return ok && cJSON_AddNullToObject(o, "percent");
}

static bool add_jobs(const struct engine *e, cJSON *o)
{
	cJSON *list = cJSON_AddArrayToObject(o, "jobs");
	int shown = 0;
	bool ok = list;

	/* Those that run first, then the oldest of the queue. */
	for (int queued = 0; queued < 2; queued++)
		for (const struct job *j = e->work.first;
			j && ok && shown < STATUS_JOBS_MAX; j = j->next)
			if ((j->phase == PHASE_QUEUED) == queued) {
				ok = add_job(e, list, j);
				shown++;
			}
	return ok;
}

static bool add_slots(const struct engine *e, cJSON *o)
{
	cJSON *s = cJSON_AddObjectToObject(o, "slots");
	size_t queue = e->work.slots.n[PRIORITY_OPEN] + e->work.slots.n[PRIORITY_BATCH];

	return s && json_add_int(s, "active_requests", e->work.n_active) &&
	       json_add_int(s, "available_slots",
		       e->rules.max_concurrent - e->work.n_active) &&
	       json_add_int(s, "queue_size", (int64_t)queue);
}

static bool add_backend(const struct engine *e, cJSON *o)
{
	const struct maker *m = &e->maker;
	cJSON *b = cJSON_AddObjectToObject(o, "backend");

	return b && cJSON_AddStringToObject(b, "name", m->name) &&
	       cJSON_AddStringToObject(b, "namespace", e->ns) &&
	       cJSON_AddBoolToObject(b, "paid", m->is_paid) &&
	       cJSON_AddBoolToObject(b, "offline", e->rules.offline) &&
	       cJSON_AddBoolToObject(b, "healthy", !e->stopping.is_wanted) &&
	       cJSON_AddStringToObject(b, "note", m->note);
}

int engine_status(struct engine *e, cJSON *o)
{
	bool ok;

	pthread_mutex_lock(&e->lock);
	ok = add_jobs(e, o) && add_slots(e, o) && add_backend(e, o);
	pthread_mutex_unlock(&e->lock);
	return ok ? 0 : -ENOMEM;
}

/* ---- metrics.json ---- */

static double percent(const struct totals *t)
{
	return t->requests
		       ? 100.0 * (double)(t->requests - t->failed) / (double)t->requests
		       : 0;
}

static double average(double sum, uint64_t n)
{
	return n ? sum / (double)n : 0;
}

static int64_t average_ud(int64_t sum, uint64_t n)
{
	return n ? (sum + (int64_t)(n / 2)) / (int64_t)n : 0;
}

struct by_model {
	cJSON *used, *performance;
};

static int add_model(void *user, const char *model, const struct totals *t)
{
	struct by_model *m = user;
	cJSON *o = cJSON_AddObjectToObject(m->performance, model);
	cJSON *name = cJSON_CreateString(model);

	if (!name || !cJSON_AddItemToArray(m->used, name)) {
		cJSON_Delete(name);
		return -ENOMEM;
	}
	if (o && json_add_int(o, "requests", (int64_t)t->requests) &&
		cJSON_AddNumberToObject(o, "success_rate", percent(t)) &&
		cJSON_AddNumberToObject(o, "average_duration",
			average((double)t->duration_ms / 1000, t->generated)) &&
		json_add_usd(o, "average_cost", average_ud(t->spent_ud, t->generated)))
		return 0;
	return -ENOMEM;
}

static bool add_totals(cJSON *o, const struct totals *t)
{
	double seconds = (double)t->duration_ms / 1000;

	return json_add_int(o, "total_requests", (int64_t)t->requests) &&
	       json_add_int(
		       o, "successful_requests", (int64_t)(t->requests - t->failed)) &&
	       json_add_int(o, "failed_requests", (int64_t)t->failed) &&
	       cJSON_AddNumberToObject(o, "success_rate", percent(t)) &&
	       cJSON_AddNumberToObject(o, "total_duration_seconds", seconds) &&
	       cJSON_AddNumberToObject(
		       o, "average_duration", average(seconds, t->generated)) &&
	       json_add_usd(o, "total_cost_usd", t->spent_ud) &&
	       json_add_usd(o, "average_cost_per_request",
		       average_ud(t->spent_ud, t->generated));
}

int engine_metrics(struct engine *e, cJSON *o)
{
	struct totals t = {0};
	struct by_model m;
	int r = cache_totals(e->cache, 1, NULL, &t);

	if (r < 0)
		return r;
	if (!add_totals(o, &t))
		return -ENOMEM;
	m.used = cJSON_AddArrayToObject(o, "models_used");
	m.performance = cJSON_AddObjectToObject(o, "performance_by_model");
	if (!m.used || !m.performance)
		return -ENOMEM;
	return cache_totals_by_model(e->cache, 1, add_model, &m);
}
