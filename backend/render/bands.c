// SPDX-License-Identifier: MIT
/* Rows of work on two threads: the caller and one that ends before the call does. */
#include "backend/render/bands.h"

#include <errno.h>
#include <pthread.h>

struct job {
	int height, step;
	band_fn fn;
	void *user;
	const atomic_bool *stop;
	atomic_int next, failed;
};

static void *work(void *arg)
{
	struct job *j = arg;
	int y, r = 0;

	while (atomic_load(&j->failed) == 0) {
		y = atomic_fetch_add(&j->next, j->step);
		if (y >= j->height)
			break;
		if (j->stop && atomic_load(j->stop))
			r = -ECANCELED;
		else
			r = j->fn(j->user, y,
				j->height - y < j->step ? j->height - y : j->step);
		if (r < 0)
			atomic_store(&j->failed, r);
	}
	return NULL;
}

static int run(struct job j, struct err *err)
{
	pthread_t second;
	bool has_second = pthread_create(&second, NULL, work, &j) == 0;
	int r;

	work(&j);
	if (has_second)
		pthread_join(second, NULL);
	r = atomic_load(&j.failed);
	if (r == -ECANCELED)
		return err_set(err, ECANCELED, "the drawing was stopped");
	return r == -ENOMEM ? err_oom(err) : r;
}

int bands_run(
	int height, band_fn fn, void *user, const atomic_bool *stop, struct err *err)
{
	return run((struct job){.height = height,
			   .step = BAND_ROWS,
			   .fn = fn,
			   .user = user,
			   .stop = stop},
		err);
}

int bands_each(int n, band_fn fn, void *user, const atomic_bool *stop, struct err *err)
{
	return run(
		(struct job){
			.height = n, .step = 1, .fn = fn, .user = user, .stop = stop},
		err);
}
