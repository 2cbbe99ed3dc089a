// SPDX-License-Identifier: MIT
/* promptfs pin: lists a prompt early, keeps removed draws of a file. One thread. */
#include <getopt.h>
#include <stdio.h>

#include "fs/cli/cli.h"

static const char help[] =
	"usage: promptfs pin [--undo] [-o OPT[,OPT...]] PATH...\n"
	"Lists a prompt though nothing of it is generated yet, "
	"so that a file manager shows\n"
	"it; keeps a file's removed draws from promptfs prune. Spends nothing.\n"
	"\n"
	"  -u, --undo         no longer\n"
	"  -o, --option=OPT   options as for a mount\n"
	"  -h, --help         this text\n";

struct pin_args {
	bool undo;
};

static int run_pin(struct cli_call *c)
{
	const struct pin_args *a = c->args;
	int code = EXIT_OK;

	for (size_t i = 0; i < c->paths.n; i++) {
		cJSON *request = session_path_request(&c->s, "pin", c->paths.tree[i]);
		struct err err = {0};

		if (request)
			cJSON_AddBoolToObject(request, "on", !a->undo);
		if (session_call(&c->s, request, NULL, NULL, NULL, &err) < 0)
			code = cli_fail(&err);
	}
	return code;
}

static int take_option(void *args, int letter, const char *value, struct err *err)
{
	struct pin_args *a = args;

	a->undo = true;
	return 0;
}

static const struct option options[] = {{"undo", no_argument, NULL, 'u'}, {0}};

const struct cli_command cli_pin = {
	.name = "pin",
	.summary = "list a prompt before anything of it is generated",
	.help = help,
	.words = CLI_PATHS,
	.which = "which prompts or files?",
	.options = options,
	.args_size = sizeof(struct pin_args),
	.take_option = take_option,
	.run = run_pin,
};
