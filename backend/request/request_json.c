// SPDX-License-Identifier: MIT
/* A request as a line of the ledger holds it. Pure. */
#include <errno.h>
#include <string.h>

#include "backend/request/request.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"

/* "video" says which of the first two trees it is; only a later one is named. */
static bool add_tree(cJSON *o, enum request_tree tree)
{
	return cJSON_AddBoolToObject(o, "video", tree == TREE_VIDEOS) &&
	       (tree <= TREE_VIDEOS ||
		       cJSON_AddStringToObject(o, "tree", media_tree_name(tree)));
}

static int read_tree(const cJSON *o, enum request_tree *ret)
{
	const char *name = json_str(o, "tree", NULL);

	if (name)
		return media_tree_find(name, ret);
	*ret = json_bool(o, "video", false) ? TREE_VIDEOS : TREE_PROMPTS;
	return 0;
}

int request_to_json(const struct request *r, cJSON *o)
{
	cJSON *options = cJSON_AddObjectToObject(o, "options");
	bool ok = options && add_tree(o, r->tree) &&
		  cJSON_AddStringToObject(o, "prompt", r->prompt->text) &&
		  cJSON_AddStringToObject(o, "model", r->model) &&
		  cJSON_AddStringToObject(o, "type", media_ext(r->type)) &&
		  json_add_int(o, "take", r->take) &&
		  json_add_int(o, "seconds", r->seconds);

	for (int i = 0; i < OPT_COUNT_ && ok; i++)
		if (r->opt[i])
			ok = cJSON_AddStringToObject(
				options, option_name(i), r->opt[i]);
	return ok ? 0 : -ENOMEM;
}

static int read_options(const cJSON *list, struct request *r)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, list)
	{
		enum option_id id = option_find(e->string, strlen(e->string));

		if (id == OPT_COUNT_ || !cJSON_IsString(e) || r->opt[id])
			return -EBADMSG;
		r->opt[id] = strdup(e->valuestring);
		if (!r->opt[id])
			return -ENOMEM;
	}
	return 0;
}

int request_from_json(const cJSON *o, struct request *ret)
{
	scoped(request_finish) struct request r = {0};
	const char *prompt = json_str(o, "prompt", ""),
		   *model = json_str(o, "model", ""), *type = json_str(o, "type", "");
	int64_t take = json_int(o, "take", 0), seconds = json_int(o, "seconds", -1);
	int e;

	if (!*model || strlen(model) > REQUEST_MODEL_MAX || take < 1 ||
		take > REQUEST_TAKE_MAX || seconds < 0 || seconds > UINT16_MAX)
		return -EBADMSG;
	r.type = media_find(type);
	if (r.type == MEDIA_NONE || read_tree(o, &r.tree) < 0)
		return -EBADMSG;
	memcpy(r.model, model, strlen(model) + 1);
	r.take = (uint16_t)take;
	r.seconds = (uint32_t)seconds;
	e = prompt_from_text(prompt, strlen(prompt), &r.prompt);
	if (e == 0)
		e = read_options(cJSON_GetObjectItemCaseSensitive(o, "options"), &r);
	if (e < 0)
		return e == -ENOMEM ? e : -EBADMSG;
	*ret = r;
	r = (struct request){0};
	return 0;
}
