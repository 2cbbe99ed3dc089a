// SPDX-License-Identifier: MIT
#pragma once
/* The one table of options, and what config*.c share. Nobody else includes this.
 * Main thread. */
#include "fs/config/config.h"

enum config_type {
	CONFIG_CHOICE,     /* one word of `choices`; char * */
	CONFIG_PATH,       /* char *, absolute once set */
	CONFIG_TEXT,       /* char *, of the characters in `choices` only */
	CONFIG_SECRET,     /* char *, any text; never shown */
	CONFIG_ADDRESS,    /* char *: http(s)://host[:port][/path] */
	CONFIG_COUNT,      /* int */
	CONFIG_SECONDS,    /* int64_t: 15, 15s, 2m, 1h */
	CONFIG_MILLIS,     /* int64_t: 250, 250ms, 2s */
	CONFIG_SWITCH,     /* bool: on, off; the bare name is on */
	CONFIG_WORDS,      /* struct word_list: joined with '+'; an array in the file */
	CONFIG_MONEY,      /* int64_t micro-US-dollars: 0.25; none: -1 */
	CONFIG_BUDGET,     /* struct limit_list: 5/day+50/month; off: empty */
	CONFIG_BUDGET_UID, /* the same of users: 2/day+alice:5/day */
	CONFIG_USERS,      /* struct uid_list: names or numbers, as CONFIG_WORDS */
};

struct config_row {
	const char *name;
	enum config_type type;
	size_t offset; /* in struct config */
	/* As on the command line; NULL: unset. A path without '/' at its start stands
	 * below the directory that `dir_env` names, or below $HOME/`below`. */
	const char *preset;
	const char *dir_env, *below;
	const char *choices; /* CONFIG_CHOICE: joined with ' '; CONFIG_TEXT */
	int64_t min, max;    /* numbers, in the unit of the value */
	/* Variables that set it, joined with ' ', each as "<backend>:<name>": the first
	 * one that is set and is of the backend. */
	const char *env;
	bool is_command_line_only;
	bool scheme_may_lack; /* CONFIG_ADDRESS: host[:port] means http:// */
	const char *argument; /* for --help: "DIR" */
	const char *help;
};

extern const struct config_row config_rows[];
extern const size_t config_rows_n;

static inline void *config_value(const struct config *c, const struct config_row *row)
{
	return (char *)c + row->offset;
}

/* ---- config_name.c: which option a name means ---- */

const struct config_row *config_find_row(const char *name, size_t len); /* or NULL */
/* The known name that was probably meant, or NULL; "fsname=" has its '='. */
const char *config_nearest(const char *name, size_t len, bool with_fuse);
/* option: "name" or "name=value", name_len the name's length. */
bool config_is_fuse_option(const char *option, size_t name_len);
/* What mount(8) and fstab add for themselves. */
bool config_is_ignored(const char *option, size_t name_len);

/* ---- config_set.c, config_money.c, config_address.c: from text to a value ---- */

/* base: directory of relative paths, NULL: refuse them. -EINVAL with a sentence that
 * names the option; -ENOMEM. The value is then as before. */
int config_set(struct config *c, const struct config_row *row, const char *text,
	const char *base, struct err *err);
int config_set_text(char **value, const char *text, struct err *err);
/* "a time such as 15, 15s or 2m" */
const char *config_number_form(enum config_type type);
/* The user's home, or NULL. */
const char *config_home(void);

int config_set_money(const struct config_row *row, int64_t *value, const char *text,
	struct err *err);
int config_set_limits(const struct config_row *row, struct limit_list *value,
	const char *text, struct err *err);
int config_set_users(const struct config_row *row, struct uid_list *value,
	const char *text, struct err *err);
/* What the lists say together must make sense. -EINVAL. */
int config_check_limits(const struct config *c, struct err *err);
/* Canonical: "5/day+50/month", "off". */
int config_limits_format(const struct limit_list *l, struct buf *ret);

int config_set_address(
	const struct config_row *row, char **value, const char *text, struct err *err);

void word_list_finish(struct word_list *l);
/* -E2BIG, -ENOMEM. */
int word_list_add(struct word_list *l, const char *word, size_t len);
int config_words_error(const struct config_row *row, int r, struct err *err);
