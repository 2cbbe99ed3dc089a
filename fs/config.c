// SPDX-License-Identifier: MIT
#include "fs/config.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cache/base/mem.h"
#include "cache/base/str.h"
#include "fs/config_table.h"

#define CONFIG_FILE_MAX (1024u * 1024u)
#define CONFIG_VALUE_MAX 65536u
#define CONFIG_WORDS_MAX 4096u
#define OPTION_NAME_MAX                                                                \
	32u /* longer than any known name; above it nothing is suggested */

/* What libfuse's own parser takes. With '=' at the end: needs a value. */
static const char *const fuse_words[] = {"allow_other", "allow_root", "auto_unmount",
	"default_permissions", "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec",
	"noexec", "async", "sync", "dirsync", "noatime",
	"fsname=", "subtype=", "max_read="};

/* What fstab and mount(8) add for themselves, or what means nothing to us. */
static const char *const ignored_words[] = {"defaults", "auto", "noauto", "user",
	"nouser", "users", "owner", "group", "nofail", "_netdev", "atime", "diratime",
	"nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime",
	"lazytime", "nolazytime", "silent", "loud", "nonempty"};

static void word_list_finish(struct word_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->word[i]);
	free(l->word);
	*l = (struct word_list){0};
}

void config_finish(struct config *c)
{
	for (size_t i = 0; i < config_rows_n; i++) {
		const struct config_row *row = &config_rows[i];
		void *value = config_value(c, row);

		if (row->type == CONFIG_WORDS)
			word_list_finish(value);
		else if (row->type == CONFIG_CHOICE || row->type == CONFIG_PATH)
			mem_free(value);
	}
	free(c->fuse_options);
	*c = (struct config){0};
}

static const char *home_dir(void)
{
	const char *home = getenv("HOME");
	const struct passwd *pw;

	if (home && *home == '/')
		return home;
	/* At boot, mount(8) runs us without HOME. One thread so far. */
	pw = getpwuid(getuid());
	return pw && pw->pw_dir && *pw->pw_dir == '/' ? pw->pw_dir : NULL;
}

static int set_text(char **value, const char *text, struct err *err)
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
		if (len && !strncmp(p, text, len) && (!p[len] || p[len] == ' '))
			return set_text(value, text, err);
	}
	return err_set(err, EINVAL,
		"%s \"%s\" is not available in this version; available: %s", row->name,
		text, row->choices);
}

static int set_path(const struct config_row *row, char **value, const char *text,
	const char *base, struct err *err)
{
	scoped(buf_finish) struct buf b = {0};
	int r;

	if (!*text)
		return err_set(err, EINVAL, "%s needs a path", row->name);
	if (str_starts(text, "~/")) {
		if (!home_dir())
			return err_set(err, EINVAL,
				"%s: \"~\" has no meaning: HOME is not set", row->name);
		r = buf_addf(&b, "%s%s", home_dir(), text + 1);
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
	return r < 0 ? err_oom(err) : set_text(value, b.data, err);
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

static const char *number_form(enum config_type type)
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
			number_form(row->type), text);
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

static int word_list_add(struct word_list *l, const char *word, size_t len)
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

static int words_error(const struct config_row *row, int r, struct err *err)
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
	int r = 0;

	while (*text && r == 0) {
		size_t len = strcspn(text, "+");

		if (len)
			r = word_list_add(&l, text, len);
		text += len + (text[len] == '+');
	}
	if (r < 0)
		return words_error(row, r, err);
	word_list_finish(value);
	*value = l;
	l = (struct word_list){0};
	return 0;
}

/* base: directory of relative paths, NULL: refuse them. */
static int set_value(struct config *c, const struct config_row *row, const char *text,
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
	case CONFIG_COUNT:
	case CONFIG_SECONDS:
	case CONFIG_MILLIS:
		return set_number(row, value, text, err);
	case CONFIG_SWITCH:
		return set_switch(row, value, text, err);
	case CONFIG_WORDS:
		return set_words(row, value, text, err);
	}
	return err_set(err, EINVAL, "%s: no such type", row->name);
}

/* The directory of a default path; NULL where nobody says where home is. */
static int default_base(const struct config_row *row, struct buf *ret)
{
	const char *dir = row->env ? getenv(row->env) : NULL;

	/* A relative one is to be ignored, as the XDG base directory specification
	 * says. */
	if (dir && *dir == '/')
		return buf_adds(ret, dir);
	if (!row->below || !home_dir())
		return 0;
	return buf_addf(ret, "%s/%s", home_dir(), row->below);
}

