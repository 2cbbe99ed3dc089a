// SPDX-License-Identifier: MIT
#pragma once
/* Snow, rain, embers, bubbles, motes and leaves: where each one is at a time. */
#include "backend/render/scene.h"

struct dot {
	float x, y, r; /* pixels */
	float dx, dy;  /* streaks: the way to the other end */
	float a;       /* opacity */
	v4 c;
};

/* The i-th of l->n_particles at `seconds`. */
struct dot particle_at(
	const struct scene *s, const struct layer *l, int i, float seconds);

/* Opacity 0..1 that the dot gives to a pixel. */
float particle_cover(const struct dot *d, float x, float y);
