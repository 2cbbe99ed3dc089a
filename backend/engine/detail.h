// SPDX-License-Identifier: MIT
#pragma once
/* What <file>.json shows: everything that is known of how a file was made. The pool. */
#include "backend/engine/run.h"

/* One line of JSON, owned by the caller; m->rec is filled but for it. NULL: out of
 * memory. */
char *detail_json(const struct run *r, const struct made *m);
