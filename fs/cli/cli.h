// SPDX-License-Identifier: MIT
#pragma once
/* The sub-commands, and how their command lines are read and answered. One thread. */
#include "fs/cli/path_list.h"
#include "fs/cli/session.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* argv[0] is the command's name. Return the exit code. */
int cli_status(int argc, char **argv);
int cli_fetch(int argc, char **argv);
int cli_quote(int argc, char **argv);
int cli_models(int argc, char **argv);
int cli_verify(int argc, char **argv);
int cli_pin(int argc, char **argv);
int cli_prune(int argc, char **argv);
int cli_unknown(int argc, char **argv);
int cli_settle(int argc, char **argv);

/* Quality per dollar, of an answer to "quote". */
double quote_value(const cJSON *answer);

/* "promptfs: <sentence>" on stderr. Returns EXIT_FAILED. */
int cli_fail(const struct err *err);
/* The sentence and where to read on. Returns EXIT_USAGE. */
int cli_usage(const char *command, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

int cli_options_add(struct cli_options *o, const char *text, struct err *err);
