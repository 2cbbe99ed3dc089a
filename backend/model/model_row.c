// SPDX-License-Identifier: MIT
/* The members of a row, one function each, and what they must be together. One thread,
 * at start: see catalogue.h. */
#include "backend/model/model_row.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/model/protocols.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

static const char *const backends[] = {"local", "vertex", "gemini", "openai"};

const char *model_kind_name(enum model_kind k)
{
	return (size_t)k < kind_table_n ? kind_table[k].name : "";
}

const char *backend_name(enum backend_id b)
{
	return (unsigned)b < BACKEND_COUNT_ ? backends[b] : "";
}

int backend_parse(const char *name, enum backend_id *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(backends); i++) {
		if (!strcmp(backends[i], name)) {
			*ret = (enum backend_id)i;
			return 0;
		}
	}
	return -EINVAL;
}

int row_fail(const struct row_parser *p, const char *fmt, ...)
{
	char what[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_set(
		p->err, EINVAL, "%s: model \"%s\": %s", p->origin, p->name, what);
}

int row_integer(const struct row_parser *p, const cJSON *m, const char *what,
	int64_t min, int64_t max, int64_t *ret)
{
	double v = cJSON_IsNumber(m) ? m->valuedouble : NAN;

	if (!(v >= (double)min && v <= (double)max) || v != trunc(v))
		return row_fail(p, "%s is not a whole number from %lld to %lld", what,
			(long long)min, (long long)max);
	*ret = (int64_t)v;
	return 0;
}

static int get_string(
	const struct row_parser *p, const cJSON *m, const char *what, const char **ret)
{
	if (!cJSON_IsString(m) || !m->valuestring[0])
		return row_fail(p, "%s is not a text, or an empty one", what);
	*ret = m->valuestring;
	return 0;
}

static int get_date(
	const struct row_parser *p, const cJSON *m, const char *what, const char **ret)
{
	static const char form[] = "dddd-dd-dd";
	const char *s = cJSON_IsString(m) ? m->valuestring : "";
	bool good = strlen(s) == strlen(form);

	for (size_t i = 0; good && form[i]; i++)
		good = form[i] == 'd' ? s[i] >= '0' && s[i] <= '9' : s[i] == form[i];
	if (!good)
		return row_fail(p, "%s is not a date like 2026-11-23", what);
	*ret = s;
	return 0;
}

static int get_strings(const struct row_parser *p, const cJSON *m, const char *what,
	const char ***ret, size_t *ret_n)
{
	size_t n = cJSON_IsArray(m) ? (size_t)cJSON_GetArraySize(m) : 0, i = 0;
	scoped_free const char **list = new_array(const char *, n + 1);
	const cJSON *e;
	int r;

	if (!list)
		return err_oom(p->err);
	if (!cJSON_IsArray(m))
		return row_fail(p, "%s is not a list of texts", what);
	cJSON_ArrayForEach(e, m)
	{
		r = get_string(p, e, what, &list[i++]);
		if (r < 0)
			return r;
	}
	*ret = steal_ptr(list);
	*ret_n = n;
	return 0;
}

static int parse_title(
	const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	return get_string(p, m, "title", &row->title);
}

static int parse_note(const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	return get_string(p, m, "note", &row->note);
}

static int parse_kind(const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	const char *s = cJSON_IsString(m) ? m->valuestring : "";
	scoped(buf_finish) struct buf all = {0};

	for (size_t i = 0; i < kind_table_n; i++) {
		if (!strcmp(kind_table[i].name, s)) {
			row->kind = (enum model_kind)i;
			return 0;
		}
		(void)buf_addf(&all, "%s%s", i ? ", " : "", kind_table[i].name);
	}
	return row_fail(p, "kind is none of %s", all.data ? all.data : "those known");
}

/* NULL: nobody has heard of it. */
static const struct protocol_kind *find_protocol(const char *name)
{
	const struct protocol_kind *k = protocol_kinds;

	while (k->name && strcmp(k->name, name) != 0)
		k++;
	return k->name ? k : NULL;
}

static int unknown_protocol(const struct row_parser *p)
{
	scoped(buf_finish) struct buf names = {0};

	for (const struct protocol_kind *k = protocol_kinds; k->name; k++) {
		if (buf_addf(&names, "%s%s", names.len ? ", " : "", k->name) < 0)
			return err_oom(p->err);
	}
	return row_fail(p, "protocol is none of %s", names.data);
}

static int parse_protocol(
	const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	const struct protocol_kind *k =
		find_protocol(cJSON_IsString(m) ? m->valuestring : "");

	if (!k)
		return unknown_protocol(p);
	row->protocol = k->name;
	return 0;
}

static int parse_quality(
	const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	int64_t v = 0;
	int r = row_integer(p, m, "quality", 0, 1000, &v);

	row->quality = (uint32_t)v;
	return r;
}

static int parse_aliases(
	const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	return get_strings(p, m, "aliases", &row->aliases, &row->n_aliases);
}

/* What would change the meaning of a URL has no place in an id that goes into one. */
static bool is_url_safe(const char *id)
{
	for (const char *s = id; *s; s++) {
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f ||
			strchr("/?&#%\\\"", *s))
			return false;
	}
	return !strstr(id, "..");
}

