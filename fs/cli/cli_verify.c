// SPDX-License-Identifier: MIT
/* promptfs verify: each damage of the store is a line. One thread. */
#include <inttypes.h>
#include <stdio.h>

#include "cache/base/mem.h"
#include "fs/cli/cli.h"
#include "fs/cli/progress.h"

static const char help[] = "usage: promptfs verify [-o OPT[,OPT...]] [MOUNTPOINT]\n"
			   "Reads every stored byte and compares it with its digest. "
			   "Without MOUNTPOINT, the\n"
			   "store that -o state= names. Each damage is one line; exit "
			   "status 1 if there is any.\n"
			   "\n"
			   "  -o, --option=OPT   options as for a mount\n"
			   "  -h, --help         this text\n";

static void damage(void *user, const cJSON *answer)
{
	text_print_visible(stdout, json_str(answer, "damage", "?"));
	printf("\n");
	fflush(stdout);
}

static int run_verify(struct cli_call *c)
{
	scoped_json cJSON *answer = NULL;
	struct err err = {0};
	char size[TEXT_SIZE];
	int64_t bad;

	if (session_call(&c->s, session_request(&c->s, "verify"), damage, NULL, &answer,
		    &err) < 0)
		return cli_fail(&err);
	bad = json_int(answer, "bad", 0);
	text_format_size((uint64_t)json_int(answer, "bytes", 0), size);
	printf("%" PRId64 " files' contents (%s) and %" PRId64 " records checked: ",
		json_int(answer, "blobs", 0), size, json_int(answer, "records", 0));
	if (bad)
		printf("%" PRId64 " damaged\n", bad);
	else
		printf("all well\n");
	return bad ? EXIT_FAILED : EXIT_OK;
}

const struct cli_command cli_verify = {
	.name = "verify",
	.summary = "check every stored byte",
	.help = help,
	.words = CLI_STORE,
	.run = run_verify,
};
