// SPDX-License-Identifier: MIT
/* promptfs status: totals and jobs, once or until interrupted. One thread. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/base/money.h"
#include "fs/cli/cli.h"
#include "fs/cli/progress.h"

#define WATCH_MS 500
#define ROWS_MAX 256u

static const char help[] =
	"usage: promptfs status [-w] [-o OPT[,OPT...]] [MOUNTPOINT]\n"
	"What is in flight, and how full the store is. "
	"Without MOUNTPOINT, the one that is\n"
	"mounted; with -o state=DIR, that store.\n"
	"\n"
	"  -w, --watch        keep watching until interrupted\n"
	"  -o, --option=OPT   options as for a mount\n"
	"  -h, --help         this text\n";

struct status_args {
	bool watch;
};

struct job_row {
	struct progress_row row;
	char note[64];
};

static void fill_job(struct job_row *j, const cJSON *job)
{
	int64_t position = json_int(job, "position", 0);
	int64_t readers = json_int(job, "readers", 0);
	const char *state = json_str(job, "state", "?");

	if (position > 0)
		snprintf(j->note, sizeof(j->note), "%.12s, number %" PRId64, state,
			position);
	else
		snprintf(j->note, sizeof(j->note), "%.12s, %" PRId64 " waiting", state,
			readers);
	j->row = (struct progress_row){.label = json_str(job, "path", "?"),
		.permille = (int)json_int(job, "permille", -1),
		.seconds = json_int(job, "seconds", 0),
		.note = j->note};
}

static size_t fill_jobs(struct job_row *rows, const cJSON *status)
{
	const cJSON *jobs = cJSON_GetObjectItemCaseSensitive(status, "jobs"), *job;
	size_t n = 0;

	cJSON_ArrayForEach(job, jobs)
	{
		if (n < ROWS_MAX)
			fill_job(&rows[n++], job);
	}
	return n;
}

static void print_usd(const char *before, int64_t udollars, const char *after)
{
	char text[MONEY_TEXT];

	money_format(udollars, text);
	printf("%s%s USD%s", before, text, after);
}

static void print_budget(const cJSON *budget)
{
	const cJSON *limit = cJSON_GetObjectItemCaseSensitive(budget, "limit_usd");
	int64_t left = session_usd(budget, "limit_usd", 0) -
		       session_usd(budget, "spent_usd", 0) -
		       session_usd(budget, "reserved_usd", 0);

	if (!cJSON_IsNumber(limit))
		return;
	print_usd("; budget ", session_usd(budget, "limit_usd", 0), "");
	printf(" (%s), ", json_str(budget, "period", "?"));
	print_usd("", left > 0 ? left : 0, " of it left");
}

/* Only a paid mount has it. */
static void print_money(const cJSON *m)
{
	const char *ledger = json_str(m, "ledger", "?");
	int64_t unknown = json_int(m, "unknown_calls", 0);

	print_usd("spent today ", session_usd(m, "spent_today_usd", 0), "");
	print_usd(", held ", session_usd(m, "reserved_usd", 0), "");
	print_budget(cJSON_GetObjectItemCaseSensitive(m, "budget"));
	printf("\n");
	if (unknown) {
		printf("%" PRId64 " %s may have been paid, ", unknown,
			unknown == 1 ? "call" : "calls");
		print_usd("", session_usd(m, "unknown_usd", 0),
			"; see promptfs unknown\n");
	}
	if (!strcmp(ledger, "damaged"))
		printf("the ledger is damaged: paid calls are refused\n");
	else if (strcmp(ledger, "sound"))
		printf("the ledger is being checked: paid calls wait\n");
}

static void print_summary(const cJSON *status)
{
	const cJSON *slots = cJSON_GetObjectItemCaseSensitive(status, "slots");
	const cJSON *store = cJSON_GetObjectItemCaseSensitive(status, "store");
	const cJSON *money = cJSON_GetObjectItemCaseSensitive(status, "money");
	const char *mountpoint = json_str(status, "mountpoint", "");
	char size[TEXT_SIZE];

	text_format_size((uint64_t)json_int(store, "size_bytes", 0), size);
	printf("%s%sstore %s: %" PRId64 " files, %s\n", mountpoint,
		*mountpoint ? ": " : "", json_str(store, "directory", "?"),
		json_int(store, "files", 0), size);
	printf("%" PRId64 " running, %" PRId64 " in the queue, %" PRId64
	       " slots free\n",
		json_int(slots, "active_requests", 0), json_int(slots, "queue_size", 0),
		json_int(slots, "available_slots", 0));
	if (money)
		print_money(money);
}

/* Once, on any output. */
static int print_jobs(const struct job_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		scoped(buf_finish) struct buf b = {0};

		if (progress_format(&b, &rows[i].row, 200, 0) < 0)
			return -ENOMEM;
		printf("%s\n", b.data);
	}
	fflush(stdout);
	return 0;
}

static int show_once(struct session *s, struct progress *p, bool watch, struct err *err)
{
	scoped_free struct job_row *jobs = new_array(struct job_row, ROWS_MAX);
	scoped_free struct progress_row *rows =
		new_array(struct progress_row, ROWS_MAX);
	scoped_json cJSON *answer = NULL;
	const cJSON *status;
	size_t n;
	int r;

	if (!jobs || !rows)
		return err_oom(err);
	r = session_call(s, session_request(s, "status"), NULL, NULL, &answer, err);
	if (r < 0)
		return r;
	status = cJSON_GetObjectItemCaseSensitive(answer, "status");
	n = fill_jobs(jobs, status);
	for (size_t i = 0; i < n; i++)
		rows[i] = jobs[i].row;
	if (watch && p->is_tty) {
		progress_draw(p, rows, n);
		return 0;
	}
	print_summary(status);
	return print_jobs(jobs, n) < 0 ? err_oom(err) : 0;
}

static int run_status(struct cli_call *c)
{
	const struct status_args *a = c->args;
	bool watch = a->watch;
	struct progress p;
	struct err err = {0};
	int r;

	progress_init(&p, STDOUT_FILENO);
	if (watch && p.is_tty) {
		/* The totals once above, the bars below. */
		r = show_once(&c->s, &p, false, &err);
		if (r < 0)
			return cli_fail(&err);
	}
	do {
		r = show_once(&c->s, &p, watch, &err);
	} while (r == 0 && watch && poll(NULL, 0, WATCH_MS) == 0);
	progress_clear(&p);
	return r < 0 ? cli_fail(&err) : EXIT_OK;
}

static int take_option(void *args, int letter, const char *value, struct err *err)
{
	struct status_args *a = args;

	a->watch = true;
	return 0;
}

static const struct option options[] = {{"watch", no_argument, NULL, 'w'}, {0}};

const struct cli_command cli_status = {
	.name = "status",
	.summary = "what is in flight",
	.help = help,
	.words = CLI_MOUNTED,
	.options = options,
	.args_size = sizeof(struct status_args),
	.take_option = take_option,
	.run = run_status,
};