static int parse_wire(const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	const cJSON *e;

	if (!cJSON_IsObject(m))
		return row_fail(p, "wire is not an object of backend and id");
	cJSON_ArrayForEach(e, m)
	{
		enum backend_id b;
		int r;

		if (backend_parse(e->string, &b) < 0 || b == BACKEND_LOCAL)
			return row_fail(
				p, "wire names an unknown backend \"%s\"", e->string);
		r = get_string(p, e, "an id in wire", &row->wire[b]);
		if (r < 0)
			return r;
		if (b != BACKEND_OPENAI && !is_url_safe(row->wire[b]))
			return row_fail(
				p, "the id \"%s\" cannot stand in a URL", row->wire[b]);
	}
	return 0;
}

static int parse_location(
	const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	int r = get_string(p, m, "location", &row->location);

	if (r == 0 && !is_url_safe(row->location))
		return row_fail(
			p, "the location \"%s\" cannot stand in a URL", row->location);
	return r;
}

static int parse_prompt(
	const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	int64_t min = row->prompt_min, max = row->prompt_max;
	const cJSON *e;
	int r = 0;

	if (!cJSON_IsObject(m))
		return row_fail(p, "prompt is not {\"min\":N,\"max\":N}");
	cJSON_ArrayForEach(e, m)
	{
		if (!strcmp(e->string, "min"))
			r = row_integer(
				p, e, "prompt.min", 1, REQUEST_PROMPT_MAX, &min);
		else if (!strcmp(e->string, "max"))
			r = row_integer(
				p, e, "prompt.max", 1, REQUEST_PROMPT_MAX, &max);
		else
			r = row_fail(
				p, "prompt has an unknown member \"%s\"", e->string);
		if (r < 0)
			return r;
	}
	if (min > max)
		return row_fail(p, "prompt.min is above prompt.max");
	row->prompt_min = (uint32_t)min;
	row->prompt_max = (uint32_t)max;
	return 0;
}

static int parse_input_tokens(
	const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	int64_t v = 0;
	int r = row_integer(p, m, "input_tokens", 1, 1 << 30, &v);

	row->input_tokens_max = (uint32_t)v;
	return r;
}

static int parse_reserve(
	const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	return row_dollars(p, m, "reserve", &row->reserve_udollars);
}

static int parse_rpm(const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	int64_t v = 0;
	int r = row_integer(p, m, "rpm", 1, 1000000, &v);

	row->rpm = (uint32_t)v;
	return r;
}

static int parse_retired(
	const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	return get_date(p, m, "retired", &row->retired);
}

static int parse_successors(
	const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	return get_strings(p, m, "successors", &row->successors, &row->n_successors);
}

static int parse_fallback(
	const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	return get_string(p, m, "fallback", &row->fallback);
}

static int parse_source(
	const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	return get_string(p, m, "source", &row->source);
}

static int parse_as_of(
	const struct row_parser *p, const cJSON *m, struct model_row *row)
{
	return get_date(p, m, "as_of", &row->as_of);
}

