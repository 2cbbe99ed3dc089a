// SPDX-License-Identifier: MIT
/* From the text of an option to its value, one function a type. One thread. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "cache/base/mem.h"
#include "cache/base/str.h"
#include "fs/config/config_table.h"

#define CONFIG_VALUE_MAX 65536u
#define CONFIG_WORDS_MAX 4096u
#define CONFIG_TEXT_MAX 256u

const char *config_home(void)
{
	const char *home = getenv("HOME");
	const struct passwd *pw;

	if (home && *home == '/')
		return home;
	/* At boot, mount(8) runs us without HOME. One thread so far. */
	pw = getpwuid(getuid());
	return pw && pw->pw_dir && *pw->pw_dir == '/' ? pw->pw_dir : NULL;
}

int config_set_text(char **value, const char *text, struct err *err)
{
	char *copy = strdup(text);

	if (!copy)
		return err_oom(err);
	free(*value);
	*value = copy;
	return 0;
}

static int set_choice(
	const struct config_row *row, char **value, const char *text, struct err *err)
{
	size_t len = strlen(text);

	for (const char *p = row->choices; p; p = strchr(p, ' ')) {
		p += *p == ' ';
		if (len && !strchr(text, ' ') && !strncmp(p, text, len) &&
			(!p[len] || p[len] == ' '))
			return config_set_text(value, text, err);
	}
	return err_set(err, EINVAL, "%s \"%.64s\" is unknown; choose one of: %s",
		row->name, text, row->choices);
}

static int set_path(const struct config_row *row, char **value, const char *text,
	const char *base, struct err *err)
{
	scoped(buf_finish) struct buf b = {0};
	int r;

	if (!*text)
		return err_set(err, EINVAL, "%s needs a path", row->name);
	if (str_starts(text, "~/")) {
		if (!config_home())
			return err_set(err, EINVAL,
				"%s: \"~\" has no meaning: HOME is not set", row->name);
		r = buf_addf(&b, "%s%s", config_home(), text + 1);
	} else if (*text == '/') {
		r = buf_adds(&b, text);
	} else if (base) {
		r = buf_addf(&b, "%s/%s", base, text);
	} else {
		return err_set(err, EINVAL,
			"%s must be an absolute path here, not \"%s\"", row->name,
			text);
	}
	while (r == 0 && b.len > 1 && b.data[b.len - 1] == '/')
		b.data[--b.len] = '\0';
	return r < 0 ? err_oom(err) : config_set_text(value, b.data, err);
}

/* What ends up in addresses and requests: nothing there needs more than these. */
static int set_word(
	const struct config_row *row, char **value, const char *text, struct err *err)
{
	size_t len = strlen(text);

	if (!len || len > CONFIG_TEXT_MAX || strspn(text, row->choices) != len ||
		ispunct((unsigned char)text[0]) ||
		ispunct((unsigned char)text[len - 1]) || strstr(text, "++"))
		return err_set(err, EINVAL,
			"%s must be a name such as %s, not \"%.64s\"", row->name,
			row->argument, text);
	return config_set_text(value, text, err);
}

static int set_secret(
	const struct config_row *row, char **value, const char *text, struct err *err)
{
	if (!text[strspn(text, " \t")])
		return err_set(err, EINVAL, "%s must not be empty", row->name);
	return config_set_text(value, text, err);
}

struct unit {
	const char *suffix;
	int64_t factor;
};
static const struct unit second_units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}};
static const struct unit milli_units[] = {{"", 1}, {"ms", 1}, {"s", 1000}};
static const struct unit no_units[] = {{"", 1}};

static const struct unit *units_of(enum config_type type, size_t *n)
{
	switch (type) {
	case CONFIG_SECONDS:
		*n = ARRAY_SIZE(second_units);
		return second_units;
	case CONFIG_MILLIS:
		*n = ARRAY_SIZE(milli_units);
		return milli_units;
	default:
		*n = ARRAY_SIZE(no_units);
		return no_units;
	}
}

static int parse_number(const struct config_row *row, const char *text, int64_t *ret)
{
	size_t n, digits = strspn(text, "0123456789");
	const struct unit *u = units_of(row->type, &n);
	char number[20];
	uint64_t v;

	if (digits == 0 || digits >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, digits);
	number[digits] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (strcmp(text + digits, u[i].suffix))
			continue;
		if (str_parse_u64(number, (uint64_t)(row->max / u[i].factor), &v) < 0)
			return -ERANGE;
		*ret = (int64_t)v * u[i].factor;
		return *ret < row->min ? -ERANGE : 0;
	}
	return -EINVAL;
}

