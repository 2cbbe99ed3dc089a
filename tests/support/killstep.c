// SPDX-License-Identifier: MIT
/* For LD_PRELOAD: ends the program, or fails its writes, at a durable step of LMDB.
 * The product knows nothing of it.
 *
 * A durable step is a flush (fdatasync) or the write of a header (a short pwrite),
 * which is what commits; they are counted from 1. Of the environment:
 *	KILLSTEP_AT=N        SIGKILL before the N-th step
 *	KILLSTEP_AFTER=N     SIGKILL after the N-th step
 *	KILLSTEP_FULL=FILE   while FILE is there, writes fail: the disk is full
 *	KILLSTEP_COUNT=FILE  the number of steps, written at exit
 *	KILLSTEP_CLOCK=S     the wall clock is S seconds ahead; negative: behind */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u

static long at, after, ahead_s;
static const char *full, *count;
static atomic_long steps;

/* libc's headers rename these where files are large. */
ssize_t step_pwrite(int fd, const void *buf, size_t n, off_t off) __asm__("pwrite");
ssize_t step_writev(int fd, const struct iovec *iov, int n) __asm__("writev");
int step_fdatasync(int fd) __asm__("fdatasync");

__attribute__((constructor)) static void begin(void)
{
	const char *v = getenv("KILLSTEP_AT");

	at = v ? atol(v) : 0;
	v = getenv("KILLSTEP_AFTER");
	after = v ? atol(v) : 0;
	v = getenv("KILLSTEP_CLOCK");
	ahead_s = v ? atol(v) : 0;
	full = getenv("KILLSTEP_FULL");
	count = getenv("KILLSTEP_COUNT");
}

__attribute__((destructor)) static void end(void)
{
	FILE *f = count ? fopen(count, "w") : NULL;

	if (!f)
		return;
	fprintf(f, "%ld\n", atomic_load(&steps));
	fclose(f);
}

static long step(void)
{
	long n = atomic_fetch_add(&steps, 1) + 1;

	if (n == at)
		kill(getpid(), SIGKILL);
	return n;
}

static void done(long n)
{
	if (n == after)
		kill(getpid(), SIGKILL);
}

/* FUSE's device is written to as well, and never full. */
static bool is_full(int fd)
{
	struct stat st;

	if (!full || access(full, F_OK) < 0 || fstat(fd, &st) < 0 ||
		!S_ISREG(st.st_mode))
		return false;
	errno = ENOSPC;
	return true;
}

ssize_t step_pwrite(int fd, const void *buf, size_t n, off_t off)
{
	bool is_header = n < PAGE;
	long s = is_header ? step() : 0;
	ssize_t r;

	/* The header is there already: it needs no room. */
	if (!is_header && is_full(fd))
		return -1;
	r = syscall(SYS_pwrite64, fd, buf, n, off);
	if (is_header)
		done(s);
	return r;
}

ssize_t step_writev(int fd, const struct iovec *iov, int n)
{
	return is_full(fd) ? -1 : syscall(SYS_writev, fd, iov, n);
}

int step_fdatasync(int fd)
{
	long s = step();
	int r = (int)syscall(SYS_fdatasync, fd);

	done(s);
	return r;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	int r = (int)syscall(SYS_clock_gettime, id, ts);

	if (id == CLOCK_REALTIME)
		ts->tv_sec += ahead_s;
	return r;
}
