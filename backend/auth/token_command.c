// SPDX-License-Identifier: MIT
/* See token_command.h. */
#include "backend/auth/token_command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"

#define LOOK_MS 50     /* how often it is seen whether it must end */
#define EXIT_LOOK_MS 2 /* after its output has ended */

extern char **environ;

struct token_command {
	struct pool_item item;
	char *command;
	struct buf out;
	int64_t end_ms;
	int result;
	void (*done)(void *user, int result, struct buf *out); /* NULL: cancelled */
	void *user;
};

/* In a process group of its own, so that what it starts ends with it. */
static int spawn_shell(const char *command, int out, pid_t *ret)
{
	char *argv[] = {(char *)"/bin/sh", (char *)"-c", (char *)command, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, broken;
	int r;

	sigemptyset(&none);
	sigemptyset(&broken);
	sigaddset(&broken, SIGPIPE);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, out, 1);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr,
		POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &broken);
	r = posix_spawn(ret, "/bin/sh", &files, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return -r;
}

static int must_end(const struct token_command *c)
{
	if (c->item.stop)
		return -ECANCELED;
	return clk_mono_ms() > c->end_ms ? -ETIMEDOUT : 0;
}

/* Until it closes its output. */
static int read_output(struct token_command *c, int fd)
{
	char block[4096];
	int r = 0;

	while (r == 0) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		r = must_end(c);
		if (r < 0 || poll(&p, 1, LOOK_MS) <= 0)
			continue;
		n = read(fd, block, sizeof(block));
		if (n == 0)
			break;
		if (n < 0 ? errno != EINTR
			  : c->out.len + (size_t)n > TOKEN_COMMAND_MAX ||
					buf_add(&c->out, block, (size_t)n) < 0)
			r = -EACCES;
	}
	explicit_bzero(block, sizeof(block));
	return r;
}

/* It may close its output and go on. */
static int wait_end(struct token_command *c, pid_t pid)
{
	int status = -1, r = c->result;
	pid_t ended = 0;

	while (ended == 0 || (ended < 0 && errno == EINTR)) {
		if (r == 0)
			r = must_end(c);
		if (r < 0)
			kill(-pid, SIGKILL);
		ended = waitpid(pid, &status, r < 0 ? 0 : WNOHANG);
		if (ended == 0)
			(void)poll(NULL, 0, EXIT_LOOK_MS);
	}
	return r == 0 && status != 0 ? -EACCES : r;
}

static void run(struct pool_item *i)
{
	struct token_command *c = container_of(i, struct token_command, item);
	int fd[2];
	pid_t pid;

	c->result = -EACCES;
	c->end_ms = clk_mono_ms() + TOKEN_COMMAND_MS;
	if (pipe2(fd, O_CLOEXEC) < 0)
		return;
	if (spawn_shell(c->command, fd[1], &pid) < 0) {
		close(fd[0]);
		close(fd[1]);
		return;
	}
	close(fd[1]);
	c->result = read_output(c, fd[0]);
	close(fd[0]);
	c->result = wait_end(c, pid);
}

static void ended(struct pool_item *i)
{
	struct token_command *c = container_of(i, struct token_command, item);

	if (c->done)
		c->done(c->user, i->was_run ? c->result : -ECANCELED, &c->out);
	if (c->out.data)
		explicit_bzero(c->out.data, c->out.cap);
	buf_finish(&c->out);
	free(c->command);
	free(c);
}

struct token_command *token_command_start(struct pool *pool, const char *command,
	void (*done)(void *user, int result, struct buf *out), void *user)
{
	struct token_command *c = new0(struct token_command);

	if (c)
		c->command = strdup(command);
	/* Grown now: later growing would leave copies of secrets behind. */
	if (!c || !c->command || buf_reserve(&c->out, TOKEN_COMMAND_MAX) < 0) {
		free(c ? c->command : NULL);
		free(c);
		return NULL;
	}
	c->done = done;
	c->user = user;
	pool_submit(pool, POOL_JOB, &c->item, run, ended);
	return c;
}

void token_command_cancel(struct token_command *c)
{
	if (!c)
		return;
	c->done = NULL;
	c->item.stop = true;
}
