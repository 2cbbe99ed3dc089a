// SPDX-License-Identifier: MIT
/* See daemon.h. */
#define LOG_TAG "main"
#include "fs/serve/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache/base/buf.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

#define REPORT_READY "+"
#define REPORT_MAX 4096u

static _Noreturn void wait_for_report(int fd, pid_t child)
{
	scoped(buf_finish) struct buf b = {0};
	int status = 0;

	if (buf_read_all(&b, fd, REPORT_MAX, NULL) == 0 && b.len) {
		if (!strcmp(b.data, REPORT_READY))
			_exit(0);
		fprintf(stderr, "promptfs: %s\n", b.data);
		_exit(1);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	if (WIFSIGNALED(status))
		fprintf(stderr,
			"promptfs: the mount process was ended by signal %d (%s)\n",
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		fprintf(stderr, "promptfs: the mount process ended without a word\n");
	_exit(1);
}

int daemon_fork(struct daemon *d, struct err *err)
{
	int pipe_fd[2];
	pid_t pid;

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return err_errno(err, errno, "cannot make a pipe");
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		int code = errno;

		close(pipe_fd[0]);
		close(pipe_fd[1]);
		return err_errno(err, code, "cannot fork");
	}
	if (pid > 0) {
		close(pipe_fd[1]);
		wait_for_report(pipe_fd[0], pid);
	}
	close(pipe_fd[0]);
	d->report_fd = pipe_fd[1];
	return 0;
}

static void report(struct daemon *d, const char *text)
{
	ssize_t n;

	do {
		n = write(d->report_fd, text, strlen(text));
	} while (n < 0 && errno == EINTR);
	close(d->report_fd);
	d->report_fd = -1;
}

static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (chdir("/") < 0)
		log_warn("cannot leave the working directory; errno=%d", errno);
	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}

void daemon_ready(struct daemon *d)
{
	if (d->report_fd < 0)
		return;
	log_to_syslog();
	leave_terminal();
	/* Last: who waited for us may now expect all of it done. */
	report(d, REPORT_READY);
}

void daemon_fail(struct daemon *d, const struct err *why)
{
	if (d->report_fd >= 0)
		report(d, why->why);
	else
		log_error("%s", why->why);
}
