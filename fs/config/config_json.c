// SPDX-License-Identifier: MIT
/* The configuration file: JSON values become the texts that -o takes. Main thread. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/base/money.h"
#include "fs/config/config_table.h"

static int set_json_words(
	struct config *c, const struct config_row *row, const cJSON *j, struct err *err)
{
	struct word_list *value = config_value(c, row);
	scoped(word_list_finish) struct word_list l = {0};
	const cJSON *m;

	cJSON_ArrayForEach(m, j)
	{
		int r;

		if (!cJSON_IsString(m) || !*m->valuestring)
			return err_set(
				err, EINVAL, "%s must be an array of words", row->name);
		r = word_list_add(&l, m->valuestring, strlen(m->valuestring));
		if (r < 0)
			return config_words_error(row, r, err);
	}
	word_list_finish(value);
	*value = l;
	l = (struct word_list){0};
	return 0;
}

static bool is_whole(const cJSON *j)
{
	double v = j->valuedouble;

	return cJSON_IsNumber(j) && v >= 0 && v <= 1e15 && v == (double)(int64_t)v;
}

static int set_json_number(
	struct config *c, const struct config_row *row, const cJSON *j, struct err *err)
{
	char text[24];

	if (!is_whole(j))
		return err_set(err, EINVAL, "%s must be %s", row->name,
			config_number_form(row->type));
	snprintf(text, sizeof(text), "%" PRId64, (int64_t)j->valuedouble);
	return config_set(c, row, text, NULL, err);
}

/* Six decimals are all that money has; more would be rounded behind the user's back. */
static int set_json_usd(
	struct config *c, const struct config_row *row, const cJSON *j, struct err *err)
{
	double v = j->valuedouble;
	char text[40];

	if (!(v >= 0 && v <= 1e9))
		return err_set(err, EINVAL, "%s must be an amount in USD such as 0.25",
			row->name);
	snprintf(text, sizeof(text), "%.6f", v);
	if (strtod(text, NULL) != v)
		return err_set(err, EINVAL, "%s has more than six decimals", row->name);
	return config_set(c, row, text, NULL, err);
}

/* Names and numbers, joined as on the command line. */
static int set_json_users(
	struct config *c, const struct config_row *row, const cJSON *j, struct err *err)
{
	scoped(buf_finish) struct buf b = {0};
	int r = buf_adds(&b, "");
	const cJSON *m;

	cJSON_ArrayForEach(m, j)
	{
		if (r == 0 && b.len)
			r = buf_addc(&b, '+');
		if (r == 0 && cJSON_IsString(m) && !strchr(m->valuestring, '+'))
			r = buf_adds(&b, m->valuestring);
		else if (r == 0 && is_whole(m))
			r = buf_addf(&b, "%" PRId64, (int64_t)m->valuedouble);
		else if (r == 0)
			return err_set(err, EINVAL,
				"%s must be an array of users, names or numbers",
				row->name);
	}
	return r < 0 ? err_oom(err) : config_set(c, row, b.data, NULL, err);
}

static int set_json_string(
	struct config *c, const struct config_row *row, const cJSON *j, struct err *err)
{
	if (!cJSON_IsString(j))
		return err_set(err, EINVAL, "%s must be a string", row->name);
	return config_set(c, row, j->valuestring, NULL, err);
}

static int set_json(
	struct config *c, const struct config_row *row, const cJSON *j, struct err *err)
{
	switch (row->type) {
	case CONFIG_CHOICE:
	case CONFIG_PATH:
	case CONFIG_TEXT:
	case CONFIG_SECRET:
	case CONFIG_ADDRESS:
	case CONFIG_BUDGET_UID:
		return set_json_string(c, row, j, err);
	case CONFIG_COUNT:
		if (cJSON_IsNumber(j))
			return set_json_number(c, row, j, err);
		return err_set(err, EINVAL, "%s must be a whole number", row->name);
	case CONFIG_SECONDS:
	case CONFIG_MILLIS:
		if (cJSON_IsString(j))
			return config_set(c, row, j->valuestring, NULL, err);
		if (cJSON_IsNumber(j))
			return set_json_number(c, row, j, err);
		return err_set(err, EINVAL, "%s must be %s", row->name,
			config_number_form(row->type));
	case CONFIG_MONEY:
	case CONFIG_BUDGET:
		if (cJSON_IsNumber(j))
			return set_json_usd(c, row, j, err);
		if (cJSON_IsString(j))
			return config_set(c, row, j->valuestring, NULL, err);
		return err_set(err, EINVAL,
			"%s must be a number or a string such as %s", row->name,
			row->argument);
	case CONFIG_SWITCH:
		if (!cJSON_IsBool(j))
			return err_set(
				err, EINVAL, "%s must be true or false", row->name);
		*(bool *)config_value(c, row) = cJSON_IsTrue(j);
		return 0;
	case CONFIG_WORDS:
		if (cJSON_IsArray(j))
			return set_json_words(c, row, j, err);
		return err_set(err, EINVAL, "%s must be an array of words", row->name);
	case CONFIG_USERS:
		if (cJSON_IsArray(j))
			return set_json_users(c, row, j, err);
		return err_set(err, EINVAL,
			"%s must be an array of users, names or numbers", row->name);
	}
	return err_set(err, EINVAL, "%s: no such type", row->name);
}

static int set_json_member(
	struct config *c, const cJSON *object, const cJSON *m, struct err *err)
{
	const struct config_row *row = config_find_row(m->string, strlen(m->string));
	const char *hint;

	if (!row || row->is_command_line_only) {
		hint = config_nearest(m->string, strlen(m->string), false);
		if (row)
			return err_set(err, EINVAL,
				"\"%s\" belongs on the command line", m->string);
		if (hint)
			return err_set(err, EINVAL,
				"unknown key \"%.64s\"; did you mean \"%s\"?",
				m->string, hint);
		return err_set(err, EINVAL, "unknown key \"%.64s\"", m->string);
	}
	if (cJSON_GetObjectItemCaseSensitive(object, m->string) != m)
		return err_set(err, EINVAL, "key \"%s\" is there twice", m->string);
	return set_json(c, row, m, err);
}

int config_json(struct config *c, const char *text, size_t len, struct err *err)
{
	scoped_json cJSON *j = json_parse(text, len, err);
	const cJSON *m;
	int r;

	if (!j)
		return err && err->code ? -err->code : -EINVAL;
	if (!cJSON_IsObject(j))
		return err_set(err, EINVAL, "must be one JSON object");
	cJSON_ArrayForEach(m, j)
	{
		r = set_json_member(c, j, m, err);
		if (r < 0)
			return r;
	}
	return 0;
}
