// SPDX-License-Identifier: MIT
/* How a command is found, and what all of them do first and last: see cli.h. */
#include "fs/cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/mem.h"

#define OPTIONS_MAX 16u /* of one command, with -o and -h */

#define CLI_POINTER(name) &cli_##name,
const struct cli_command *const cli_commands[] = {CLI_COMMANDS(CLI_POINTER) NULL};
#undef CLI_POINTER

int cli_fail(const struct err *err)
{
	fprintf(stderr, "promptfs: %s\n", err->why);
	return EXIT_FAILED;
}

int cli_usage(const char *command, const char *fmt, ...)
{
	va_list ap;

	fputs("promptfs: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "; see promptfs %s%s--help\n", command, *command ? " " : "");
	return EXIT_USAGE;
}

int cli_options_add(struct cli_options *o, const char *text, struct err *err)
{
	if (o->n >= CLI_OPTIONS_MAX)
		return err_set(err, EINVAL, "more than %d times -o", CLI_OPTIONS_MAX);
	o->text[o->n++] = text;
	return 0;
}

/* ---- reading ---- */

/* What getopt_long wants: the command's own and everybody's, and the letters of all. */
struct grammar {
	struct option longs[OPTIONS_MAX + 1];
	char letters[3 * OPTIONS_MAX + 1];
};

static void add_option(struct grammar *g, size_t i, const struct option *o)
{
	size_t len = strlen(g->letters);

	g->longs[i] = *o;
	g->letters[len++] = (char)o->val;
	/* One colon: a value; two: one that may lack. */
	for (int n = 0; n < o->has_arg; n++)
		g->letters[len++] = ':';
}

static void grammar_of(const struct cli_command *command, struct grammar *ret)
{
	static const struct option everybodys[] = {
		{"option", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'}};
	const struct option *own = command->options;
	size_t n = 0;

	*ret = (struct grammar){0};
	for (; own && own->name && n < OPTIONS_MAX - ARRAY_SIZE(everybodys); own++)
		add_option(ret, n++, own);
	for (size_t i = 0; i < ARRAY_SIZE(everybodys); i++)
		add_option(ret, n++, &everybodys[i]);
}

/* *ret_help: -h was there, and nothing after it matters. */
static int read_options(
	struct cli_call *c, int argc, char **argv, bool *ret_help, struct err *err)
{
	struct grammar g;
	int letter, r = 0;

	grammar_of(c->command, &g);
	while (r == 0 &&
		(letter = getopt_long(argc, argv, g.letters, g.longs, NULL)) >= 0) {
		if (letter == 'h') {
			*ret_help = true;
			return 0;
		}
		if (letter == 'o')
			r = cli_options_add(&c->o, optarg, err);
		else if (letter == '?')
			r = err_set(err, EINVAL, "bad usage");
		else
			r = c->command->take_option(c->args, letter, optarg, err);
	}
	c->word = argv + optind;
	c->n_words = (size_t)(argc - optind);
	return r;
}

static int check_words(const struct cli_call *c, struct err *err)
{
	switch (c->command->words) {
	case CLI_NOTHING:
		return c->n_words ? err_set(err, EINVAL, "no argument is expected") : 0;
	case CLI_PATHS:
		return c->n_words ? 0 : err_set(err, EINVAL, "%s", c->command->which);
	default:
		return c->n_words > 1 ? err_set(err, EINVAL, "only one mount point")
				      : 0;
	}
}

/* ---- opening ---- */

/* NULL: the store that the options name. */
static int find_mount(const struct cli_call *c, char **ret, struct err *err)
{
	int r;

	if (c->n_words)
		return cli_mount_of(c->word[0], ret, err);
	if (c->command->words == CLI_STORE || c->o.n)
		return 0;
	r = cli_only_mount(ret, err);
	return r == -ENOENT && c->command->words == CLI_ANY_STORE ? 0 : r;
}

static int open_store(struct cli_call *c, struct err *err)
{
	scoped_free char *mountpoint = NULL;
	int r;

	switch (c->command->words) {
	case CLI_NOTHING:
		return 0;
	case CLI_PATHS:
		r = path_list_read(&c->paths, c->word, c->n_words, err);
		return r < 0 ? r
			     : session_open(
				       &c->s, &c->o, c->paths.mountpoint, false, err);
	default:
		r = find_mount(c, &mountpoint, err);
		return r < 0 ? r : session_open(&c->s, &c->o, mountpoint, true, err);
	}
}

static int run(struct cli_call *c, int argc, char **argv)
{
	const struct cli_command *command = c->command;
	struct err err = {0};
	bool help = false;
	int r, code;

	if (command->preset)
		memcpy(c->args, command->preset, command->args_size);
	r = read_options(c, argc, argv, &help, &err);
	if (help) {
		fputs(command->help, stdout);
		return EXIT_OK;
	}
	if (r == 0 && command->check)
		r = command->check(c, &err);
	if (r == 0)
		r = check_words(c, &err);
	if (r < 0)
		return cli_usage(command->name, "%s", err.why);
	if (open_store(c, &err) < 0)
		return cli_fail(&err);
	code = command->run(c);
	if (command->words != CLI_NOTHING)
		session_close(&c->s);
	return code;
}

int cli_run(const struct cli_command *command, int argc, char **argv)
{
	struct cli_call c = {.command = command};
	scoped_free char *args = new_array(char, command->args_size + 1);
	int code;

	if (!args)
		return EXIT_FAILED;
	c.args = args;
	code = run(&c, argc, argv);
	path_list_finish(&c.paths);
	return code;
}
