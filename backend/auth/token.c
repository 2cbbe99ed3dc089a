// SPDX-License-Identifier: MIT
/* Who waits for a token, and when to ask for the next: see token.h. */
#define LOG_TAG "token"
#include "backend/auth/token.h"

#include <errno.h>
#include <string.h>

#include "backend/auth/token_internal.h"
#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

#define AGAIN_MS 10000 /* between refreshes that fail while the old one is good */

static int64_t left_ms(const struct token_source *t)
{
	return t->token ? t->expires_ms - clk_real_ms() : 0;
}

static bool is_fetching(const struct token_source *t)
{
	return t->call || t->command;
}

/* ---- answering ---- */

/* Puts a list behind another. */
static void append(struct token_wait **list, struct token_wait *w)
{
	while (*list)
		list = &(*list)->next;
	*list = w;
}

static struct token_wait *take_first(struct token_wait **list)
{
	struct token_wait *w = *list;

	if (w)
		*list = w->next;
	return w;
}

static void destroy(struct token_source *t)
{
	if (t->token)
		explicit_bzero(t->token, strlen(t->token));
	free(t->token);
	credentials_finish(&t->cred);
	free(t);
}

/* A timer, not a post: it can be cleared when the source goes. Who is told may ask
 * again, forget others, or free the source. */
static void tell(struct timer *timer)
{
	struct token_source *t = container_of(timer, struct token_source, timer);
	struct err err = t->err;
	struct token_wait *w;

	t->is_telling = true;
	while ((w = take_first(&t->failed)))
		w->done(w, NULL, &err);
	while ((w = take_first(&t->served)))
		w->done(w, t->token ? t->token : "", NULL);
	t->is_telling = false;
	if (t->is_freed)
		destroy(t);
}

static void tell_soon(struct token_source *t)
{
	loop_timer_set(t->loop, &t->timer, clk_mono_ms(), tell);
}

static void serve(struct token_source *t, struct token_wait *w)
{
	w->next = NULL;
	append(&t->served, w);
	tell_soon(t);
}

void token_fetched(struct token_source *t, const struct err *err)
{
	struct token_wait *w = steal_ptr(t->waiting);

	token_fetch_cancel(t); /* nothing runs; it wipes what was said */
	if (err) {
		log_warn("no access token: %s", err->why);
		t->err = *err;
		t->not_before_ms = clk_mono_ms() + AGAIN_MS;
	}
	if (!w)
		return;
	append(err ? &t->failed : &t->served, w);
	tell_soon(t);
}

/* ---- ours ---- */

int token_source_new(struct loop *loop, struct http *http, struct pool *pool,
	struct credentials *take_c, struct token_source **ret, struct err *err)
{
	struct token_source *t = new0(struct token_source);

	if (t && take_c->kind == CREDENTIALS_KEY)
		t->token = strdup(take_c->api_key);
	if (!t || (take_c->kind == CREDENTIALS_KEY && !t->token)) {
		free(t);
		credentials_finish(take_c);
		return err_oom(err);
	}
	t->loop = loop;
	t->http = http;
	t->pool = pool;
	t->cred = *take_c;
	*take_c = (struct credentials){0};
	*ret = t;
	return 0;
}

static void cancel_all(struct token_wait **list, const struct err *err)
{
	struct token_wait *w;

	while ((w = take_first(list)))
		w->done(w, NULL, err);
}

void token_source_free(struct token_source *t)
{
	struct err err = {0};

	if (!t || t->is_freed)
		return;
	t->is_freed = true;
	token_fetch_cancel(t);
	loop_timer_clear(t->loop, &t->timer);
	err_set(&err, ECANCELED, "stopping");
	cancel_all(&t->waiting, &err);
	cancel_all(&t->served, &err);
	cancel_all(&t->failed, &err);
	if (!t->is_telling)
		destroy(t);
}

void token_get(struct token_source *t, struct token_wait *w)
{
	bool is_fixed = t->cred.kind == CREDENTIALS_KEY ||
			t->cred.kind == CREDENTIALS_ANONYMOUS;
	int64_t left = is_fixed ? INT64_MAX : left_ms(t);
	bool may_ask = !is_fetching(t) && clk_mono_ms() >= t->not_before_ms;

	if (is_fixed || left > t->early_ms || (left > 0 && !may_ask)) {
		serve(t, w);
		return;
	}
	/* Ahead of its end the old one still serves, unless it may end on the way. */
	if (left > t->early_ms / 2) {
		serve(t, w);
	} else {
		w->next = t->waiting;
		t->waiting = w;
	}
	if (!is_fetching(t))
		token_fetch(t);
}

static bool unlink_wait(struct token_wait **list, struct token_wait *w)
{
	for (; *list; list = &(*list)->next) {
		if (*list == w) {
			*list = w->next;
			return true;
		}
	}
	return false;
}

void token_forget(struct token_source *t, struct token_wait *w)
{
	if (!unlink_wait(&t->waiting, w) && !unlink_wait(&t->served, w))
		unlink_wait(&t->failed, w);
}

void token_refused(struct token_source *t, const char *bearer)
{
	if (t->token && !strcmp(t->token, bearer))
		t->expires_ms = 0;
}
