// SPDX-License-Identifier: MIT
/* Estimates, bills, and whom the worst case considers. */
#include "backend/policy/price.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/policy/limits.h"
#include "cache/base/mem.h"
#include "cache/base/money.h"
#include "cache/base/str.h"

#define MILLION 1000000
/* What a picture in the request costs in tokens: the most that Gemini 3 counts for one
 * at its default resolution. https://ai.google.dev/gemini-api/docs/media-resolution,
 * read 2026-11-23. */
#define TOKENS_PER_IMAGE 1120
/* Role, separators and the model's own framing of a prompt. */
#define TOKENS_FRAMING 64

static int no_price(const struct model_row *row, const char *what, struct err *err)
{
	return err_set(err, ENOENT, "%s has no price%s%s in the catalogue", row->name,
		what ? " for " : "", what ? what : "");
}

static int too_much(const struct model_row *row, struct err *err)
{
	return err_set(err, EOVERFLOW, "the price of %s cannot be counted", row->name);
}

static bool is_silent(const struct model_row *row, const struct request *req)
{
	const char *audio = limits_value(row, req, OPT_AUDIO);

	return !audio || !strcmp(audio, "off");
}

/* Of one image or one second. */
static int unit_price(const struct model_row *row, const struct request *req,
	int64_t *ret, struct err *err)
{
	bool timed = row_is_timed(row);
	const char *wanted = limits_value(row, req, timed ? OPT_RES : OPT_SIZE);

	if (!row->price.is_known)
		return no_price(row, NULL, err);
	if (!wanted && row->n_pixels)
		wanted = row->pixels[0].size_class;
	for (size_t i = 0; i < row->price.n_classes; i++) {
		const char *have = row->price.classes[i].size_class;

		if (have[0] && (!wanted || strcmp(have, wanted)))
			continue;
		*ret = timed && is_silent(row, req)
			       ? row->price.classes[i].silent_udollars
			       : row->price.classes[i].udollars;
		return 0;
	}
	return no_price(row, wanted, err);
}

/* Tokens at a price per million, not rounded yet: micro-dollars times a million. */
static bool add_tokens(int64_t tokens, int64_t per_million, int64_t *sum)
{
	int64_t v;

	return !__builtin_mul_overflow(tokens, per_million, &v) &&
	       !__builtin_add_overflow(*sum, v, sum);
}

static int tokens_price(const struct model_row *row, int64_t in, int64_t out,
	int64_t *ret, struct err *err)
{
	int64_t sum = 0;

	if (!row->price.is_known)
		return no_price(row, NULL, err);
	if (in < 0 || out < 0 || !add_tokens(in, row->price.in_udollars, &sum) ||
		!add_tokens(out, row->price.out_udollars, &sum))
		return too_much(row, err);
	*ret = sum / MILLION + (sum % MILLION != 0);
	return 0;
}

/* No tokeniser makes more tokens than there are bytes. */
static int64_t tokens_in(const struct model_row *row, const struct request *req)
{
	const char *images = req->opt[OPT_IMAGE];
	int64_t n = TOKENS_FRAMING + (req->prompt ? (int64_t)req->prompt->len : 0);

	if (images && *images)
		n += TOKENS_PER_IMAGE * (int64_t)str_count_pieces(images);
	if (row->input_tokens_max && n > row->input_tokens_max)
		n = row->input_tokens_max;
	return n;
}

static int64_t tokens_out(const struct model_row *row, const struct request *req)
{
	double v = 0;

	if (!limits_number(row, req, OPT_MAX_TOKENS, &v))
		v = row_is_text(row) ? 8192 : 0;
	return v >= 0 && v <= UINT32_MAX ? (int64_t)v : UINT32_MAX;
}

