// SPDX-License-Identifier: MIT
#pragma once
/* From the words of a prompt to what is drawn: place, hour, weather, subjects, colours.
 * English words with their plain inflections; unknown words only vary the drawing. */
#include <stdbool.h>
#include <stdint.h>

enum place {
	PLACE_NONE, /* no word known: an abstract picture */
	PLACE_MOUNTAINS,
	PLACE_SEA,
	PLACE_LAKE,
	PLACE_FOREST,
	PLACE_DESERT,
	PLACE_CITY,
	PLACE_SPACE,
	PLACE_MEADOW,
	PLACE_UNDERWATER,
	PLACE_VOLCANO,
};

enum hour {
	HOUR_NONE,
	HOUR_DAY,
	HOUR_SUNSET,
	HOUR_DAWN,
	HOUR_DUSK,
	HOUR_NIGHT,
};

enum weather { /* bits */
	WEATHER_SNOW = 1,
	WEATHER_RAIN = 2,
	WEATHER_STORM = 4,
	WEATHER_FOG = 8,
	WEATHER_CLOUDS = 16,
	WEATHER_AURORA = 32,
	WEATHER_STARS = 64,
	WEATHER_MOON = 128,
	WEATHER_FIRE = 256,
	WEATHER_FLOWERS = 512,
	WEATHER_WINTER = 1024, /* snow on the ground, none falling */
	WEATHER_AUTUMN = 2048,
	WEATHER_PLANET = 4096,
};

enum subject {
	SUBJECT_NONE,
	SUBJECT_FOX,
	SUBJECT_DOG,
	SUBJECT_WOLF,
	SUBJECT_CAT,
	SUBJECT_DEER,
	SUBJECT_HORSE,
	SUBJECT_BEAR,
	SUBJECT_RABBIT,
	SUBJECT_BIRD,
	SUBJECT_OWL,
	SUBJECT_FISH,
	SUBJECT_WHALE,
	SUBJECT_PERSON,
	SUBJECT_ROBOT,
	SUBJECT_BOAT,
	SUBJECT_SHIP,
	SUBJECT_HOUSE,
	SUBJECT_CASTLE,
	SUBJECT_LIGHTHOUSE,
	SUBJECT_TREE,
	SUBJECT_BALLOON,
	SUBJECT_ROCKET,
	SUBJECTS,
};

#define TRAIT_SUBJECTS_MAX 2
#define TRAIT_TINTS_MAX 3

struct traits {
	enum place place;
	enum hour hour;
	unsigned int weather; /* enum weather */
	int n_subjects;
	struct {
		enum subject kind;
		uint32_t color; /* 0xRRGGBB; used if has_color */
		bool has_color;
	} subject[TRAIT_SUBJECTS_MAX];
	int n_tints; /* colour words that belong to no subject */
	uint32_t tint[TRAIT_TINTS_MAX];
	bool is_known;  /* some word said what to draw */
	uint32_t words; /* hash over all words, their case and inflection aside */
};

/* Any text, also invalid UTF-8 or none. */
void traits_of(struct traits *ret, const char *prompt);
