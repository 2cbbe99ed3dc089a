// SPDX-License-Identifier: MIT
/* Asking for a file: what can be said at once is said on the caller's thread; the rest,
 * joining or starting a job, happens on the loop. */
#include <errno.h>

#include "backend/engine/admit.h"
#include "backend/engine/job.h"
#include "backend/engine/unstored.h"
#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

/* ---- cancelling ---- */

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

/* ---- submitting ---- */

/* Starts or joins a job. <0: neither, with a sentence. */
static int park(struct ticket *t, const struct record *rec, struct err *err)
{
	struct engine *e = t->e;
	struct submission *s = t->sub;
	bool is_many = request_job_takes(&s->req) > 1;
	struct flight *f =
		flights_find(&e->work.flights, is_many ? &s->job_key : &s->key);
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
	int r;

	if (!ticket_move(t, TICKET_SUBMITTED, TICKET_PARKED)) {
		ticket_end_cancelled(t);
		return;
	}
	/* A job leaves the table after its commit, and both happen on this thread's
	 * watch: what is neither stored nor in the table is not being made. */
	r = cache_find(e->cache, &t->sub->key, &rec, NULL, &err);
	if (r == 0 && rec.state == RECORD_GENERATED) {
		ticket_complete(t, &rec, NULL);
	} else if (unstored_find(e, &t->sub->key)) {
		ticket_complete(t, unstored_find(e, &t->sub->key), NULL);
	} else if (r < 0 && r != -ENOENT) {
		ticket_complete(t, NULL, &err);
	} else if (engine_is_stopping(e)) {
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

int engine_submit(struct engine *e, const struct request *req, const struct digest *key,
	const struct engine_who *who, enum engine_priority priority,
	engine_done_fn done, void *user, struct ticket **ret, struct err *err)
{
	struct submission *s;
	struct ticket *t;
	struct digest made;
	struct err own = {0};
	int r;

	if (!request_is_file(req))
		return err_set(err, EINVAL, "this path names no file");
	if (!key && request_key(req, e->ns, &made) < 0)
		return err_oom(err);
	key = key ? key : &made;
	r = check(e, req, who, key, &own);
	if (r < 0) {
		remember_refusal(e, req, key, &own);
		if (err)
			*err = own;
		return r;
	}
	s = submission_new(e, req, who, priority, key);
	if (!s)
		return err_oom(err);
	t = ticket_new(e, s, done, user, ret ? 2 : 1, &own);
	if (!t) {
		if (err)
			*err = own;
		return -own.code;
	}
	if (ret)
		*ret = t;
	loop_post(e->loop, &t->post, on_submit);
	return 0;
}
