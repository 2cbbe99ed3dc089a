// SPDX-License-Identifier: MIT
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "cache/base/mem.h"
#include "fs/cli/cli.h"
#include "fs/cli/progress.h"

static const char help[] = "usage: promptfs verify [-o OPT[,OPT...]] [MOUNTPOINT]\n"
			   "Reads every stored byte and compares it with its digest. "
			   "Without MOUNTPOINT, the\n"
			   "store that -o state= names. Each damage is one line; exit "
			   "status 1 if there is any.\n"
			   "\n"
			   "  -o, --option=OPT   options as for a mount\n"
			   "  -h, --help         this text\n";

static void damage(void *user, const cJSON *answer)
{
	scoped(buf_finish) struct buf b = {0};

	if (text_add_visible(&b, json_str(answer, "damage", "?"), 4096, NULL) == 0)
		printf("%s\n", b.data ? b.data : "");
	fflush(stdout);
}

static int verify(struct session *s)
{
	scoped_json cJSON *answer = NULL;
	struct err err = {0};
	char size[TEXT_SIZE];
	int64_t bad;

	if (session_call(s, session_request(s, "verify"), damage, NULL, &answer, &err) <
		0)
		return cli_fail(&err);
	bad = json_int(answer, "bad", 0);
	text_format_size((uint64_t)json_int(answer, "bytes", 0), size);
	printf("%" PRId64 " files' contents (%s) and %" PRId64 " records checked: ",
		json_int(answer, "blobs", 0), size, json_int(answer, "records", 0));
	if (bad)
		printf("%" PRId64 " damaged\n", bad);
	else
		printf("all well\n");
	return bad ? EXIT_FAILED : EXIT_OK;
}

int cli_verify(int argc, char **argv)
{
	static const struct option longs[] = {{"option", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'}, {0}};
	scoped_free char *mountpoint = NULL;
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
				"verify", "%s", err.code ? err.why : "bad usage");
	}
	if (argc - optind > 1)
		return cli_usage("verify", "only one mount point");
	if (optind < argc && cli_mount_of(argv[optind], &mountpoint, &err) < 0)
		return cli_fail(&err);
	if (session_open(&s, &o, mountpoint, true, &err) < 0)
		return cli_fail(&err);
	code = verify(&s);
	session_close(&s);
	return code;
}
