// SPDX-License-Identifier: MIT
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
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
	"  -p, --paid[=USD]   it was paid: all that was held, or so much of it. It "
	"stays\n"
	"                     spent; the rest goes back to the budget\n"
	"  -n, --not-paid     it was not: all that was held goes back to the budget\n"
	"  -o, --option=OPT   options as for a mount: state= and backend= say which "
	"store\n"
	"  -h, --help         this text\n";

struct settle_args {
	struct cli_options o;
	bool is_paid, is_not_paid;
	int64_t ud; /* <0: all that was held */
	int64_t call[CALLS_MAX];
	size_t n;
	char *mountpoint; /* of argv */
};

static int settle_one(struct session *s, const struct settle_args *a, int64_t call)
{
	cJSON *o = session_request(s, "settle");
	scoped(buf_finish) struct buf path = {0};
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
	money_format((int64_t)llround(
			     json_num(answer, "charged_usd", 0) * (double)MONEY_DOLLAR),
		usd);
	if (text_add_visible(&path, json_str(answer, "path", ""), 4096, NULL) < 0)
		return EXIT_FAILED;
	printf("call %" PRId64 ": %s USD%s; %s can be opened again\n", call, usd,
		a->is_paid ? " spent" : ", not paid", path.data ? path.data : "");
	return EXIT_OK;
}

/* Numbers are calls; anything else is the mount point. */
static int take_words(struct settle_args *a, char **words, int n, struct err *err)
{
	for (int i = 0; i < n; i++) {
		uint64_t call;

		if (str_parse_u64(words[i], INT64_MAX, &call) == 0 && call) {
			if (a->n == CALLS_MAX)
				return err_set(err, EINVAL,
					"more than %u calls at once", CALLS_MAX);
			a->call[a->n++] = (int64_t)call;
		} else if (a->mountpoint) {
			return err_set(err, EINVAL,
				"\"%.64s\" is not the number of a call", words[i]);
		} else {
			a->mountpoint = words[i];
		}
	}
	if (!a->n)
		return err_set(err, EINVAL, "which calls? promptfs unknown lists them");
	if (a->is_paid == a->is_not_paid)
		return err_set(err, EINVAL, "say either --paid or --not-paid");
	return 0;
}

static int take_option(struct settle_args *a, int c, struct err *err)
{
	struct err why = {0};

	switch (c) {
	case 'p':
		a->is_paid = true;
		a->ud = -1;
		if (optarg && money_parse(optarg, &a->ud, &why) < 0)
			return err_set(err, EINVAL, "--paid: %s", why.why);
		return 0;
	case 'n':
		a->is_not_paid = true;
		return 0;
	case 'o':
		return cli_options_add(&a->o, optarg, err);
	default:
		return err_set(err, EINVAL, "bad usage");
	}
}

int cli_settle(int argc, char **argv)
{
	static const struct option longs[] = {{"paid", optional_argument, NULL, 'p'},
		{"not-paid", no_argument, NULL, 'n'},
		{"option", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'}, {0}};
	scoped_free struct settle_args *a = new0(struct settle_args);
	struct session s;
	struct err err = {0};
	int c, code = EXIT_OK;

	if (!a)
		return EXIT_FAILED;
	while ((c = getopt_long(argc, argv, "p::no:h", longs, NULL)) >= 0) {
		if (c == 'h') {
			fputs(help, stdout);
			return EXIT_OK;
		}
		if (take_option(a, c, &err) < 0)
			return cli_usage("settle", "%s", err.why);
	}
	if (take_words(a, argv + optind, argc - optind, &err) < 0)
		return cli_usage("settle", "%s", err.why);
	if (session_open_any(&s, &a->o, a->mountpoint, &err) < 0)
		return cli_fail(&err);
	for (size_t i = 0; i < a->n; i++) {
		int one = settle_one(&s, a, a->call[i]);

		code = one == EXIT_OK ? code : one;
	}
	session_close(&s);
	return code;
}
