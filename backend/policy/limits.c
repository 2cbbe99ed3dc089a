// SPDX-License-Identifier: MIT
/* Options and values of a request against its row. */
#include "backend/policy/limits.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "backend/policy/optimise.h"
#include "cache/base/buf.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

/* Where a row has no table of pixels (a user's row of a local server). */
#define PIXELS_UNKNOWN_WIDTH 1024
#define PIXELS_UNKNOWN_HEIGHT 1024

/* What decides the shape of a file; the other options are advice. */
static bool is_shape(enum option_id id)
{
	return id == OPT_ASPECT || id == OPT_SIZE || id == OPT_RES || id == OPT_IMAGE ||
	       id == OPT_LAST;
}

static const struct choice *find_choice(
	const struct option_rule *rule, const char *value)
{
	for (size_t i = 0; i < rule->n_choices; i++) {
		if (!strcmp(rule->choices[i].value, value))
			return &rule->choices[i];
	}
	return NULL;
}

static bool in_range(const struct option_rule *rule, const char *value)
{
	double v;

	if (str_parse_decimal(value, &v) < 0)
		return false;
	if (rule->form == FORM_INTEGER && strchr(value, '.'))
		return false;
	return v >= rule->min && v <= rule->max;
}

/* Inputs are joined with '+'. 0 where a name is empty. */
static size_t count_inputs(const char *value)
{
	struct str_piece name;
	size_t n = 0;

	for (; str_next_piece(&value, &name); n++)
		if (!name.len)
			return 0;
	return n;
}

static bool is_allowed(
	const struct option_rule *rule, enum option_id id, const char *value)
{
	size_t n;

	switch (rule->form) {
	case FORM_CHOICE:
		return find_choice(rule, value);
	case FORM_INTEGER:
	case FORM_NUMBER:
		return in_range(rule, value);
	case FORM_INPUTS:
		n = count_inputs(value);
		return n > 0 && (double)n <= rule->max;
	default:
		return id != OPT_STYLE || optimise_style_is_known(value);
	}
}

static bool fits(
	const struct model_row *row, const struct request *req, bool shape_only)
{
	struct segments s;

	if (!row_makes(row, req->tree, req->type))
		return false;
	for (enum option_id id = 0; id < OPT_COUNT_; id++) {
		const struct option_rule *rule = &row->option[id];

		if (shape_only && !is_shape(id))
			continue;
		if (!req->opt[id]) {
			if (rule->is_taken && rule->form == FORM_INPUTS &&
				rule->min > 0)
				return false;
			continue;
		}
		if (!rule->is_taken || !is_allowed(rule, id, req->opt[id]))
			return false;
	}
	return !row_is_timed(row) || req->seconds == 0 ||
	       (limits_segments(row, req, false, &s) == 0 &&
		       (shape_only || limits_seconds_are_whole(row, req)));
}

bool limits_allows(const struct model_row *row, enum option_id id, const char *value)
{
	const struct option_rule *rule = &row->option[id];

	return rule->is_taken && is_allowed(rule, id, value);
}

bool limits_can_make(const struct model_row *row, const struct request *req)
{
	return fits(row, req, false);
}

bool limits_can_shape(const struct model_row *row, const struct request *req)
{
	return fits(row, req, true);
}

/* ---- sentences ---- */

static void add_choices(struct buf *b, const struct option_rule *rule)
{
	for (size_t i = 0; i < rule->n_choices; i++)
		(void)buf_addf(b, "%s%s",
			i == 0                     ? ""
			: i + 1 == rule->n_choices ? " or "
						   : ", ",
			rule->choices[i].value);
}

static void add_styles(struct buf *b)
{
	size_t n;
	const char *const *styles = optimise_styles(&n);

	for (size_t i = 0; i < n; i++)
		(void)buf_addf(b, "%s%s",
			i == 0       ? ""
			: i + 1 == n ? " or "
				     : ", ",
			styles[i]);
}

