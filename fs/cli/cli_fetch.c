// SPDX-License-Identifier: MIT
/* promptfs fetch: many files at once, with a bar for each. One thread; progress
 * comes by asking. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"
#include "fs/cli/cli.h"
#include "fs/cli/order.h"
#include "fs/cli/progress.h"

#define JOBS_DEFAULT 10u
#define JOBS_MAX 1000u
#define REDRAW_MS 250

static const char help[] =
	"usage: promptfs fetch [-j N] [--no-wait] [--order=value] [-o OPT[,OPT...]] "
	"PATH... | -\n"
	"Generates many files, with a bar for each on a terminal. "
	"What exists already costs\n"
	"nothing. Goes after what programs open; interrupting it loses nothing.\n"
	"\n"
	"PATH is a file of a mounted promptfs, "
	"or begins with /prompts/ or /videos/ and means\n"
	"the store that -o state= names. "
	"\"-\" reads paths from standard input, one a line.\n"
	"\n"
	"  -j, --jobs=N         ask for so many at once (default 10)\n"
	"  -n, --no-wait        only hand them to the mount\n"
	"  -r, --order=ORDER    given (default), "
	"or value: most quality per dollar first\n"
	"  -o, --option=OPT     options as for a mount\n"
	"  -h, --help           this text\n";

enum item_state { ITEM_TODO, ITEM_RUNNING, ITEM_ENDED };

struct item {
	const char *given, *tree;
	enum item_state state;
	int64_t id;       /* of its request */
	int64_t since_ms; /* monotonic */
	double value;     /* quality per dollar */
	int permille;
	char note[48];
};

struct fetch {
	struct session *s;
	struct progress progress;
	struct item *item;
	size_t n, first, next, running, failed; /* all before `first` have ended */
	size_t jobs;
	bool no_wait;
	int64_t jobs_id; /* of the question on progress under way; 0: none */
	int64_t drawn_ms;
	struct progress_row *row; /* jobs of them */
};

/* Lines and bars do not mix. */
static void say(struct fetch *f, FILE *out, const char *verb, const char *path,
	const char *more)
{
	progress_clear(&f->progress);
	fputs(verb, out);
	text_print_visible(out, path);
	fprintf(out, "%s%s\n", *more ? ": " : "", more);
	fflush(out);
}

static int submit(struct fetch *f, struct item *it, struct err *err)
{
	scoped_json cJSON *o = session_path_request(f->s, "submit", it->tree);

	if (!o || !cJSON_AddBoolToObject(o, "wait", !f->no_wait))
		return err_oom(err);
	it->id = f->s->last_id;
	it->state = ITEM_RUNNING;
	it->since_ms = clk_mono_ms();
	it->permille = -1;
	f->running++;
	return control_send(f->s->client, o, err);
}

static void end_item(struct fetch *f, struct item *it, const cJSON *answer)
{
	struct err why = {0};
	char size[TEXT_SIZE];

	it->state = ITEM_ENDED;
	f->running--;
	while (f->first < f->next && f->item[f->first].state == ITEM_ENDED)
		f->first++;
	if (session_answer_error(answer, &why) < 0) {
		f->failed++;
		say(f, stderr, "promptfs: ", it->given, why.why);
	} else if (f->no_wait) {
		say(f, stdout, "queued ", it->given, "");
	} else {
		text_format_size((uint64_t)json_int(answer, "size", 0), size);
		say(f, stdout, "done ", it->given, size);
	}
}

static struct item *item_of(struct fetch *f, int64_t id)
{
	for (size_t i = f->first; i < f->next; i++) {
		if (f->item[i].state == ITEM_RUNNING && f->item[i].id == id)
			return &f->item[i];
	}
	return NULL;
}

static void take_jobs(struct fetch *f, const cJSON *answer)
{
	const cJSON *jobs = cJSON_GetObjectItemCaseSensitive(answer, "jobs"), *job;

	f->jobs_id = 0;
	cJSON_ArrayForEach(job, jobs)
	{
		struct item *it = item_of(f, json_int(job, "id", -1));
		int64_t position = json_int(job, "position", 0);

		if (!it)
			continue;
		it->permille = (int)json_int(job, "permille", -1);
		if (position > 0)
			snprintf(it->note, sizeof(it->note), "queued, number %" PRId64,
				position);
		else
			snprintf(it->note, sizeof(it->note), "%.20s",
				json_str(job, "state", ""));
	}
}

static int take_answer(struct fetch *f, const cJSON *answer, struct err *err)
{
	int64_t id = json_int(answer, "id", -1);
	struct item *it;

	if (!id)
		return session_answer_error(answer, err);
	if (id == f->jobs_id) {
		take_jobs(f, answer);
		return 0;
	}
	it = item_of(f, id);
	if (it && json_bool(answer, "done", false))
		end_item(f, it, answer);
	return 0;
}

static int ask_jobs(struct fetch *f, struct err *err)
{
	scoped_json cJSON *o = session_request(f->s, "jobs");

	if (!o)
		return err_oom(err);
	f->jobs_id = f->s->last_id;
	return control_send(f->s->client, o, err);
}

