// SPDX-License-Identifier: MIT
/* Options, pixels and seconds of a row. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "backend/model/model_row.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

#define PIXELS_MAX 16384
#define SECONDS_CALL_MAX 600
#define SECONDS_PATH_MAX 1200

static enum option_form form_of(enum option_id id)
{
	switch (id) {
	case OPT_COUNT:
	case OPT_FPS:
	case OPT_MAX_TOKENS:
	case OPT_SEED:
		return FORM_INTEGER;
	case OPT_GUIDANCE:
	case OPT_TEMPERATURE:
		return FORM_NUMBER;
	case OPT_NEGATIVE:
	case OPT_STYLE:
		return FORM_TEXT;
	case OPT_IMAGE:
	case OPT_LAST:
		return FORM_INPUTS;
	default:
		return FORM_CHOICE;
	}
}

/* The catalogue must name values as paths do, or no path would ever match them. */
static int check_canonical(
	const struct row_parser *p, enum option_id id, const char *value)
{
	scoped_free char *canonical = NULL;
	int r = option_canonical(id, value, strlen(value), &canonical);

	if (r == -ENOMEM)
		return err_oom(p->err);
	if (r < 0 || strcmp(canonical, value))
		return row_fail(p, "option %s: \"%s\" is not how a path says it",
			option_name(id), value);
	return 0;
}

/* ["a","b"], or {"a":"what the wire calls it"}. */
static int parse_choices(const struct row_parser *p, const cJSON *m, enum option_id id,
	struct option_rule *rule)
{
	bool mapped = cJSON_IsObject(m);
	int n = cJSON_GetArraySize(m);
	const cJSON *e;

	if ((!mapped && !cJSON_IsArray(m)) || n < 1)
		return row_fail(
			p, "option %s is not a list of values", option_name(id));
	rule->choices = new_array(struct choice, (size_t)n);
	if (!rule->choices)
		return err_oom(p->err);
	cJSON_ArrayForEach(e, m)
	{
		struct choice *c = &rule->choices[rule->n_choices++];
		int r;

		if (!cJSON_IsString(e) || !e->valuestring[0])
			return row_fail(p, "option %s has a value that is not a text",
				option_name(id));
		c->wire = e->valuestring;
		c->value = mapped ? e->string : e->valuestring;
		r = check_canonical(p, id, c->value);
		if (r < 0)
			return r;
	}
	return 0;
}

/* {"min":0,"max":50,"default":7.5} */
static int parse_range(const struct row_parser *p, const cJSON *m, enum option_id id,
	struct option_rule *rule)
{
	const cJSON *e;
	bool good = cJSON_IsObject(m);

	rule->min = rule->max = rule->preset = NAN;
	cJSON_ArrayForEach(e, m)
	{
		double *to = !good                           ? NULL
			     : !strcmp(e->string, "min")     ? &rule->min
			     : !strcmp(e->string, "max")     ? &rule->max
			     : !strcmp(e->string, "default") ? &rule->preset
							     : NULL;

		good = to && cJSON_IsNumber(e);
		if (!good)
			break;
		*to = e->valuedouble;
		if (rule->form != FORM_NUMBER && *to != trunc(*to))
			good = false;
	}
	if (!good || !(rule->min >= 0 && rule->min <= rule->max) ||
		rule->max > 4294967295.0 ||
		(!isnan(rule->preset) &&
			!(rule->preset >= rule->min && rule->preset <= rule->max)))
		return row_fail(p,
			"option %s is not {\"min\":N,\"max\":N[,\"default\":N]}",
			option_name(id));
	return 0;
}

static int parse_option(const struct row_parser *p, const cJSON *m, enum option_id id,
	struct option_rule *rule)
{
	rule->is_taken = true;
	rule->form = form_of(id);
	switch (rule->form) {
	case FORM_CHOICE:
		return parse_choices(p, m, id, rule);
	case FORM_TEXT:
		if (!cJSON_IsTrue(m))
			return row_fail(p, "option %s is not true", option_name(id));
		return 0;
	default:
		return parse_range(p, m, id, rule);
	}
}

