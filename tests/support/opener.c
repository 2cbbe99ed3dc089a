// SPDX-License-Identifier: MIT
/* What Python cannot do on a promptfs file: calls without a stat before them, opens
 * that really see EINTR, and very many opens at once. See `usage`. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define STEP (1 << 20)
#define THREADS_MAX 20000
#define STACK_BYTES (64 << 10)

static const char usage[] =
	"usage: opener sendfile PATH       the file to stdout by sendfile, no stat\n"
	"       opener splice PATH         the same by splice through a pipe\n"
	"       opener mmap PATH           its first 4096 bytes by mmap, no stat\n"
	"       opener open PATH           one open; prints \"ok\" or the errno's "
	"name\n"
	"       opener handle SIGNAL PATH  the same, with a handler for SIGNAL\n"
	"       opener alarm MS PATH       the same, with a handled SIGALRM every MS\n"
	"       opener park N FORMAT FILES N threads open FORMAT (a %d: 0..FILES-1),\n"
	"                                  each reads all; prints \"<ok> <failed>\"\n";

static int copy_by(const char *path, bool by_splice)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), pipes[2];
	ssize_t n;

	if (fd < 0 || pipe(pipes) < 0) {
		perror(path);
		return 1;
	}
	for (;;) {
		n = by_splice ? splice(fd, NULL, pipes[1], NULL, 65536, 0)
			      : sendfile(STDOUT_FILENO, fd, NULL, STEP);
		if (n <= 0)
			break;
		while (by_splice && n > 0) {
			ssize_t out = splice(
				pipes[0], NULL, STDOUT_FILENO, NULL, (size_t)n, 0);

			if (out <= 0) {
				perror("splice");
				return 1;
			}
			n -= out;
		}
	}
	if (n < 0)
		perror(path);
	return n < 0;
}

static int copy_by_mmap(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *map;

	if (fd < 0) {
		perror(path);
		return 1;
	}
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED || write(STDOUT_FILENO, map, 4096) != 4096) {
		perror(path);
		return 1;
	}
	return 0;
}

static void on_signal(int sig)
{
	(void)sig;
}

static void handle(int sig)
{
	struct sigaction sa = {.sa_handler = on_signal};

	sigaction(sig, &sa, NULL);
}

static int open_once(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	puts(fd < 0 ? strerrorname_np(errno) : "ok");
	return 0;
}

struct park {
	const char *format;
	int files;
	_Atomic int next, ok, failed;
};

static bool read_all(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char buf[8192]; /* on a stack of 64 KiB */
	off_t sum = 0;
	ssize_t n = -1;

	if (fd < 0)
		return false;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		sum += n;
	n = n < 0 || fstat(fd, &st) < 0 || st.st_size != sum || sum == 0 ? -1 : 0;
	close(fd);
	return n == 0;
}

static void *park_one(void *user)
{
	struct park *p = user;
	char path[4096];
	int i = atomic_fetch_add(&p->next, 1);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(path, sizeof(path), p->format, i % p->files);
#pragma GCC diagnostic pop
	atomic_fetch_add(read_all(path) ? &p->ok : &p->failed, 1);
	return NULL;
}

static int park(int n, const char *format, int files)
{
	struct park p = {.format = format, .files = files > 0 ? files : 1};
	pthread_t *thread = calloc(THREADS_MAX, sizeof(*thread));
	pthread_attr_t attr;
	int started = 0;

	if (!thread || n > THREADS_MAX)
		return 1;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	while (started < n && !pthread_create(&thread[started], &attr, park_one, &p))
		started++;
	for (int i = 0; i < started; i++)
		pthread_join(thread[i], NULL);
	free(thread);
	printf("%d %d\n", p.ok, p.failed + n - started);
	return 0;
}

int main(int argc, char **argv)
{
	/* nohup and CI runners ignore some, and that is inherited. */
	for (int sig = 1; sig < SIGSYS; sig++)
		signal(sig, SIG_DFL);
	const char *mode = argc > 2 ? argv[1] : "";

	if (!strcmp(mode, "sendfile"))
		return copy_by(argv[2], false);
	if (!strcmp(mode, "splice"))
		return copy_by(argv[2], true);
	if (!strcmp(mode, "mmap"))
		return copy_by_mmap(argv[2]);
	if (!strcmp(mode, "open"))
		return open_once(argv[2]);
	if (argc > 3 && !strcmp(mode, "handle")) {
		handle(atoi(argv[2]));
		return open_once(argv[3]);
	}
	if (argc > 3 && !strcmp(mode, "alarm")) {
		struct itimerval it = {.it_value.tv_usec = atoi(argv[2]) * 1000};

		it.it_interval = it.it_value;
		handle(SIGALRM);
		setitimer(ITIMER_REAL, &it, NULL);
		return open_once(argv[3]);
	}
	if (argc > 4 && !strcmp(mode, "park"))
		return park(atoi(argv[2]), argv[3], atoi(argv[4]));
	fputs(usage, stderr);
	return 2;
}
