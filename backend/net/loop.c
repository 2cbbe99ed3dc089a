// SPDX-License-Identifier: MIT
/* See loop.h. */
#include "backend/net/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"

#define LOOP_EVENTS 64
#define LOOP_WAIT_MAX_MS 60000

struct watch {
	struct loop *loop;
	struct watch *next, **pprev; /* of all, or of the removed ones */
	int fd;
	void (*ready)(void *user, uint32_t events); /* NULL: removed */
	void *user;
};

struct loop {
	pthread_t thread;
	int epoll_fd, event_fd;
	pthread_mutex_t lock; /* first, last, is_stopping */
	struct post *first, **last;
	bool is_stopping;

	/* the loop's thread only */
	struct timer *timers; /* root of a pairing heap */
	struct watch *watches, *removed;
};

/* ---- timers: a pairing heap, since its nodes need no memory of the loop's ---- */

static struct timer *heap_meld(struct timer *a, struct timer *b)
{
	if (!a || !b)
		return a ? a : b;
	if (b->at_ms < a->at_ms) {
		struct timer *t = a;
		a = b;
		b = t;
	}
	b->prev = a;
	b->next = a->child;
	if (a->child)
		a->child->prev = b;
	a->child = b;
	return a;
}

/* Melds siblings in pairs from the left, then the pairs from the right. */
static struct timer *heap_pairs(struct timer *t)
{
	struct timer *pairs = NULL, *root = NULL;

	while (t) {
		struct timer *a = t, *b = t->next;

		t = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = heap_meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct timer *a = pairs;

		pairs = a->next;
		a->next = NULL;
		root = heap_meld(root, a);
	}
	return root;
}

static void heap_remove(struct timer **root, struct timer *t)
{
	struct timer *children = heap_pairs(t->child);

	if (*root == t) {
		*root = children;
	} else {
		if (t->prev->child == t)
			t->prev->child = t->next;
		else
			t->prev->next = t->next;
		if (t->next)
			t->next->prev = t->prev;
		*root = heap_meld(*root, children);
	}
	t->child = t->next = t->prev = NULL;
}

void loop_timer_set(
	struct loop *l, struct timer *t, int64_t at_ms, void (*fire)(struct timer *t))
{
	loop_timer_clear(l, t);
	t->at_ms = at_ms;
	t->fire = fire;
	t->is_armed = true;
	l->timers = heap_meld(l->timers, t);
}

void loop_timer_clear(struct loop *l, struct timer *t)
{
	if (!t->is_armed)
		return;
	heap_remove(&l->timers, t);
	t->is_armed = false;
}

static void run_timers(struct loop *l)
{
	int64_t now = clk_mono_ms();

	/* One that sets itself to the past waits for the next round. */
	while (l->timers && l->timers->at_ms <= now) {
		struct timer *t = l->timers;

		loop_timer_clear(l, t);
		t->fire(t);
		if (l->timers == t && t->is_armed)
			break;
	}
}

static int wait_ms(const struct loop *l)
{
	int64_t left;

	if (!l->timers)
		return -1;
	left = l->timers->at_ms - clk_mono_ms();
	if (left < 0)
		return 0;
	/* clk_mono_ms rounds down, and so does epoll: one more, or it spins. */
	return left < LOOP_WAIT_MAX_MS ? (int)left + (left > 0) : LOOP_WAIT_MAX_MS;
}

/* ---- posts ---- */

void loop_post(struct loop *l, struct post *p, void (*run)(struct post *p))
{
	uint64_t one = 1;

	p->next = NULL;
	p->run = run;
	pthread_mutex_lock(&l->lock);
	/* The wake-up is inside the lock: the loop cannot take the post, end and be
	 * freed while this thread still uses it. */
	if (!l->first)
		(void)!write(l->event_fd, &one, sizeof(one));
	*l->last = p;
	l->last = &p->next;
	pthread_mutex_unlock(&l->lock);
}

