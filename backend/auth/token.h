// SPDX-License-Identifier: MIT
#pragma once
/* Access tokens: one refresh for all who wait, ahead of expiry, and once after a 401.
 * Everything runs on the loop's thread. The token's text is handed to those who asked
 * and is never logged; nor is anything a token server says but its error code. */
#include <stdbool.h>
#include <stdint.h>

#include "backend/auth/credentials.h"
#include "backend/net/http.h"
#include "backend/net/pool.h"

struct token_source;

/* Refreshed when less is left, or less than a quarter of its life. The old one serves
 * on meanwhile until half of that is left. */
#define TOKEN_EARLY_MS (5 * 60 * 1000)
#define TOKEN_ANSWER_MAX (64u * 1024u)
#define TOKEN_TIMEOUT_MS 30000

/* `c` is taken over, whatever the result. pool runs token_command. -ENOMEM. */
int token_source_new(struct loop *loop, struct http *http, struct pool *pool,
	struct credentials *take_c, struct token_source **ret, struct err *err);
/* Those who wait are told -ECANCELED, and must not ask again. Also from inside `done`.
 * Before http_free. NULL is fine. */
void token_source_free(struct token_source *t);

/* Lives in its owner until `done` has run. */
struct token_wait {
	struct token_wait *next;
	/* bearer: borrowed for the call, "" for CREDENTIALS_ANONYMOUS, NULL on failure:
	 * -EACCES refused or missing, -ENETUNREACH, -ETIMEDOUT, -EPROTO. Never from
	 * inside token_get. */
	void (*done)(struct token_wait *w, const char *bearer, const struct err *err);
};
void token_get(struct token_source *t, struct token_wait *w);
/* Does not wait any more; `done` does not run. */
void token_forget(struct token_source *t, struct token_wait *w);

/* A server answered 401 to this token: the next token_get fetches another. Of many who
 * were refused with the same token only the first matters. */
void token_refused(struct token_source *t, const char *bearer);
