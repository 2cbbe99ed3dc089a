// SPDX-License-Identifier: MIT
#include <getopt.h>
#include <stdio.h>

#include "cache/base/mem.h"
#include "fs/cli/cli.h"

static const char help[] =
	"usage: promptfs pin [--undo] [-o OPT[,OPT...]] PATH...\n"
	"Lists a prompt though nothing of it is generated yet, so that a file manager "
	"shows\n"
	"it; keeps a file's removed draws from promptfs prune. Spends nothing.\n"
	"\n"
	"  -u, --undo         no longer\n"
	"  -o, --option=OPT   options as for a mount\n"
	"  -h, --help         this text\n";

static int pin_all(struct session *s, const struct path_list *l, bool on)
{
	int code = EXIT_OK;

	for (size_t i = 0; i < l->n; i++) {
		cJSON *request = session_request(s, "pin");
		struct err err = {0};

		if (request) {
			cJSON_AddStringToObject(request, "path", l->tree[i]);
			cJSON_AddBoolToObject(request, "on", on);
		}
		if (session_call(s, request, NULL, NULL, NULL, &err) < 0)
			code = cli_fail(&err);
	}
	return code;
}

int cli_pin(int argc, char **argv)
{
	static const struct option longs[] = {{"option", required_argument, NULL, 'o'},
		{"undo", no_argument, NULL, 'u'}, {"help", no_argument, NULL, 'h'},
		{0}};
	scoped(path_list_finish) struct path_list l = {0};
	struct cli_options o = {0};
	struct session s;
	struct err err = {0};
	bool on = true;
	int c, code;

	while ((c = getopt_long(argc, argv, "uo:h", longs, NULL)) >= 0) {
		if (c == 'h') {
			fputs(help, stdout);
			return EXIT_OK;
		}
		if (c == 'u')
			on = false;
		else if (c != 'o' || cli_options_add(&o, optarg, &err) < 0)
			return cli_usage("pin", "%s", err.code ? err.why : "bad usage");
	}
	if (optind == argc)
		return cli_usage("pin", "which prompts or files?");
	if (path_list_read(&l, argv + optind, (size_t)(argc - optind), &err) < 0 ||
		session_open(&s, &o, l.mountpoint, false, &err) < 0)
		return cli_fail(&err);
	code = pin_all(&s, &l, on);
	session_close(&s);
	return code;
}
