// SPDX-License-Identifier: MIT
/* See cli_mount.h. */
#define LOG_TAG "main"
#include "fs/cli/cli_mount.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/log.h"
#include "cache/base/mem.h"
#include "cache/lock.h"
#include "fs/cli/cli.h"
#include "fs/serve/daemon.h"
#include "fs/serve/precheck.h"
#include "fs/serve/serve.h"

struct mount_args {
	struct cli_options o;
	const char *source, *mountpoint;
	bool foreground, debug;
};

static const char help[] =
	"usage: promptfs [-f] [-d] [-o OPT[,OPT...]] [SOURCE] MOUNTPOINT\n"
	"       promptfs COMMAND [--help] ...\n"
	"A filesystem in which every prompt is a path: "
	"open it and the media is there.\n"
	"SOURCE is a label, for fstab and df.\n"
	"\n"
	"  -f, --foreground   stay in the foreground, log to standard error\n"
	"  -d, --debug        the same, with every request of the kernel\n"
	"  -o, --option=OPT   an option, below; several are joined with commas\n"
	"  -h, --help         this text\n"
	"  -V, --version      the version\n"
	"\n"
	"commands:\n";

static const char help_middle[] =
	"To mount on a directory with such a name, write ./status.\n"
	"\n"
	"options (also keys of the file; lists are joined with +):\n";

static const char help_end[] = "and FUSE's own: allow_other, auto_unmount, ro, "
			       "noatime, nodev, nosuid, fsname=...\n"
			       "\n"
			       "Exit status: 0 done, 1 failed, 2 wrong usage.\n";

static int print_help(void)
{
	scoped(buf_finish) struct buf b = {0};

	if (config_help(&b) < 0)
		return EXIT_FAILED;
	fputs(help, stdout);
	for (const struct cli_command *const *c = cli_commands; *c; c++)
		printf("  %-18s %s\n", (*c)->name, (*c)->summary);
	printf("%s%s%s", help_middle, b.data, help_end);
	return EXIT_OK;
}

struct serving {
	struct daemon daemon;
	const char *mountpoint;
};

static void on_ready(void *user)
{
	struct serving *s = user;

	daemon_ready(&s->daemon);
	log_info("mounted; mountpoint=%s", s->mountpoint);
}

/* The engine's threads start before promptfs_serve does and must not be the ones that
 * die of these; the mount waits for them. Not before the lock is ours: until then
 * Ctrl-C ends. */
static void leave_signals_to_mount(void)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(&set, signals[i]);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* In the process that will serve. */
static int serve(struct config *c, const char *mountpoint, bool debug,
	struct serving *s, struct err *err)
{
	struct store_lock *lock = NULL;
	struct promptfs fs;
	int r = store_lock_take(c->state, (int)c->stop_timeout_s * 1000, &lock, err);

	if (r < 0)
		return r;
	leave_signals_to_mount();
	r = store_lock_describe(lock, mountpoint, err);
	if (r == 0)
		r = promptfs_open(&fs, c, err);
	if (r == 0) {
		s->mountpoint = mountpoint;
		r = promptfs_serve(&fs, mountpoint, debug, on_ready, s, err);
		promptfs_close(&fs);
	}
	store_lock_release(lock);
	return r;
}

static int add_source(struct config *c, const char *source, struct err *err)
{
	scoped(buf_finish) struct buf b = {0};

	if (!source || (c->fuse_options && strstr(c->fuse_options, "fsname=")))
		return 0;
	if (buf_addf(&b, "fsname=%s", source) < 0)
		return err_oom(err);
	return config_option(c, b.data, err);
}

static void set_log_level(const struct config *c, bool debug)
{
	enum log_level level = LOG_LEVEL_DEBUG;

	if (debug || log_level_parse(c->log_level, &level) == 0)
		log_set_level(level);
}

static int mount_and_serve(const struct mount_args *a)
{
	scoped(config_finish) struct config config = {0};
	scoped_free char *mountpoint = NULL;
	struct serving s = {.daemon = {.report_fd = -1}};
	struct err err = {0};
	int r = config_load(&config, a->o.text, a->o.n, &err);

	if (r == -EINVAL)
		return cli_usage("", "%s", err.why);
	if (r == 0)
		r = add_source(&config, a->source, &err);
	if (r == 0)
		r = precheck_mount(&config, a->mountpoint, &mountpoint, &err);
	if (r == 0 && !a->foreground)
		r = daemon_fork(&s.daemon, &err);
	if (r < 0)
		return cli_fail(&err);
	set_log_level(&config, a->debug);
	r = serve(&config, mountpoint, a->debug, &s, &err);
	if (r == 0)
		return EXIT_OK;
	if (a->foreground)
		return cli_fail(&err);
	daemon_fail(&s.daemon, &err);
	return EXIT_FAILED;
}

static int take_positionals(struct mount_args *a, int n, char **args)
{
	if (n < 1 || n > 2)
		return cli_usage("", n ? "too many arguments" : "where to mount?");
	a->mountpoint = args[n - 1];
	a->source = n == 2 ? args[0] : NULL;
	return EXIT_OK;
}

int cli_mount(int argc, char **argv)
{
	static const struct option longs[] = {{"foreground", no_argument, NULL, 'f'},
		{"debug", no_argument, NULL, 'd'},
		{"option", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'},
		{0}};
	struct mount_args a = {0};
	struct err err = {0};
	int c, code;

	while ((c = getopt_long(argc, argv, "fdo:hV", longs, NULL)) >= 0) {
		switch (c) {
		case 'd':
			a.debug = true;
			__attribute__((fallthrough));
		case 'f':
			a.foreground = true;
			break;
		case 'o':
			if (cli_options_add(&a.o, optarg, &err) < 0)
				return cli_usage("", "%s", err.why);
			break;
		case 'h':
			return print_help();
		case 'V':
			printf("promptfs %s\n", PROMPTFS_VERSION);
			return EXIT_OK;
		default:
			return cli_usage("", "bad usage");
		}
	}
	code = take_positionals(&a, argc - optind, argv + optind);
	return code ? code : mount_and_serve(&a);
}
