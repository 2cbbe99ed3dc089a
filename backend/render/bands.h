// SPDX-License-Identifier: MIT
#pragma once
/* Rows of work shared by the caller and one more thread. */
#include <stdatomic.h>

#include "cache/base/err.h"

#define BAND_ROWS 16

/* Paints rows y..y+n. Runs on two threads at once, for different rows. 0 or -errno. */
typedef int (*band_fn)(void *user, int y, int n);

/* Calls fn for all rows 0..height in bands; ends early at the first failure or once
 * *stop (may be NULL): -ECANCELED. */
int bands_run(
	int height, band_fn fn, void *user, const atomic_bool *stop, struct err *err);

/* The same for `n` whole things: fn gets each of 0..n by itself, as y. */
int bands_each(int n, band_fn fn, void *user, const atomic_bool *stop, struct err *err);