static int set_default(struct config *c, const struct config_row *row, struct err *err)
{
	scoped(buf_finish) struct buf base = {0};

	/* NULL stands for the default place of the file, which need not exist. */
	if (!row->preset || row->is_command_line_only)
		return 0;
	if (row->type != CONFIG_PATH)
		return set_value(c, row, row->preset, NULL, err);
	if (default_base(row, &base) < 0)
		return err_oom(err);
	return base.len ? set_value(c, row, row->preset, base.data, err) : 0;
}

int config_init(struct config *c, struct err *err)
{
	*c = (struct config){0};
	for (size_t i = 0; i < config_rows_n; i++) {
		int r = set_default(c, &config_rows[i], err);

		if (r < 0) {
			config_finish(c);
			return r;
		}
	}
	return 0;
}

static const struct config_row *find_row(const char *name, size_t len)
{
	for (size_t i = 0; i < config_rows_n; i++) {
		if (!strncmp(config_rows[i].name, name, len) &&
			!config_rows[i].name[len])
			return &config_rows[i];
	}
	return NULL;
}

static size_t edit_distance(const char *a, size_t n, const char *b, size_t m)
{
	size_t row[OPTION_NAME_MAX + 1];

	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[m];
}

static void nearest_of(const char *name, size_t len, const char *known,
	const char **best, size_t *distance)
{
	size_t m = strcspn(known, "="), d;

	if (len > OPTION_NAME_MAX || m > OPTION_NAME_MAX)
		return;
	d = edit_distance(name, len, known, m);
	if (d < *distance) {
		*distance = d;
		*best = known;
	}
}

/* The known name that was probably meant, or NULL. */
static const char *nearest(const char *name, size_t len, bool with_fuse)
{
	size_t distance = len / 3 + 2;
	const char *best = NULL;

	for (size_t i = 0; i < config_rows_n; i++)
		nearest_of(name, len, config_rows[i].name, &best, &distance);
	for (size_t i = 0; with_fuse && i < ARRAY_SIZE(fuse_words); i++)
		nearest_of(name, len, fuse_words[i], &best, &distance);
	return best;
}

static int unknown_option(const char *name, size_t len, struct err *err)
{
	const char *hint = nearest(name, len, true);

	if (hint)
		return err_set(err, EINVAL,
			"unknown option \"%.*s\"; did you mean \"%.*s\"?",
			(int)(len < 64 ? len : 64), name, (int)strcspn(hint, "="),
			hint);
	return err_set(err, EINVAL,
		"unknown option \"%.*s\"; promptfs --help lists them",
		(int)(len < 64 ? len : 64), name);
}

static bool is_fuse_option(const char *option, size_t name_len)
{
	bool has_value = option[name_len] == '=';

	for (size_t i = 0; i < ARRAY_SIZE(fuse_words); i++) {
		if (!strncmp(fuse_words[i], option, name_len) &&
			!strcmp(fuse_words[i] + name_len, has_value ? "=" : ""))
			return true;
	}
	return false;
}

static bool is_ignored(const char *option, size_t name_len)
{
	if (str_starts(option, "x-") || str_starts(option, "X-") ||
		str_starts(option, "comment="))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(ignored_words); i++) {
		if (!option[name_len] && !strcmp(ignored_words[i], option))
			return true;
	}
	return false;
}

/* libfuse splits at commas again, so those of a value are escaped. */
static int add_fuse_option(struct config *c, const char *option, struct err *err)
{
	scoped(buf_finish) struct buf b = {0};
	int r = c->fuse_options ? buf_addf(&b, "%s,", c->fuse_options) : 0;

	for (; *option && r == 0; option++) {
		if (*option == ',' || *option == '\\')
			r = buf_addc(&b, '\\');
		if (r == 0)
			r = buf_addc(&b, *option);
	}
	return r < 0 ? err_oom(err)
		     : set_text(&c->fuse_options, b.data ? b.data : "", err);
}

int config_option(struct config *c, const char *option, struct err *err)
{
	size_t len = strcspn(option, "=");
	const struct config_row *row = find_row(option, len);
	scoped_free char *cwd = NULL;

	if (!row) {
		if (len && is_ignored(option, len))
			return 0;
		if (len && is_fuse_option(option, len))
			return add_fuse_option(c, option, err);
		return unknown_option(option, len, err);
	}
	if (!option[len] && row->type != CONFIG_SWITCH)
		return err_set(err, EINVAL, "%s needs a value: %s=%s", row->name,
			row->name, row->argument);
	cwd = getcwd(NULL, 0);
	return set_value(c, row, option[len] ? option + len + 1 : "on", cwd, err);
}

