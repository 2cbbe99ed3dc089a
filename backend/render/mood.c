// SPDX-License-Identifier: MIT
/* What hour and weather do to light. Pure: any thread. */
#include "backend/render/mood.h"

#include "backend/render/noise.h"

enum light {
	LIGHT_DAY,
	LIGHT_SUNSET,
	LIGHT_DAWN,
	LIGHT_DUSK,
	LIGHT_NIGHT,
	LIGHT_STORM,
	LIGHT_WINTER,
	LIGHT_DESERT
};

static const struct {
	uint32_t zenith, sky, horizon, sun, haze, near, light, shadow, lit, dark;
	float glow;
	bool is_night;
} lights[] = {
	[LIGHT_DAY] = {0x2465b0, 0x6cb0e2, 0xe2f0f2, 0xfff6dc, 0xc4dcea, 0x1f3a3e,
		0xfff6e2, 0x8fa8cc, 0xffffff, 0x9fb4cc, 0.5f, false},
	[LIGHT_SUNSET] = {0x27265c, 0x9a4a7e, 0xffb469, 0xffe6a8, 0xf09a6c, 0x1c1530,
		0xffc890, 0x75548f, 0xffb38a, 0x6a4a7c, 1.0f, false},
	[LIGHT_DAWN] = {0x4f78b8, 0xb9a8d4, 0xffd8bc, 0xfff2d4, 0xf2cec8, 0x2a3050,
		0xffe4c8, 0x9a96c4, 0xffe6dc, 0xa29cc4, 0.8f, false},
	[LIGHT_DUSK] = {0x10163c, 0x43407e, 0xe08a92, 0xffd0b8, 0x8a6a9e, 0x0f1026,
		0xd8a8b8, 0x4c4a88, 0xb888a8, 0x34345e, 0.6f, false},
	[LIGHT_NIGHT] = {0x050a20, 0x10264e, 0x3a6088, 0xe4ecff, 0x2c4a74, 0x050a14,
		0xa8c4f0, 0x2a3c66, 0x6a88b4, 0x14233f, 0.45f, true},
	[LIGHT_STORM] = {0x252c36, 0x4a5866, 0xa6b0b2, 0xf0ece0, 0x85929a, 0x12181e,
		0xc8d0d4, 0x5c6a78, 0xa8b2ba, 0x39434f, 0.25f, false},
	[LIGHT_WINTER] = {0x5a8cc4, 0xa4c6e4, 0xfce8dc, 0xfff4e0, 0xd8e4ee, 0x24384e,
		0xfff2e4, 0x90acd4, 0xffffff, 0xb0c2d8, 0.7f, false},
	[LIGHT_DESERT] = {0x3a7ab8, 0x9cc4d8, 0xfbe3bc, 0xfff4d0, 0xeccba0, 0x4a2a20,
		0xffe0b0, 0xa0688c, 0xfff4e4, 0xc8b4b4, 0.7f, false},
};

v4 mood_tint(v4 c, v4 tint, float k)
{
	float y = luma(c), ty = luma(tint) + 0.05f;
	v4 same = shade(tint, (y + 0.02f) / ty);

	/* A bright tint of a saturated colour would clip: let it pale instead. */
	for (int i = 0; i < 3; i++)
		same[i] = same[i] > 1 ? 1 : same[i];
	same[3] = c[3];
	return mix(c, same, k);
}

static enum light choose(const struct traits *t)
{
	static const enum light by_hour[] = {
		[HOUR_DAY] = LIGHT_DAY,
		[HOUR_SUNSET] = LIGHT_SUNSET,
		[HOUR_DAWN] = LIGHT_DAWN,
		[HOUR_DUSK] = LIGHT_DUSK,
		[HOUR_NIGHT] = LIGHT_NIGHT,
	};
	static const enum light any[] = {LIGHT_SUNSET, LIGHT_DAWN, LIGHT_DAY,
		LIGHT_DUSK, LIGHT_DAY, LIGHT_SUNSET};

	if (t->place == PLACE_SPACE)
		return LIGHT_NIGHT;
	if (t->hour != HOUR_NONE) {
		if (t->hour == HOUR_DAY && t->place == PLACE_DESERT)
			return LIGHT_DESERT;
		return by_hour[t->hour];
	}
	if (t->weather & (WEATHER_AURORA | WEATHER_STARS | WEATHER_MOON))
		return LIGHT_NIGHT;
	if (t->weather & (WEATHER_STORM | WEATHER_RAIN))
		return LIGHT_STORM;
	if (t->weather & WEATHER_FIRE || t->place == PLACE_VOLCANO)
		return LIGHT_DUSK;
	if (t->weather & WEATHER_WINTER)
		return LIGHT_WINTER;
	if (t->place == PLACE_CITY)
		return t->words & 1 ? LIGHT_DUSK : LIGHT_NIGHT;
	if (t->place == PLACE_DESERT)
		return LIGHT_DESERT;
	if (t->weather & (WEATHER_FLOWERS | WEATHER_CLOUDS) || t->place == PLACE_MEADOW)
		return t->words & 1 ? LIGHT_DAY : LIGHT_DAWN;
	return any[t->words % 6];
}

static void tint_all(struct mood *m, v4 tint, float k)
{
	v4 *const parts[] = {&m->zenith, &m->sky, &m->horizon, &m->haze, &m->near,
		&m->cloud_lit, &m->cloud_dark};

	for (int i = 0; i < 7; i++)
		*parts[i] = mood_tint(*parts[i], tint, k);
}

void mood_of(struct mood *ret, const struct traits *t, uint32_t seed)
{
	enum light l = choose(t);

	*ret = (struct mood){
		.zenith = hex(lights[l].zenith),
		.sky = hex(lights[l].sky),
		.horizon = hex(lights[l].horizon),
		.sun = hex(lights[l].sun),
		.haze = hex(lights[l].haze),
		.near = hex(lights[l].near),
		.light = hex(lights[l].light),
		.shadow = hex(lights[l].shadow),
		.cloud_lit = hex(lights[l].lit),
		.cloud_dark = hex(lights[l].dark),
		.glow = lights[l].glow,
		.is_night = lights[l].is_night,
	};
	if (t->weather & WEATHER_FOG) {
		ret->haze = mix(ret->haze, ret->horizon, 0.5f);
		ret->sky = mix(ret->sky, ret->haze, 0.5f);
		ret->zenith = mix(ret->zenith, ret->haze, 0.3f);
	}
	for (int i = 0; i < t->n_tints; i++)
		tint_all(ret, hex(t->tint[i]), i == 0 ? 0.62f : 0.3f);
	/* Every take has its own air: a touch of another hue. */
	tint_all(ret,
		rgb(draw(seed, 1, 0.3f, 1), draw(seed, 2, 0.3f, 1),
			draw(seed, 3, 0.3f, 1)),
		0.1f);
}