static const struct {
	const char *name;
	int (*parse)(const struct row_parser *, const cJSON *, struct model_row *);
	bool is_needed;
} members[] = {
	{"title", parse_title},
	{"note", parse_note},
	{"kind", parse_kind, true},
	{"protocol", parse_protocol, true},
	{"quality", parse_quality},
	{"aliases", parse_aliases},
	{"wire", parse_wire, true},
	{"location", parse_location},
	{"prompt", parse_prompt},
	{"input_tokens", parse_input_tokens},
	{"options", row_parse_options},
	{"pixels", row_parse_pixels},
	{"seconds", row_parse_seconds},
	{"extend", row_parse_extend},
	{"price", row_parse_price, true},
	{"refusal", row_parse_refusal},
	{"reserve", parse_reserve},
	{"rpm", parse_rpm},
	{"retired", parse_retired},
	{"successors", parse_successors},
	{"fallback", parse_fallback},
	{"source", parse_source},
	{"as_of", parse_as_of},
};

static int check_names(const struct row_parser *p, const cJSON *raw)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, raw)
	{
		size_t i = 0;

		while (i < ARRAY_SIZE(members) && strcmp(members[i].name, e->string))
			i++;
		if (i == ARRAY_SIZE(members))
			return row_fail(p, "unknown member \"%s\"", e->string);
		for (const cJSON *d = e->next; d; d = d->next) {
			if (!strcmp(d->string, e->string))
				return row_fail(
					p, "\"%s\" stands there twice", e->string);
		}
	}
	return 0;
}

static int check_whole(const struct row_parser *p, const struct model_row *row)
{
	if (find_protocol(row->protocol)->kind != row->kind)
		return row_fail(p, "protocol %s does not make a %s", row->protocol,
			model_kind_name(row->kind));
	if (row_is_timed(row) != (row->seconds_max > 0))
		return row_fail(p, "a video model, and no other, has \"seconds\"");
	if (!row_is_timed(row) && row->extend.seconds)
		return row_fail(p, "only a video model has \"extend\"");
	return 0;
}

static int parse_members(struct row_parser *p, const cJSON *raw, struct model_row *row)
{
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const cJSON *m = cJSON_GetObjectItemCaseSensitive(raw, members[i].name);
		int r;

		if (!m && members[i].is_needed)
			return row_fail(p, "\"%s\" is missing", members[i].name);
		r = m ? members[i].parse(p, m, row) : 0;
		if (r < 0)
			return r;
	}
	return check_whole(p, row);
}

int row_parse(struct row_parser *p, const cJSON *raw, struct model_row *ret)
{
	struct model_row row = {
		.name = p->name,
		.title = p->name,
		.note = "",
		.source = "",
		.as_of = "",
		.prompt_min = 5,
		.prompt_max = 1000,
	};
	int r;

	if (!cJSON_IsObject(raw))
		return row_fail(p, "not an object");
	r = check_names(p, raw);
	if (r == 0)
		r = parse_members(p, raw, &row);
	if (r < 0) {
		row_finish(&row);
		return r;
	}
	*ret = row;
	return 0;
}

void row_finish(struct model_row *row)
{
	for (int i = 0; i < OPT_COUNT_; i++)
		free(row->option[i].choices);
	free(row->pixels);
	free(row->aliases);
	free(row->successors);
	*row = (struct model_row){0};
}

bool row_makes(
	const struct model_row *row, enum request_tree tree, enum media_type type)
{
	return kind_table[row->kind].tree == tree &&
	       (type == MEDIA_NONE || media_is_made_by(type, row->kind));
}

bool row_is_timed(const struct model_row *row)
{
	return kind_traits(row->kind)->is_timed;
}

bool row_is_text(const struct model_row *row)
{
	return kind_traits(row->kind)->is_text;
}

bool row_has_pixels(const struct model_row *row)
{
	return kind_traits(row->kind)->has_pixels;
}

bool row_is_offered(const struct model_row *row, enum backend_id backend)
{
	if (backend == BACKEND_LOCAL)
		return row_has_pixels(row);
	return (unsigned)backend < BACKEND_COUNT_ && row->wire[backend];
}

bool row_is_live(
	const struct model_row *row, enum backend_id backend, const char *today)
{
	if (backend == BACKEND_LOCAL || backend == BACKEND_OPENAI)
		return true;
	return !row->retired || strcmp(today, row->retired) < 0;
}