static int redraw(struct fetch *f, struct err *err)
{
	int64_t now = clk_mono_ms();
	size_t n = 0;

	if (!f->progress.is_tty || now - f->drawn_ms < REDRAW_MS)
		return 0;
	f->drawn_ms = now;
	for (size_t i = f->first; i < f->next && n < f->jobs; i++) {
		const struct item *it = &f->item[i];

		if (it->state == ITEM_RUNNING)
			f->row[n++] = (struct progress_row){.label = it->tree,
				.permille = it->permille,
				.seconds = (now - it->since_ms) / 1000,
				.note = it->note};
	}
	progress_draw(&f->progress, f->row, n);
	return f->jobs_id ? 0 : ask_jobs(f, err);
}

static int fetch_run(struct fetch *f, struct err *err)
{
	int timeout_ms = f->progress.is_tty ? REDRAW_MS : -1;

	while (f->next < f->n || f->running) {
		scoped_json cJSON *answer = NULL;
		int r = 0;

		while (r == 0 && f->next < f->n && f->running < f->jobs)
			r = submit(f, &f->item[f->next++], err);
		if (r == 0)
			r = redraw(f, err);
		if (r == 0)
			r = control_receive(f->s->client, timeout_ms, &answer, err);
		if (r == 0)
			r = take_answer(f, answer, err);
		if (r < 0 && r != -EAGAIN)
			return r;
	}
	progress_clear(&f->progress);
	return 0;
}

/* ---- --order=value ---- */

static void value_of(struct fetch *f, struct item *it)
{
	cJSON *o = session_path_request(f->s, "quote", it->tree);
	scoped_json cJSON *answer = NULL;

	/* What cannot be quoted fails when it is asked for, with its sentence. */
	if (session_call(f->s, o, NULL, NULL, &answer, NULL) == 0)
		it->value = order_value(answer);
}

static int by_value(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? 1 : -1;
	/* Equals stay as given. */
	return x->id < y->id ? -1 : x->id > y->id;
}

static void order_by_value(struct fetch *f)
{
	for (size_t i = 0; i < f->n; i++) {
		value_of(f, &f->item[i]);
		f->item[i].id = (int64_t)i;
	}
	qsort(f->item, f->n, sizeof(*f->item), by_value);
}

static int fetch_all(struct fetch *f, const struct path_list *l, bool by_quality)
{
	scoped_free struct item *items = new_array(struct item, l->n + 1);
	scoped_free struct progress_row *rows = new_array(struct progress_row, f->jobs);
	struct err err = {0};

	if (!items || !rows) {
		err_oom(&err);
		return cli_fail(&err);
	}
	f->item = items;
	f->row = rows;
	f->n = l->n;
	for (size_t i = 0; i < l->n; i++)
		items[i] = (struct item){.given = l->given[i], .tree = l->tree[i]};
	if (by_quality)
		order_by_value(f);
	progress_init(&f->progress, STDERR_FILENO);
	if (fetch_run(f, &err) < 0) {
		progress_clear(&f->progress);
		return cli_fail(&err);
	}
	if (f->failed)
		fprintf(stderr, "promptfs: %zu of %zu failed\n", f->failed, f->n);
	return f->failed ? EXIT_FAILED : EXIT_OK;
}

struct fetch_args {
	uint64_t jobs;
	bool no_wait, by_value;
};

static int take_option(void *args, int letter, const char *value, struct err *err)
{
	struct fetch_args *a = args;

	switch (letter) {
	case 'j':
		if (str_parse_u64(value, JOBS_MAX, &a->jobs) < 0 || !a->jobs)
			return err_set(err, EINVAL,
				"--jobs takes a number from 1 to %u, not \"%s\"",
				JOBS_MAX, value);
		return 0;
	case 'n':
		a->no_wait = true;
		return 0;
	default:
		return order_parse(value, &a->by_value, err);
	}
}

static int run_fetch(struct cli_call *c)
{
	const struct fetch_args *a = c->args;
	struct fetch f = {.s = &c->s, .jobs = a->jobs, .no_wait = a->no_wait};
	struct err err = {0};

	if (a->no_wait && c->s.is_own) {
		err_set(&err, EINVAL, "--no-wait needs a mount that goes on with them");
		return cli_fail(&err);
	}
	return fetch_all(&f, &c->paths, a->by_value);
}

static const struct option options[] = {{"jobs", required_argument, NULL, 'j'},
	{"no-wait", no_argument, NULL, 'n'}, {"order", required_argument, NULL, 'r'},
	{0}};

static const struct fetch_args preset = {.jobs = JOBS_DEFAULT};

const struct cli_command cli_fetch = {
	.name = "fetch",
	.summary = "generate many files",
	.help = help,
	.words = CLI_PATHS,
	.which = "which files?",
	.options = options,
	.args_size = sizeof(preset),
	.preset = &preset,
	.take_option = take_option,
	.run = run_fetch,
};
