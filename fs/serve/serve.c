// SPDX-License-Identifier: MIT
/* The order in which a mount begins and ends. The main thread; see serve.h. */
#define LOG_TAG "mount"
#include "fs/serve/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"
#include "fs/control/control.h"
#include "fs/mount/libfuse.h"
#include "fs/tree/notify.h"
#include "fs/tree/ops.h"

static int new_session(struct promptfs *fs, bool debug, struct err *err)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	const char *extra = fs->config->fuse_options;
	int r = fuse_opt_add_arg(&args, "promptfs");

	r |= fuse_opt_add_arg(&args, "-odefault_permissions,subtype=promptfs");
	if (!extra || !strstr(extra, "fsname="))
		r |= fuse_opt_add_arg(&args, "-ofsname=promptfs");
	if (extra && *extra) {
		scoped(buf_finish) struct buf b = {0};

		r |= buf_addf(&b, "-o%s", extra);
		if (r == 0)
			r = fuse_opt_add_arg(&args, b.data);
	}
	if (debug)
		r |= fuse_opt_add_arg(&args, "-odebug");
	if (r == 0)
		fs->session = fuse_session_new(&args, &fs_ops, sizeof(fs_ops), fs);
	fuse_opt_free_args(&args);
	return fs->session ? 0 : err_set(err, EINVAL, "FUSE refused the options");
}

/* An administrator's limit would abort the whole connection on a long open. */
static void warn_of_request_timeout(void)
{
	scoped(buf_finish) struct buf b = {0};
	long seconds;

	if (buf_read_file(&b, "/proc/sys/fs/fuse/max_request_timeout", 64, NULL) < 0)
		return;
	seconds = strtol(b.data, NULL, 10);
	if (seconds > 0)
		log_warn(
			"fs.fuse.max_request_timeout ends the mount when an open takes "
			"longer; seconds=%ld",
			seconds);
}

static void stop_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1); /* from ourselves: the session has ended */
}

static void on_wake(int sig)
{
}

/* Before any thread: all inherit the mask, and signal_main alone takes signals. SIGUSR2
 * only interrupts the session loop's wait. */
static void set_up_signals(void)
{
	struct sigaction wake = {.sa_handler = on_wake};
	sigset_t set;

	stop_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGUSR2, &wake, NULL);
}

struct serving {
	struct promptfs *fs;
	pthread_t main_thread;
	atomic_bool loop_ended;
};

/* Replies to every parked open while the loop still runs: they could not be answered
 * after. The unmount comes when the loop's threads are gone: it closes the descriptor
 * they write their replies to, and its number may by then be another file's. */
static void shut_down(struct serving *s)
{
	struct promptfs *fs = s->fs;
	const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};

	engine_stop(fs->engine);
	notifier_drain(fs->notifier);
	fuse_session_exit(fs->session);
	while (!atomic_load(&s->loop_ended)) {
		pthread_kill(s->main_thread, SIGUSR2);
		nanosleep(&pause, NULL);
	}
}

static void *signal_main(void *user)
{
	struct serving *s = user;
	sigset_t set;
	int sig = 0;

	stop_signals(&set);
	do
		sigwait(&set, &sig);
	while (sig == SIGUSR1 && !atomic_load(&s->loop_ended)); /* a stranger's */
	if (sig != SIGUSR1) {
		log_info("stopping; signal=%d", sig);
		shut_down(s);
	}
	return NULL;
}

static int loop(struct promptfs *fs)
{
	struct fuse_loop_config *lc = fuse_loop_cfg_create();
	int r;

	if (!lc)
		return -ENOMEM;
	fuse_loop_cfg_set_clone_fd(lc, 0);
	fuse_loop_cfg_set_max_threads(lc, 10);
	r = fuse_session_loop_mt(fs->session, lc);
	fuse_loop_cfg_destroy(lc);
	return r;
}

static int make_nodes(struct promptfs *fs, struct err *err)
{
	struct place root = {.kind = PLACE_ROOT};

	return nodes_new(&root, FUSE_ROOT_ID, &fs->nodes) < 0 ? err_oom(err) : 0;
}

/* The loop runs in the calling thread. The notifier comes last: its stat thread already
 * waits for the loop. */
static int serve_mounted(
	struct promptfs *fs, void (*ready)(void *user), void *user, struct err *err)
{
	struct serving s = {.fs = fs, .main_thread = pthread_self()};
	pthread_t signals;
	int r;

	fs->control = control_start(fs, err);
	if (!fs->control)
		return -EIO;
	r = notifier_start(fs, &fs->notifier, err);
	if (r < 0)
		return r;
	r = pthread_create(&signals, NULL, signal_main, &s);
	if (r)
		return err_errno(err, r, "cannot start a thread");
	ready(user);
	r = loop(fs);
	atomic_store(&s.loop_ended, true);
	pthread_kill(signals, SIGUSR1);
	pthread_join(signals, NULL);
	return r < 0 ? err_set(err, EIO, "the FUSE session ended with an error") : 0;
}

int promptfs_serve(struct promptfs *fs, const char *mountpoint, bool debug,
	void (*ready)(void *user), void *user, struct err *err)
{
	int r;

	free(fs->mountpoint);
	fs->mountpoint = strdup(mountpoint);
	if (!fs->mountpoint)
		return err_oom(err);
	set_up_signals();
	warn_of_request_timeout();
	r = make_nodes(fs, err);
	if (r == 0)
		r = new_session(fs, debug, err);
	if (r == 0 && fuse_session_mount(fs->session, mountpoint) < 0)
		r = err_set(err, EIO, "cannot mount on %s", mountpoint);
	if (r == 0) {
		fcntl(fuse_session_fd(fs->session), F_SETFD, FD_CLOEXEC);
		r = serve_mounted(fs, ready, user, err);
		if (r < 0) /* nobody serves: end what waits for an answer */
			fuse_session_unmount(fs->session);
		control_stop(fs->control);
		engine_stop(fs->engine);
		notifier_stop(fs->notifier);
		fuse_session_unmount(fs->session);
		notifier_free(fs->notifier);
	}
	if (fs->session)
		fuse_session_destroy(fs->session);
	fs->session = NULL;
	if (fs->nodes)
		handles_close(fs);
	nodes_free(fs->nodes);
	fs->nodes = NULL;
	return r;
}
