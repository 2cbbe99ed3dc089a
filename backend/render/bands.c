// SPDX-License-Identifier: MIT
#include "backend/render/bands.h"

#include <errno.h>
#include <pthread.h>

struct job {
	int height;
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
		y = atomic_fetch_add(&j->next, BAND_ROWS);
		if (y >= j->height)
			break;
		if (j->stop && atomic_load(j->stop))
			r = -ECANCELED;
		else
			r = j->fn(j->user, y,
				j->height - y < BAND_ROWS ? j->height - y : BAND_ROWS);
		if (r < 0)
			atomic_store(&j->failed, r);
	}
	return NULL;
}

int bands_run(
	int height, band_fn fn, void *user, const atomic_bool *stop, struct err *err)
{
	struct job j = {.height = height, .fn = fn, .user = user, .stop = stop};
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
