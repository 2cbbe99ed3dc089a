// SPDX-License-Identifier: MIT
/* What of the options of a path goes out with a call. The row that serves it need not
 * be the one that was asked for, and the model behind a row may not know a parameter
 * that the row offers. */
#include <math.h>
#include <string.h>

#include "backend/policy/limits.h"
#include "backend/provider/wire.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

static const char *wire_id(const struct wire_job *j)
{
	const char *id =
		j->row->wire[j->row->protocol == PROTOCOL_OPENAI_IMAGE ||
					     j->row->protocol == PROTOCOL_OPENAI_CHAT
				     ? BACKEND_OPENAI
			     : j->is_developer_api ? BACKEND_GEMINI
						   : BACKEND_VERTEX];

	return id ? id : "";
}

static bool is_given(const struct wire_job *j, enum option_id id, const char *value)
{
	return j->req->opt[id] && !strcmp(j->req->opt[id], value);
}

/* Given, and nothing that this row cannot do. */
static bool is_understood(const struct wire_job *j, enum option_id id)
{
	return j->req->opt[id] && limits_allows(j->row, id, j->req->opt[id]);
}

/* ---- what each protocol knows ---- */

/* What generations of Imagen take of what the catalogue lets a path ask. Longest prefix
 * first. Source: Google's VisionGenerativeModelParams reference, read 2026-11-23. */
static const struct {
	const char *prefix;
	bool guidance, negative;
} imagen_ids[] = {
	{"imagegeneration@", true, true},
	{"imagen-3.0-generate-002", false, false},
	{"imagen-3.0-", false, true},
	{"imagen-4.0-", false, false},
};

/* The Developer API's subset. Source: generateImagesConfigToMldev of js-genai 1.x. */
static bool imagen_developer_sends(const struct wire_job *j, enum option_id id)
{
	const struct option_rule *safety = &j->row->option[OPT_SAFETY];

	if (id == OPT_SAFETY) /* only the strictest */
		return !j->req->opt[id] ||
		       (safety->n_choices && is_given(j, id, safety->choices[0].value));
	return id != OPT_SEED && id != OPT_WATERMARK && id != OPT_NEGATIVE;
}

static bool imagen_sends(const struct wire_job *j, enum option_id id)
{
	if (id == OPT_IMAGE || id == OPT_LAST)
		return false;
	if (j->is_developer_api && !imagen_developer_sends(j, id))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(imagen_ids); i++) {
		if (str_starts(wire_id(j), imagen_ids[i].prefix))
			return id == OPT_GUIDANCE   ? imagen_ids[i].guidance
			       : id == OPT_NEGATIVE ? imagen_ids[i].negative
						    : true;
	}
	return true;
}

static bool veo_sends(const struct wire_job *j, enum option_id id)
{
	switch (id) {
	case OPT_RES: /* Veo 2, which has no sound, has no such parameter; the
			 Developer API extends at 720p only */
		return j->row->option[OPT_AUDIO].is_taken &&
		       !(j->is_developer_api && j->video_uri);
	case OPT_AUDIO:
	case OPT_SEED:
	case OPT_PERSON: /* what is allowed there depends on model and country */
		return !j->is_developer_api;
	case OPT_FPS:
		return false;
	default:
		return true;
	}
}

static bool gemini_sends(const struct wire_job *j, enum option_id id)
{
	return id != OPT_LAST && (id != OPT_PERSON || !j->is_developer_api);
}

static bool openai_sends(const struct wire_job *j, enum option_id id)
{
	bool chat = j->row->kind == MODEL_TEXT;

	switch (id) {
	case OPT_SEED:
	case OPT_COUNT:
		return true;
	case OPT_SIZE:
	case OPT_ASPECT:
		return !chat;
	case OPT_TEMPERATURE:
	case OPT_MAX_TOKENS:
	case OPT_IMAGE:
		return chat;
	default:
		return false;
	}
}

bool wire_sends(const struct wire_job *j, enum option_id id)
{
	if (!j->row->option[id].is_taken || id == OPT_STYLE || id == OPT_ENHANCE)
		return false; /* the last two are in the prompt */
	switch (j->row->protocol) {
	case PROTOCOL_IMAGEN:
		return imagen_sends(j, id);
	case PROTOCOL_VEO:
		return veo_sends(j, id);
	case PROTOCOL_GEMINI_IMAGE:
	case PROTOCOL_GEMINI_TEXT:
		return gemini_sends(j, id);
	default:
		return openai_sends(j, id);
	}
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

/* https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/
 * veo-video-generation, read 2026-11-23. The specification promises shorter ones. */
#define VEO2_SECONDS_MIN 5

uint32_t wire_seconds(const struct wire_job *j)
{
	bool short_veo2 = j->seconds < VEO2_SECONDS_MIN && !j->video_uri &&
			  j->row->protocol == PROTOCOL_VEO &&
			  str_starts(wire_id(j), "veo-2.0-");

	return short_veo2 ? VEO2_SECONDS_MIN : j->seconds;
}

/* The Developer API does not extend Lite's. Source: its page on video,
 * https://ai.google.dev/gemini-api/docs/video, read 2026-11-23. */
bool wire_can_extend(const struct wire_job *j)
{
	return j->row->protocol == PROTOCOL_VEO &&
	       j->row->extend.seconds == WIRE_EXTENSION_SECONDS &&
	       !(j->is_developer_api && str_starts(wire_id(j), "veo-3.1-lite-"));
}

/* ---- what was given for nothing ---- */

/* What the model does anyway. */
static bool is_so_anyway(const struct wire_job *j, enum option_id id)
{
	bool openai = j->row->protocol == PROTOCOL_OPENAI_IMAGE ||
		      j->row->protocol == PROTOCOL_OPENAI_CHAT;

	switch (id) {
	case OPT_RES: /* of Veo 2, and of the Developer API's extensions */
		return is_given(j, id, "720p");
	case OPT_AUDIO:
		return is_given(j, id, j->row->option[id].is_taken ? "on" : "off");
	case OPT_WATERMARK: /* all of Google's have one that cannot be seen */
		return !openai && is_given(j, id, "on");
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
