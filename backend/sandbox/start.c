// SPDX-License-Identifier: MIT
/* posix_spawn() with all it needs, in the thread that asks. */
#include "backend/sandbox/start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backend/sandbox/message.h"
#include "cache/base/mem.h"

/* Wanted, so that a megabyte needs few switches between the processes. */
#define PIPE_BYTES (1 << 20)
#define BACKGROUND_NICE 10

static int set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	r = posix_spawnattr_setsigmask(attr, &none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(attr, &all);
	if (r == 0)
		r = posix_spawnattr_setpgroup(attr, 0);
	/* Its own group: a Ctrl-C at our terminal is for us to act on. */
	if (r == 0)
		r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK |
							   POSIX_SPAWN_SETSIGDEF |
							   POSIX_SPAWN_SETPGROUP);
	return r;
}

/* Both ends above the standard descriptors, which the child's dup2() overwrites; `ours`
 * is made not to block. */
static int make_pipe(int ends[2], int ours)
{
	int low[2];

	if (pipe2(low, O_CLOEXEC) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, PIPE_FDS);
		close(low[i]);
	}
	if (ends[0] < 0 || ends[1] < 0)
		return -EMFILE;
	fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
	return fcntl(ends[ours], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int spawn_with(const char *exe, int in, int out,
	posix_spawn_file_actions_t *actions, posix_spawnattr_t *attr, pid_t *pid)
{
	char word[] = SANDBOX_WORD, *environment[] = {NULL};
	char *arguments[] = {(char *)(uintptr_t)exe, word, NULL};
	int r = posix_spawn_file_actions_adddup2(actions, in, PIPE_IN);

	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, out, PIPE_OUT);
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(actions, PIPE_FDS);
	if (r == 0)
		r = set_attributes(attr);
	if (r == 0)
		r = posix_spawn(pid, exe, actions, attr, arguments, environment);
	return r;
}

static int spawn(const char *exe, int in, int out, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	pid_t pid;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return -r;
	r = posix_spawnattr_init(&attr);
	if (r == 0) {
		r = spawn_with(exe, in, out, &actions, &attr, &pid);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&actions);
	if (r == 0)
		*ret = pid;
	return -r;
}

int sandbox_start(
	const char *exe, bool in_background, struct sandbox_ends *ret, pid_t *ret_pid)
{
	int there[2] = {-1, -1}, back[2] = {-1, -1};
	int r = make_pipe(there, 1);

	if (r == 0)
		r = make_pipe(back, 0);
	if (r == 0)
		r = spawn(exe, there[0], back[1], ret_pid);
	/* What nobody waits for leaves others most of the time, from its loading on. */
	if (r == 0 && in_background)
		setpriority(PRIO_PROCESS, (id_t)*ret_pid, BACKGROUND_NICE);
	fd_close(&there[0]);
	fd_close(&back[1]);
	*ret = (struct sandbox_ends){.to = there[1], .from = back[0]};
	return r;
}
