// SPDX-License-Identifier: MIT
/* The few questions that every file of the engine asks it. Any thread, unless said. */
#include "backend/engine/core.h"

bool engine_is_stopping(struct engine *e)
{
	bool is;

	pthread_mutex_lock(&e->lock);
	is = e->stopping.is_wanted;
	pthread_mutex_unlock(&e->lock);
	return is;
}

/* Chance, not secrecy: a linear congruential generator will do. */
uint32_t engine_random(struct engine *e)
{
	e->random = e->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(e->random >> 32);
}
