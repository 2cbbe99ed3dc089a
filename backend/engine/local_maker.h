// SPDX-License-Identifier: MIT
#pragma once
/* The maker of what is made on this machine: leads a provider (provider.h) from step to
 * step. The loop thread, and the pool for the provider's work. */
#include "backend/engine/maker.h"
#include "backend/provider/provider.h"

/* Owns the provider from the call on, whatever the result. -ENOMEM. */
int local_maker_new(const struct provider *p, struct maker *ret);
