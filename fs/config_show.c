// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "fs/config_table.h"

#define HELP_COLUMN 28

static bool add_words(cJSON *o, const char *name, const struct word_list *l)
{
	cJSON *a = cJSON_AddArrayToObject(o, name);

	for (size_t i = 0; a && i < l->n; i++) {
		cJSON *word = cJSON_CreateString(l->word[i]);

		if (!word || !cJSON_AddItemToArray(a, word)) {
			cJSON_Delete(word);
			return false;
		}
	}
	return a != NULL;
}

static bool add_value(cJSON *o, const struct config_row *row, const void *value)
{
	const char *text;

	switch (row->type) {
	case CONFIG_CHOICE:
	case CONFIG_PATH:
		text = *(char *const *)value;
		return text ? cJSON_AddStringToObject(o, row->name, text) != NULL
			    : cJSON_AddNullToObject(o, row->name) != NULL;
	case CONFIG_COUNT:
		return json_add_int(o, row->name, *(const int *)value);
	case CONFIG_SECONDS:
	case CONFIG_MILLIS:
		return json_add_int(o, row->name, *(const int64_t *)value);
	case CONFIG_SWITCH:
		return cJSON_AddBoolToObject(o, row->name, *(const bool *)value) !=
		       NULL;
	case CONFIG_WORDS:
		return add_words(o, row->name, value);
	}
	return false;
}

int config_to_json(const struct config *c, cJSON *o)
{
	for (size_t i = 0; i < config_rows_n; i++) {
		if (!add_value(o, &config_rows[i], config_value(c, &config_rows[i])))
			return -ENOMEM;
	}
	if (c->fuse_options && !cJSON_AddStringToObject(o, "fuse", c->fuse_options))
		return -ENOMEM;
	return 0;
}

static int help_default(struct buf *out, const struct config_row *row)
{
	if (!row->preset || row->type == CONFIG_WORDS)
		return 0;
	if (row->env)
		return buf_addf(out, " (default $%s/%s)", row->env, row->preset);
	return buf_addf(out, " (default %s)", row->preset);
}

int config_help(struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < config_rows_n && r == 0; i++) {
		const struct config_row *row = &config_rows[i];
		size_t at = out->len;
		int width;

		r = buf_addf(out, "  %s=%s", row->name, row->argument);
		width = HELP_COLUMN - (int)(out->len - at);
		if (r == 0)
			r = buf_addf(
				out, "%*s  %s", width > 0 ? width : 0, "", row->help);
		if (r == 0)
			r = help_default(out, row);
		if (r == 0)
			r = buf_addc(out, '\n');
	}
	return r;
}
