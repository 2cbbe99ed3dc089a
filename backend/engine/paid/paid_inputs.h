// SPDX-License-Identifier: MIT
#pragma once
/* What goes along with a call: pictures of /inputs, and the frame that a segment of a
 * long video begins with. The loop thread; where said, the pool. */
#include "backend/engine/paid/paid.h"

/* The loop: whether they must be loaded before the call of p->cur can be made. */
bool inputs_are_missing(const struct paid *p);
bool inputs_lack_frame(struct paid *p); /* notes of which part it is the last one */

/* The pool. -EINVAL no such input, or no picture, or too large; what the store or the
 * sandbox says; with a sentence. */
int inputs_load(struct paid *p, struct err *err);
int inputs_load_frame(struct paid *p, struct err *err);
