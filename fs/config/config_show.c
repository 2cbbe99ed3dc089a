// SPDX-License-Identifier: MIT
/* The options as JSON and as --help; a secret shows only that it is set. Any thread. */
#include <errno.h>
#include <string.h>

#include "cache/base/mem.h"
#include "fs/config/config_table.h"

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

static bool add_limits(cJSON *o, const char *name, const struct limit_list *l)
{
	scoped(buf_finish) struct buf b = {0};

	return config_limits_format(l, &b) == 0 &&
	       cJSON_AddStringToObject(o, name, b.data) != NULL;
}

static bool add_users(cJSON *o, const char *name, const struct uid_list *l)
{
	cJSON *a = cJSON_AddArrayToObject(o, name);

	for (size_t i = 0; a && i < l->n; i++) {
		cJSON *uid = cJSON_CreateNumber(l->uid[i]);

		if (!uid || !cJSON_AddItemToArray(a, uid)) {
			cJSON_Delete(uid);
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
	case CONFIG_TEXT:
	case CONFIG_ADDRESS:
		text = *(char *const *)value;
		return text ? cJSON_AddStringToObject(o, row->name, text) != NULL
			    : cJSON_AddNullToObject(o, row->name) != NULL;
	case CONFIG_SECRET:
		return *(char *const *)value
			       ? cJSON_AddStringToObject(o, row->name, "set") != NULL
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
	case CONFIG_MONEY:
		return *(const int64_t *)value < 0
			       ? cJSON_AddStringToObject(o, row->name, "none") != NULL
			       : json_add_usd(o, row->name, *(const int64_t *)value);
	case CONFIG_BUDGET:
	case CONFIG_BUDGET_UID:
		return add_limits(o, row->name, value);
	case CONFIG_USERS:
		return add_users(o, row->name, value);
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
	if (row->dir_env)
		return buf_addf(out, " (default $%s/%s)", row->dir_env, row->preset);
	return buf_addf(out, " (default %s)", row->preset);
}

/* "vertex:A vertex:B" as " [A B]". */
static int help_env(struct buf *out, const struct config_row *row)
{
	int r = row->env ? buf_adds(out, " [") : 0;

	for (const char *p = row->env; p && *p && r == 0;) {
		size_t len;

		p += strcspn(p, ":") + 1;
		len = strcspn(p, " ");
		r = buf_addf(out, "%.*s%s", (int)len, p, p[len] ? " " : "]");
		p += len;
	}
	return r;
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
			r = help_env(out, row);
		if (r == 0)
			r = buf_addc(out, '\n');
	}
	return r;
}
