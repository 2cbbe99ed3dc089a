// SPDX-License-Identifier: MIT
/* See pool.h. */
#include "backend/net/pool.h"

#include <pthread.h>
#include <unistd.h>

#include "cache/base/mem.h"

#define POOL_THREADS_MIN 2
#define POOL_THREADS_MAX 64
#define POOL_JOBS_PER_BACKGROUND 7

struct pool_queue {
	struct pool_item *first, **last;
};

struct pool {
	struct loop *loop;
	pthread_mutex_t lock; /* all below */
	pthread_cond_t more;
	struct pool_queue queue[POOL_CLASSES];
	struct pool_item *running[POOL_THREADS_MAX];
	unsigned n_background;  /* running */
	unsigned jobs_in_a_row; /* taken while background work waited */
	bool is_stopping;

	unsigned n_threads;
	pthread_t thread[POOL_THREADS_MAX];
};

static struct pool_item *queue_pop(struct pool_queue *q)
{
	struct pool_item *i = q->first;

	if (i) {
		q->first = i->next;
		if (!q->first)
			q->last = &q->first;
	}
	return i;
}

/* The next item to run, or NULL: nothing that this thread may take. */
static struct pool_item *take(struct pool *p)
{
	struct pool_queue *jobs = &p->queue[POOL_JOB];
	struct pool_queue *background = &p->queue[POOL_BACKGROUND];
	bool may = background->first &&
		   (p->is_stopping || p->n_background < (p->n_threads + 1) / 2);

	if (may && (!jobs->first || p->jobs_in_a_row >= POOL_JOBS_PER_BACKGROUND)) {
		p->jobs_in_a_row = 0;
		return queue_pop(background);
	}
	if (jobs->first && background->first)
		p->jobs_in_a_row++;
	return queue_pop(jobs);
}

static void item_done(struct post *post)
{
	struct pool_item *i = container_of(post, struct pool_item, post);

	i->done(i);
}

static void run(struct pool *p, struct pool_item *i)
{
	i->was_run = !atomic_load(&i->stop);
	if (i->was_run)
		i->work(i);
}

static void *pool_main(void *arg)
{
	struct pool *p = arg;
	struct pool_item *i;
	unsigned self = 0;

	pthread_setname_np(pthread_self(), "pool");
	pthread_mutex_lock(&p->lock);
	for (;;) {
		i = take(p);
		if (!i && p->is_stopping)
			break;
		if (!i) {
			pthread_cond_wait(&p->more, &p->lock);
			continue;
		}
		bool is_background = i->class == POOL_BACKGROUND;
		p->n_background += is_background;
		for (self = 0; p->running[self];)
			self++;
		p->running[self] = i;
		if (p->is_stopping)
			atomic_store(&i->stop, true);
		pthread_mutex_unlock(&p->lock);

		run(p, i);

		pthread_mutex_lock(&p->lock);
		p->running[self] = NULL;
		p->n_background -= is_background;
		/* Another thread may have left background work to this one. */
		if (is_background && p->queue[POOL_BACKGROUND].first)
			pthread_cond_signal(&p->more);
		/* Posted inside the lock: after pool_stop all are. */
		loop_post(p->loop, &i->post, item_done);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static unsigned thread_count(int wanted)
{
	long n = wanted > 0 ? wanted : sysconf(_SC_NPROCESSORS_ONLN);

	if (wanted <= 0 && n < POOL_THREADS_MIN)
		n = POOL_THREADS_MIN;
	return n < POOL_THREADS_MAX ? (unsigned)n : POOL_THREADS_MAX;
}

int pool_start(struct loop *loop, int threads, struct pool **ret, struct err *err)
{
	struct pool *p = new0(struct pool);
	unsigned wanted = thread_count(threads);

	if (!p)
		return err_oom(err);
	p->loop = loop;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	for (int c = 0; c < POOL_CLASSES; c++)
		p->queue[c].last = &p->queue[c].first;
	pthread_mutex_lock(&p->lock);
	while (p->n_threads < wanted) {
		int r = pthread_create(&p->thread[p->n_threads], NULL, pool_main, p);

		if (r) {
			pthread_mutex_unlock(&p->lock);
			pool_stop(p);
			return err_errno(err, r, "cannot start a thread of the pool");
		}
		p->n_threads++;
	}
	pthread_mutex_unlock(&p->lock);
	*ret = p;
	return 0;
}

void pool_submit(struct pool *p, enum pool_class class, struct pool_item *i,
	void (*work)(struct pool_item *i), void (*done)(struct pool_item *i))
{
	i->next = NULL;
	i->work = work;
	i->done = done;
	i->pool = p;
	i->class = class;
	i->was_run = false;
	pthread_mutex_lock(&p->lock);
	*p->queue[class].last = i;
	p->queue[class].last = &i->next;
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->lock);
}

void pool_stop(struct pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->is_stopping = true;
	for (unsigned i = 0; i < POOL_THREADS_MAX; i++)
		if (p->running[i])
			atomic_store(&p->running[i]->stop, true);
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n_threads; i++)
		pthread_join(p->thread[i], NULL);
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
