// SPDX-License-Identifier: MIT
/* promptfs unknown: lists the calls that may be paid. One thread. */
#include <inttypes.h>
#include <stdio.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "cache/base/money.h"
#include "fs/cli/cli.h"
#include "fs/cli/progress.h"

static const char help[] =
	"usage: promptfs unknown [-o OPT[,OPT...]] [MOUNTPOINT]\n"
	"Lists calls that may have been paid though their answer did not arrive. "
	"They count\n"
	"as spent and are never sent again by themselves. Look into the provider's "
	"bill, then\n"
	"say with promptfs settle what became of them. "
	"What a bucket still holds of them is\n"
	"taken over by itself, when the store is mounted.\n"
	"\n"
	"  -o, --option=OPT   options as for a mount: "
	"state= and backend= say which store\n"
	"  -h, --help         this text\n";

static void show_call(void *user, const cJSON *answer)
{
	const char *why = json_str(answer, "why", "");
	char when[25], held[MONEY_TEXT];
	bool *any = user;

	if (!*any)
		printf("%6s  %-16s %10s  %-22s %s\n", "CALL", "WHEN (UTC)", "USD",
			"MODEL", "FILE");
	*any = true;
	clk_format(json_int(answer, "sent_ms", 0), when);
	when[10] = ' ';
	money_format(session_usd(answer, "held_usd", 0), held);
	printf("%6" PRId64 "  %.16s %10s  %-22s ", json_int(answer, "call", 0), when,
		held, json_str(answer, "model", "?"));
	text_print_visible(stdout, json_str(answer, "path", "?"));
	printf("\n");
	if (json_int(answer, "parts", 0) > 1)
		printf("        part %" PRId64 " of %" PRId64 "\n",
			json_int(answer, "part", 0), json_int(answer, "parts", 0));
	if (!*why)
		return;
	printf("        ");
	text_print_visible(stdout, why);
	printf("\n");
}

static int run_unknown(struct cli_call *c)
{
	scoped_json cJSON *answer = NULL;
	struct err err = {0};
	char held[MONEY_TEXT];
	bool any = false;
	int64_t n;

	if (session_call(&c->s, session_request(&c->s, "unknown"), show_call, &any,
		    &answer, &err) < 0)
		return cli_fail(&err);
	n = json_int(answer, "calls", 0);
	if (!n) {
		printf("no call of unknown outcome (%s)\n",
			json_str(answer, "namespace", "?"));
		return EXIT_OK;
	}
	money_format(session_usd(answer, "held_usd", 0), held);
	printf("%" PRId64 " %s, %s USD counted as spent; see promptfs settle --help\n",
		n, n == 1 ? "call" : "calls", held);
	return EXIT_OK;
}

const struct cli_command cli_unknown = {
	.name = "unknown",
	.summary = "calls that may be paid though no answer came",
	.help = help,
	.words = CLI_ANY_STORE,
	.run = run_unknown,
};