/* Numbers as people write them, whatever the locale. */
static void add_number(struct buf *b, double v)
{
	if (v == trunc(v))
		(void)buf_addf(b, "%.0f", v);
	else
		(void)buf_addf(b, "%.0f.%.0f", trunc(v), round((v - trunc(v)) * 10));
}

static int refuse_value(const struct model_row *row, enum option_id id,
	const char *value, struct err *err)
{
	const struct option_rule *rule = &row->option[id];
	scoped(buf_finish) struct buf b = {0};

	switch (rule->form) {
	case FORM_CHOICE:
		add_choices(&b, rule);
		break;
	case FORM_INTEGER:
	case FORM_NUMBER:
		(void)buf_adds(&b, rule->form == FORM_INTEGER ? "a whole number from "
							      : "a number from ");
		add_number(&b, rule->min);
		(void)buf_adds(&b, " to ");
		add_number(&b, rule->max);
		break;
	case FORM_INPUTS:
		(void)buf_adds(&b, "at most ");
		add_number(&b, rule->max);
		(void)buf_adds(&b, " names of /inputs, joined with +");
		break;
	default:
		add_styles(&b);
	}
	return err_set(err, EINVAL, "%s=%.60s is not possible with %s; use %s",
		option_name(id), value, row->name, b.data ? b.data : "another value");
}

static int refuse_seconds(
	const struct model_row *row, const struct request *req, struct err *err)
{
	const struct seconds_rule *rule = limits_seconds(row, req);
	const char *res = limits_value(row, req, OPT_RES);
	scoped(buf_finish) struct buf b = {0};

	if (req->seconds > row->seconds_max)
		return err_set(err, EINVAL,
			"%s makes %ss of at most %u s, not %u; use %us.%s", row->name,
			model_kind_name(row->kind), row->seconds_max, req->seconds,
			row->seconds_max, media_ext(req->type));
	for (uint32_t i = 0; rule && i < rule->n; i++)
		(void)buf_addf(&b, "%s%us",
			i == 0             ? ""
			: i + 1 == rule->n ? " or "
					   : ", ",
			rule->seconds[i]);
	return err_set(err, EINVAL,
		"%s cannot make a %s of %u s%s%s; use %s, or up to %us in parts%s",
		row->name, model_kind_name(row->kind), req->seconds, res ? " at " : "",
		res ? res : "", b.data ? b.data : "", row->seconds_max,
		rule && rule->res[0] ? ", or another res=" : "");
}

static int check_prompt(
	const struct model_row *row, const struct request *req, struct err *err)
{
	size_t n = req->prompt ? req->prompt->codepoints : 0;

	if (n < row->prompt_min)
		return err_set(err, EINVAL,
			"the prompt has %zu characters; %s needs at least %u", n,
			row->name, row->prompt_min);
	if (n > row->prompt_max)
		return err_set(err, EINVAL,
			"the prompt has %zu characters; %s takes at most %u", n,
			row->name, row->prompt_max);
	return 0;
}

static int check_option(const struct model_row *row, const struct request *req,
	enum option_id id, struct err *err)
{
	const struct option_rule *rule = &row->option[id];
	const char *value = req->opt[id];

	if (!value) {
		if (rule->is_taken && rule->form == FORM_INPUTS && rule->min > 0)
			return err_set(err, EINVAL,
				"%s needs a picture of /inputs: "
				"add %s=NAME to the path",
				row->name, option_name(id));
		return 0;
	}
	if (!rule->is_taken)
		return err_set(err, EINVAL, "%s does not take the option %s", row->name,
			option_name(id));
	return is_allowed(rule, id, value) ? 0 : refuse_value(row, id, value, err);
}

