// SPDX-License-Identifier: MIT
#pragma once
/* What the two halves of a token source share: token.c decides who waits and when to
 * ask, token_fetch.c asks. Nobody else includes this. The loop's thread only. */
#include "backend/auth/token.h"
#include "backend/auth/token_command.h"
#include "cache/base/buf.h"

struct token_source {
	struct loop *loop;
	struct http *http;
	struct pool *pool;
	struct credentials cred;
	char *token;           /* NULL: none yet */
	int64_t expires_ms;    /* Unix time: a machine that slept must see it pass */
	int64_t early_ms;      /* refreshed when less than this is left */
	int64_t not_before_ms; /* after a failure, while the old one is still good */

	struct token_wait *waiting;         /* for the refresh under way */
	struct token_wait *served, *failed; /* to be told, with `err` the latter */
	struct err err;
	struct timer timer;
	bool is_telling, is_freed;

	struct http_call *call;
	struct token_command *command;
	struct buf body, answer;
	int64_t clock_offset_s; /* of the token server, where it told */
	bool is_retried;
};

/* Asks; token_fetched is called later, or before it returns. */
void token_fetch(struct token_source *t);
void token_fetch_cancel(struct token_source *t);
/* It has ended: the token is in `t`, or `err` says why not. */
void token_fetched(struct token_source *t, const struct err *err);
/* -EPROTO: not a token. */
int token_take(
	struct token_source *t, const char *token, int64_t seconds, struct err *err);