const char *config_number_form(enum config_type type)
{
	switch (type) {
	case CONFIG_SECONDS:
		return "a time such as 15, 15s or 2m";
	case CONFIG_MILLIS:
		return "milliseconds such as 250, 250ms or 2s";
	default:
		return "a whole number";
	}
}

static const char *number_unit(enum config_type type)
{
	return type == CONFIG_SECONDS ? " seconds" : type == CONFIG_MILLIS ? " ms" : "";
}

static int set_number(
	const struct config_row *row, void *value, const char *text, struct err *err)
{
	int64_t v;
	int r = parse_number(row, text, &v);

	if (r == -EINVAL)
		return err_set(err, EINVAL, "%s must be %s, not \"%s\"", row->name,
			config_number_form(row->type), text);
	if (r < 0)
		return err_set(err, EINVAL,
			"%s must be between %" PRId64 " and %" PRId64 "%s, not %s",
			row->name, row->min, row->max, number_unit(row->type), text);
	if (row->type == CONFIG_COUNT)
		*(int *)value = (int)v;
	else
		*(int64_t *)value = v;
	return 0;
}

static int set_switch(
	const struct config_row *row, bool *value, const char *text, struct err *err)
{
	static const char *const on[] = {"on", "true", "yes", "1"};
	static const char *const off[] = {"off", "false", "no", "0"};

	if (str_in(text, on, ARRAY_SIZE(on)))
		*value = true;
	else if (str_in(text, off, ARRAY_SIZE(off)))
		*value = false;
	else
		return err_set(
			err, EINVAL, "%s is on or off, not \"%s\"", row->name, text);
	return 0;
}

void word_list_finish(struct word_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->word[i]);
	free(l->word);
	*l = (struct word_list){0};
}

int word_list_add(struct word_list *l, const char *word, size_t len)
{
	char **grown;
	char *copy;

	if (l->n >= CONFIG_WORDS_MAX)
		return -E2BIG;
	grown = realloc(l->word, (l->n + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	l->word = grown;
	copy = strndup(word, len);
	if (!copy)
		return -ENOMEM;
	l->word[l->n++] = copy;
	return 0;
}

int config_words_error(const struct config_row *row, int r, struct err *err)
{
	if (r == -E2BIG)
		return err_set(err, EINVAL, "%s: more than %u words", row->name,
			CONFIG_WORDS_MAX);
	return err_oom(err);
}

static int set_words(const struct config_row *row, struct word_list *value,
	const char *text, struct err *err)
{
	scoped(word_list_finish) struct word_list l = {0};
	struct str_piece word;
	int r = 0;

	while (r == 0 && str_next_piece(&text, &word)) {
		if (word.len)
			r = word_list_add(&l, word.at, word.len);
	}
	if (r < 0)
		return config_words_error(row, r, err);
	word_list_finish(value);
	*value = l;
	l = (struct word_list){0};
	return 0;
}

int config_set(struct config *c, const struct config_row *row, const char *text,
	const char *base, struct err *err)
{
	void *value = config_value(c, row);

	if (strlen(text) > CONFIG_VALUE_MAX)
		return err_set(err, EINVAL, "the value of %s is too long", row->name);
	switch (row->type) {
	case CONFIG_CHOICE:
		return set_choice(row, value, text, err);
	case CONFIG_PATH:
		return set_path(row, value, text, base, err);
	case CONFIG_TEXT:
		return set_word(row, value, text, err);
	case CONFIG_SECRET:
		return set_secret(row, value, text, err);
	case CONFIG_ADDRESS:
		return config_set_address(row, value, text, err);
	case CONFIG_COUNT:
	case CONFIG_SECONDS:
	case CONFIG_MILLIS:
		return set_number(row, value, text, err);
	case CONFIG_SWITCH:
		return set_switch(row, value, text, err);
	case CONFIG_WORDS:
		return set_words(row, value, text, err);
	case CONFIG_MONEY:
		return config_set_money(row, value, text, err);
	case CONFIG_BUDGET:
	case CONFIG_BUDGET_UID:
		return config_set_limits(row, value, text, err);
	case CONFIG_USERS:
		return config_set_users(row, value, text, err);
	}
	return err_set(err, EINVAL, "%s: no such type", row->name);
}
