// SPDX-License-Identifier: MIT
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/base/money.h"
#include "fs/cli.h"
#include "fs/progress.h"

static const char help[] = "usage: promptfs quote [-o OPT[,OPT...]] PATH... | -\n"
			   "What files would cost, by the catalogue; spends nothing.\n"
			   "\n"
			   "PATH is a file of a mounted promptfs, or begins with "
			   "/prompts/ or /videos/ and means\n"
			   "the store that -o state= names. \"-\" reads paths from "
			   "standard input, one a line.\n"
			   "\n"
			   "  -o, --option=OPT   options as for a mount\n"
			   "  -h, --help         this text\n";

struct sums {
	int64_t estimate_ud, worst_ud;
	size_t failed;
};

/* USD of a member, in micro-dollars; 0 where there is none. */
static int64_t member_ud(const cJSON *cost, const char *name)
{
	return (int64_t)llround(json_num(cost, name, 0) * (double)MONEY_DOLLAR);
}

static void print_row(const char *state, const char *model, const char *estimate,
	const char *worst, const char *path)
{
	scoped(buf_finish) struct buf b = {0};

	if (text_add_visible(&b, path, 4096, NULL) == 0)
		printf("%-14s %-22s %12s %12s  %s\n", state, model, estimate, worst,
			b.data ? b.data : "");
}

static void usd(const cJSON *cost, const char *name, char ret[static MONEY_TEXT])
{
	if (cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(cost, name)))
		money_format(member_ud(cost, name), ret);
	else
		snprintf(ret, MONEY_TEXT, "?");
}

static void show(const cJSON *answer, const char *path, struct sums *sums)
{
	const cJSON *cost = cJSON_GetObjectItemCaseSensitive(answer, "cost");
	const char *state = json_str(cost, "state", "?");
	char estimate[MONEY_TEXT], worst[MONEY_TEXT];
	const char *why = json_str(answer, "why", NULL);

	usd(cost, "estimate_usd", estimate);
	usd(cost, "worst_case_usd", worst);
	print_row(state, json_str(cost, "model", "?"), estimate, worst, path);
	if (why) {
		fflush(stdout);
		fprintf(stderr, "promptfs: %s: cannot be made: %s\n", path, why);
		sums->failed++;
	} else if (strcmp(state, "generated")) {
		int64_t estimate_ud = member_ud(cost, "estimate_usd");
		int64_t worst_ud = member_ud(cost, "worst_case_usd");

		sums->estimate_ud = money_add(sums->estimate_ud, estimate_ud);
		sums->worst_ud = money_add(sums->worst_ud,
			worst_ud > estimate_ud ? worst_ud : estimate_ud);
	}
}

static int quote_all(struct session *s, const struct path_list *l)
{
	char estimate[MONEY_TEXT], worst[MONEY_TEXT];
	struct sums sums = {0};

	print_row("STATE", "MODEL", "ESTIMATE", "WORST CASE", "FILE");
	for (size_t i = 0; i < l->n; i++) {
		scoped_json cJSON *answer = NULL;
		struct err err = {0};
		cJSON *request = session_request(s, "quote");
		int r;

		if (request)
			cJSON_AddStringToObject(request, "path", l->tree[i]);
		r = session_call(s, request, NULL, NULL, &answer, &err);
		if (r < 0) {
			fflush(stdout);
			cli_fail(&err);
			sums.failed++;
		} else {
			show(answer, l->given[i], &sums);
		}
	}
	money_format(sums.estimate_ud, estimate);
	money_format(sums.worst_ud, worst);
	print_row("total", "", estimate, worst, "USD, of what is not generated yet");
	return sums.failed ? EXIT_FAILED : EXIT_OK;
}

int cli_quote(int argc, char **argv)
{
	static const struct option longs[] = {{"option", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'}, {0}};
	scoped(path_list_finish) struct path_list l = {0};
	struct cli_options o = {0};
	struct session s;
	struct err err = {0};
	int c, code;

	while ((c = getopt_long(argc, argv, "o:h", longs, NULL)) >= 0) {
		if (c == 'h') {
			fputs(help, stdout);
			return EXIT_OK;
		}
		if (c != 'o' || cli_options_add(&o, optarg, &err) < 0)
			return cli_usage(
				"quote", "%s", err.code ? err.why : "bad usage");
	}
	if (optind == argc)
		return cli_usage("quote", "which files?");
	if (path_list_read(&l, argv + optind, (size_t)(argc - optind), &err) < 0 ||
		session_open(&s, &o, l.mountpoint, false, &err) < 0)
		return cli_fail(&err);
	code = quote_all(&s, &l);
	session_close(&s);
	return code;
}
