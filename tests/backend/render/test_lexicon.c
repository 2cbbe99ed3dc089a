// SPDX-License-Identifier: MIT
#include "backend/render/lexicon.h"

#include "cache/base/mem.h"
#include "tests/support/tap.h"

static void words_choose_place_and_subject(void)
{
	static const struct {
		const char *prompt;
		enum place place;
		enum subject subject;
		enum hour hour;
		unsigned int weather;
	} cases[] = {
		{"", PLACE_NONE, SUBJECT_NONE, HOUR_NONE, 0},
		{"justice", PLACE_NONE, SUBJECT_NONE, HOUR_NONE, 0},
		{"a red fox in snow", PLACE_NONE, SUBJECT_FOX, HOUR_NONE,
			WEATHER_SNOW | WEATHER_WINTER},
		{"FOXES, in the Mountains!", PLACE_MOUNTAINS, SUBJECT_FOX, HOUR_NONE,
			0},
		{"snowy hills at dawn", PLACE_MOUNTAINS, SUBJECT_NONE, HOUR_DAWN,
			WEATHER_SNOW | WEATHER_WINTER},
		{"cities by night", PLACE_CITY, SUBJECT_NONE, HOUR_NIGHT, 0},
		{"raining on puppies", PLACE_NONE, SUBJECT_DOG, HOUR_NONE,
			WEATHER_RAIN | WEATHER_CLOUDS},
		{"a foggy seascape", PLACE_SEA, SUBJECT_NONE, HOUR_NONE, WEATHER_FOG},
		{"mountain lake", PLACE_LAKE, SUBJECT_NONE, HOUR_NONE, 0},
		{"a lake in the mountains", PLACE_LAKE, SUBJECT_NONE, HOUR_NONE, 0},
		{"sunny day", PLACE_NONE, SUBJECT_NONE, HOUR_DAY, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct traits t;

		traits_of(&t, cases[i].prompt);
		CHECK_INT(t.place, cases[i].place);
		CHECK_INT(t.subject[0].kind, cases[i].subject);
		CHECK_INT(t.hour, cases[i].hour);
		CHECK_INT(t.weather, cases[i].weather);
	}
}

static void a_colour_goes_to_the_next_subject_or_to_all(void)
{
	struct traits t;

	traits_of(&t, "a red fox and a black cat under a purple sky");
	CHECK_INT(t.n_subjects, 2);
	CHECK(t.subject[0].has_color && t.subject[1].has_color);
	CHECK_INT(t.n_tints, 1);
	traits_of(&t, "golden");
	CHECK_INT(t.n_tints, 1);
	CHECK(!t.is_known);
}

static void a_thing_named_twice_is_one(void)
{
	struct traits t;

	traits_of(&t, "a pirate ship and ships and a puppy dog");
	CHECK_INT(t.n_subjects, 2);
}

static void foreign_bytes_do_no_harm(void)
{
	struct traits a, b;

	traits_of(&a, "\xff\xfe\x80 caf\xc3\xa9 \xf0\x9f\xa6\x8a "
		      "averyveryveryveryverylongwordthatisinnotable");
	traits_of(&b, "ein wei\xc3\x9f"
		      "er Hase");
	CHECK(a.words != b.words);
}

TAP_MAIN(TAP_CASE(words_choose_place_and_subject),
	TAP_CASE(a_colour_goes_to_the_next_subject_or_to_all),
	TAP_CASE(a_thing_named_twice_is_one), TAP_CASE(foreign_bytes_do_no_harm))
