// SPDX-License-Identifier: MIT
#include "backend/net/pool.h"

#include <unistd.h>

#include "cache/base/mem.h"
#include "tests/support/on_loop.h"
#include "tests/support/tap.h"

#define ITEMS 200

struct piece {
	struct pool_item item;
	int order; /* in which it ran, from 1 */
	bool was_stopped;
};

static struct {
	struct loop *loop;
	pthread_t loop_thread;
	struct pool *pool;
	_Atomic int order, ran, done, skipped, background_now, background_most;
	_Atomic bool gate;
	int elsewhere; /* `done` on another thread than the loop */
} t;

static void begin(int threads)
{
	memset(&t, 0, sizeof(t));
	CHECK_INT(loop_start(&t.loop, NULL), 0);
	t.loop_thread = loop_thread_of(t.loop);
	CHECK_INT(pool_start(t.loop, threads, &t.pool, NULL), 0);
}

static void end(void)
{
	pool_stop(t.pool);
	loop_stop(t.loop);
}

static void note(struct pool_item *i)
{
	struct piece *p = container_of(i, struct piece, item);

	p->order = atomic_fetch_add(&t.order, 1) + 1;
	atomic_fetch_add(&t.ran, 1);
}

static void wait_gate(struct pool_item *i)
{
	while (!atomic_load(&t.gate) && !atomic_load(&i->stop))
		usleep(500);
	container_of(i, struct piece, item)->was_stopped = atomic_load(&i->stop);
	atomic_fetch_add(&t.ran, 1);
}

static void done(struct pool_item *i)
{
	t.elsewhere += !pthread_equal(pthread_self(), t.loop_thread);
	atomic_fetch_add(&t.skipped, !i->was_run);
	atomic_fetch_add(&t.done, 1);
}

static void wait_for(_Atomic int *what, int n)
{
	while (atomic_load(what) < n)
		usleep(500);
}

static void every_item_runs_once_and_is_done_on_the_loop(void)
{
	struct piece *p = new_array(struct piece, ITEMS);

	begin(3);
	for (int i = 0; i < ITEMS; i++)
		pool_submit(t.pool, i % 3 ? POOL_JOB : POOL_BACKGROUND, &p[i].item,
			note, done);
	wait_for(&t.done, ITEMS);
	end();
	CHECK_INT(t.ran, ITEMS);
	CHECK_INT(t.done, ITEMS);
	CHECK_INT(t.elsewhere, 0);
	free(p);
}

static void slow_background(struct pool_item *i)
{
	int now = atomic_fetch_add(&t.background_now, 1) + 1;

	if (now > atomic_load(&t.background_most))
		atomic_store(&t.background_most, now);
	wait_gate(i);
	atomic_fetch_sub(&t.background_now, 1);
}

static void jobs_go_first_and_background_does_not_starve(void)
{
	struct piece hold = {0};
	struct piece *job = new_array(struct piece, ITEMS);
	struct piece *back = new_array(struct piece, ITEMS);

	begin(1);
	pool_submit(t.pool, POOL_JOB, &hold.item, slow_background, done);
	wait_for(&t.background_now, 1);
	for (int i = 0; i < ITEMS; i++)
		pool_submit(t.pool, POOL_BACKGROUND, &back[i].item, note, done);
	for (int i = 0; i < ITEMS; i++)
		pool_submit(t.pool, POOL_JOB, &job[i].item, note, done);
	atomic_store(&t.gate, true);
	wait_for(&t.done, 2 * ITEMS + 1);
	end();
	CHECK_INT(job[0].order, 1);
	CHECK_INT(job[6].order, 7);
	CHECK_INT(back[0].order, 8);
	CHECK_INT(back[1].order, 16);
	CHECK_INT(job[ITEMS - 1].order, ITEMS + (ITEMS - 1) / 7);
	free(job);
	free(back);
}

static void background_leaves_threads_for_jobs(void)
{
	struct piece back[8] = {0}, job = {0};

	begin(4);
	for (int i = 0; i < 8; i++)
		pool_submit(
			t.pool, POOL_BACKGROUND, &back[i].item, slow_background, done);
	wait_for(&t.background_now, 2);
	pool_submit(t.pool, POOL_JOB, &job.item, note, done);
	wait_for(&t.done, 1);
	CHECK_INT(job.order, 1);
	atomic_store(&t.gate, true);
	wait_for(&t.done, 9);
	CHECK_INT(t.background_most, 2);
	end();
}

static void stopping_skips_what_waits_and_flags_what_runs(void)
{
	struct piece run[2] = {0}, *wait = new_array(struct piece, ITEMS);

	begin(2);
	for (int i = 0; i < 2; i++)
		pool_submit(t.pool, POOL_JOB, &run[i].item, slow_background, done);
	wait_for(&t.background_now, 2);
	for (int i = 0; i < ITEMS; i++)
		pool_submit(t.pool, i % 2 ? POOL_JOB : POOL_BACKGROUND, &wait[i].item,
			note, done);
	end();
	CHECK_INT(t.ran, 2);
	CHECK_INT(t.done, ITEMS + 2);
	CHECK_INT(t.skipped, ITEMS);
	CHECK(run[0].was_stopped && run[1].was_stopped);
	free(wait);
}

TAP_MAIN(TAP_CASE(every_item_runs_once_and_is_done_on_the_loop),
	TAP_CASE(jobs_go_first_and_background_does_not_starve),
	TAP_CASE(background_leaves_threads_for_jobs),
	TAP_CASE(stopping_skips_what_waits_and_flags_what_runs))
