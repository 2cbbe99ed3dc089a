// SPDX-License-Identifier: MIT
#include "backend/net/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "tests/support/on_loop.h"
#include "tests/support/tap.h"

#define POSTS 20000
#define TIMERS 500

struct counted {
	struct post post;
	int serial;
};

static struct {
	struct loop *loop;
	pthread_t loop_thread;
	int n, last, out_of_order, elsewhere;
} seen;

static void count_post(struct post *p)
{
	struct counted *c = container_of(p, struct counted, post);

	seen.n++;
	seen.elsewhere += !pthread_equal(pthread_self(), seen.loop_thread);
	seen.out_of_order += c->serial != seen.last + 1;
	seen.last = c->serial;
}

static void every_post_runs_in_order_before_the_end(void)
{
	struct counted *c = new_array(struct counted, POSTS);

	memset(&seen, 0, sizeof(seen));
	CHECK_INT(loop_start(&seen.loop, NULL), 0);
	seen.loop_thread = loop_thread_of(seen.loop);
	for (int i = 0; i < POSTS; i++) {
		c[i].serial = i + 1;
		loop_post(seen.loop, &c[i].post, count_post);
	}
	loop_stop(seen.loop);
	CHECK_INT(seen.n, POSTS);
	CHECK_INT(seen.out_of_order, 0);
	CHECK_INT(seen.elsewhere, 0);
	free(c);
}

static struct loop *again_loop;
static int again_left;

static void post_again(struct post *p)
{
	if (again_left-- > 0)
		loop_post(again_loop, p, post_again);
}

static void posts_made_by_posts_run_before_the_end(void)
{
	struct post p = {0};

	again_left = 100;
	CHECK_INT(loop_start(&again_loop, NULL), 0);
	loop_post(again_loop, &p, post_again);
	loop_stop(again_loop);
	CHECK_INT(again_left, -1);
}

/* ---- timers ---- */

static struct {
	struct loop *loop;
	struct timer timer[TIMERS];
	int fired, early, out_of_order, cleared;
	int64_t last;
	struct post begin;
	_Atomic bool is_done;
} clock_test;

static void fire(struct timer *t)
{
	clock_test.fired++;
	clock_test.early += clk_mono_ms() < t->at_ms;
	clock_test.out_of_order += t->at_ms < clock_test.last;
	clock_test.last = t->at_ms;
	if (clock_test.fired + clock_test.cleared == TIMERS)
		atomic_store(&clock_test.is_done, true);
}

static void set_timers(struct post *p)
{
	int64_t now = clk_mono_ms();
	unsigned x = 12345;

	for (int i = 0; i < TIMERS; i++) {
		x = x * 1103515245u + 12345u;
		loop_timer_set(clock_test.loop, &clock_test.timer[i],
			now + 5 + (x >> 16) % 40, fire);
	}
	for (int i = 0; i < TIMERS; i += 7) { /* from the middle of the heap */
		loop_timer_clear(clock_test.loop, &clock_test.timer[i]);
		clock_test.cleared++;
	}
	for (int i = 1; i < TIMERS; i += 7) /* moved */
		loop_timer_set(clock_test.loop, &clock_test.timer[i], now + 3, fire);
}

static void timers_fire_in_order_and_not_early(void)
{
	memset(&clock_test, 0, sizeof(clock_test));
	CHECK_INT(loop_start(&clock_test.loop, NULL), 0);
	loop_post(clock_test.loop, &clock_test.begin, set_timers);
	while (!atomic_load(&clock_test.is_done))
		usleep(1000);
	loop_stop(clock_test.loop);
	CHECK_INT(clock_test.fired, TIMERS - clock_test.cleared);
	CHECK_INT(clock_test.early, 0);
	CHECK_INT(clock_test.out_of_order, 0);
}

static void fire_never(struct timer *t)
{
	(void)t;
	clock_test.fired++;
}

static void set_far(struct post *p)
{
	loop_timer_set(clock_test.loop, &clock_test.timer[0], clk_mono_ms() + 3600000,
		fire_never);
}

static void an_armed_timer_does_not_delay_the_end(void)
{
	memset(&clock_test, 0, sizeof(clock_test));
	CHECK_INT(loop_start(&clock_test.loop, NULL), 0);
	loop_post(clock_test.loop, &clock_test.begin, set_far);
	loop_stop(clock_test.loop);
	CHECK_INT(clock_test.fired, 0);
}

/* ---- descriptors ---- */

static struct {
	struct loop *loop;
	struct post begin;
	int pipe[2][2];
	struct watch *watch[2];
	_Atomic int calls, bytes;
	int add_bad;
} fds;

/* Both are ready at once; the first one called removes both. */
static void remove_both(void *user, uint32_t events)
{
	char c;

	(void)user;
	atomic_fetch_add(&fds.calls, 1);
	for (int i = 0; i < 2; i++) {
		atomic_fetch_add(&fds.bytes, (int)read(fds.pipe[i][0], &c, 1));
		loop_watch_remove(fds.watch[i]);
	}
}

static void watch_both(struct post *p)
{
	struct watch *none;

	for (int i = 0; i < 2; i++)
		loop_watch_add(fds.loop, fds.pipe[i][0], EPOLLIN, remove_both, NULL,
			&fds.watch[i], NULL);
	fds.add_bad =
		loop_watch_add(fds.loop, -1, EPOLLIN, remove_both, NULL, &none, NULL);
}

static void a_removed_watch_is_never_called(void)
{
	memset(&fds, 0, sizeof(fds));
	CHECK_INT(loop_start(&fds.loop, NULL), 0);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(pipe2(fds.pipe[i], O_CLOEXEC), 0);
		CHECK_INT(write(fds.pipe[i][1], "xy", 2), 2);
	}
	loop_post(fds.loop, &fds.begin, watch_both);
	while (atomic_load(&fds.bytes) < 2)
		usleep(1000);
	loop_stop(fds.loop);
	CHECK_INT(fds.calls, 1);
	CHECK_INT(fds.add_bad, -EBADF);
	for (int i = 0; i < 2; i++)
		close(fds.pipe[i][0]), close(fds.pipe[i][1]);
}

TAP_MAIN(TAP_CASE(every_post_runs_in_order_before_the_end),
	TAP_CASE(posts_made_by_posts_run_before_the_end),
	TAP_CASE(timers_fire_in_order_and_not_early),
	TAP_CASE(an_armed_timer_does_not_delay_the_end),
	TAP_CASE(a_removed_watch_is_never_called))
