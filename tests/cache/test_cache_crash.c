// SPDX-License-Identifier: MIT
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/cache/support.h"

#define KILLS 40

static size_t size_of(uint32_t n)
{
	return n % 5 == 4 ? 2500000 : 200 + n * 37 % 5000;
}

static void spot_of(struct spot *s, char name[16], uint32_t n)
{
	snprintf(name, 16, "%u.png", n);
	spot_init(s, "crash", "imagen-3", name);
}

/* Writes files from `first` on and reports each that is durable, until killed. */
static void child_main(struct fixture *f, uint32_t first, int pipe_fd)
{
	struct err err = {0};

	if (cache_open(&f->config, &f->cache, &err) < 0)
		_exit(1);
	for (uint32_t n = first;; n++) {
		struct spot s;
		char name[16];

		spot_of(&s, name, n);
		if (put_file(f->cache, &s.place, size_of(n), n) < 0)
			_exit(2);
		if (n % 7 == 3 && cache_set_quality(f->cache, &s.place, 0, "{}", 'A', n,
					  &err) < 0)
			_exit(3);
		if (write(pipe_fd, &n, sizeof(n)) != sizeof(n))
			_exit(4);
	}
}

/* Kills the child after some reports and a random pause; the number after the last that
 * was reported, or 0 if the child gave up by itself. */
static uint32_t run_and_kill(struct fixture *f, uint32_t first, uint64_t x)
{
	int fds[2], status;
	uint32_t n, next = first, reports = (uint32_t)(x % 4);
	struct pollfd p = {.events = POLLIN};
	pid_t pid;

	if (pipe(fds) < 0)
		abort();
	fflush(stdout);
	pid = fork();
	if (!pid) {
		close(fds[0]);
		child_main(f, first, fds[1]);
	}
	close(fds[1]);
	while (reports-- && read(fds[0], &n, sizeof(n)) == sizeof(n))
		next = n + 1;
	p.fd = fds[0];
	poll(&p, 1, 0);
	usleep((useconds_t)(x >> 20) % 20000);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	while (read(fds[0], &n, sizeof(n)) == sizeof(n))
		next = n + 1;
	close(fds[0]);
	return WIFSIGNALED(status) ? next : 0;
}

static void what_was_reported_survives_a_kill(void)
{
	struct fixture f;
	struct err err = {0};
	struct verify_result v;
	uint32_t first = 0, next, lost = 0;
	uint64_t x = 88172645463325252u;

	fixture_start(&f, 1u << 30);
	cache_close(f.cache);
	f.cache = NULL;
	for (int i = 0; i < KILLS; i++) {
		struct spot s;
		char name[16];

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		next = run_and_kill(&f, first, x);
		if (!CHECK(next >= first) || !CHECK_INT(fixture_reopen(&f), 0))
			break;
		for (uint32_t n = first; n < next; n++) {
			spot_of(&s, name, n);
			lost += !file_is(f.cache, &s.place, size_of(n), n);
		}
		/* The one that was not reported is there wholly or not at all. */
		spot_of(&s, name, next);
		if (!cache_brief(f.cache, &s.key, NULL, NULL)) {
			CHECK(file_is(f.cache, &s.place, size_of(next), next));
			next++;
		}
		CHECK_INT(cache_verify(f.cache, NULL, NULL, NULL, &v, &err), 0);
		cache_close(f.cache);
		f.cache = NULL;
		first = next;
	}
	printf("# %u files over %d kills\n", first, KILLS);
	CHECK_INT(lost, 0);
	CHECK_INT(fixture_reopen(&f), 0);
	fixture_end(&f);
}

TAP_MAIN(TAP_CASE(what_was_reported_survives_a_kill))
