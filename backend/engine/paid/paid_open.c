// SPDX-License-Identifier: MIT
/* See paid_open.h. */
#define LOG_TAG "engine"
#include "backend/engine/paid/paid_open.h"

#include <errno.h>

#include "backend/engine/paid/resume.h"
#include "backend/engine/paid/route.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

static void check_work(struct pool_item *i)
{
	struct network *n = container_of(i, struct network, check);
	struct err err = {0};

	if (ledger_check(n->e->cache, &i->stop, &err) < 0 && err.code != ECANCELED)
		log_error("%s; nothing is bought", err.why);
}

static void check_done(struct pool_item *i)
{
	(void)i;
}

static void on_open(struct post *p)
{
	struct network *n = container_of(p, struct network, open);
	struct engine *e = n->e;
	struct err err = {0};

	if (!n->no_credentials.code && token_source_new(e->loop, n->http, e->pool,
					       &n->cred, &n->tokens, &err) < 0)
		n->no_credentials = err;
	pool_submit(e->pool, POOL_BACKGROUND, &n->check, check_work, check_done);
	resume_all(n);
	pthread_mutex_lock(&e->lock);
	e->is_opening = false;
	pthread_cond_broadcast(&e->idle);
	pthread_mutex_unlock(&e->lock);
}

void paid_open(struct engine *e)
{
	struct network *n = e->maker.ctx;

	resume_lost(n);
	e->is_opening = true; /* engine_stop leaves it the pool */
	loop_post(e->loop, &n->open, on_open);
}

static void on_close(struct post *p)
{
	struct network *n = container_of(p, struct network, close);

	token_source_free(n->tokens);
	n->tokens = NULL;
	http_free(n->http);
	n->http = NULL;
}

void paid_close(struct engine *e)
{
	struct network *n = e->maker.ctx;

	loop_post(e->loop, &n->close, on_close);
}

void paid_free_network(void *ctx)
{
	struct network *n = ctx;

	routes_free(n->routes);
	network_free(n);
}
