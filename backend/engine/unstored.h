// SPDX-License-Identifier: MIT
#pragma once
/* Paid results that the store had no room for, though it was asked before: they are
 * served from memory until there is. The loop thread. */
#include "backend/engine/run.h"

/* A made output whose commit found the store full: its bytes are served from
 * memory from now on, by m->rec. false: no memory, nothing has changed. */
bool unstored_take(struct run *r, struct made *m);
/* Borrowed until the next call of the loop; NULL: none. */
const struct record *unstored_find(const struct engine *e, const struct digest *key);
/* After the loop has ended: a last try to store them. */
void unstored_end(struct engine *e);
