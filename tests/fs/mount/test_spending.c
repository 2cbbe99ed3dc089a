// SPDX-License-Identifier: MIT
#include "fs/mount/spending.h"

#include <errno.h>
#include <unistd.h>

#include "cache/base/mem.h"
#include "tests/support/tap.h"

static void load(struct config *c, const char *options)
{
	scoped_free char *copy = strdup(options);
	struct err err = {0};

	CHECK_INT(config_init(c, &err), 0);
	for (char *p = copy, *one; (one = strsep(&p, ","));) {
		if (!CHECK_INT(config_option(c, one, &err), 0))
			printf("# %s\n", err.why);
	}
}

/* Files of one server never answer for another's; Vertex and the Gemini API are one. */
static void namespaces(void)
{
	static const struct {
		const char *options, *ns;
		enum backend_id backend;
	} rows[] = {
		{"backend=local", "local", BACKEND_LOCAL},
		{"backend=vertex", "google", BACKEND_VERTEX},
		{"backend=vertex,endpoint=http://127.0.0.1:8765", "google",
			BACKEND_VERTEX},
		{"backend=gemini", "google", BACKEND_GEMINI},
		{"backend=openai", "openai:https://api.openai.com", BACKEND_OPENAI},
		{"backend=openai,endpoint=https://API.openai.com:443/v1/",
			"openai:https://api.openai.com", BACKEND_OPENAI},
		{"backend=openai,endpoint=HTTP://LocalHost:8080/v1",
			"openai:http://localhost:8080", BACKEND_OPENAI},
		{"backend=openai,endpoint=http://localhost:8081",
			"openai:http://localhost:8081", BACKEND_OPENAI},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(config_finish) struct config c = {0};
		struct promptfs fs = {.config = &c};
		struct err err = {0};

		load(&c, rows[i].options);
		CHECK_INT(spending_configure(&fs, &err), 0);
		CHECK_STR(fs.ns, rows[i].ns);
		CHECK_INT(fs.backend, rows[i].backend);
		spending_finish(&fs);
	}
}

static void what_the_engine_is_told(void)
{
	scoped(config_finish) struct config c = {0};
	struct promptfs fs = {.config = &c};
	const struct ledger_budget *b = &fs.budget;
	struct err err = {0};

	load(&c, "backend=vertex,project=p,location=l,bucket=b,credentials=/k.json,"
		 "token_command=t,self_signed,retries=0,endpoint=http://e,"
		 "storage_endpoint=s,budget=5/day+6/month,budget_uid=1/day,"
		 "max_cost=0.5");
	CHECK_INT(spending_configure(&fs, &err), 0);
	CHECK_STR(fs.remote.project, "p");
	CHECK_STR(fs.remote.location, "l");
	CHECK_STR(fs.remote.bucket, "b");
	CHECK_STR(fs.remote.credentials, "/k.json");
	CHECK_STR(fs.remote.token_command, "t");
	CHECK_STR(fs.remote.endpoint, "http://e");
	CHECK_STR(fs.remote.storage_endpoint, "http://s");
	CHECK(fs.remote.is_self_signed);
	CHECK_INT(fs.remote.tries, 1);
	CHECK(fs.remote.budget == b);
	CHECK_INT(b->file_udollars, 500000);
	if (CHECK_INT((int64_t)b->n, 3)) {
		CHECK_INT(b->limit[0].udollars, 5000000);
		CHECK_INT(b->limit[1].period, LEDGER_MONTH);
		CHECK(!b->limit[1].is_per_user && b->limit[2].is_per_user);
	}
	spending_finish(&fs);
}

static void no_limit_at_all(void)
{
	scoped(config_finish) struct config c = {0};
	struct promptfs fs = {.config = &c};
	struct err err = {0};

	load(&c, "backend=gemini,budget=off,max_cost=none");
	CHECK_INT(spending_configure(&fs, &err), 0);
	CHECK_INT((int64_t)fs.budget.n, 0);
	CHECK_INT(fs.budget.file_udollars, -1);
	CHECK_INT(fs.remote.tries, 3);
	spending_finish(&fs);
}

TAP_MAIN(TAP_CASE(namespaces), TAP_CASE(what_the_engine_is_told),
	TAP_CASE(no_limit_at_all))
