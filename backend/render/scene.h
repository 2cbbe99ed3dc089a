// SPDX-License-Identifier: MIT
#pragma once
/* A scene: layers from back to front, each a painter with its parameters and the way it
 * moves. Built once per drawing from the spec, then read only, by any thread. Pictures
 * paint all layers onto the same tiles; videos paint each layer once and move it. */
#include <stdatomic.h>

#include "backend/render/mood.h"
#include "backend/render/render.h"
#include "backend/render/shape.h"

#define SCENE_LAYERS_MAX 40

struct scene;
struct layer;

/* Paints what of the layer is in the tile over what is there. */
typedef void (*painter_fn)(
	const struct scene *s, const struct layer *l, struct tile *t);

enum ground { GROUND_ROCK, GROUND_FOREST, GROUND_SNOW, GROUND_GRASS, GROUND_SAND };

enum particle {
	PARTICLE_SNOW,
	PARTICLE_RAIN,
	PARTICLE_EMBER,
	PARTICLE_BUBBLE,
	PARTICLE_MOTE, /* fireflies, pollen */
	PARTICLE_LEAF,
};

/* Premultiplied 8-bit RGBA with its place in the picture. */
struct sprite {
	int x, y, w, h;
	uint8_t *rgba;
};

struct layer {
	painter_fn paint;
	uint32_t seed;
	float p[6]; /* what the painter says they are */
	v4 c[4];
	enum ground ground;
	float *curve; /* height per half pixel, see paint_ridge; owned */
	int curve_x0, curve_n;
	struct sprite *frames; /* subjects: the phases of one movement; owned */
	int n_frames;
	enum particle particle;
	int n_particles; /* > 0: drawn anew in each frame of a video */
	float mirror;    /* > 0: the row it is mirrored about, in calm water */
	float y0, y1;    /* rows it may touch, fractions of the height */

	/* Motion in videos; lengths in units of scene.s, times in seconds. */
	float depth;               /* share of the camera's pan, 0 far .. 1 near */
	float drift;               /* speed to the right; the layer then wraps round */
	float ripple;              /* swing of each row, growing towards the bottom */
	float bob_x, bob_y, bob_s; /* swing and its period */
	float pulse, pulse_s;      /* how much opacity goes and comes, and its period */
	float phase;
};

struct scene {
	int w, h;
	float s;       /* the unit of lengths: the shorter side, in pixels */
	float horizon; /* pixels from the top */
	int margin;    /* pixels left and right of the picture that layers cover too */
	struct pt sun; /* pixels */
	float sun_r;
	uint32_t seed;
	struct traits traits;
	struct mood mood;
	int n_layers;
	struct layer layers[SCENE_LAYERS_MAX];
};

/* margin: see above, 0 for pictures. n_phases: how many phases subjects are drawn in, 1
 * for pictures. -ENOMEM; -ECANCELED once *stop. */
int scene_init(struct scene *s, const struct render_spec *spec, int margin,
	int n_phases, const atomic_bool *stop, struct err *err);
void scene_finish(struct scene *s);

/* The painters. */
void paint_sky(const struct scene *s, const struct layer *l, struct tile *t);
void paint_stars(const struct scene *s, const struct layer *l, struct tile *t);
void paint_clouds(const struct scene *s, const struct layer *l, struct tile *t);
void paint_aurora(const struct scene *s, const struct layer *l, struct tile *t);
void paint_bolt(const struct scene *s, const struct layer *l, struct tile *t);
void paint_ridge(const struct scene *s, const struct layer *l, struct tile *t);
void paint_fog(const struct scene *s, const struct layer *l, struct tile *t);
void paint_water(const struct scene *s, const struct layer *l, struct tile *t);
void paint_glitter(const struct scene *s, const struct layer *l, struct tile *t);
void paint_city(const struct scene *s, const struct layer *l, struct tile *t);
void paint_pines(const struct scene *s, const struct layer *l, struct tile *t);
void paint_grass(const struct scene *s, const struct layer *l, struct tile *t);
void paint_flowers(const struct scene *s, const struct layer *l, struct tile *t);
void paint_nebula(const struct scene *s, const struct layer *l, struct tile *t);
void paint_planet(const struct scene *s, const struct layer *l, struct tile *t);
void paint_deep(const struct scene *s, const struct layer *l, struct tile *t);
void paint_rays(const struct scene *s, const struct layer *l, struct tile *t);
void paint_weed(const struct scene *s, const struct layer *l, struct tile *t);
void paint_lava(const struct scene *s, const struct layer *l, struct tile *t);
void paint_ink(const struct scene *s, const struct layer *l, struct tile *t);
void paint_sprite(const struct scene *s, const struct layer *l, struct tile *t);
void paint_particles(const struct scene *s, const struct layer *l, struct tile *t);

/* Height of a ridge's crest at x, in pixels from the top. */
float ridge_at(const struct layer *l, float x);
