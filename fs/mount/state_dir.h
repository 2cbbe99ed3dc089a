// SPDX-License-Identifier: MIT
#pragma once
/* The directory of the store before anybody opens it: it holds what was paid for.
 * Main thread. */
#include "cache/base/err.h"

/* Rights of others are taken away (0700). A directory that is not there is fine: it is
 * made later. -EACCES with a sentence where somebody else could reach what is in it: a
 * directory or a link of another user, a store.mdb that is a link, has a second name or
 * is another user's. A link of our own is replaced by where it leads: *path is owned by
 * the caller. */
int state_dir_check(char **path, struct err *err);