/* ---- the file ---- */

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
			return words_error(row, r, err);
	}
	word_list_finish(value);
	*value = l;
	l = (struct word_list){0};
	return 0;
}

static int set_json_number(
	struct config *c, const struct config_row *row, const cJSON *j, struct err *err)
{
	char text[24];
	double v = j->valuedouble;

	if (!(v >= 0 && v <= 1e15) || v != (double)(int64_t)v)
		return err_set(err, EINVAL, "%s must be %s", row->name,
			number_form(row->type));
	snprintf(text, sizeof(text), "%" PRId64, (int64_t)v);
	return set_value(c, row, text, NULL, err);
}

static int set_json(
	struct config *c, const struct config_row *row, const cJSON *j, struct err *err)
{
	switch (row->type) {
	case CONFIG_CHOICE:
	case CONFIG_PATH:
		if (cJSON_IsString(j))
			return set_value(c, row, j->valuestring, NULL, err);
		return err_set(err, EINVAL, "%s must be a string", row->name);
	case CONFIG_COUNT:
		if (cJSON_IsNumber(j))
			return set_json_number(c, row, j, err);
		return err_set(err, EINVAL, "%s must be a whole number", row->name);
	case CONFIG_SECONDS:
	case CONFIG_MILLIS:
		if (cJSON_IsString(j))
			return set_value(c, row, j->valuestring, NULL, err);
		if (cJSON_IsNumber(j))
			return set_json_number(c, row, j, err);
		return err_set(err, EINVAL, "%s must be %s", row->name,
			number_form(row->type));
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
	}
	return err_set(err, EINVAL, "%s: no such type", row->name);
}

static int set_json_member(
	struct config *c, const cJSON *object, const cJSON *m, struct err *err)
{
	const struct config_row *row = find_row(m->string, strlen(m->string));
	const char *hint;

	if (!row || row->is_command_line_only) {
		hint = nearest(m->string, strlen(m->string), false);
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

static int load_file(struct config *c, struct err *err)
{
	const struct config_row *row = find_row("config", strlen("config"));
	scoped(buf_finish) struct buf path = {0};
	scoped(buf_finish) struct buf text = {0};
	bool is_default = !c->config;
	int r;

	if (is_default) {
		if (default_base(row, &path) < 0)
			return err_oom(err);
		if (!path.len)
			return 0;
		if (buf_addf(&path, "/%s", row->preset) < 0)
			return err_oom(err);
	} else if (buf_adds(&path, c->config) < 0) {
		return err_oom(err);
	}
	r = buf_read_file(&text, path.data, CONFIG_FILE_MAX, err);
	if (r == -ENOENT && is_default)
		return 0;
	if (r < 0)
		return r;
	r = config_json(c, text.data ? text.data : "", text.len, err);
	if (r < 0)
		return err_wrap(err, r, "%s", path.data);
	return is_default ? set_text(&c->config, path.data, err) : 0;
}

/* ---- -o ---- */

/* Takes one option off a comma-separated list; a backslash protects a comma. */
static int next_option(const char **list, struct buf *ret)
{
	const char *p = *list;
	int r = 0;

	buf_clear(ret);
	for (; *p && *p != ',' && r == 0; p++) {
		if (*p == '\\' && p[1])
			p++;
		r = buf_addc(ret, *p);
	}
	*list = p + (*p == ',');
	return r;
}

static int each_option(struct config *c, const char *const *options, size_t n,
	bool only_config, struct err *err)
{
	scoped(buf_finish) struct buf b = {0};

	for (size_t i = 0; i < n; i++) {
		for (const char *p = options[i]; *p;) {
			int r = next_option(&p, &b);

			if (r < 0)
				return err_oom(err);
			if (!b.len || (only_config && !str_starts(b.data, "config=")))
				continue;
			r = config_option(c, b.data, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

int config_load(struct config *c, const char *const *options, size_t n, struct err *err)
{
	int r = config_init(c, err);

	if (r < 0)
		return r;
	r = each_option(c, options, n, true, err);
	if (r == 0)
		r = load_file(c, err);
	if (r == 0)
		r = each_option(c, options, n, false, err);
	if (r == 0 && !c->state)
		r = err_set(err, EINVAL,
			"no place for the store: HOME is not set; use -o state=DIR");
	if (r < 0)
		config_finish(c);
	return r;
}
