// SPDX-License-Identifier: MIT
/* See resume.h. */
#define LOG_TAG "engine"
#include "backend/engine/paid/resume.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "backend/engine/job.h"
#include "backend/engine/place.h"
#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

#define RELEASE_BATCH 256

/* What is open in the ledger when a mount begins. */
struct left {
	struct network *net;
	struct engine *e;
	uint64_t *reserved;
	size_t n_reserved;
	struct ledger_row *row; /* sent and accepted */
	size_t n;
};

static int add_reserved(struct left *l, uint64_t id)
{
	uint64_t *more = realloc(l->reserved, (l->n_reserved + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	l->reserved = more;
	l->reserved[l->n_reserved++] = id;
	return 0;
}

static int add_row(struct left *l, const struct ledger_row *row)
{
	struct ledger_row *more = realloc(l->row, (l->n + 1) * sizeof(*more));
	struct ledger_row own = *row;

	if (!more)
		return -ENOMEM;
	l->row = more;
	own.program = row->program ? strdup(row->program) : NULL;
	own.model = row->model ? strdup(row->model) : NULL;
	own.request = row->request ? strdup(row->request) : NULL;
	own.operation = row->operation ? strdup(row->operation) : NULL;
	own.prefix = row->prefix ? strdup(row->prefix) : NULL;
	own.served_by = own.path = own.uri = own.why = NULL;
	l->row[l->n++] = own;
	return 0;
}

static void left_finish(struct left *l)
{
	for (size_t i = 0; i < l->n; i++)
		ledger_row_finish(&l->row[i]);
	free(l->row);
	free(l->reserved);
}

static int on_row(void *user, const struct ledger_row *row)
{
	struct left *l = user;

	if (row->state == LEDGER_RESERVED)
		return add_reserved(l, row->id);
	if (row->state == LEDGER_SENT || row->state == LEDGER_ACCEPTED)
		return add_row(l, row);
	return 0; /* unknown rows and paid parts wait for somebody */
}

/* Waits until it is durable: nobody may take a row for his own that is being let go. */
struct releasing {
	pthread_mutex_t lock;
	pthread_cond_t over;
	size_t n; /* commits under way */
};

/* The store thread. */
static void on_released(void *user, const struct err *err)
{
	struct releasing *r = user;

	if (err)
		log_warn("what was reserved could not be released: %s", err->why);
	pthread_mutex_lock(&r->lock);
	r->n--;
	pthread_cond_signal(&r->over);
	pthread_mutex_unlock(&r->lock);
}

static void release(struct engine *e, const uint64_t *ids, size_t n)
{
	static const struct ledger_move m = {.to = LEDGER_RELEASED, .charged_ud = -1};
	struct releasing r = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

	pthread_mutex_lock(&r.lock);
	for (size_t i = 0; i < n; i += RELEASE_BATCH)
		r.n += ledger_move(e->cache, ids + i,
			       n - i < RELEASE_BATCH ? n - i : RELEASE_BATCH, &m,
			       on_released, &r) == 0;
	while (r.n)
		pthread_cond_wait(&r.over, &r.lock);
	pthread_mutex_unlock(&r.lock);
	pthread_cond_destroy(&r.over);
	pthread_mutex_destroy(&r.lock);
}

static int parse(const struct ledger_row *row, struct request *ret)
{
	scoped_json cJSON *o =
		row->request ? json_parse(row->request, strlen(row->request), NULL)
			     : NULL;

	return o ? request_from_json(o, ret) : -EBADMSG;
}

static void who_of(const struct ledger_row *row, struct engine_who *ret)
{
	*ret = (struct engine_who){.uid = row->uid, .pid = row->pid, .may_spend = true};
	snprintf(ret->program, sizeof(ret->program), "%s",
		row->program ? row->program : "");
}

/* ---- rows that were sent and brought no name: nobody knows ---- */

static bool can_be_searched(const struct network *net, const struct ledger_row *row)
{
	return row->prefix && net->bucket;
}

static int commit_unknown(struct engine *e, const struct ledger_row *row,
	const struct request *req, const char *why, struct err *err)
{
	struct engine_who who;
	struct request_place place = {0};
	scoped(buf_finish) struct buf path = {0};
	struct record rec = {.state = RECORD_UNKNOWN,
		.type = req->type,
		.draw = row->draw,
		.errno_code = EIO,
		.created_ms = clk_real_ms(),
		.retry_at_ms = INT64_MAX,
		.charged_ud = row->held_ud,
		.seed = UINT64_MAX,
		.model = (char *)req->model,
		.served_by = (char *)req->model,
		.why = (char *)why};
	struct cache_item item = {.rec = &rec,
		.close = {.id = row->id, .to = LEDGER_UNKNOWN, .why = why}};
	bool is_new;
	int r;

	who_of(row, &who);
	r = request_place_init(&place, req, &row->key, &who);
	if (r == 0)
		r = request_path(req, &path);
	rec.path = path.data;
	item.place = &place.place;
	r = r < 0 ? err_oom(err) : cache_commit_all(e->cache, &item, 1, &is_new, err);
	request_place_finish(&place);
	return r;
}

void resume_lost(struct network *net)
{
	struct engine *e = net->e;
	static const char why[] = "promptfs ended before the provider's answer came; "
				  "the request may be paid";
	struct left l = {.net = net, .e = e};

	ledger_each_open(e->cache, NULL, on_row, &l);
	release(e, l.reserved, l.n_reserved);
	for (size_t i = 0; i < l.n; i++) {
		struct request req = {0};
		struct err err = {0};
		int r = 0;

		if (l.row[i].state == LEDGER_SENT && !can_be_searched(net, &l.row[i])) {
			r = parse(&l.row[i], &req);
			if (r == 0)
				r = commit_unknown(e, &l.row[i], &req, why, &err);
			log_warn("call %llu of an earlier mount: %s",
				(unsigned long long)l.row[i].id,
				r == 0     ? why
				: err.code ? err.why
					   : strerror(-r));
		}
		request_finish(&req);
	}
	left_finish(&l);
}

/* ---- rows that go on ---- */

/* Rows of the takes of one call are of one job. */
static uint64_t mask_of(
	struct left *l, size_t from, const struct digest *job_key, const char *ns)
{
	uint64_t mask = 0;

	for (size_t i = from; i < l->n; i++) {
		struct request req = {0};
		struct digest key;

		if (l->row[i].id && parse(&l->row[i], &req) == 0 &&
			request_job_key(&req, ns, &key) == 0 &&
			!memcmp(&key, job_key, sizeof(key))) {
			mask |= request_job_takes(&req) > 1
					? UINT64_C(1) << (req.take - 1)
					: 1;
			l->row[i].id = 0;
		}
		request_finish(&req);
	}
	return mask;
}

static void go_on(struct left *l, size_t i)
{
	struct engine *e = l->e;
	struct submission sub = {.priority = PRIORITY_BATCH};
	const struct model_row *model;
	struct job *j;
	struct err err = {0};
	uint64_t id = l->row[i].id, mask;

	who_of(&l->row[i], &sub.who);
	if (parse(&l->row[i], &sub.req) < 0 ||
		request_key(&sub.req, e->ns, &sub.key) < 0 ||
		request_job_key(&sub.req, e->ns, &sub.job_key) < 0) {
		log_error("call %llu of an earlier mount cannot be read; it stays held",
			(unsigned long long)id);
		return;
	}
	mask = mask_of(l, i, &sub.job_key, e->ns);
	model = catalogue_find(e->catalogue, sub.req.model);
	if (!model)
		err_set(&err, ENOENT, "its model left the catalogue");
	else if (e->rules.offline)
		err_set(&err, ENETUNREACH, "offline");
	else if (!l->net->no_credentials.code)
		job_start(e, &sub, model, mask, &j, &err);
	else
		err = l->net->no_credentials;
	if (err.code)
		log_warn("call %llu of an earlier mount waits: %s",
			(unsigned long long)id, err.why);
	else
		log_info("going on with call %llu of an earlier mount; model=%s",
			(unsigned long long)id, sub.req.model);
	request_finish(&sub.req);
}

void resume_all(struct network *net)
{
	struct engine *e = net->e;
	struct left l = {.net = net, .e = e};
	int r = ledger_each_open(e->cache, NULL, on_row, &l);

	if (r < 0)
		log_error("the ledger cannot be read: %s", strerror(-r));
	for (size_t i = 0; i < l.n; i++)
		if (l.row[i].id && (l.row[i].state != LEDGER_SENT ||
					   can_be_searched(net, &l.row[i])))
			go_on(&l, i);
	left_finish(&l);
}
