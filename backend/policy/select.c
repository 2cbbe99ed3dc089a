// SPDX-License-Identifier: MIT
/* Ranking rows for auto, best and cheap. */
#include "backend/policy/select.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/policy/limits.h"
#include "backend/policy/price.h"
#include "cache/base/buf.h"
#include "cache/base/mem.h"

/* The specification's rule for `auto`. */
#define LONG_PROMPT 100 /* characters */
#define LONG_VIDEO 60   /* seconds */

static const char *const names[] = {"", "auto", "best", "cheap"};

const char *selector_name(enum selector s)
{
	return (unsigned)s < ARRAY_SIZE(names) ? names[s] : "";
}

enum selector selector_find(const char *name, size_t len)
{
	for (size_t i = 1; i < ARRAY_SIZE(names); i++) {
		if (strlen(names[i]) == len && !memcmp(names[i], name, len))
			return (enum selector)i;
	}
	return SELECT_NONE;
}

struct option {
	const struct model_row *row;
	int64_t price;
	bool is_live;
	size_t at;
};

static int64_t compare_worth(
	const struct option *a, const struct option *b, bool by_price)
{
	int64_t cheaper = a->price < b->price ? -1 : a->price > b->price;
	int64_t better = (int64_t)b->row->quality - (int64_t)a->row->quality;

	if (by_price)
		return cheaper ? cheaper : better;
	return better ? better : cheaper;
}

static int compare(const struct option *a, const struct option *b, bool by_price)
{
	int64_t d = (int64_t)b->is_live - (int64_t)a->is_live;

	if (d == 0)
		d = compare_worth(a, b, by_price);
	if (d == 0)
		d = a->at < b->at ? -1 : 1;
	return d < 0 ? -1 : 1;
}

static int by_quality(const void *a, const void *b)
{
	return compare(a, b, false);
}

static int by_price(const void *a, const void *b)
{
	return compare(a, b, true);
}

/* Every row that can make the file, in order. Returns how many. */
static size_t rank(const struct select_env *env, bool cheap, const struct request *req,
	struct option *list)
{
	size_t n = 0;

	for (size_t i = 0; i < catalogue_count(env->catalogue); i++) {
		const struct model_row *row = catalogue_at(env->catalogue, i);
		struct price_estimate e;

		if (!row_is_offered(row, env->backend) || !limits_can_make(row, req) ||
			price_estimate(row, req, 1, false, &e, NULL) < 0)
			continue;
		list[n++] = (struct option){
			.row = row,
			.price = e.total_udollars,
			.is_live = row_is_live(row, env->backend, env->today),
			.at = i,
		};
	}
	qsort(list, n, sizeof(*list), cheap ? by_price : by_quality);
	return n;
}

/* The two models of the rule, the preferred one first; false where it says nothing. */
static bool rule_of(const struct request *req, const char *ret[static 2])
{
	bool first;

	if (media_is_made_by(req->type, MODEL_VIDEO)) {
		first = req->seconds > LONG_VIDEO;
		ret[0] = first ? "veo-2" : "veo-1.5";
		ret[1] = first ? "veo-1.5" : "veo-2";
	} else if (media_is_made_by(req->type, MODEL_TEXT)) {
		ret[0] = req->opt[OPT_IMAGE] ? "gemini-pro-vision" : "gemini-pro";
		ret[1] = "gemini-3.8-flash";
	} else if (media_is_made_by(req->type, MODEL_PICTURE)) {
		first = req->prompt && req->prompt->codepoints > LONG_PROMPT;
		ret[0] = first ? "imagen-3" : "imagen-2";
		ret[1] = first ? "imagen-2" : "imagen-3";
	} else {
		return false;
	}
	return true;
}

static size_t pick_by_rule(const struct request *req, const struct option *list,
	size_t n, const struct model_row **ret, size_t max)
{
	const char *rule[2];
	size_t found = 0;

	if (!rule_of(req, rule))
		return 0;
	for (size_t k = 0; k < 2; k++) {
		for (size_t i = 0; i < n && found < max; i++) {
			if (!strcmp(list[i].row->name, rule[k]))
				ret[found++] = list[i].row;
		}
	}
	return found;
}

size_t select_candidates(const struct select_env *env, enum selector s,
	const struct request *req, const struct model_row **ret, size_t max)
{
	scoped_free struct option *list =
		new_array(struct option, catalogue_count(env->catalogue) + 1);
	size_t n, found = 0;

	if (!list || s == SELECT_NONE)
		return 0;
	n = rank(env, s != SELECT_BEST, req, list);
	if (s == SELECT_AUTO)
		found = pick_by_rule(req, list, n, ret, max);
	/* Where neither model of the rule can make it, the cheapest that can does. */
	if (found > 0)
		return found;
	for (; found < n && found < max; found++)
		ret[found] = list[found].row;
	return found;
}

static int find_existing(const struct select_env *env, const struct request *req,
	const struct model_row *const *rows, size_t n, size_t *ret)
{
	struct request r;
	int e = request_copy(&r, req);

	if (e < 0)
		return e;
	*ret = 0;
	for (size_t i = 0; i < n; i++) {
		strncpy(r.model, rows[i]->name, REQUEST_MODEL_MAX);
		r.model[REQUEST_MODEL_MAX] = '\0';
		if (env->exists(env->user, &r)) {
			*ret = i;
			break;
		}
	}
	request_finish(&r);
	return 0;
}

int select_model(const struct select_env *env, enum selector s,
	const struct request *req, const struct model_row **ret)
{
	size_t max = catalogue_count(env->catalogue), at = 0;
	scoped_free const struct model_row **rows =
		new_array(const struct model_row *, max + 1);
	size_t n;
	int r = 0;

	if (!rows)
		return -ENOMEM;
	n = select_candidates(env, s, req, rows, max);
	if (n == 0)
		return -ENOENT;
	if (env->exists)
		r = find_existing(env, req, rows, n, &at);
	if (r == 0)
		*ret = rows[at];
	return r;
}

int select_link(const struct request *req, const struct model_row *row,
	const char *suffix, struct buf *ret)
{
	scoped(components_finish) struct components c = {0};
	struct request r;
	int e = request_copy(&r, req);

	if (e < 0)
		return e;
	strncpy(r.model, row->name, REQUEST_MODEL_MAX);
	r.model[REQUEST_MODEL_MAX] = '\0';
	e = request_components(&r, &c);
	request_finish(&r);
	/* One directory up for the selector and each option; "prompts" and the prompt
	 * are above. */
	for (uint32_t i = 2; i + 1 < c.n && e == 0; i++)
		e = buf_adds(ret, "../");
	for (uint32_t i = 2; i < c.n && e == 0; i++)
		e = buf_addf(ret, "%s%s", i > 2 ? "/" : "", c.name[i]);
	return e < 0 ? e : buf_adds(ret, suffix);
}
