// SPDX-License-Identifier: MIT
/* See network.h. */
#define LOG_TAG "engine"
#include "backend/engine/paid/network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"
#include "cache/base/money.h"

#define CONNECT_MS 10000
#define DAY_MS INT64_C(86400000)

/* ---- credentials ---- */

static const char *env_get(const char *name)
{
	return getenv(name);
}

static int find_key(
	const char *const *names, size_t count, struct network *n, struct err *err)
{
	return credentials_find_key(env_get, names, count, &n->cred, err);
}

/* Servers of one's own want no key; a key that is set is sent all the same. */
static int find_openai(
	const struct engine_remote *c, struct network *n, struct err *err)
{
	static const char *const names[] = {"OPENAI_API_KEY"};
	int r = find_key(names, ARRAY_SIZE(names), n, err);

	if (r == -EACCES && c->endpoint && !strstr(c->endpoint, "api.openai.com") &&
		!env_get(names[0])) {
		n->is_anonymous = true;
		n->cred = (struct credentials){.kind = CREDENTIALS_ANONYMOUS};
		*err = (struct err){0};
		return 0;
	}
	return r;
}

static int find_credentials(
	const struct engine_remote *c, struct network *n, struct err *err)
{
	static const char *const gemini[] = {"GOOGLE_API_KEY", "GEMINI_API_KEY"};
	struct credentials_hint hint = {.file = c->credentials,
		.command = c->token_command,
		.is_self_signed = c->is_self_signed,
		.env = env_get};
	int r;

	if (c->backend == BACKEND_OPENAI)
		return find_openai(c, n, err);
	if (c->backend == BACKEND_GEMINI)
		return find_key(gemini, ARRAY_SIZE(gemini), n, err);
	r = credentials_find_google(&hint, &n->cred, err);
	if (r == 0 && n->cred.kind == CREDENTIALS_NONE)
		r = err_set(err, EACCES,
			"no Google credentials: run gcloud auth application-default "
			"login, or set GOOGLE_APPLICATION_CREDENTIALS or credentials=");
	return r;
}

/* ---- life ---- */

static int copy_budget(
	struct network *n, const struct ledger_budget *b, struct err *err)
{
	n->budget = (struct ledger_budget){.file_udollars = -1};
	if (!b)
		return 0;
	n->limits = new_array(struct ledger_limit, b->n + 1);
	if (!n->limits)
		return err_oom(err);
	memcpy(n->limits, b->limit, b->n * sizeof(*b->limit));
	n->budget = *b;
	n->budget.limit = n->limits;
	return 0;
}

static int copy_bucket(
	struct network *n, const struct engine_remote *c, struct err *err)
{
	if (!c->bucket || !*c->bucket || c->backend != BACKEND_VERTEX)
		return 0;
	n->bucket = strdup(c->bucket);
	return n->bucket ? 0 : err_oom(err);
}

static int make_remote(
	struct network *n, const struct engine_remote *c, struct err *err)
{
	struct remote_config rc = {.backend = c->backend,
		.endpoint = c->endpoint,
		.storage_endpoint = c->storage_endpoint,
		.project = c->project && *c->project ? c->project : n->cred.project,
		.location = c->location,
		.user_project = n->cred.quota_project,
		.is_anonymous = n->is_anonymous};

	return remote_new(&rc, &n->remote, err);
}

static int init(struct network *n, const struct engine_remote *c, struct err *err)
{
	int r = copy_budget(n, c->budget, err);

	if (r == 0)
		r = copy_bucket(n, c, err);
	if (r < 0)
		return r;
	/* What is stored can be read without them: opens say what is missing. */
	if (find_credentials(c, n, &n->no_credentials) < 0)
		log_warn("%s", n->no_credentials.why);
	r = make_remote(n, c, err);
	return r < 0 ? r : http_new(n->e->loop, CONNECT_MS, &n->http, err);
}

int network_new(struct engine *e, const struct engine_remote *c, struct network **ret,
	struct err *err)
{
	struct network *n = new0(struct network);
	int r;

	if (!n)
		return err_oom(err);
	n->e = e;
	n->backend = c->backend;
	r = init(n, c, err);
	if (r < 0) {
		network_free(n);
		return r;
	}
	*ret = n;
	return 0;
}

void network_free(struct network *n)
{
	if (!n)
		return;
	remote_free(n->remote);
	free(n->bucket);
	free(n->limits);
	credentials_finish(&n->cred);
	free(n);
}

/* ---- decisions that have one home ---- */

struct price_scope network_scope(const struct network *n, char today[static 11])
{
	clk_format_day(clk_real_ms(), today);
	return price_scope_of(
		n->e->catalogue, n->backend, n->bucket, n->e->rules.fallback, today);
}

static bool is_about(const struct ledger_limit *l, uint32_t uid)
{
	return !l->is_per_user || l->uid == LEDGER_ANY_UID || l->uid == uid;
}

void network_alert(struct network *n, uint32_t uid)
{
	static const char *const names[LEDGER_PERIODS] = {"daily", "monthly", "total"};
	int64_t today = clk_real_ms() / DAY_MS;

	for (size_t i = 0; i < n->budget.n; i++) {
		const struct ledger_limit *l = &n->budget.limit[i];
		struct ledger_sums sums[LEDGER_PERIODS];
		char used[MONEY_TEXT], all[MONEY_TEXT];
		int64_t used_ud;

		if (!is_about(l, uid) || l->udollars <= 0 ||
			n->alerted_day[l->period] == today ||
			ledger_sums(n->e->cache, l->is_per_user ? uid : LEDGER_ANY_UID,
				sums) < 0)
			continue;
		used_ud = sums[l->period].spent_ud + sums[l->period].reserved_ud;
		if (!ledger_is_nearly_used(used_ud, l->udollars))
			continue;
		n->alerted_day[l->period] = today;
		money_format(used_ud, used);
		money_format(l->udollars, all);
		log_warn("alert: %s of %s USD of the %s budget are spent or reserved",
			used, all, names[l->period]);
	}
}
