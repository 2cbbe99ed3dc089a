// SPDX-License-Identifier: MIT
/* What of the options of a path goes out with a call. The row that serves it need not
 * be the one that was asked for, and the model behind a row may not know a parameter
 * that the row offers. Pure: any thread. */
#include <math.h>
#include <string.h>

#include "backend/policy/limits.h"
#include "backend/provider/protocol.h"
#include "backend/provider/wire.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

const char *wire_id(const struct wire_job *j)
{
	const char *id = j->row->wire[j->backend];

	return id ? id : "";
}

bool wire_is_given(const struct wire_job *j, enum option_id id, const char *value)
{
	return j->req->opt[id] && !strcmp(j->req->opt[id], value);
}

/* Given, and nothing that this row cannot do. */
static bool is_understood(const struct wire_job *j, enum option_id id)
{
	return j->req->opt[id] && limits_allows(j->row, id, j->req->opt[id]);
}

bool wire_sends(const struct wire_job *j, enum option_id id)
{
	if (!j->row->option[id].is_taken || id == OPT_STYLE || id == OPT_ENHANCE)
		return false; /* the last two are in the prompt */
	return protocol_of(j->row)->sends(j, id);
}

/* ---- values ---- */

bool wire_seed(const struct wire_job *j, uint64_t *ret)
{
	const struct option_rule *rule = &j->row->option[OPT_SEED];

	if (!j->has_seed || !wire_sends(j, OPT_SEED) || (double)j->seed < rule->min ||
		(double)j->seed > rule->max)
		return false;
	*ret = j->seed;
	return true;
}

const char *wire_choice(const struct wire_job *j, enum option_id id)
{
	const struct option_rule *rule = &j->row->option[id];
	uint64_t seed;
	bool as_asked = j->req->opt[id] ? is_understood(j, id)
					: id != OPT_WATERMARK || wire_seed(j, &seed);

	if (!wire_sends(j, id))
		return NULL;
	if (as_asked)
		return limits_wire(j->row, j->req, id);
	return rule->n_choices ? rule->choices[0].wire : NULL;
}

bool wire_number(const struct wire_job *j, enum option_id id, double *ret)
{
	const struct option_rule *rule = &j->row->option[id];

	if (!wire_sends(j, id))
		return false;
	if (!j->req->opt[id] || is_understood(j, id))
		return limits_number(j->row, j->req, id, ret);
	if (isnan(rule->preset))
		return false;
	*ret = rule->preset;
	return true;
}

uint32_t wire_seconds(const struct wire_job *j)
{
	const struct protocol_ops *ops = protocol_of(j->row);

	return ops->seconds ? ops->seconds(j) : j->seconds;
}

bool wire_can_extend(const struct wire_job *j)
{
	const struct protocol_ops *ops = protocol_of(j->row);

	return ops->can_extend && ops->can_extend(j);
}

uint32_t wire_count_max(const struct wire_job *j)
{
	const struct option_rule *count = &j->row->option[OPT_COUNT];

	if (!count->is_taken || !(count->max >= 1))
		return 1;
	return count->max < WIRE_MEDIA_MAX ? (uint32_t)count->max : WIRE_MEDIA_MAX;
}

/* ---- what was given for nothing ---- */

/* What the model does anyway. */
static bool is_so_anyway(const struct wire_job *j, enum option_id id)
{
	switch (id) {
	case OPT_RES: /* of Veo 2, and of the Developer API's extensions */
		return wire_is_given(j, id, "720p");
	case OPT_AUDIO:
		return wire_is_given(j, id, j->row->option[id].is_taken ? "on" : "off");
	case OPT_WATERMARK:
		return protocol_of(j->row)->is_marked && wire_is_given(j, id, "on");
	default:
		return false;
	}
}

static bool is_honoured(const struct wire_job *j, enum option_id id)
{
	uint64_t seed;

	switch (id) {
	case OPT_STYLE:
	case OPT_ENHANCE: /* in the prompt */
	case OPT_COUNT:   /* as many calls as it takes */
	case OPT_FPS:     /* converted */
		return true;
	case OPT_SEED:
		return wire_seed(j, &seed);
	default:
		return wire_sends(j, id) ? is_understood(j, id) : is_so_anyway(j, id);
	}
}

void wire_dropped(const struct wire_job *j, bool dropped[static OPT_COUNT_])
{
	for (enum option_id id = 0; id < OPT_COUNT_; id++)
		dropped[id] = j->req->opt[id] && !is_honoured(j, id);
}