/* What is possible alone and not together. */
static int check_together(
	const struct model_row *row, const struct request *req, struct err *err)
{
	const struct option_rule *seed = &row->option[OPT_SEED];
	uint64_t s;

	if (req->opt[OPT_LAST] && !req->opt[OPT_IMAGE])
		return err_set(err, EINVAL,
			"last= needs a first picture: add image=NAME to the path");
	if (limits_seed(req, &s) && (double)s > seed->max)
		return err_set(err, EINVAL,
			"take %u of seed=%s would be above "
			"the largest seed %.0f; use a smaller one",
			req->take, req->opt[OPT_SEED], seed->max);
	if (req->opt[OPT_SEED] && req->opt[OPT_WATERMARK] &&
		!strcmp(req->opt[OPT_WATERMARK], "on"))
		return err_set(err, EINVAL,
			"%s takes a seed only with watermark=off; "
			"leave watermark=on out",
			row->name);
	return 0;
}

int limits_check(
	const struct model_row *row, const struct request *req, struct err *err)
{
	struct segments s;
	int r = check_prompt(row, req, err);

	if (r < 0)
		return r;
	if (!row_makes(row, req->tree, req->type))
		return err_set(err, EINVAL, "%s is a %s model and does not make a .%s",
			row->name, model_kind_name(row->kind), media_ext(req->type));
	for (enum option_id id = 0; id < OPT_COUNT_; id++) {
		r = check_option(row, req, id, err);
		if (r < 0)
			return r;
	}
	r = check_together(row, req, err);
	if (r < 0 || !row_is_timed(row))
		return r;
	return limits_segments(row, req, false, &s) < 0 ||
			       !limits_seconds_are_whole(row, req)
		       ? refuse_seconds(row, req, err)
		       : 0;
}

/* ---- values in effect ---- */

const char *limits_value(
	const struct model_row *row, const struct request *req, enum option_id id)
{
	const struct option_rule *rule = &row->option[id];

	if (!rule->is_taken)
		return NULL;
	if (req->opt[id])
		return req->opt[id];
	if (id == OPT_WATERMARK && req->opt[OPT_SEED] && find_choice(rule, "off"))
		return "off";
	return rule->form == FORM_CHOICE ? rule->choices[0].value : NULL;
}

bool limits_number(const struct model_row *row, const struct request *req,
	enum option_id id, double *ret)
{
	const struct option_rule *rule = &row->option[id];

	if (!rule->is_taken ||
		(rule->form != FORM_INTEGER && rule->form != FORM_NUMBER))
		return false;
	if (req->opt[id])
		return str_parse_decimal(req->opt[id], ret) == 0;
	if (isnan(rule->preset))
		return false;
	*ret = rule->preset;
	return true;
}

const char *limits_wire(
	const struct model_row *row, const struct request *req, enum option_id id)
{
	const char *value = limits_value(row, req, id);
	const struct choice *c = value ? find_choice(&row->option[id], value) : NULL;

	return c ? c->wire : value;
}

bool limits_seed(const struct request *req, uint64_t *ret)
{
	uint64_t v;

	if (!req->opt[OPT_SEED] ||
		str_parse_u64(req->opt[OPT_SEED], UINT32_MAX, &v) < 0)
		return false;
	*ret = v + (req->take ? req->take - 1u : 0);
	return true;
}

int limits_pixels(const struct model_row *row, const struct request *req,
	uint32_t *ret_w, uint32_t *ret_h)
{
	enum option_id by = row_is_timed(row) ? OPT_RES : OPT_SIZE;
	const char *size = limits_value(row, req, by);
	const char *aspect = limits_value(row, req, OPT_ASPECT);

	if (!row->n_pixels && row_has_pixels(row) && !row_is_timed(row)) {
		*ret_w = PIXELS_UNKNOWN_WIDTH;
		*ret_h = PIXELS_UNKNOWN_HEIGHT;
		return 0;
	}
	for (size_t i = 0; i < row->n_pixels; i++) {
		const struct pixel_size *p = &row->pixels[i];

		if ((!size || !strcmp(size, p->size_class)) &&
			(!aspect || !strcmp(aspect, p->aspect))) {
			*ret_w = p->width;
			*ret_h = p->height;
			return 0;
		}
	}
	return -EINVAL;
}