static int estimate_text(const struct model_row *row, const struct request *req,
	uint32_t takes, struct price_estimate *e, struct err *err)
{
	int64_t in = tokens_in(row, req) * takes, out = tokens_out(row, req) * takes;

	e->unit = "token";
	e->units = in + out;
	e->in_udollars = row->price.in_udollars;
	e->out_udollars = row->price.out_udollars;
	return tokens_price(row, in, out, &e->total_udollars, err);
}

static int estimate_media(const struct model_row *row, const struct request *req,
	uint32_t takes, bool may_extend, struct price_estimate *e, struct err *err)
{
	int64_t tokens = 0;
	struct segments s;
	int r = unit_price(row, req, &e->unit_udollars, err);

	if (r < 0)
		return r;
	e->unit = row_is_timed(row) ? "second" : "image";
	e->units = takes;
	if (row_is_timed(row)) {
		if (limits_segments(row, req, may_extend, &s) < 0)
			return err_set(err, EINVAL, "%s cannot make a %s of %u s",
				row->name, model_kind_name(row->kind), req->seconds);
		e->units = (int64_t)s.billed * takes;
	}
	r = tokens_price(row, tokens_in(row, req) * takes, tokens_out(row, req) * takes,
		&tokens, err);
	if (r < 0)
		return r;
	if (__builtin_mul_overflow(e->units, e->unit_udollars, &e->total_udollars) ||
		__builtin_add_overflow(e->total_udollars, tokens, &e->total_udollars))
		return too_much(row, err);
	return 0;
}

int price_estimate(const struct model_row *row, const struct request *req,
	uint32_t takes, bool may_extend, struct price_estimate *ret, struct err *err)
{
	struct price_estimate e = {0};
	int r = row_is_text(row) ? estimate_text(row, req, takes, &e, err)
				 : estimate_media(row, req, takes, may_extend, &e, err);

	if (r == 0)
		*ret = e;
	return r;
}

int price_segment(const struct model_row *row, const struct request *req,
	uint32_t seconds, int64_t *ret, struct err *err)
{
	int64_t unit = 0, v;
	int r = unit_price(row, req, &unit, err);

	if (r < 0)
		return r;
	if (__builtin_mul_overflow(unit, (int64_t)seconds, &v))
		return too_much(row, err);
	*ret = v;
	return 0;
}

int price_actual(const struct model_row *row, const struct request *req,
	const struct usage *usage, int64_t *ret, struct err *err)
{
	int64_t unit = 0, units = row_is_timed(row) ? usage->seconds : usage->images;
	int64_t sum = 0;
	int r = tokens_price(row, usage->tokens_in, usage->tokens_out, &sum, err);

	if (r == 0 && !row_is_text(row) && units > 0)
		r = unit_price(row, req, &unit, err);
	if (r < 0)
		return r;
	if (__builtin_mul_overflow(units, unit, &units) ||
		__builtin_add_overflow(sum, units, &sum))
		return too_much(row, err);
	*ret = sum;
	return 0;
}

int price_refusal(const struct model_row *row, const struct request *req,
	uint32_t takes, bool may_extend, int64_t *ret, struct err *err)
{
	struct price_estimate e = {0};
	int r;

	if (!row->refusal_is_full) {
		*ret = row->refusal_udollars;
		return 0;
	}
	r = price_estimate(row, req, takes, may_extend, &e, err);
	if (r == 0)
		*ret = e.total_udollars;
	return r;
}

struct price_scope price_scope_of(const struct catalogue *catalogue,
	enum backend_id backend, const char *bucket, bool fallback, const char *today)
{
	return (struct price_scope){.catalogue = catalogue,
		.backend = backend,
		.fallback = fallback,
		.may_extend = limits_may_extend(backend, bucket),
		.today = today};
}

static bool estimate_of(const struct price_scope *s, const struct model_row *row,
	const struct request *req, uint32_t takes, int64_t *ret)
{
	struct price_estimate e = {0};

	if (price_estimate(row, req, takes, s->may_extend, &e, NULL) < 0)
		return false;
	*ret = e.total_udollars;
	return true;
}

