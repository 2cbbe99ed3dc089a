// SPDX-License-Identifier: MIT
#pragma once
/* What can be asked of a part: pure, but for the reading of one that is kept. */
#include "backend/engine/paid/paid.h"
#include "backend/sandbox/sandbox.h"

/* The part that this one follows in its video; NULL: it is the first. */
const struct part *part_before(const struct paid *p, const struct part *part);
/* Whether its bytes are not the file yet: to be converted, cut or joined. */
bool part_needs_work(const struct paid *p, const struct part *part);
/* Frames per second, where another number is asked for than all models make. */
bool part_rate(const struct paid *p, double *ret);

/* A kept part, to be read by the sandbox; `s` lives as long as `ret`. The pool. */
struct part_source {
	struct cache *cache;
	const struct part *part;
};
void part_source(const struct paid *p, const struct part *part, struct part_source *s,
	struct sandbox_source *ret);
