// SPDX-License-Identifier: MIT
#pragma once
/* Animals, people, vessels and buildings as small illustrations: outlines with a role
 * for the colour and a joint for the movement, lit by the scene's light. Any thread, no
 * globals. */
#include "backend/render/scene.h"

enum habitat { ON_GROUND, ON_WATER, IN_WATER, IN_AIR };

struct figure {
	enum habitat habitat;
	float size;    /* height of its box in units of the scene */
	uint32_t body; /* colours, 0xRRGGBB */
	uint32_t light, accent;
	bool is_furry;
	const char *const *shapes; /* see subject_shapes.c; NULL at the end */
};

const struct figure *figure_of(enum subject kind);

/* Draws the figure with its feet (or middle, in air and water) at (x, y), `size` pixels
 * high, mirrored if is_left, at `phase` 0..1 of its movement. ret->rgba is the caller's
 * to free. has_shadow: a shadow on the ground below. -ENOMEM; -ECANCELED once *stop. */
int subject_draw(const struct scene *s, enum subject kind, const uint32_t *color,
	float x, float y, float size, bool is_left, float phase,
	const atomic_bool *stop, struct sprite *ret);