static bool is_available(const struct price_scope *s, const struct model_row *row)
{
	return row && row_is_offered(row, s->backend) &&
	       row_is_live(row, s->backend, s->today);
}

const struct model_row *price_successor(const struct price_scope *s,
	const struct model_row *row, const struct request *req)
{
	const struct model_row *best = NULL;
	int64_t least = 0, v;

	for (size_t i = 0; i < row->n_successors; i++) {
		const struct model_row *to =
			catalogue_find(s->catalogue, row->successors[i]);

		if (!is_available(s, to) || !limits_can_shape(to, req) ||
			!estimate_of(s, to, req, 1, &v))
			continue;
		if (!best || v < least) {
			best = to;
			least = v;
		}
	}
	return best;
}

const struct model_row *price_fallback(const struct price_scope *s,
	const struct model_row *row, const struct request *req)
{
	const struct model_row *to =
		row->fallback ? catalogue_find(s->catalogue, row->fallback) : NULL;
	int64_t v;

	if (!to || !row_is_offered(to, s->backend) || !limits_can_shape(to, req) ||
		!estimate_of(s, to, req, 1, &v))
		return NULL;
	return to;
}

static void raise(const struct price_scope *s, const struct model_row *row,
	const struct request *req, uint32_t takes, int64_t *worst)
{
	int64_t v;

	if (!row)
		return;
	if (estimate_of(s, row, req, takes, &v) && v > *worst)
		*worst = v;
	if (row->reserve_udollars * takes > *worst)
		*worst = row->reserve_udollars * takes;
}

int price_worst(const struct price_scope *s, const struct model_row *row,
	const struct request *req, uint32_t takes, int64_t *ret, struct err *err)
{
	struct price_estimate e = {0};
	int64_t worst;
	int r = price_estimate(row, req, takes, s->may_extend, &e, err);

	if (r < 0)
		return r;
	worst = e.total_udollars;
	raise(s, row, req, takes, &worst);
	if (s->fallback) {
		const struct model_row *other = price_fallback(s, row, req);

		raise(s, price_successor(s, row, req), req, takes, &worst);
		raise(s, other, req, takes, &worst);
		if (other)
			raise(s, price_successor(s, other, req), req, takes, &worst);
	}
	*ret = worst;
	return 0;
}

/* Keeps the list sorted and at most max long. */
static size_t insert(struct price_alternative *list, size_t n, size_t max,
	const struct price_alternative *a)
{
	size_t at = n;

	while (at > 0 && list[at - 1].estimate_udollars > a->estimate_udollars)
		at--;
	if (at >= max)
		return n;
	if (n == max)
		n--;
	memmove(&list[at + 1], &list[at], (n - at) * sizeof(*list));
	list[at] = *a;
	return n + 1;
}

/* Nobody is sent to a model that is gone, but for the one that stands in anyway. */
static bool is_choice(const struct price_scope *s, const struct model_row *row,
	const struct model_row *other)
{
	if (!row_is_offered(other, s->backend))
		return false;
	if (row->fallback && catalogue_find(s->catalogue, row->fallback) == other)
		return true;
	return !other->retired || strcmp(s->today, other->retired) < 0;
}

size_t price_alternatives(const struct price_scope *s, const struct model_row *row,
	const struct request *req, uint32_t takes, struct price_alternative *ret,
	size_t max)
{
	int64_t own;
	size_t n = 0;

	if (!estimate_of(s, row, req, takes, &own))
		return 0;
	for (size_t i = 0; i < catalogue_count(s->catalogue); i++) {
		struct price_alternative a = {.row = catalogue_at(s->catalogue, i)};

		if (a.row == row || !is_choice(s, row, a.row) ||
			!limits_can_make(a.row, req) ||
			!estimate_of(s, a.row, req, takes, &a.estimate_udollars) ||
			a.estimate_udollars >= own)
			continue;
		n = insert(ret, n, max, &a);
	}
	return n;
}
