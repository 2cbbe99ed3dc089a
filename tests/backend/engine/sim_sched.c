// SPDX-License-Identifier: MIT
/* Threads, one at a time, in an order that the seed decides, and a clock that moves
 * when all of them wait. The linker leads the product's calls here (--wrap): the
 * product itself knows nothing of it. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cache/base/clk.h"
#include "tests/backend/engine/sim.h"

#define FIBERS_MAX 32
#define HELD_MAX 64
#define NEVER INT64_MAX
#define SWITCH_PERCENT 12  /* at a point where nothing forces it */
#define STEPS_MAX 20000000 /* a history that takes more goes in circles */

enum fiber_state { FIBER_NONE, FIBER_READY, FIBER_WAITS, FIBER_POLLS, FIBER_DONE };

struct fiber {
	enum fiber_state state;
	pthread_t id;
	sem_t baton;
	const void *waits_for;
	int64_t until_us;
	bool timed_out;
	void *(*main)(void *arg);
	void *arg, *result;
};

static struct fiber fibers[FIBERS_MAX];
static int n_fibers, current;
static bool is_running;
static struct dice chance;
static uint64_t kill_at;

/* Locks that are held. */
static struct held {
	const void *lock;
	int owner;
	bool is_shared;
} held[HELD_MAX];
static int n_held;

int __real_pthread_create(
	pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg);
int __real_pthread_join(pthread_t t, void **ret);
int __real_pthread_mutex_lock(pthread_mutex_t *m);
int __real_pthread_mutex_unlock(pthread_mutex_t *m);
int __real_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);
int __real_pthread_cond_timedwait(
	pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *t);
int __real_pthread_cond_signal(pthread_cond_t *c);
int __real_pthread_cond_broadcast(pthread_cond_t *c);
int __real_pthread_rwlock_rdlock(pthread_rwlock_t *l);
int __real_pthread_rwlock_wrlock(pthread_rwlock_t *l);
int __real_pthread_rwlock_unlock(pthread_rwlock_t *l);
int __real_epoll_wait(int fd, struct epoll_event *ev, int n, int timeout);
ssize_t __real_getrandom(void *buf, size_t len, unsigned int flags);

int __wrap_pthread_create(
	pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg);
int __wrap_pthread_join(pthread_t t, void **ret);
int __wrap_pthread_mutex_lock(pthread_mutex_t *m);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *m);
int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);
int __wrap_pthread_cond_timedwait(
	pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *t);
int __wrap_pthread_cond_signal(pthread_cond_t *c);
int __wrap_pthread_cond_broadcast(pthread_cond_t *c);
int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *l);
int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *l);
int __wrap_pthread_rwlock_unlock(pthread_rwlock_t *l);
int __wrap_epoll_wait(int fd, struct epoll_event *ev, int n, int timeout);
ssize_t __wrap_getrandom(void *buf, size_t len, unsigned int flags);
int64_t __wrap_clk_mono_us(void);
int64_t __wrap_clk_mono_ms(void);
int64_t __wrap_clk_real_ms(void);

/* ---- chance ---- */

/* splitmix64 */
uint64_t dice_roll(struct dice *d)
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

struct dice dice_of(uint64_t seed, uint64_t which)
{
	struct dice d = {seed * 0x2545f4914f6cdd1du + which};

	dice_roll(&d);
	return d;
}

uint32_t dice_below(struct dice *d, uint32_t n)
{
	return (uint32_t)((dice_roll(d) >> 32) * n >> 32);
}

bool dice_is(struct dice *d, uint32_t percent)
{
	return dice_below(d, 100) < percent;
}

/* ---- the clock ---- */

/* Each look at it takes a microsecond, so that no loop stands still. */
int64_t __wrap_clk_mono_us(void)
{
	return ++sim.world->mono_us;
}

int64_t __wrap_clk_mono_ms(void)
{
	return clk_mono_us() / 1000;
}

int64_t __wrap_clk_real_ms(void)
{
	int64_t now = clk_mono_ms() + sim.world->real_offset_ms;

	if (now > sim.world->max_real_ms)
		sim.world->max_real_ms = now;
	return now;
}

/* ---- switching ---- */

