// SPDX-License-Identifier: MIT
#include "fs/cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

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
