// SPDX-License-Identifier: MIT
#pragma once
/* The sub-commands, and what they share: how a command line is read, which store it
 * speaks of, how it ends. A command is one row of CLI_COMMANDS and one file, which says
 * in a struct cli_command what is its own. One thread. */
#include "fs/cli/path_list.h"
#include "fs/cli/session.h"

struct option; /* getopt.h */

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* In the order of --help. */
#define CLI_COMMANDS(ROW)                                                              \
	ROW(status)                                                                    \
	ROW(fetch)                                                                     \
	ROW(quote)                                                                     \
	ROW(models)                                                                    \
	ROW(verify)                                                                    \
	ROW(pin)                                                                       \
	ROW(prune)                                                                     \
	ROW(unknown)                                                                   \
	ROW(settle)

/* What stands after the options, and which store is meant where nothing does. */
enum cli_words {
	CLI_NOTHING,   /* no word and no store */
	CLI_MOUNTED,   /* [MOUNTPOINT]; else the options', else that of the one mount */
	CLI_STORE,     /* [MOUNTPOINT]; else the options' or the default one */
	CLI_ANY_STORE, /* [MOUNTPOINT]; else as CLI_MOUNTED, or the default one */
	CLI_PATHS,     /* PATH...: theirs; it need not exist yet */
};

/* One command line being run. */
struct cli_call {
	const struct cli_command *command;
	struct cli_options o;
	void *args;  /* what take_option has noted */
	char **word; /* after the options; of argv */
	size_t n_words;
	struct path_list paths; /* CLI_PATHS */
	struct session s;       /* but for CLI_NOTHING */
};

struct cli_command {
	const char *name, *summary, *help;
	enum cli_words words;
	const char *which; /* CLI_PATHS: asked where there is none */
	/* Beside -o and -h: its options, each with a letter, up to {0}; NULL: none. */
	const struct option *options;
	size_t args_size;
	const void *preset; /* of the args; NULL: all zero */
	/* -EINVAL with a sentence. `value` is of argv, NULL where none is given. */
	int (*take_option)(void *args, int letter, const char *value, struct err *err);
	/* Whether all of it makes sense; may take words that are neither a mount point
	 * nor paths. -EINVAL with a sentence. NULL: it does. */
	int (*check)(struct cli_call *c, struct err *err);
	/* The store is open. Returns the exit code. */
	int (*run)(struct cli_call *c);
};

#define CLI_DECLARE(name) extern const struct cli_command cli_##name;
CLI_COMMANDS(CLI_DECLARE)
#undef CLI_DECLARE

/* The commands, ended by NULL. */
extern const struct cli_command *const cli_commands[];
/* argv[0] is the command's name. Returns the exit code. */
int cli_run(const struct cli_command *command, int argc, char **argv);

/* "promptfs: <sentence>" on stderr. Returns EXIT_FAILED. */
int cli_fail(const struct err *err);
/* The sentence and where to read on. Returns EXIT_USAGE. */
int cli_usage(const char *command, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

int cli_options_add(struct cli_options *o, const char *text, struct err *err);