void sim_die(enum sim_death how)
{
	sim.world->past[sim.world->epoch].death = how;
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static void step(void)
{
	if (++sim.world->steps == kill_at)
		sim_die(SIM_KILLED);
	if (sim.world->steps > STEPS_MAX)
		sim_fail("goes in circles");
}

/* Time passes: to the next deadline there is. */
static void pass_time(void)
{
	int64_t at = NEVER;
	struct fiber *first = NULL;

	for (int i = 0; i < n_fibers; i++) {
		struct fiber *f = &fibers[i];

		if ((f->state == FIBER_WAITS || f->state == FIBER_POLLS) &&
			f->until_us < at) {
			at = f->until_us;
			first = f;
		}
	}
	if (!first)
		sim_fail("a hang: all threads wait for each other");
	if (at > sim.world->mono_us)
		sim.world->mono_us = at;
	first->timed_out = true;
	first->state = FIBER_READY;
}

/* A thread that can go on; polling ones look whether they can. */
static int choose(void)
{
	int list[FIBERS_MAX], n = 0;
	bool polls = false;

	for (int i = 0; i < n_fibers; i++) {
		if (fibers[i].state == FIBER_READY)
			list[n++] = i;
		else if (fibers[i].state == FIBER_POLLS)
			polls = true;
	}
	/* Descriptors are looked at when nothing else goes on, and now and then. */
	if (polls && (!n || dice_is(&chance, 25))) {
		for (int i = 0; i < n_fibers; i++) {
			struct epoll_event ev;
			int fd = (int)(intptr_t)fibers[i].waits_for;

			if (fibers[i].state != FIBER_POLLS ||
				__real_epoll_wait(fd, &ev, 1, 0) <= 0)
				continue;
			fibers[i].state = FIBER_READY;
			list[n++] = i;
		}
	}
	return n ? list[dice_below(&chance, (uint32_t)n)] : -1;
}

static void go_to(int next)
{
	int me = current;

	if (next == me)
		return;
	current = next;
	sem_post(&fibers[next].baton);
	while (sem_wait(&fibers[me].baton) < 0)
		;
}

/* The current thread may not be able to go on. */
static void switch_away(void)
{
	int next;

	step();
	while ((next = choose()) < 0)
		pass_time();
	go_to(next);
}

void sched_yield_here(void)
{
	if (!is_running)
		return;
	step();
	if (dice_is(&chance, SWITCH_PERCENT))
		switch_away();
}

static void wait_here(const void *what, int64_t until_us)
{
	struct fiber *f = &fibers[current];

	f->state = FIBER_WAITS;
	f->waits_for = what;
	f->until_us = until_us;
	f->timed_out = false;
	switch_away();
}

static void wake(const void *what, bool all)
{
	int list[FIBERS_MAX], n = 0;

	for (int i = 0; i < n_fibers; i++)
		if (fibers[i].state == FIBER_WAITS && fibers[i].waits_for == what)
			list[n++] = i;
	if (n && !all) {
		list[0] = list[dice_below(&chance, (uint32_t)n)];
		n = 1;
	}
	for (int i = 0; i < n; i++)
		fibers[list[i]].state = FIBER_READY;
}

void sched_sleep_ms(int64_t ms)
{
	wait_here(&fibers[current], sim.world->mono_us + ms * 1000);
}

void sched_begin(uint64_t seed, uint64_t at)
{
	chance = dice_of(seed, 77);
	kill_at = at;
	sim.world->steps = 0;
	n_fibers = 1;
	current = 0;
	fibers[0] = (struct fiber){.state = FIBER_READY, .id = pthread_self()};
	sem_init(&fibers[0].baton, 0, 0);
	is_running = true;
}

/* ---- threads ---- */

static void *fiber_main(void *arg)
{
	struct fiber *f = arg;

	while (sem_wait(&f->baton) < 0)
		;
	f->result = f->main(f->arg);
	f->state = FIBER_DONE;
	wake(f, true);
	step();
	for (;;) {
		int next = choose();

		if (next >= 0) {
			current = next;
			sem_post(&fibers[next].baton);
			return NULL;
		}
		pass_time();
	}
}

int __wrap_pthread_create(
	pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg)
{
	struct fiber *f;
	int r;

	if (!is_running)
		return __real_pthread_create(t, a, fn, arg);
	if (n_fibers == FIBERS_MAX)
		sim_fail("too many threads");
	f = &fibers[n_fibers];
	*f = (struct fiber){.state = FIBER_READY, .main = fn, .arg = arg};
	sem_init(&f->baton, 0, 0);
	r = __real_pthread_create(&f->id, a, fiber_main, f);
	if (r)
		return r;
	*t = f->id;
	n_fibers++;
	sched_yield_here();
	return 0;
}

int __wrap_pthread_join(pthread_t t, void **ret)
{
	if (!is_running)
		return __real_pthread_join(t, ret);
	for (int i = 0; i < n_fibers; i++) {
		struct fiber *f = &fibers[i];

		if (f->state == FIBER_NONE || !pthread_equal(f->id, t))
			continue;
		while (f->state != FIBER_DONE)
			wait_here(f, NEVER);
		f->state = FIBER_NONE;
		return __real_pthread_join(t, ret);
	}
	return ESRCH;
}

/* ---- locks ---- */

static bool is_free(const void *lock, bool for_sharing)
{
	for (int i = 0; i < n_held; i++)
		if (held[i].lock == lock && !(for_sharing && held[i].is_shared))
			return false;
	return true;
}

static int take(const void *lock, bool shared)
{
	sched_yield_here();
	while (!is_free(lock, shared))
		wait_here(lock, NEVER);
	if (n_held == HELD_MAX)
		sim_fail("too many locks are held");
	held[n_held++] = (struct held){lock, current, shared};
	return 0;
}

static int give(const void *lock)
{
	for (int i = 0; i < n_held; i++) {
		if (held[i].lock != lock || held[i].owner != current)
			continue;
		held[i] = held[--n_held];
		wake(lock, true);
		return 0;
	}
	sim_fail("a lock is given back that is not held");
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *m)
{
	return is_running ? take(m, false) : __real_pthread_mutex_lock(m);
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *m)
{
	return is_running ? give(m) : __real_pthread_mutex_unlock(m);
}

int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *l)
{
	return is_running ? take(l, true) : __real_pthread_rwlock_rdlock(l);
}

