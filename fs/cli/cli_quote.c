// SPDX-License-Identifier: MIT
/* promptfs quote: what files would cost, each and together. One thread. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/base/money.h"
#include "fs/cli/cli.h"
#include "fs/cli/order.h"
#include "fs/cli/progress.h"

static const char help[] =
	"usage: promptfs quote [--order=value] [-o OPT[,OPT...]] PATH... | -\n"
	"What files would cost, by the catalogue, "
	"and what is left of the budget; spends\n"
	"nothing.\n"
	"\n"
	"PATH is a file of a mounted promptfs, "
	"or begins with /prompts/ or /videos/ and means\n"
	"the store that -o state= names. "
	"\"-\" reads paths from standard input, one a line.\n"
	"\n"
	"  -r, --order=ORDER  given (default), or value: "
	"most quality per dollar first\n"
	"  -o, --option=OPT   options as for a mount\n"
	"  -h, --help         this text\n";

struct quote_args {
	bool is_by_value;
};

/* What one answer says, small: there may be a million of them. */
struct quoted {
	const char *path; /* as the user wrote it */
	char state[20], model[64];
	int64_t estimate_ud, worst_ud; /* <0: not known */
	char *why;                     /* it cannot be made; owned */
	double value;
};

struct sums {
	int64_t estimate_ud, worst_ud;
	size_t failed;
	bool has_limit;
	int64_t limit_ud, left_ud; /* of the tightest limit */
	char period[8];
};

static void print_row(const char *state, const char *model, const char *estimate,
	const char *worst, const char *path)
{
	printf("%-14s %-22s %12s %12s  ", state, model, estimate, worst);
	text_print_visible(stdout, path);
	printf("\n");
}

static void usd(int64_t udollars, char ret[static MONEY_TEXT])
{
	if (udollars >= 0)
		money_format(udollars, ret);
	else
		snprintf(ret, MONEY_TEXT, "?");
}

static void show(const struct quoted *q, struct sums *sums)
{
	char estimate[MONEY_TEXT], worst[MONEY_TEXT];

	usd(q->estimate_ud, estimate);
	usd(q->worst_ud, worst);
	print_row(q->state, q->model, estimate, worst, q->path);
	if (q->why) {
		fflush(stdout);
		fprintf(stderr, "promptfs: %s: cannot be made: %s\n", q->path, q->why);
		sums->failed++;
	} else if (strcmp(q->state, "generated")) {
		int64_t estimate_ud = q->estimate_ud > 0 ? q->estimate_ud : 0;

		sums->estimate_ud = money_add(sums->estimate_ud, estimate_ud);
		sums->worst_ud = money_add(sums->worst_ud,
			q->worst_ud > estimate_ud ? q->worst_ud : estimate_ud);
	}
}

static void take_budget(const cJSON *cost, struct sums *sums)
{
	const cJSON *b = cJSON_GetObjectItemCaseSensitive(cost, "budget");
	int64_t limit = session_usd(b, "limit_usd", -1);
	int64_t spent = session_usd(b, "spent_usd", -1);
	int64_t reserved = session_usd(b, "reserved_usd", -1);

	sums->has_limit = limit >= 0 && spent >= 0 && reserved >= 0;
	sums->limit_ud = limit;
	sums->left_ud = limit - spent - reserved > 0 ? limit - spent - reserved : 0;
	snprintf(sums->period, sizeof(sums->period), "%s", json_str(b, "period", ""));
}

/* 0: *ret is to be shown; <0 and said. */
static int ask(struct session *s, const struct path_list *l, size_t i,
	struct quoted *ret, struct sums *sums)
{
	scoped_json cJSON *answer = NULL;
	const cJSON *cost;
	const char *why;
	struct err err = {0};
	int r = session_call(s, session_path_request(s, "quote", l->tree[i]), NULL,
		NULL, &answer, &err);

	if (r < 0) {
		fflush(stdout);
		cli_fail(&err);
		sums->failed++;
		return r;
	}
	cost = cJSON_GetObjectItemCaseSensitive(answer, "cost");
	*ret = (struct quoted){.path = l->given[i],
		.estimate_ud = session_usd(cost, "estimate_usd", -1),
		.worst_ud = session_usd(cost, "worst_case_usd", -1),
		.value = order_value(answer)};
	snprintf(ret->state, sizeof(ret->state), "%s", json_str(cost, "state", "?"));
	snprintf(ret->model, sizeof(ret->model), "%s", json_str(cost, "model", "?"));
	why = json_str(answer, "why", NULL);
	if (why)
		ret->why = strdup(why);
	take_budget(cost, sums);
	return 0;
}

/* Addresses of the list's order break ties, so that equals stay as given. */
static int by_value(const void *a, const void *b)
{
	const struct quoted *const *x = a, *const *y = b;

	if ((*x)->value != (*y)->value)
		return (*x)->value < (*y)->value ? 1 : -1;
	return *x < *y ? -1 : *x > *y;
}

static void print_sums(const struct sums *sums, size_t n)
{
	char estimate[MONEY_TEXT], worst[MONEY_TEXT], left[MONEY_TEXT];

	money_format(sums->estimate_ud, estimate);
	money_format(sums->worst_ud, worst);
	print_row("total", "", estimate, worst, "USD, of what is not generated yet");
	if (sums->has_limit) {
		money_format(sums->left_ud, left);
		money_format(sums->limit_ud, worst);
		printf("left of the budget: %s of %s USD (%s)%s\n", left, worst,
			sums->period,
			sums->worst_ud > sums->left_ud ? ", less than the worst case"
						       : "");
	}
	fflush(stdout);
	if (sums->failed)
		fprintf(stderr, "promptfs: %zu of %zu cannot be made\n", sums->failed,
			n);
}

static int quote_all(struct session *s, const struct path_list *l, bool is_by_value)
{
	scoped_free struct quoted *all =
		new_array(struct quoted, is_by_value ? l->n : 1);
	scoped_free struct quoted **order =
		new_array(struct quoted *, is_by_value ? l->n : 1);
	struct sums sums = {0};
	struct err err = {0};
	size_t n = 0;

	if (!all || !order) {
		err_oom(&err);
		return cli_fail(&err);
	}
	print_row("STATE", "MODEL", "ESTIMATE", "WORST CASE", "FILE");
	for (size_t i = 0; i < l->n; i++) {
		if (ask(s, l, i, &all[n], &sums) < 0)
			continue;
		order[n] = &all[n];
		if (is_by_value) {
			n++;
			continue;
		}
		show(&all[0], &sums);
		mem_free(&all[0].why);
	}
	qsort(order, n, sizeof(*order), by_value);
	for (size_t i = 0; i < n; i++) {
		show(order[i], &sums);
		mem_free(&order[i]->why);
	}
	print_sums(&sums, l->n);
	return sums.failed ? EXIT_FAILED : EXIT_OK;
}

static int run_quote(struct cli_call *c)
{
	const struct quote_args *a = c->args;

	return quote_all(&c->s, &c->paths, a->is_by_value);
}

static int take_option(void *args, int letter, const char *value, struct err *err)
{
	struct quote_args *a = args;

	return order_parse(value, &a->is_by_value, err);
}

static const struct option options[] = {{"order", required_argument, NULL, 'r'}, {0}};

const struct cli_command cli_quote = {
	.name = "quote",
	.summary = "what files would cost, spending nothing",
	.help = help,
	.words = CLI_PATHS,
	.which = "which files?",
	.options = options,
	.args_size = sizeof(struct quote_args),
	.take_option = take_option,
	.run = run_quote,
};
