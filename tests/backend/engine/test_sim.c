// SPDX-License-Identifier: MIT
/* Thousands of random histories of a store that buys, each from a seed.
 *
 *	test_sim                    as many as PROMPTFS_TEST_HISTORIES says, and at most
 *	                            PROMPTFS_TEST_SECONDS
 *	test_sim SEED               that one, with what happens in it
 *	test_sim FROM-TO            those */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cache/base/log.h"
#include "cache/base/mem.h"
#include "tests/backend/engine/sim.h"

#define HISTORIES_USUAL 2000
#define SECONDS_USUAL 55
#define WORKERS 2
#define KINDS_MAX 40
#define REAL_SECONDS_MAX 60                  /* of one process */
#define BEGIN_REAL_MS INT64_C(1736935200000) /* 2025-01-15, when the models lived */
#define CREDENTIALS                                                                    \
	"{\"type\":\"authorized_user\",\"client_id\":\"i\",\"client_secret\":\"s\","   \
	"\"refresh_token\":\"r\"}"

struct sim sim;

/* What the workers tell. */
struct tally {
	_Atomic uint64_t next, done, epochs, killed, cut, sends, acks, steps;
	_Atomic uint64_t failed_seed;
	_Atomic uint64_t journalled, adopted, in_parts, unknown_rows, settled_by_user;
	_Atomic bool has_failed;
	atomic_flag lock; /* seen */
	struct {
		char what[32];
		uint64_t n;
	} seen[KINDS_MAX]; /* of what became of paid requests */
	char why[SIM_WHY_MAX];
};

void sim_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!sim.world->has_failed)
		vsnprintf(sim.world->why, sizeof(sim.world->why), fmt, ap);
	va_end(ap);
	sim.world->has_failed = true;
	sim_say("FAILED: %s", sim.world->why);
	_exit(3);
}