int row_parse_options(const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	const cJSON *e;

	if (!cJSON_IsObject(m))
		return row_fail(p, "options is not an object");
	cJSON_ArrayForEach(e, m)
	{
		enum option_id id = option_find(e->string, strlen(e->string));
		int r;

		if (id == OPT_COUNT_)
			return row_fail(p, "unknown option \"%s\"", e->string);
		if (row->option[id].is_taken)
			return row_fail(p, "option %s stands there twice", e->string);
		r = parse_option(p, e, id, &row->option[id]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_pixel_pair(
	const struct row_parser *p, const cJSON *m, struct pixel_size *ret)
{
	int64_t w = 0, h = 0;
	int r;

	if (!cJSON_IsArray(m) || cJSON_GetArraySize(m) != 2)
		return row_fail(p, "pixels of %s are not [width,height]", ret->aspect);
	r = row_integer(p, cJSON_GetArrayItem(m, 0), "a width", 16, PIXELS_MAX, &w);
	if (r == 0)
		r = row_integer(
			p, cJSON_GetArrayItem(m, 1), "a height", 16, PIXELS_MAX, &h);
	ret->width = (uint32_t)w;
	ret->height = (uint32_t)h;
	return r;
}

/* A class that is the first one, so many times as wide and high. */
static int scale_class(
	const struct row_parser *p, const cJSON *m, size_t first, struct model_row *row)
{
	double by = m->valuedouble;

	if (!(by > 0 && by <= 16) || first == 0)
		return row_fail(p, "pixels of %s are no multiple of the first class",
			m->string);
	for (size_t i = 0; i < first; i++) {
		struct pixel_size *s = &row->pixels[row->n_pixels++];

		*s = row->pixels[i];
		s->size_class = m->string;
		s->width = (uint32_t)lround(s->width * by);
		s->height = (uint32_t)lround(s->height * by);
		if (s->width < 16 || s->height < 16 || s->width > PIXELS_MAX ||
			s->height > PIXELS_MAX)
			return row_fail(p, "pixels of %s are out of range", m->string);
	}
	return 0;
}

static int list_class(const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, m)
	{
		struct pixel_size *s = &row->pixels[row->n_pixels++];
		int r;

		s->size_class = m->string;
		s->aspect = e->string;
		r = check_canonical(p, OPT_ASPECT, e->string);
		if (r == 0)
			r = parse_pixel_pair(p, e, s);
		if (r < 0)
			return r;
	}
	return 0;
}

/* {"1K":{"1:1":[1024,1024],...},"2K":2} */
int row_parse_pixels(const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	size_t n = 0, first = 0;
	const cJSON *e;
	int r;

	if (!cJSON_IsObject(m) || !cJSON_IsObject(m->child))
		return row_fail(p, "pixels is not an object of classes");
	first = (size_t)cJSON_GetArraySize(m->child);
	cJSON_ArrayForEach(e, m)
	{
		if (!cJSON_IsObject(e) && !cJSON_IsNumber(e))
			return row_fail(p, "pixels of %s are no object", e->string);
		n += cJSON_IsObject(e) ? (size_t)cJSON_GetArraySize(e) : first;
	}
	row->pixels = new_array(struct pixel_size, n + 1);
	if (!row->pixels)
		return err_oom(p->err);
	cJSON_ArrayForEach(e, m)
	{
		r = cJSON_IsNumber(e) ? scale_class(p, e, first, row)
				      : list_class(p, e, row);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_second(
	const struct row_parser *p, const cJSON *m, struct seconds_rule *rule)
{
	int64_t v = 0;
	int r = row_integer(p, m, "a duration", 1, SECONDS_CALL_MAX, &v);

	if (r == 0 && (rule->n == ROW_SECONDS_MAX ||
			      (rule->n && v <= rule->seconds[rule->n - 1])))
		return row_fail(p, "durations do not ascend, or are more than %d",
			ROW_SECONDS_MAX);
	if (r == 0)
		rule->seconds[rule->n++] = (uint32_t)v;
	return r;
}

static int add_rule(const struct row_parser *p, const cJSON *m, const char *res,
	struct model_row *row)
{
	struct seconds_rule *rule = &row->seconds[row->n_seconds];
	const cJSON *e;

	if (row->n_seconds == ROW_SECONDS_RULES_MAX)
		return row_fail(
			p, "seconds has more than %d lists", ROW_SECONDS_RULES_MAX);
	if (!cJSON_IsArray(m) || !m->child)
		return row_fail(p, "seconds has a member that is no list");
	rule->res = res;
	row->n_seconds++;
	cJSON_ArrayForEach(e, m)
	{
		int r = add_second(p, e, rule);

		if (r < 0)
			return r;
	}
	return 0;
}

/* {"call":[4,6,8],"1080p":[8],"max":300}: lengths of one call, for all resolutions and
 * for one, and of a whole path. */
int row_parse_seconds(const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	int64_t max = 0;
	const cJSON *e;
	bool has_call = false;
	int r;

	if (!cJSON_IsObject(m))
		return row_fail(p, "seconds is not an object");
	cJSON_ArrayForEach(e, m)
	{
		bool is_call = !strcmp(e->string, "call");

		has_call |= is_call;
		if (!strcmp(e->string, "max"))
			r = row_integer(p, e, "seconds.max", 1, SECONDS_PATH_MAX, &max);
		else
			r = add_rule(p, e, is_call ? "" : e->string, row);
		if (r < 0)
			return r;
	}
	if (!has_call || !max)
		return row_fail(p, "seconds needs \"call\" and \"max\"");
	row->seconds_max = (uint32_t)max;
	return 0;
}

/* {"seconds":7,"input_max":30,"max":37} */
int row_parse_extend(const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	int64_t seconds = 0, input = 0, max = 0;
	const cJSON *e;
	int r = 0;

	if (!cJSON_IsObject(m))
		return row_fail(p, "extend is not an object");
	cJSON_ArrayForEach(e, m)
	{
		if (!strcmp(e->string, "seconds"))
			r = row_integer(
				p, e, "extend.seconds", 1, SECONDS_CALL_MAX, &seconds);
		else if (!strcmp(e->string, "input_max"))
			r = row_integer(
				p, e, "extend.input_max", 1, SECONDS_PATH_MAX, &input);
		else if (!strcmp(e->string, "max"))
			r = row_integer(p, e, "extend.max", 1, SECONDS_PATH_MAX, &max);
		else
			r = row_fail(
				p, "extend has an unknown member \"%s\"", e->string);
		if (r < 0)
			return r;
	}
	if (cJSON_GetArraySize(m) != 3 || !seconds || !input || !max)
		return row_fail(p, "extend needs \"seconds\", \"input_max\" and "
				   "\"max\", once each");
	if (max <= seconds)
		return row_fail(p, "extend.max is no more than extend.seconds");
	row->extend = (struct extend_rule){.seconds = (uint32_t)seconds,
		.input_max = (uint32_t)input,
		.max = (uint32_t)max};
	return 0;
}