/* false: stopping, and nothing was left to run. */
static bool run_posts(struct loop *l)
{
	struct post *p, *next;
	bool go_on;
	uint64_t n;

	pthread_mutex_lock(&l->lock);
	(void)!read(l->event_fd, &n, sizeof(n));
	p = l->first;
	l->first = NULL;
	l->last = &l->first;
	go_on = p || !l->is_stopping;
	if (p && l->is_stopping) { /* come back to see whether these made more */
		n = 1;
		(void)!write(l->event_fd, &n, sizeof(n));
	}
	pthread_mutex_unlock(&l->lock);
	for (; p; p = next) {
		next = p->next;
		p->run(p);
	}
	return go_on;
}

/* ---- descriptors ---- */

int loop_watch_add(struct loop *l, int fd, uint32_t events,
	void (*ready)(void *user, uint32_t events), void *user, struct watch **ret,
	struct err *err)
{
	struct watch *w = new0(struct watch);
	struct epoll_event ev = {.events = events, .data.ptr = w};

	if (!w)
		return err_oom(err);
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		free(w);
		return err_errno(err, errno, "cannot watch a descriptor");
	}
	w->loop = l;
	w->fd = fd;
	w->ready = ready;
	w->user = user;
	w->pprev = &l->watches;
	w->next = l->watches;
	if (w->next)
		w->next->pprev = &w->next;
	l->watches = w;
	*ret = w;
	return 0;
}

int loop_watch_change(struct watch *w, uint32_t events, struct err *err)
{
	struct epoll_event ev = {.events = events, .data.ptr = w};

	if (epoll_ctl(w->loop->epoll_fd, EPOLL_CTL_MOD, w->fd, &ev) < 0)
		return err_errno(err, errno, "cannot watch a descriptor");
	return 0;
}

void loop_watch_remove(struct watch *w)
{
	if (!w)
		return;
	epoll_ctl(w->loop->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	w->ready = NULL;
	*w->pprev = w->next;
	if (w->next)
		w->next->pprev = w->pprev;
	/* The events that epoll_wait returned may still point to it. */
	w->next = w->loop->removed;
	w->loop->removed = w;
}

static void free_removed(struct loop *l)
{
	while (l->removed) {
		struct watch *w = l->removed;

		l->removed = w->next;
		free(w);
	}
}

/* ---- the thread ---- */

static void *loop_main(void *arg)
{
	struct loop *l = arg;
	struct epoll_event ev[LOOP_EVENTS];
	bool go_on = true;

	pthread_setname_np(pthread_self(), "loop");
	while (go_on) {
		int n = epoll_wait(l->epoll_fd, ev, LOOP_EVENTS, wait_ms(l));

		for (int i = 0; i < n; i++) {
			struct watch *w = ev[i].data.ptr;

			if (!w)
				go_on = run_posts(l);
			else if (w->ready)
				w->ready(w->user, ev[i].events);
		}
		free_removed(l);
		run_timers(l);
	}
	return NULL;
}

static void loop_free(struct loop *l)
{
	free_removed(l);
	while (l->watches) {
		struct watch *w = l->watches;

		l->watches = w->next;
		free(w);
	}
	fd_close(&l->event_fd);
	fd_close(&l->epoll_fd);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static int loop_open(struct loop *l, struct err *err)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
	int r;

	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	l->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->epoll_fd < 0 || l->event_fd < 0 ||
		epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->event_fd, &ev) < 0)
		return err_errno(err, errno, "cannot make the event loop");
	r = pthread_create(&l->thread, NULL, loop_main, l);
	if (r)
		return err_errno(err, r, "cannot start the loop thread");
	return 0;
}

int loop_start(struct loop **ret, struct err *err)
{
	struct loop *l = new0(struct loop);
	int r;

	if (!l)
		return err_oom(err);
	l->epoll_fd = l->event_fd = -1;
	pthread_mutex_init(&l->lock, NULL);
	l->last = &l->first;
	r = loop_open(l, err);
	if (r < 0) {
		loop_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

void loop_stop(struct loop *l)
{
	uint64_t one = 1;

	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->is_stopping = true;
	(void)!write(l->event_fd, &one, sizeof(one));
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->thread, NULL);
	loop_free(l);
}
