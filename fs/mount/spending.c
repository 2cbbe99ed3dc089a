// SPDX-License-Identifier: MIT
/* See spending.h. */
#include "fs/mount/spending.h"

#include <errno.h>
#include <string.h>

#include "cache/base/mem.h"

#define OPENAI_ENDPOINT "https://api.openai.com" /* where nobody names another */

/* Who made a file decides where it belongs: the same model of two OpenAI-compatible
 * servers is not the same, Google's two front doors lead to the same models. */
static int namespace_of(const struct promptfs *fs, struct buf *ret)
{
	const char *endpoint = fs->config->endpoint;
	int r;

	switch (fs->backend) {
	case BACKEND_VERTEX:
	case BACKEND_GEMINI:
		return buf_adds(ret, "google");
	case BACKEND_OPENAI:
		r = buf_adds(ret, "openai:");
		return r < 0 ? r
			     : config_origin(
				       endpoint ? endpoint : OPENAI_ENDPOINT, ret);
	default:
		return buf_adds(ret, "local");
	}
}

/* The limits of all and those of users, in one list. */
static int collect_limits(struct promptfs *fs)
{
	const struct limit_list *all = &fs->config->budget;
	const struct limit_list *users = &fs->config->budget_uid;

	fs->limits = new_array(struct ledger_limit, all->n + users->n + 1);
	if (!fs->limits)
		return -ENOMEM;
	if (all->n)
		memcpy(fs->limits, all->limit, all->n * sizeof(*all->limit));
	if (users->n)
		memcpy(fs->limits + all->n, users->limit,
			users->n * sizeof(*users->limit));
	fs->budget = (struct ledger_budget){.limit = fs->limits,
		.n = all->n + users->n,
		.file_udollars = fs->config->max_cost_ud};
	return 0;
}

int spending_configure(struct promptfs *fs, struct err *err)
{
	const struct config *c = fs->config;
	scoped(buf_finish) struct buf ns = {0};

	if (backend_parse(c->backend, &fs->backend) < 0)
		return err_set(err, EINVAL, "unknown backend \"%s\"", c->backend);
	if (namespace_of(fs, &ns) < 0 || collect_limits(fs) < 0)
		return err_oom(err);
	fs->ns = buf_detach(&ns);
	fs->remote = (struct engine_remote){.backend = fs->backend,
		.endpoint = c->endpoint,
		.storage_endpoint = c->storage_endpoint,
		.project = c->project,
		.location = c->location,
		.bucket = c->bucket,
		.credentials = c->credentials,
		.token_command = c->token_command,
		.is_self_signed = c->self_signed,
		.tries = c->retries + 1,
		.budget = &fs->budget};
	return 0;
}

void spending_finish(struct promptfs *fs)
{
	mem_free(&fs->ns);
	mem_free(&fs->limits);
	fs->budget = (struct ledger_budget){0};
}
