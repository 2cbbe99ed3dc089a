// SPDX-License-Identifier: MIT
#pragma once
/* A scene made ready to move: each group of layers that moves alike is painted once
 * into a texture; a frame only lays the textures on each other and scatters the
 * particles. The video that it is made for owns it; one thread. */
#include "backend/render/plane.h"
#include "backend/render/scene.h"

#define STAGE_PHASES 16 /* drawings of one movement of a subject */

struct actor {
	const struct layer *layer; /* of the scene; says how it moves */
	int n_textures;            /* 1, or the phases of a subject */
	int period;                /* of drifting layers, else 0 */
	struct texture texture[STAGE_PHASES];
};

struct stage {
	struct scene scene;
	enum look look;
	int n_actors;
	struct actor *actors;
	uint8_t *vignette; /* per pixel pair of a row pair, 255 = all light */
};

/* -ENOMEM, -ECANCELED. */
int stage_init(struct stage *g, const struct render_spec *spec, const atomic_bool *stop,
	struct err *err);
void stage_finish(struct stage *g);

/* The picture at `seconds`. -ENOMEM. */
int stage_frame(const struct stage *g, float seconds, const struct encode_frame *f);
