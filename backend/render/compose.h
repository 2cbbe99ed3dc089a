// SPDX-License-Identifier: MIT
#pragma once
/* Which layers make a place. Inside of scene.c and compose.c only. */
#include "backend/render/scene.h"

enum crest { CREST_HILL, CREST_ALPINE, CREST_DUNE };

/* The upper edge of land; lengths in units of the scene, measured from the top. */
struct crest_spec {
	enum crest kind;
	float foot, tall, rough;
	float trees;                        /* > 0: pines of that height on it */
	float cone_x, cone_half, cone_tall; /* a volcano */
};

/* Fills in what the words left open. */
void compose_defaults(struct traits *t);
/* Share of the height above the horizon. */
float compose_horizon(const struct traits *t, uint32_t seed);
/* Adds all layers. -ENOMEM, -ECANCELED. */
int compose(struct scene *s, int n_phases, const atomic_bool *stop);

/* Of scene.c. The layer is valid for good; its seed is set. */
struct layer *scene_add(struct scene *s, painter_fn paint, float depth);
int scene_curve(struct scene *s, struct layer *l, const struct crest_spec *c);
int scene_add_subject(
	struct scene *s, int which, int n_phases, const atomic_bool *stop);
int scene_add_flock(struct scene *s, enum subject kind, const uint32_t *color, int n,
	int n_phases, const atomic_bool *stop);

/* Shared by compose.c and compose_places.c: parts that several places have, colours in
 * the scene's light, shares of the height in units. */
int compose_add_range(struct scene *s, int n, float tallest, float depth);
int compose_add_woods(struct scene *s, int n, float from, float to, float depth);
int compose_add_ground(
	struct scene *s, float at, float tall, float depth, bool is_front);
int compose_add_pines(struct scene *s, int n, float tall, float keep_out, float depth);
void compose_add_fog(
	struct scene *s, float at, float half, float strength, float depth);
v4 compose_lit(const struct scene *s, uint32_t color);
float compose_units(const struct scene *s, float share_of_height);
bool compose_has(const struct scene *s, unsigned int weather);
int compose_add_place(struct scene *s);
