// SPDX-License-Identifier: MIT
/* Price members of a row. */
#include <math.h>
#include <string.h>

#include "backend/model/model_row.h"

#define DOLLARS_MAX 10000.0

int row_dollars(
	const struct row_parser *p, const cJSON *m, const char *what, int64_t *ret)
{
	double v = cJSON_IsNumber(m) ? m->valuedouble : NAN;
	double micro = v * 1e6;

	if (!(v >= 0 && v <= DOLLARS_MAX))
		return row_fail(p, "%s is no number of dollars from 0 to %.0f", what,
			DOLLARS_MAX);
	if (fabs(micro - nearbyint(micro)) > 1e-3)
		return row_fail(p, "%s has more than six decimals", what);
	*ret = llrint(micro);
	return 0;
}

/* 0.05, or {"silent":0.20,"audio":0.40}. */
static int parse_class(const struct row_parser *p, const cJSON *m,
	const char *size_class, struct row_price *price)
{
	int64_t loud = 0, silent = 0;
	int r;

	if (price->n_classes == ROW_PRICES_MAX)
		return row_fail(p, "price has more than %d classes", ROW_PRICES_MAX);
	if (cJSON_IsObject(m)) {
		const cJSON *a = cJSON_GetObjectItemCaseSensitive(m, "audio");
		const cJSON *s = cJSON_GetObjectItemCaseSensitive(m, "silent");

		if (!a || !s || cJSON_GetArraySize(m) != 2)
			return row_fail(p,
				"the price of %s is not "
				"{\"silent\":N,\"audio\":N}",
				size_class);
		r = row_dollars(p, a, "a price with audio", &loud);
		if (r == 0)
			r = row_dollars(p, s, "a price without audio", &silent);
	} else {
		r = row_dollars(p, m, "a price", &loud);
		silent = loud;
	}
	if (r < 0)
		return r;
	price->classes[price->n_classes].size_class = size_class;
	price->classes[price->n_classes].udollars = loud;
	price->classes[price->n_classes++].silent_udollars = silent;
	return 0;
}

static int parse_unit(
	const struct row_parser *p, const cJSON *m, struct row_price *price)
{
	const cJSON *e;

	if (!cJSON_IsObject(m))
		return parse_class(p, m, "", price);
	if (!m->child)
		return row_fail(p, "price.%s is empty", m->string);
	cJSON_ArrayForEach(e, m)
	{
		int r = parse_class(p, e, e->string, price);

		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_tokens(
	const struct row_parser *p, const cJSON *m, struct row_price *price)
{
	const cJSON *in = cJSON_GetObjectItemCaseSensitive(m, "in");
	const cJSON *out = cJSON_GetObjectItemCaseSensitive(m, "out");
	int r;

	if (!in || !out || cJSON_GetArraySize(m) != 2)
		return row_fail(p, "price.million_tokens is not {\"in\":N,\"out\":N}");
	r = row_dollars(p, in, "price.million_tokens.in", &price->in_udollars);
	return r < 0 ? r
		     : row_dollars(p, out, "price.million_tokens.out",
			       &price->out_udollars);
}

/* 0 (free), or {"image":..}, {"second":..}, {"million_tokens":{..}}. */
int row_parse_price(const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	const char *unit = row_is_text(row)    ? NULL
			   : row_is_timed(row) ? "second"
					       : "image";
	const cJSON *e;
	int r = 0;

	row->price = (struct row_price){.is_known = true};
	if (cJSON_IsNumber(m) && m->valuedouble == 0)
		return parse_class(p, m, "", &row->price);
	if (!cJSON_IsObject(m))
		return row_fail(p, "price is neither 0 nor an object");
	cJSON_ArrayForEach(e, m)
	{
		if (unit && !strcmp(e->string, unit))
			r = parse_unit(p, e, &row->price);
		else if (!strcmp(e->string, "million_tokens"))
			r = parse_tokens(p, e, &row->price);
		else
			r = row_fail(p,
				"price has a member \"%s\", which is no unit of a %s",
				e->string, model_kind_name(row->kind));
		if (r < 0)
			return r;
	}
	if (unit && !row->price.n_classes)
		return row_fail(p, "price has no \"%s\"", unit);
	if (!unit && !cJSON_GetObjectItemCaseSensitive(m, "million_tokens"))
		return row_fail(p, "price has no \"million_tokens\"");
	return 0;
}

int row_parse_refusal(const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	if (cJSON_IsString(m) && !strcmp(m->valuestring, "full")) {
		row->refusal_is_full = true;
		return 0;
	}
	return row_dollars(p, m, "refusal (else \"full\")", &row->refusal_udollars);
}