int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *l)
{
	return is_running ? take(l, false) : __real_pthread_rwlock_wrlock(l);
}

int __wrap_pthread_rwlock_unlock(pthread_rwlock_t *l)
{
	return is_running ? give(l) : __real_pthread_rwlock_unlock(l);
}

static int cond_wait(pthread_cond_t *c, pthread_mutex_t *m, int64_t until_us)
{
	bool timed_out;

	give(m);
	wait_here(c, until_us);
	timed_out = fibers[current].timed_out;
	take(m, false);
	return timed_out ? ETIMEDOUT : 0;
}

int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
	return is_running ? cond_wait(c, m, NEVER) : __real_pthread_cond_wait(c, m);
}

int __wrap_pthread_cond_timedwait(
	pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *t)
{
	if (!is_running)
		return __real_pthread_cond_timedwait(c, m, t);
	return cond_wait(
		c, m, (int64_t)t->tv_sec * 1000000 + (int64_t)t->tv_nsec / 1000);
}

int __wrap_pthread_cond_signal(pthread_cond_t *c)
{
	if (!is_running)
		return __real_pthread_cond_signal(c);
	wake(c, false);
	return 0;
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *c)
{
	if (!is_running)
		return __real_pthread_cond_broadcast(c);
	wake(c, true);
	return 0;
}

/* ---- the loop's wait, and chance ---- */

int __wrap_epoll_wait(int fd, struct epoll_event *ev, int n, int timeout)
{
	struct fiber *f = &fibers[current];
	int r;

	if (!is_running)
		return __real_epoll_wait(fd, ev, n, timeout);
	sched_yield_here();
	r = __real_epoll_wait(fd, ev, n, 0);
	if (r || !timeout)
		return r;
	f->state = FIBER_POLLS;
	f->waits_for = (const void *)(intptr_t)fd;
	f->until_us =
		timeout < 0 ? NEVER : sim.world->mono_us + (int64_t)timeout * 1000;
	f->timed_out = false;
	switch_away();
	return __real_epoll_wait(fd, ev, n, 0);
}

ssize_t __wrap_getrandom(void *buf, size_t len, unsigned int flags)
{
	if (!is_running)
		return __real_getrandom(buf, len, flags);
	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = (uint8_t)dice_roll(&chance);
	return (ssize_t)len;
}
