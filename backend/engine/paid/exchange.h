// SPDX-License-Identifier: MIT
#pragma once
/* One HTTP request and its response, for whatever it is made: the token that it needs,
 * its headers, its body on the way into the store, and what a 401 does, once. How it
 * ended comes as an event of the job (EVENT_DONE). The loop thread only. */
#include "backend/engine/paid/network.h"
#include "backend/engine/response.h"

struct exchange {
	struct job *job;
	struct network *net;
	struct remote_call request; /* made before by its owner */
	struct token_wait token;
	bool waits_for_token;
	bool sends;      /* once the token is there */
	bool is_renewed; /* the token, because of a 401 */
	char *bearer;
	int64_t timeout_ms;
	struct http_call *call; /* while it is under way */
	struct response *response;

	/* how it ended, for the event only. NULL: it did not come to a call, `err` */
	const struct http_response *answer;
	struct err err;
};

void exchange_init(struct exchange *x, struct job *j, struct network *n);
/* Ends what is under way, without an event, and forgets everything but is_renewed. */
void exchange_drop(struct exchange *x);
void exchange_reset(struct exchange *x); /* for the next request */

/* Fetches the token that the request needs. false: it needs none, go on; else an event
 * comes, after which `bearer` is there, or `err` says why not. */
bool exchange_authorize(struct exchange *x);
/* Sends it. <0 with a sentence, also in x->err: nothing left, and no event comes. */
int exchange_send(struct exchange *x, int64_t timeout_ms);
/* Both; failures on the way are events too, but those of the beginning. */
int exchange_run(struct exchange *x, int64_t timeout_ms);

/* The server answered 401: the next request gets another token. false: that was tried
 * already, for this call. */
bool exchange_renew(struct exchange *x);
/* Whether a byte of what costs money may have left. */
bool exchange_was_sent(const struct exchange *x);