void sim_say(const char *fmt, ...)
{
	va_list ap;

	if (!sim.is_loud)
		return;
	printf("# %10.3f ", (double)sim.world->mono_us / 1e6);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

/* ---- one history ---- */

static void plan_make(struct sim_plan *p, uint64_t seed)
{
	struct dice d = dice_of(seed, 1);
	static const int64_t totals[] = {600000, 3000000, 1000000000, 1000000000};

	*p = (struct sim_plan){
		.backend = dice_is(&d, 75) ? BACKEND_VERTEX : BACKEND_GEMINI};
	p->has_bucket = p->backend == BACKEND_VERTEX && dice_is(&d, 50);
	p->is_video = dice_is(&d, 25);
	p->has_fallback = dice_is(&d, 70);
	p->is_calm = dice_is(&d, 15);
	p->is_small_disk = dice_is(&d, 8);
	p->has_disk_faults = !p->is_small_disk && dice_is(&d, 12);
	p->n_files = 1 + dice_below(&d, 7);
	p->n_epochs = 2 + dice_below(&d, 5);
	p->trouble = p->is_calm ? 0 : 10 + dice_below(&d, 60);
	p->max_concurrent = 1 + dice_below(&d, 4);
	p->total_ud = totals[dice_below(&d, ARRAY_SIZE(totals))];
	p->day_ud = dice_is(&d, 60) ? p->total_ud : 1000000;
	p->user_ud = dice_is(&d, 70) ? p->day_ud : 400000;
	p->map_size = UINT64_C(1) << 30;
	if (p->is_small_disk)
		p->map_size = (UINT64_C(6) << 20) + dice_below(&d, 8u << 20);
}

static void child(uint32_t epoch, uint32_t last)
{
	uint64_t seed = sim.world->seed;
	struct dice d = dice_of(seed, 1000 + epoch);
	uint64_t kill_at = 0, die_at = 0;
	enum sim_death how = SIM_KILLED;

	alarm(REAL_SECONDS_MAX);
	sim.is_last = epoch == last;
	sim.act = dice_of(seed, 2000 + epoch);
	sim.net = dice_of(seed, 3000 + epoch);
	sim.disk = dice_of(seed, 4000 + epoch);
	if (!sim.is_last && dice_is(&d, 35))
		kill_at = 1 + dice_below(&d, 1u << (6 + dice_below(&d, 12)));
	else if (!sim.is_last && dice_is(&d, 55))
		die_at = 1 + dice_below(&d, 1u << (2 + dice_below(&d, 7)));
	if (die_at && dice_is(&d, 50))
		how = SIM_POWER_CUT;
	sim_say("epoch %u%s", (unsigned)epoch, sim.is_last ? ", the last" : "");
	disk_begin(die_at, dice_is(&d, 50), how);
	sched_begin(seed * 31 + epoch, kill_at);
	epoch_run();
}

/* false: it failed. */
static bool epoch_do(uint32_t epoch, uint32_t last, struct tally *t)
{
	struct sim_world *w = sim.world;
	int status = 0;
	pid_t pid;

	w->epoch = epoch;
	for (uint32_t i = 0; i < w->n_files; i++) {
		/* It ended inside: it may have been done. */
		w->file[i].permit += w->file[i].is_permitting;
		w->file[i].is_permitting = false;
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		child(epoch, last);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	t->epochs++;
	t->steps += w->steps;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
		w->past[epoch].death != SIM_ALIVE) {
		t->killed += w->past[epoch].death == SIM_KILLED;
		t->cut += w->past[epoch].death == SIM_POWER_CUT;
		if (w->past[epoch].death == SIM_POWER_CUT)
			disk_undo(w, sim.dir);
		sim_say("epoch %u: %s", (unsigned)epoch,
			w->past[epoch].death == SIM_KILLED ? "killed" : "power cut");
		return true;
	}
	if (!w->has_failed)
		snprintf(w->why, sizeof(w->why), "the process ended with %s %d",
			WIFSIGNALED(status) ? "signal" : "status",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	w->has_failed = true;
	return false;
}

static void store_remove(void)
{
	static const char *const names[] = {
		"store.mdb", "store.mdb-lock", "store.mdb.new", "store.mdb.new-lock"};
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", sim.dir, names[i]);
		unlink(path);
	}
}

static void count_kind(struct tally *t, const char *what)
{
	int i = 0;

	while (atomic_flag_test_and_set(&t->lock))
		;
	while (i + 1 < KINDS_MAX && *t->seen[i].what && strcmp(t->seen[i].what, what))
		i++;
	snprintf(t->seen[i].what, sizeof(t->seen[i].what), "%s", what);
	t->seen[i].n++;
	atomic_flag_clear(&t->lock);
}

/* So that a reader sees what was tried. */
static void count(struct tally *t, const struct sim_world *w)
{
	for (uint32_t i = 0; i < w->n_calls; i++) {
		const struct sim_call *c = &w->call[i];

		count_kind(t, c->what);
		t->journalled += c->was_journalled;
		t->adopted += c->was_listed && c->is_delivered;
		t->in_parts += c->part[0] > 0;
	}
	t->sends += w->n_sends;
	t->acks += w->n_acks;
	t->unknown_rows += w->n_unknown;
	t->settled_by_user += w->n_settled;
	t->done++;
}

static bool history_do(uint64_t seed, struct tally *t)
{
	struct sim_world *w = sim.world;
	bool ok = true;

	memset(w, 0, offsetof(struct sim_world, call));
	w->seed = seed;
	w->mono_us = 1000000;
	w->real_offset_ms = w->max_real_ms = BEGIN_REAL_MS;
	plan_make(&sim.plan, seed);
	files_make(&sim);
	store_remove();
	for (uint32_t e = 0; ok && e < sim.plan.n_epochs; e++)
		ok = epoch_do(e, sim.plan.n_epochs - 1, t);
	if (!ok && !t->has_failed) {
		t->has_failed = true;
		t->failed_seed = seed;
		memcpy(t->why, w->why, sizeof(t->why));
	}
	count(t, w);
	files_free(&sim);
	return ok;
}

/* ---- many ---- */

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

static const char *ramdisk(void)
{
	return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

static void dir_make(void)
{
	char path[128];
	FILE *f;

	snprintf(sim.dir, sizeof(sim.dir), "%s/sim.XXXXXX", ramdisk());
	if (!mkdtemp(sim.dir))
		abort();
	snprintf(path, sizeof(path), "%s/key", sim.dir);
	f = fopen(path, "w");
	if (!f || fputs(CREDENTIALS, f) < 0 || fclose(f) != 0)
		abort();
	setenv("GOOGLE_APPLICATION_CREDENTIALS", path, 1);
	setenv("GOOGLE_API_KEY", "k", 1);
}

static void dir_remove(void)
{
	char path[128];

	store_remove();
	snprintf(path, sizeof(path), "%s/key", sim.dir);
	unlink(path);
	rmdir(sim.dir);
}

static void worker(struct tally *t, uint64_t end, int64_t deadline)
{
	dir_make();
	sim.world = mmap(NULL, sizeof(*sim.world), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sim.world == MAP_FAILED || catalogue_new(&sim.catalogue, NULL) < 0)
		abort();
	while (!t->has_failed && now_ms() < deadline) {
		uint64_t seed = t->next++;

		if (seed >= end || !history_do(seed, t))
			break;
	}
	dir_remove();
	catalogue_free(sim.catalogue);
}

static uint64_t number(const char *name, uint64_t usual)
{
	const char *v = getenv(name);

	return v && *v ? strtoull(v, NULL, 10) : usual;
}

static void calls_print(void)
{
	for (uint32_t i = 0; i < sim.world->n_calls; i++) {
		const struct sim_call *c = &sim.world->call[i];

		printf("# call %u epoch %u row %" PRIu64 " x%u file %d draw %u part %u "
		       "billed %" PRId64 "%s%s: %s\n",
			(unsigned)i, (unsigned)c->epoch, c->row[0], (unsigned)c->n,
			c->file[0], (unsigned)c->draw[0], (unsigned)c->part[0],
			c->billed_ud[0], c->is_delivered ? " delivered" : "",
			c->is_operation ? " operation" : "", c->what);
	}
}

int main(int argc, char **argv)
{
	struct tally *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t from = number("PROMPTFS_TEST_SEED", 1);
	uint64_t end = from + number("PROMPTFS_TEST_HISTORIES", HISTORIES_USUAL);
	int64_t began = now_ms();
	int64_t deadline =
		began + (int64_t)number("PROMPTFS_TEST_SECONDS", SECONDS_USUAL) * 1000;
	bool is_one = argc > 1 && !strchr(argv[1], '-');

	if (argc > 1) {
		const char *dash = strchr(argv[1], '-');

		from = strtoull(argv[1], NULL, 10);
		end = dash ? strtoull(dash + 1, NULL, 10) + 1 : from + 1;
		deadline = INT64_MAX;
	}
	log_set_level(is_one ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
	if (!is_one)
		freopen("/dev/null", "w", stderr);
	sim.is_loud = is_one;
	t->next = from;
	if (is_one) {
		worker(t, end, deadline);
		calls_print();
	}
	for (int i = 0; !is_one && i < WORKERS; i++) {
		fflush(stdout);
		if (fork() == 0) {
			worker(t, end, deadline);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	printf("1..1\n# %" PRIu64 " histories, %" PRIu64 " processes (%" PRIu64
	       " killed, %" PRIu64 " power cuts), %" PRIu64 " paid requests, %" PRIu64
	       " files handed out, %" PRIu64 " steps, %.1f s\n",
		t->done, t->epochs, t->killed, t->cut, t->sends, t->acks, t->steps,
		(double)(now_ms() - began) / 1000);
	printf("# %" PRIu64 " operations seen in the journal, %" PRIu64
	       " found in the bucket, %" PRIu64 " further parts, %" PRIu64
	       " unknown at the end, %" PRIu64 " settled by hand\n#",
		t->journalled, t->adopted, t->in_parts, t->unknown_rows,
		t->settled_by_user);
	for (int i = 0; i < KINDS_MAX && *t->seen[i].what; i++)
		printf("%s %s %" PRIu64, i ? "," : "", t->seen[i].what, t->seen[i].n);
	printf("\n");
	if (t->has_failed)
		printf("# seed %" PRIu64 ": %s\n# replay: test_sim %" PRIu64 "\n",
			t->failed_seed, t->why, t->failed_seed);
	printf("%sok 1 - histories\n", t->has_failed ? "not " : "");
	return t->has_failed;
}
