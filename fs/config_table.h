// SPDX-License-Identifier: MIT
#pragma once
/* The one table of options. config.c sets values from it, config_show.c shows them.
 * Nobody else includes this. */
#include "fs/config.h"

enum config_type {
	CONFIG_CHOICE,  /* one word of `choices`; char * */
	CONFIG_PATH,    /* char *, absolute once set */
	CONFIG_COUNT,   /* int */
	CONFIG_SECONDS, /* int64_t: 15, 15s, 2m, 1h */
	CONFIG_MILLIS,  /* int64_t: 250, 250ms, 2s */
	CONFIG_SWITCH,  /* bool: on, off; the bare name is on */
	CONFIG_WORDS,   /* struct word_list: joined with '+'; an array in the file */
};

struct config_row {
	const char *name;
	enum config_type type;
	size_t offset; /* in struct config */
	/* As on the command line; NULL: unset. A path without '/' at its start stands
	 * below the directory that `env` names, or below $HOME/`below`. */
	const char *preset;
	const char *env, *below;
	const char *choices; /* CONFIG_CHOICE, joined with ' ' */
	int64_t min, max;    /* numbers, in the unit of the value */
	bool is_command_line_only;
	const char *argument; /* for --help: "DIR" */
	const char *help;
};

extern const struct config_row config_rows[];
extern const size_t config_rows_n;

static inline void *config_value(const struct config *c, const struct config_row *row)
{
	return (char *)c + row->offset;
}
