// SPDX-License-Identifier: MIT
#pragma once
/* What a file costs by the catalogue. Pure, any thread; integer micro-US-dollars,
 * rounded up once, as a bill is. `takes` is how many files one job makes: N of count=N,
 * else 1.
 *
 * Functions that need a price give -ENOENT with a sentence for a row without one, and
 * -EOVERFLOW for a sum above INT64_MAX. */
#include <stdbool.h>
#include <stdint.h>

#include "backend/model/catalogue.h"
#include "backend/request/request.h"

struct price_estimate {
	const char *unit; /* "image", "second", "token" */
	int64_t units; /* seconds billed, images, tokens in and out at their limits */
	int64_t unit_udollars; /* of one unit; 0 for tokens, whose price is below that
				*/
	int64_t in_udollars, out_udollars; /* tokens: a million of each */
	int64_t total_udollars;
};

/* Upper bound of what the row itself charges. `may_extend` as in limits_segments. */
int price_estimate(const struct model_row *row, const struct request *req,
	uint32_t takes, bool may_extend, struct price_estimate *ret, struct err *err);
/* The same for one call of `seconds` of a planned video. */
int price_segment(const struct model_row *row, const struct request *req,
	uint32_t seconds, int64_t *ret, struct err *err);

/* What a finished call charges; zero for what it did not use. */
struct usage {
	uint32_t images;
	uint32_t seconds;
	int64_t tokens_in, tokens_out;
};
int price_actual(const struct model_row *row, const struct request *req,
	const struct usage *usage, int64_t *ret, struct err *err);
/* What a refusal of this request charges; never more than price_estimate. */
int price_refusal(const struct model_row *row, const struct request *req,
	uint32_t takes, bool may_extend, int64_t *ret, struct err *err);

/* Whom the worst case and the search for others consider. */
struct price_scope {
	const struct catalogue *catalogue;
	enum backend_id backend;
	bool fallback;     /* may another model serve it? */
	bool may_extend;   /* can long videos be extended there? see limits_segments */
	const char *today; /* YYYY-MM-DD, UTC */
};
/* The scope of a mount. `bucket` as configured, NULL or "": none; `today` is borrowed.
 * Whoever shows a price and whoever reserves it take it from here. */
struct price_scope price_scope_of(const struct catalogue *catalogue,
	enum backend_id backend, const char *bucket, bool fallback, const char *today);

/* What is reserved: the dearest row that may serve the path. That is the row, its
 * fallback, and for each of them the successor price_successor() names. */
int price_worst(const struct price_scope *s, const struct model_row *row,
	const struct request *req, uint32_t takes, int64_t *ret, struct err *err);

/* Who takes over from a model the provider no longer has: the cheapest successor that
 * can make the shape, else NULL. */
const struct model_row *price_successor(const struct price_scope *s,
	const struct model_row *row, const struct request *req);
/* Who takes over from an overloaded one; NULL if there is none that can. */
const struct model_row *price_fallback(const struct price_scope *s,
	const struct model_row *row, const struct request *req);

/* Cheaper rows that can make the file, cheapest first; at most max. Returns how many.
 */
struct price_alternative {
	const struct model_row *row;
	int64_t estimate_udollars;
};
#define PRICE_ALTERNATIVES_MAX 5
size_t price_alternatives(const struct price_scope *s, const struct model_row *row,
	const struct request *req, uint32_t takes, struct price_alternative *ret,
	size_t max);
