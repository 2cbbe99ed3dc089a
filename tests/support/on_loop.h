// SPDX-License-Identifier: MIT
#pragma once
/* Runs a function of the test on the loop's thread and waits for it. */
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include "backend/net/loop.h"
#include "cache/base/mem.h"

struct on_loop {
	struct post post;
	void (*run)(void *arg);
	void *arg;
	sem_t done;
};

static inline void on_loop_run(struct post *p)
{
	struct on_loop *o = container_of(p, struct on_loop, post);

	o->run(o->arg);
	sem_post(&o->done);
}

static inline void on_loop(struct loop *l, void (*run)(void *arg), void *arg)
{
	struct on_loop o = {.run = run, .arg = arg};

	sem_init(&o.done, 0, 0);
	loop_post(l, &o.post, on_loop_run);
	sem_wait(&o.done);
	sem_destroy(&o.done);
}

static inline void note_thread(void *arg)
{
	*(pthread_t *)arg = pthread_self();
}

/* The loop's own thread; from another one. */
static inline pthread_t loop_thread_of(struct loop *l)
{
	pthread_t thread;

	on_loop(l, note_thread, &thread);
	return thread;
}

/* Seconds until it gives up; false then. */
static inline bool wait_sem(sem_t *s, int seconds)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += seconds;
	return sem_timedwait(s, &t) == 0;
}
