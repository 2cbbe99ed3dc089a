// SPDX-License-Identifier: MIT
/* promptfs prune: frees removed draws, after saying which and asking. One thread. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"
#include "fs/cli/cli.h"
#include "fs/cli/progress.h"

#define SECOND_MS INT64_C(1000)
#define DAY_MS (86400 * SECOND_MS)
#define AGE_MAX_MS (36500 * DAY_MS)

static const char help[] =
	"usage: promptfs prune [--older-than TIME] "
	"[--at-most SIZE] [--dry-run | --yes]\n"
	"                      [-o OPT[,OPT...]] [MOUNTPOINT]\n"
	"Frees what rm left in .history; nothing else. "
	"Says what it would free and asks\n"
	"first; without a terminal and without --yes it only says so. "
	"Pinned files stay.\n"
	"\n"
	"  -a, --older-than=TIME  only what was removed that long ago: 12h, 30d, 8w\n"
	"  -m, --at-most=SIZE     stop after freeing this much: 500M, 10G\n"
	"  -n, --dry-run          only say it\n"
	"  -y, --yes              do not ask\n"
	"  -o, --option=OPT       options as for a mount\n"
	"  -h, --help             this text\n";

struct suffix {
	char letter;
	int64_t factor;
};
static const struct suffix ages[] = {{'s', SECOND_MS}, {'m', 60 * SECOND_MS},
	{'h', 3600 * SECOND_MS}, {'d', DAY_MS}, {'w', 7 * DAY_MS}};
static const struct suffix sizes[] = {{'K', INT64_C(1) << 10}, {'M', INT64_C(1) << 20},
	{'G', INT64_C(1) << 30}, {'T', INT64_C(1) << 40}};

static int parse_suffixed(
	const char *text, const struct suffix *s, size_t n, int64_t max, int64_t *ret)
{
	size_t digits = strspn(text, "0123456789");
	char number[20];
	uint64_t v;

	if (!digits || digits >= sizeof(number) || !text[digits] || text[digits + 1])
		return -EINVAL;
	memcpy(number, text, digits);
	number[digits] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (text[digits] != s[i].letter)
			continue;
		if (str_parse_u64(number, (uint64_t)(max / s[i].factor), &v) < 0)
			return -ERANGE;
		*ret = (int64_t)v * s[i].factor;
		return 0;
	}
	return -EINVAL;
}

struct rule {
	int64_t age_ms, at_most_bytes; /* < 0: not given */
	bool dry_run, yes;
};

static cJSON *request_of(struct session *s, const struct rule *rule, bool dry_run)
{
	cJSON *o = session_request(s, "prune");

	if (!o)
		return NULL;
	if (rule->age_ms >= 0)
		json_add_int(o, "older_than_ms", clk_real_ms() - rule->age_ms);
	if (rule->at_most_bytes >= 0)
		json_add_int(o, "at_most_bytes", rule->at_most_bytes);
	cJSON_AddBoolToObject(o, "dry_run", dry_run);
	return o;
}

static void show_file(void *user, const cJSON *answer)
{
	char size[TEXT_SIZE], when[25];

	clk_format(json_int(answer, "created_ms", 0), when);
	text_format_size((uint64_t)json_int(answer, "bytes", 0), size);
	printf("%.10s %10s  ", when, size);
	text_print_visible(stdout, json_str(answer, "file", "?"));
	printf("\n");
}

static int ask(
	struct session *s, const struct rule *rule, bool dry_run, int64_t *ret_files)
{
	scoped_json cJSON *answer = NULL;
	struct err err = {0};
	char size[TEXT_SIZE];

	if (session_call(s, request_of(s, rule, dry_run), dry_run ? show_file : NULL,
		    NULL, &answer, &err) < 0)
		return cli_fail(&err);
	*ret_files = json_int(answer, "files", 0);
	text_format_size((uint64_t)json_int(answer, "freed_bytes", 0), size);
	printf(dry_run ? "%" PRId64 " removed files, %s, can be freed\n"
		       : "%" PRId64 " removed files, %s, freed\n",
		*ret_files, size);
	fflush(stdout);
	return EXIT_OK;
}

static bool is_confirmed(void)
{
	char answer[16];

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return false;
	printf("Free them for good? [y/N] ");
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) &&
	       (*answer == 'y' || *answer == 'Y');
}

static int run_prune(struct cli_call *c)
{
	const struct rule *rule = c->args;
	int64_t files = 0;
	int code = ask(&c->s, rule, true, &files);

	if (code != EXIT_OK || rule->dry_run || !files)
		return code;
	if (!rule->yes && !is_confirmed())
		return EXIT_OK;
	return ask(&c->s, rule, false, &files);
}

static int take_option(void *args, int letter, const char *value, struct err *err)
{
	struct rule *rule = args;

	switch (letter) {
	case 'a':
		if (parse_suffixed(value, ages, ARRAY_SIZE(ages), AGE_MAX_MS,
			    &rule->age_ms) < 0)
			return err_set(err, EINVAL,
				"--older-than takes a time such as "
				"12h or 30d, not \"%s\"",
				value);
		return 0;
	case 'm':
		if (parse_suffixed(value, sizes, ARRAY_SIZE(sizes), INT64_C(1) << 50,
			    &rule->at_most_bytes) < 0)
			return err_set(err, EINVAL,
				"--at-most takes a size such as "
				"500M or 10G, not \"%s\"",
				value);
		return 0;
	case 'n':
		rule->dry_run = true;
		return 0;
	default:
		rule->yes = true;
		return 0;
	}
}

static int check(struct cli_call *c, struct err *err)
{
	const struct rule *rule = c->args;

	if (rule->dry_run && rule->yes)
		return err_set(err, EINVAL, "--dry-run and --yes exclude each other");
	return 0;
}

static const struct option options[] = {{"older-than", required_argument, NULL, 'a'},
	{"at-most", required_argument, NULL, 'm'}, {"dry-run", no_argument, NULL, 'n'},
	{"yes", no_argument, NULL, 'y'}, {0}};

static const struct rule preset = {.age_ms = -1, .at_most_bytes = -1};

const struct cli_command cli_prune = {
	.name = "prune",
	.summary = "free what rm left in .history",
	.help = help,
	.words = CLI_STORE,
	.options = options,
	.args_size = sizeof(preset),
	.preset = &preset,
	.take_option = take_option,
	.check = check,
	.run = run_prune,
};
