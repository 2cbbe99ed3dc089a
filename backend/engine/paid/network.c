// SPDX-License-Identifier: MIT
/* What an engine needs to buy across a network: credentials, connections, budget. */
#define LOG_TAG "engine"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/auth/credentials.h"
#include "backend/engine/paid/network.h"
#include "backend/engine/paid/paid.h"
#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"
#include "cache/base/money.h"
#include "cache/base/str.h"

#define CONNECT_MS 10000
#define ALERT_PERCENT 80
#define DAY_MS INT64_C(86400000)

struct network {
	struct credentials cred;
	bool is_anonymous;
};

/* ---- the provider's face to the rest of the engine ---- */

static int can_make(void *ctx, const struct model_row *row, const struct request *req,
	struct err *err)
{
	return remote_can_make(ctx, row, req, err);
}

static const struct provider_ops face[BACKEND_COUNT_] = {
	[BACKEND_VERTEX] = {.name = "vertex",
		.is_paid = true,
		.note = "",
		.can_make = can_make},
	[BACKEND_GEMINI] = {.name = "gemini",
		.is_paid = true,
		.note = "",
		.can_make = can_make},
	[BACKEND_OPENAI] = {.name = "openai",
		.is_paid = true,
		.note = "",
		.can_make = can_make},
};

/* ---- credentials ---- */

static const char *env_get(const char *name)
{
	return getenv(name);
}

static int find_key(
	const char *const *names, size_t n, struct network *w, struct err *err)
{
	return credentials_find_key(env_get, names, n, &w->cred, err);
}

/* Servers of one's own want no key; a key that is set is sent all the same. */
static int find_openai(
	const struct engine_remote *c, struct network *w, struct err *err)
{
	static const char *const names[] = {"OPENAI_API_KEY"};
	int r = find_key(names, ARRAY_SIZE(names), w, err);

	if (r == -EACCES && c->endpoint && !strstr(c->endpoint, "api.openai.com") &&
		!env_get(names[0])) {
		w->is_anonymous = true;
		w->cred = (struct credentials){.kind = CREDENTIALS_ANONYMOUS};
		*err = (struct err){0};
		return 0;
	}
	return r;
}

static int find_credentials(
	const struct engine_remote *c, struct network *w, struct err *err)
{
	static const char *const gemini[] = {"GOOGLE_API_KEY", "GEMINI_API_KEY"};
	struct credentials_hint hint = {.file = c->credentials,
		.command = c->token_command,
		.is_self_signed = c->is_self_signed,
		.env = env_get};
	int r;

	if (c->backend == BACKEND_OPENAI)
		return find_openai(c, w, err);
	if (c->backend == BACKEND_GEMINI)
		return find_key(gemini, ARRAY_SIZE(gemini), w, err);
	r = credentials_find_google(&hint, &w->cred, err);
	if (r == 0 && w->cred.kind == CREDENTIALS_NONE)
		r = err_set(err, EACCES,
			"no Google credentials: run gcloud auth application-default "
			"login, or set GOOGLE_APPLICATION_CREDENTIALS or credentials=");
	return r;
}

static int copy_budget(struct engine *e, const struct ledger_budget *b, struct err *err)
{
	e->budget = (struct ledger_budget){.file_udollars = -1};
	if (!b)
		return 0;
	e->limits = new_array(struct ledger_limit, b->n + 1);
	if (!e->limits)
		return err_oom(err);
	memcpy(e->limits, b->limit, b->n * sizeof(*b->limit));
	e->budget = *b;
	e->budget.limit = e->limits;
	return 0;
}

static int make_remote(struct engine *e, const struct engine_remote *c,
	const struct network *w, struct err *err)
{
	struct remote_config rc = {.backend = c->backend,
		.endpoint = c->endpoint,
		.storage_endpoint = c->storage_endpoint,
		.project = c->project && *c->project ? c->project : w->cred.project,
		.location = c->location,
		.user_project = w->cred.quota_project,
		.is_anonymous = w->is_anonymous};
	int r = remote_new(&rc, &e->remote, err);

	if (r == 0)
		e->provider = (struct provider){&face[c->backend], e->remote};
	return r;
}

