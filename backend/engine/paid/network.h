// SPDX-License-Identifier: MIT
#pragma once
/* What an engine needs to buy across a network: credentials, connections, budget. Made
 * and unmade with the engine; the loop thread's after that, but for what never changes.
 * Everything in paid/ reaches it by paid->net. */
#include "backend/auth/credentials.h"
#include "backend/auth/token.h"
#include "backend/engine/core.h"
#include "backend/net/http.h"
#include "backend/policy/price.h"
#include "backend/provider/remote.h"
#include "cache/ledger.h"

struct route;

struct network {
	struct engine *e;
	/* immutable after network_new */
	enum backend_id backend;
	struct remote *remote;
	char *bucket; /* NULL: none */
	struct ledger_budget budget;
	struct ledger_limit *limits;
	struct credentials cred;
	bool is_anonymous;
	/* why nothing can be bought; code 0: it can. Set before the first job */
	struct err no_credentials;

	struct http *http;
	struct token_source *tokens;
	struct route *routes;
	int64_t alerted_day[LEDGER_PERIODS]; /* days since 1970, of the last alert */
	struct pool_item check;              /* of the ledger */
	struct post open, close;
};

/* Finds the credentials; sends nothing. <0 with a sentence. Missing credentials are no
 * failure: opens say what is missing. */
int network_new(struct engine *e, const struct engine_remote *c, struct network **ret,
	struct err *err);
void network_free(struct network *n); /* after the loop; NULL is fine */

/* Whom prices and stand-ins consider, today. */
struct price_scope network_scope(const struct network *n, char today[static 11]);
/* A line in the log, once a day, when 80 % of a limit are spent or reserved. */
void network_alert(struct network *n, uint32_t uid);
