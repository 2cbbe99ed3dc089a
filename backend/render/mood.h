// SPDX-License-Identifier: MIT
#pragma once
/* The light of a scene: what hour and weather make of sky, haze and land. */
#include "backend/render/lexicon.h"
#include "backend/render/paint.h"

struct mood {
	v4 zenith, sky, horizon; /* the sky from top to bottom */
	v4 sun;                  /* disc and glow, of sun or moon */
	v4 haze;                 /* what far things fade to */
	v4 near;                 /* the darkest, nearest land */
	v4 light, shadow;        /* multiplied onto lit and unlit surfaces */
	v4 cloud_lit, cloud_dark;
	float glow; /* strength of the halo round the sun, 0..1 */
	bool is_night;
};

/* `seed` shifts the colours a little. */
void mood_of(struct mood *ret, const struct traits *traits, uint32_t seed);

/* Sky without sun: t 0 at the zenith, 1 at the horizon; above 1 stays the horizon's. */
static inline v4 mood_sky(const struct mood *m, float t)
{
	float k = clamp01(t);

	return k < 0.5f ? mix(m->zenith, m->sky, k * 2)
			: mix(m->sky, m->horizon, (k - 0.5f) * (k - 0.5f) * 4);
}

/* The hue of `tint` at the brightness of c, k of the way. */
v4 mood_tint(v4 c, v4 tint, float k);
