// SPDX-License-Identifier: MIT
/* Where settings come from, and which of them wins: see config.h. */
#include "fs/config/config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cache/base/mem.h"
#include "cache/base/str.h"
#include "fs/config/config_table.h"

#define CONFIG_FILE_MAX (1024u * 1024u)

static void value_finish(const struct config_row *row, void *value)
{
	switch (row->type) {
	case CONFIG_CHOICE:
	case CONFIG_PATH:
	case CONFIG_TEXT:
	case CONFIG_SECRET:
	case CONFIG_ADDRESS:
		mem_free(value);
		break;
	case CONFIG_WORDS:
		word_list_finish(value);
		break;
	case CONFIG_BUDGET:
	case CONFIG_BUDGET_UID:
		free(((struct limit_list *)value)->limit);
		break;
	case CONFIG_USERS:
		free(((struct uid_list *)value)->uid);
		break;
	case CONFIG_COUNT:
	case CONFIG_SECONDS:
	case CONFIG_MILLIS:
	case CONFIG_SWITCH:
	case CONFIG_MONEY:
		break;
	}
}

void config_finish(struct config *c)
{
	for (size_t i = 0; i < config_rows_n; i++)
		value_finish(&config_rows[i], config_value(c, &config_rows[i]));
	free(c->fuse_options);
	*c = (struct config){0};
}

/* The directory of a default path; NULL where nobody says where home is. */
static int default_base(const struct config_row *row, struct buf *ret)
{
	const char *dir = row->dir_env ? getenv(row->dir_env) : NULL;

	/* A relative one is to be ignored, as the XDG base directory specification
	 * says. */
	if (dir && *dir == '/')
		return buf_adds(ret, dir);
	if (!row->below || !config_home())
		return 0;
	return buf_addf(ret, "%s/%s", config_home(), row->below);
}

static int set_default(struct config *c, const struct config_row *row, struct err *err)
{
	scoped(buf_finish) struct buf base = {0};

	/* NULL stands for the default place of the file, which need not exist. */
	if (!row->preset || row->is_command_line_only)
		return 0;
	if (row->type != CONFIG_PATH)
		return config_set(c, row, row->preset, NULL, err);
	if (default_base(row, &base) < 0)
		return err_oom(err);
	return base.len ? config_set(c, row, row->preset, base.data, err) : 0;
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

static int unknown_option(const char *name, size_t len, struct err *err)
{
	const char *hint = config_nearest(name, len, true);

	if (hint)
		return err_set(err, EINVAL,
			"unknown option \"%.*s\"; did you mean \"%.*s\"?",
			(int)(len < 64 ? len : 64), name, (int)strcspn(hint, "="),
			hint);
	return err_set(err, EINVAL,
		"unknown option \"%.*s\"; promptfs --help lists them",
		(int)(len < 64 ? len : 64), name);
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
		     : config_set_text(&c->fuse_options, b.data ? b.data : "", err);
}

int config_option(struct config *c, const char *option, struct err *err)
{
	size_t len = strcspn(option, "=");
	const struct config_row *row = config_find_row(option, len);
	scoped_free char *cwd = NULL;

	if (!row) {
		if (len && config_is_ignored(option, len))
			return 0;
		if (len && config_is_fuse_option(option, len))
			return add_fuse_option(c, option, err);
		return unknown_option(option, len, err);
	}
	if (!option[len] && row->type != CONFIG_SWITCH)
		return err_set(err, EINVAL, "%s needs a value: %s=%s", row->name,
			row->name, row->argument);
	cwd = getcwd(NULL, 0);
	return config_set(c, row, option[len] ? option + len + 1 : "on", cwd, err);
}

/* ---- the file ---- */

static int load_file(struct config *c, struct err *err)
{
	const struct config_row *row = config_find_row("config", strlen("config"));
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
	return is_default ? config_set_text(&c->config, path.data, err) : 0;
}

/* ---- the environment ---- */

/* The value of the first variable of `row` that is set and is of the backend. */
static const char *variable(
	const struct config_row *row, const char *backend, char name[static 64])
{
	size_t n = strlen(backend);

	for (const char *p = row->env; p && *p; p += strspn(p, " ")) {
		size_t len = strcspn(p, " ");
		const char *value;

		if (len > n + 1 && len - n - 1 < 64 && !strncmp(p, backend, n) &&
			p[n] == ':') {
			memcpy(name, p + n + 1, len - n - 1);
			name[len - n - 1] = '\0';
			value = getenv(name);
			/* Empty is unset, as for Google's own tools. */
			if (value && *value)
				return value;
		}
		p += len;
	}
	return NULL;
}

static int load_environment(struct config *c, struct err *err)
{
	scoped_free char *cwd = getcwd(NULL, 0);

	for (size_t i = 0; i < config_rows_n; i++) {
		char name[64];
		const char *value = variable(&config_rows[i], c->backend, name);
		int r = value ? config_set(c, &config_rows[i], value, cwd, err) : 0;

		if (r < 0)
			return err_wrap(err, r, "environment variable %s", name);
	}
	return 0;
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

/* only: those that begin with it; NULL: all. */
static int each_option(struct config *c, const char *const *options, size_t n,
	const char *only, struct err *err)
{
	scoped(buf_finish) struct buf b = {0};

	for (size_t i = 0; i < n; i++) {
		for (const char *p = options[i]; *p;) {
			int r = next_option(&p, &b);

			if (r < 0)
				return err_oom(err);
			if (!b.len || (only && !str_starts(b.data, only)))
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
	r = each_option(c, options, n, "config=", err);
	if (r == 0)
		r = load_file(c, err);
	/* It decides which variables are read. */
	if (r == 0)
		r = each_option(c, options, n, "backend=", err);
	if (r == 0)
		r = load_environment(c, err);
	if (r == 0)
		r = each_option(c, options, n, NULL, err);
	if (r == 0 && !c->state)
		r = err_set(err, EINVAL,
			"no place for the store: HOME is not set; use -o state=DIR");
	if (r == 0)
		r = config_check_limits(c, err);
	if (r < 0)
		config_finish(c);
	return r;
}
