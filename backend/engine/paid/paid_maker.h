// SPDX-License-Identifier: MIT
#pragma once
/* The maker of what is bought across a network. The loop thread. */
#include "backend/engine/core.h"

/* Before the loop serves anybody: credentials are found, nothing is sent. <0 with a
 * sentence. */
int paid_maker_new(struct engine *e, const struct engine_remote *c, struct maker *ret,
	struct err *err);