int network_start(struct engine *e, const struct engine_remote *c, struct err *err)
{
	int r = copy_budget(e, c->budget, err);

	e->backend = c->backend;
	e->retry.tries = c->tries > 0 ? (uint32_t)c->tries : e->retry.tries;
	if (r == 0 && c->bucket && *c->bucket && c->backend == BACKEND_VERTEX) {
		e->bucket = strdup(c->bucket);
		r = e->bucket ? 0 : err_oom(err);
	}
	e->network = r == 0 ? new0(struct network) : NULL;
	if (!e->network)
		return r < 0 ? r : err_oom(err);
	/* What is stored can be read without them: opens say what is missing. */
	if (find_credentials(c, e->network, &e->no_credentials) < 0)
		log_warn("%s", e->no_credentials.why);
	r = make_remote(e, c, e->network, err);
	return r < 0 ? r : http_new(e->loop, CONNECT_MS, &e->http, err);
}

/* ---- on the loop ---- */

static void check_work(struct pool_item *i)
{
	struct engine *e = container_of(i, struct engine, check);
	struct err err = {0};

	if (ledger_check(e->cache, &i->stop, &err) < 0 && err.code != ECANCELED)
		log_error("%s; nothing is bought", err.why);
}

static void check_done(struct pool_item *i)
{
	(void)i;
}

static void on_open(struct post *p)
{
	struct engine *e = container_of(p, struct engine, start_post);
	struct err err = {0};

	if (!e->no_credentials.code && token_source_new(e->loop, e->http, e->pool,
					       &e->network->cred, &e->tokens, &err) < 0)
		e->no_credentials = err;
	pool_submit(e->pool, POOL_BACKGROUND, &e->check, check_work, check_done);
	resume_all(e);
	pthread_mutex_lock(&e->lock);
	e->is_opening = false;
	pthread_cond_broadcast(&e->idle);
	pthread_mutex_unlock(&e->lock);
}

void network_open(struct engine *e)
{
	resume_lost(e);
	e->is_opening = true; /* engine_stop leaves it the pool */
	loop_post(e->loop, &e->start_post, on_open);
}

static void on_close(struct post *p)
{
	struct engine *e = container_of(p, struct engine, close_post);

	token_source_free(e->tokens);
	e->tokens = NULL;
	http_free(e->http);
	e->http = NULL;
}

void network_close(struct engine *e)
{
	loop_post(e->loop, &e->close_post, on_close);
}

void network_free(struct engine *e)
{
	routes_free(e->routes);
	remote_free(e->remote);
	free(e->bucket);
	free(e->limits);
	if (e->network)
		credentials_finish(&e->network->cred);
	free(e->network);
}

/* ---- the alert ---- */

static bool is_nearly_used(const struct ledger_limit *l, const struct ledger_sums *s)
{
	return l->udollars > 0 && (__int128)(s->spent_ud + s->reserved_ud) * 100 >=
					  (__int128)l->udollars * ALERT_PERCENT;
}

void budget_alert(struct engine *e, uint32_t uid)
{
	static const char *const names[LEDGER_PERIODS] = {"daily", "monthly", "total"};
	int64_t today = clk_real_ms() / DAY_MS;

	for (size_t i = 0; i < e->budget.n; i++) {
		const struct ledger_limit *l = &e->budget.limit[i];
		struct ledger_sums sums[LEDGER_PERIODS];
		char used[MONEY_TEXT], all[MONEY_TEXT];
		uint32_t whose = l->is_per_user ? uid : LEDGER_ANY_UID;

		if ((l->is_per_user && l->uid != LEDGER_ANY_UID && l->uid != uid) ||
			e->alerts.said_day[l->period] == today ||
			ledger_sums(e->cache, whose, sums) < 0 ||
			!is_nearly_used(l, &sums[l->period]))
			continue;
		e->alerts.said_day[l->period] = today;
		money_format(
			sums[l->period].spent_ud + sums[l->period].reserved_ud, used);
		money_format(l->udollars, all);
		log_warn("alert: %s of %s USD of the %s budget are spent or reserved",
			used, all, names[l->period]);
	}
}
