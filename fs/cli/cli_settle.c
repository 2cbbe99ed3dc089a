// SPDX-License-Identifier: MIT
/* promptfs settle: what the user knows of calls of unknown outcome. One thread. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/base/money.h"
#include "cache/base/str.h"
#include "fs/cli/cli.h"
#include "fs/cli/progress.h"

#define CALLS_MAX 1024u

static const char help[] =
	"usage: promptfs settle --paid[=USD] | --not-paid CALL... [-o OPT[,OPT...]]\n"
	"                       [MOUNTPOINT]\n"
	"Says what became of calls that promptfs unknown lists, by their numbers. "
	"Either way\n"
	"the file can be opened again, and that is a new call with a new price.\n"
	"\n"
	"  -p, --paid[=USD]   it was paid: all that was held, "
	"or so much of it. It stays\n"
	"                     spent; the rest goes back to the budget\n"
	"  -n, --not-paid     it was not: all that was held goes back to the budget\n"
	"  -o, --option=OPT   options as for a mount: "
	"state= and backend= say which store\n"
	"  -h, --help         this text\n";

struct settle_args {
	bool is_paid, is_not_paid;
	int64_t ud; /* <0: all that was held */
	int64_t call[CALLS_MAX];
	size_t n;
};

static int settle_one(struct session *s, const struct settle_args *a, int64_t call)
{
	cJSON *o = session_request(s, "settle");
	scoped_json cJSON *answer = NULL;
	struct err err = {0};
	char usd[MONEY_TEXT];

	if (o) {
		json_add_int(o, "call", call);
		cJSON_AddBoolToObject(o, "paid", a->is_paid);
		if (a->is_paid && a->ud >= 0)
			json_add_usd(o, "usd", a->ud);
	}
	if (session_call(s, o, NULL, NULL, &answer, &err) < 0)
		return cli_fail(&err);
	money_format(session_usd(answer, "charged_usd", 0), usd);
	printf("call %" PRId64 ": %s USD%s; ", call, usd,
		a->is_paid ? " spent" : ", not paid");
	text_print_visible(stdout, json_str(answer, "path", ""));
	printf(" can be opened again\n");
	return EXIT_OK;
}

/* Numbers are calls; anything else is the mount point. */
static int take_words(struct cli_call *c, struct err *err)
{
	struct settle_args *a = c->args;
	char **mountpoint = NULL;

	for (size_t i = 0; i < c->n_words; i++) {
		uint64_t call;

		if (str_parse_u64(c->word[i], INT64_MAX, &call) == 0 && call) {
			if (a->n == CALLS_MAX)
				return err_set(err, EINVAL,
					"more than %u calls at once", CALLS_MAX);
			a->call[a->n++] = (int64_t)call;
		} else if (mountpoint) {
			return err_set(err, EINVAL,
				"\"%.64s\" is not the number of a call", c->word[i]);
		} else {
			mountpoint = &c->word[i];
		}
	}
	if (!a->n)
		return err_set(err, EINVAL, "which calls? promptfs unknown lists them");
	if (a->is_paid == a->is_not_paid)
		return err_set(err, EINVAL, "say either --paid or --not-paid");
	c->word = mountpoint;
	c->n_words = mountpoint ? 1 : 0;
	return 0;
}

static int take_option(void *args, int letter, const char *value, struct err *err)
{
	struct settle_args *a = args;
	struct err why = {0};

	if (letter == 'n') {
		a->is_not_paid = true;
		return 0;
	}
	a->is_paid = true;
	a->ud = -1;
	if (value && money_parse(value, &a->ud, &why) < 0)
		return err_set(err, EINVAL, "--paid: %s", why.why);
	return 0;
}

static int run_settle(struct cli_call *c)
{
	const struct settle_args *a = c->args;
	int code = EXIT_OK;

	for (size_t i = 0; i < a->n; i++) {
		int one = settle_one(&c->s, a, a->call[i]);

		code = one == EXIT_OK ? code : one;
	}
	return code;
}

static const struct option options[] = {{"paid", optional_argument, NULL, 'p'},
	{"not-paid", no_argument, NULL, 'n'}, {0}};

const struct cli_command cli_settle = {
	.name = "settle",
	.summary = "say of such calls whether they were paid",
	.help = help,
	.words = CLI_ANY_STORE,
	.options = options,
	.args_size = sizeof(struct settle_args),
	.take_option = take_option,
	.check = take_words,
	.run = run_settle,
};
