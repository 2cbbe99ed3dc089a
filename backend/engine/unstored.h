// SPDX-License-Identifier: MIT
#pragma once
/* Paid results that the store had no room for. Nobody outside the engine includes this.
 */
#include "backend/engine/core.h"

/* The loop. A made output whose commit found the store full: its bytes are served from
 * memory from now on, by m->rec. false: no memory, nothing has changed. */
bool lodged_take(struct run *r, struct made *m);
/* The loop. Borrowed until the next call of the loop; NULL: none. */
const struct record *lodged_find(const struct engine *e, const struct digest *key);
/* After the loop has ended: a last try to store them. */
void lodged_end(struct engine *e);
