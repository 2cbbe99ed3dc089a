// SPDX-License-Identifier: MIT
/* The words and what they stand for. Constant: any thread. */
#include "backend/render/lexicon.h"

#include <string.h>

#include "backend/render/noise.h"
#include "cache/base/mem.h"

#define WORD_MAX 24 /* longer words are cut; none in the table is as long */

enum kind { KIND_PLACE, KIND_HOUR, KIND_WEATHER, KIND_SUBJECT, KIND_COLOR };

static const struct entry {
	const char *word;
	enum kind kind;
	uint32_t value;
} lexicon[] = {
	{"mountain", KIND_PLACE, PLACE_MOUNTAINS},
	{"hill", KIND_PLACE, PLACE_MOUNTAINS},
	{"valley", KIND_PLACE, PLACE_MOUNTAINS},
	{"alp", KIND_PLACE, PLACE_MOUNTAINS},
	{"alpine", KIND_PLACE, PLACE_MOUNTAINS},
	{"peak", KIND_PLACE, PLACE_MOUNTAINS},
	{"summit", KIND_PLACE, PLACE_MOUNTAINS},
	{"canyon", KIND_PLACE, PLACE_MOUNTAINS},
	{"cliff", KIND_PLACE, PLACE_MOUNTAINS},
	{"landscape", KIND_PLACE, PLACE_MOUNTAINS},
	{"himalaya", KIND_PLACE, PLACE_MOUNTAINS},
	{"glacier", KIND_PLACE, PLACE_MOUNTAINS},
	{"sea", KIND_PLACE, PLACE_SEA},
	{"ocean", KIND_PLACE, PLACE_SEA},
	{"wave", KIND_PLACE, PLACE_SEA},
	{"beach", KIND_PLACE, PLACE_SEA},
	{"coast", KIND_PLACE, PLACE_SEA},
	{"island", KIND_PLACE, PLACE_SEA},
	{"bay", KIND_PLACE, PLACE_SEA},
	{"harbor", KIND_PLACE, PLACE_SEA},
	{"harbour", KIND_PLACE, PLACE_SEA},
	{"surf", KIND_PLACE, PLACE_SEA},
	{"water", KIND_PLACE, PLACE_LAKE},
	{"lake", KIND_PLACE, PLACE_LAKE},
	{"fjord", KIND_PLACE, PLACE_LAKE},
	{"river", KIND_PLACE, PLACE_LAKE},
	{"pond", KIND_PLACE, PLACE_LAKE},
	{"forest", KIND_PLACE, PLACE_FOREST},
	{"wood", KIND_PLACE, PLACE_FOREST},
	{"woodland", KIND_PLACE, PLACE_FOREST},
	{"pine", KIND_PLACE, PLACE_FOREST},
	{"jungle", KIND_PLACE, PLACE_FOREST},
	{"taiga", KIND_PLACE, PLACE_FOREST},
	{"desert", KIND_PLACE, PLACE_DESERT},
	{"dune", KIND_PLACE, PLACE_DESERT},
	{"sand", KIND_PLACE, PLACE_DESERT},
	{"sahara", KIND_PLACE, PLACE_DESERT},
	{"city", KIND_PLACE, PLACE_CITY},
	{"town", KIND_PLACE, PLACE_CITY},
	{"skyline", KIND_PLACE, PLACE_CITY},
	{"skyscraper", KIND_PLACE, PLACE_CITY},
	{"street", KIND_PLACE, PLACE_CITY},
	{"urban", KIND_PLACE, PLACE_CITY},
	{"cyberpunk", KIND_PLACE, PLACE_CITY},
	{"neon", KIND_PLACE, PLACE_CITY},
	{"tokyo", KIND_PLACE, PLACE_CITY},
	{"space", KIND_PLACE, PLACE_SPACE},
	{"galaxy", KIND_PLACE, PLACE_SPACE},
	{"galactic", KIND_PLACE, PLACE_SPACE},
	{"nebula", KIND_PLACE, PLACE_SPACE},
	{"cosmos", KIND_PLACE, PLACE_SPACE},
	{"cosmic", KIND_PLACE, PLACE_SPACE},
	{"universe", KIND_PLACE, PLACE_SPACE},
	{"orbit", KIND_PLACE, PLACE_SPACE},
	{"planet", KIND_WEATHER, WEATHER_PLANET},
	{"saturn", KIND_WEATHER, WEATHER_PLANET},
	{"jupiter", KIND_WEATHER, WEATHER_PLANET},
	{"mars", KIND_WEATHER, WEATHER_PLANET},
	{"meadow", KIND_PLACE, PLACE_MEADOW},
	{"field", KIND_PLACE, PLACE_MEADOW},
	{"garden", KIND_PLACE, PLACE_MEADOW},
	{"grass", KIND_PLACE, PLACE_MEADOW},
	{"prairie", KIND_PLACE, PLACE_MEADOW},
	{"park", KIND_PLACE, PLACE_MEADOW},
	{"spring", KIND_WEATHER, WEATHER_FLOWERS},
	{"flower", KIND_WEATHER, WEATHER_FLOWERS},
	{"poppy", KIND_WEATHER, WEATHER_FLOWERS},
	{"rose", KIND_WEATHER, WEATHER_FLOWERS},
	{"tulip", KIND_WEATHER, WEATHER_FLOWERS},
	{"daisy", KIND_WEATHER, WEATHER_FLOWERS},
	{"blossom", KIND_WEATHER, WEATHER_FLOWERS},
	{"underwater", KIND_PLACE, PLACE_UNDERWATER},
	{"reef", KIND_PLACE, PLACE_UNDERWATER},
	{"coral", KIND_PLACE, PLACE_UNDERWATER},
	{"deep", KIND_PLACE, PLACE_UNDERWATER},
	{"aquarium", KIND_PLACE, PLACE_UNDERWATER},
	{"volcano", KIND_PLACE, PLACE_VOLCANO},
	{"volcanic", KIND_PLACE, PLACE_VOLCANO},
	{"lava", KIND_PLACE, PLACE_VOLCANO},
	{"eruption", KIND_PLACE, PLACE_VOLCANO},
	{"fire", KIND_WEATHER, WEATHER_FIRE},
	{"flame", KIND_WEATHER, WEATHER_FIRE},
	{"ember", KIND_WEATHER, WEATHER_FIRE},
	{"firefly", KIND_WEATHER, WEATHER_FIRE},

	{"day", KIND_HOUR, HOUR_DAY},
	{"noon", KIND_HOUR, HOUR_DAY},
	{"daylight", KIND_HOUR, HOUR_DAY},
	{"sunny", KIND_HOUR, HOUR_DAY},
	{"summer", KIND_HOUR, HOUR_DAY},
	{"sunset", KIND_HOUR, HOUR_SUNSET},
	{"sundown", KIND_HOUR, HOUR_SUNSET},
	{"evening", KIND_HOUR, HOUR_SUNSET},
	{"sun", KIND_HOUR, HOUR_SUNSET},
	{"sunrise", KIND_HOUR, HOUR_DAWN},
	{"dawn", KIND_HOUR, HOUR_DAWN},
	{"morning", KIND_HOUR, HOUR_DAWN},
	{"dusk", KIND_HOUR, HOUR_DUSK},
	{"twilight", KIND_HOUR, HOUR_DUSK},
	{"night", KIND_HOUR, HOUR_NIGHT},
	{"midnight", KIND_HOUR, HOUR_NIGHT},
	{"nocturnal", KIND_HOUR, HOUR_NIGHT},
	{"dark", KIND_HOUR, HOUR_NIGHT},

	{"snow", KIND_WEATHER, WEATHER_SNOW | WEATHER_WINTER},
	{"snowfall", KIND_WEATHER, WEATHER_SNOW | WEATHER_WINTER},
	{"blizzard", KIND_WEATHER, WEATHER_SNOW | WEATHER_WINTER | WEATHER_FOG},
	{"winter", KIND_WEATHER, WEATHER_SNOW | WEATHER_WINTER},
	{"christmas", KIND_WEATHER, WEATHER_SNOW | WEATHER_WINTER},
	{"ice", KIND_WEATHER, WEATHER_WINTER},
	{"frost", KIND_WEATHER, WEATHER_WINTER},
	{"frozen", KIND_WEATHER, WEATHER_WINTER},
	{"arctic", KIND_WEATHER, WEATHER_WINTER},
	{"rain", KIND_WEATHER, WEATHER_RAIN | WEATHER_CLOUDS},
	{"rainfall", KIND_WEATHER, WEATHER_RAIN | WEATHER_CLOUDS},
	{"drizzle", KIND_WEATHER, WEATHER_RAIN | WEATHER_CLOUDS},
	{"storm", KIND_WEATHER, WEATHER_STORM | WEATHER_CLOUDS},
	{"thunder", KIND_WEATHER, WEATHER_STORM | WEATHER_CLOUDS | WEATHER_RAIN},
	{"thunderstorm", KIND_WEATHER, WEATHER_STORM | WEATHER_CLOUDS | WEATHER_RAIN},
	{"lightning", KIND_WEATHER, WEATHER_STORM | WEATHER_CLOUDS},
	{"fog", KIND_WEATHER, WEATHER_FOG},
	{"mist", KIND_WEATHER, WEATHER_FOG},
	{"haze", KIND_WEATHER, WEATHER_FOG},
	{"cloud", KIND_WEATHER, WEATHER_CLOUDS},
	{"sky", KIND_WEATHER, WEATHER_CLOUDS},
	{"aurora", KIND_WEATHER, WEATHER_AURORA | WEATHER_STARS},
	{"borealis", KIND_WEATHER, WEATHER_AURORA | WEATHER_STARS},
	{"star", KIND_WEATHER, WEATHER_STARS},
	{"starlight", KIND_WEATHER, WEATHER_STARS},
	{"starry", KIND_WEATHER, WEATHER_STARS},
	{"milky", KIND_WEATHER, WEATHER_STARS},
	{"constellation", KIND_WEATHER, WEATHER_STARS},
	{"moon", KIND_WEATHER, WEATHER_MOON},
	{"moonlight", KIND_WEATHER, WEATHER_MOON},
	{"moonlit", KIND_WEATHER, WEATHER_MOON},
	{"autumn", KIND_WEATHER, WEATHER_AUTUMN},
	{"fall", KIND_WEATHER, WEATHER_AUTUMN},

	{"fox", KIND_SUBJECT, SUBJECT_FOX},
	{"dog", KIND_SUBJECT, SUBJECT_DOG},
	{"puppy", KIND_SUBJECT, SUBJECT_DOG},
	{"hound", KIND_SUBJECT, SUBJECT_DOG},
	{"wolf", KIND_SUBJECT, SUBJECT_WOLF},
	{"wolves", KIND_SUBJECT, SUBJECT_WOLF},
	{"coyote", KIND_SUBJECT, SUBJECT_WOLF},
	{"cat", KIND_SUBJECT, SUBJECT_CAT},
	{"kitten", KIND_SUBJECT, SUBJECT_CAT},
	{"kitty", KIND_SUBJECT, SUBJECT_CAT},
	{"deer", KIND_SUBJECT, SUBJECT_DEER},
	{"stag", KIND_SUBJECT, SUBJECT_DEER},
	{"elk", KIND_SUBJECT, SUBJECT_DEER},
	{"reindeer", KIND_SUBJECT, SUBJECT_DEER},
	{"horse", KIND_SUBJECT, SUBJECT_HORSE},
	{"pony", KIND_SUBJECT, SUBJECT_HORSE},
	{"bear", KIND_SUBJECT, SUBJECT_BEAR},
	{"rabbit", KIND_SUBJECT, SUBJECT_RABBIT},
	{"bunny", KIND_SUBJECT, SUBJECT_RABBIT},
	{"hare", KIND_SUBJECT, SUBJECT_RABBIT},
	{"bird", KIND_SUBJECT, SUBJECT_BIRD},
	{"eagle", KIND_SUBJECT, SUBJECT_BIRD},
	{"hawk", KIND_SUBJECT, SUBJECT_BIRD},
	{"gull", KIND_SUBJECT, SUBJECT_BIRD},
	{"seagull", KIND_SUBJECT, SUBJECT_BIRD},
	{"crow", KIND_SUBJECT, SUBJECT_BIRD},
	{"raven", KIND_SUBJECT, SUBJECT_BIRD},
	{"owl", KIND_SUBJECT, SUBJECT_OWL},
	{"fish", KIND_SUBJECT, SUBJECT_FISH},
	{"goldfish", KIND_SUBJECT, SUBJECT_FISH},
	{"koi", KIND_SUBJECT, SUBJECT_FISH},
	{"whale", KIND_SUBJECT, SUBJECT_WHALE},
	{"dolphin", KIND_SUBJECT, SUBJECT_WHALE},
	{"orca", KIND_SUBJECT, SUBJECT_WHALE},
	{"person", KIND_SUBJECT, SUBJECT_PERSON},
	{"people", KIND_SUBJECT, SUBJECT_PERSON},
	{"man", KIND_SUBJECT, SUBJECT_PERSON},
	{"woman", KIND_SUBJECT, SUBJECT_PERSON},
	{"girl", KIND_SUBJECT, SUBJECT_PERSON},
	{"boy", KIND_SUBJECT, SUBJECT_PERSON},
	{"hiker", KIND_SUBJECT, SUBJECT_PERSON},
	{"traveler", KIND_SUBJECT, SUBJECT_PERSON},
	{"traveller", KIND_SUBJECT, SUBJECT_PERSON},
	{"astronaut", KIND_SUBJECT, SUBJECT_PERSON},
	{"wizard", KIND_SUBJECT, SUBJECT_PERSON},
	{"robot", KIND_SUBJECT, SUBJECT_ROBOT},
	{"android", KIND_SUBJECT, SUBJECT_ROBOT},
	{"boat", KIND_SUBJECT, SUBJECT_BOAT},
	{"sailboat", KIND_SUBJECT, SUBJECT_BOAT},
	{"sail", KIND_SUBJECT, SUBJECT_BOAT},
	{"yacht", KIND_SUBJECT, SUBJECT_BOAT},
	{"ship", KIND_SUBJECT, SUBJECT_SHIP},
	{"galleon", KIND_SUBJECT, SUBJECT_SHIP},
	{"pirate", KIND_SUBJECT, SUBJECT_SHIP},
	{"house", KIND_SUBJECT, SUBJECT_HOUSE},
	{"home", KIND_SUBJECT, SUBJECT_HOUSE},
	{"cabin", KIND_SUBJECT, SUBJECT_HOUSE},
	{"cottage", KIND_SUBJECT, SUBJECT_HOUSE},
	{"hut", KIND_SUBJECT, SUBJECT_HOUSE},
	{"farm", KIND_SUBJECT, SUBJECT_HOUSE},
	{"castle", KIND_SUBJECT, SUBJECT_CASTLE},
	{"fortress", KIND_SUBJECT, SUBJECT_CASTLE},
	{"palace", KIND_SUBJECT, SUBJECT_CASTLE},
	{"tower", KIND_SUBJECT, SUBJECT_CASTLE},
	{"lighthouse", KIND_SUBJECT, SUBJECT_LIGHTHOUSE},
	{"tree", KIND_SUBJECT, SUBJECT_TREE},
	{"oak", KIND_SUBJECT, SUBJECT_TREE},
	{"maple", KIND_SUBJECT, SUBJECT_TREE},
	{"balloon", KIND_SUBJECT, SUBJECT_BALLOON},
	{"rocket", KIND_SUBJECT, SUBJECT_ROCKET},
	{"spaceship", KIND_SUBJECT, SUBJECT_ROCKET},
	{"spacecraft", KIND_SUBJECT, SUBJECT_ROCKET},

	{"red", KIND_COLOR, 0xc8392b},
	{"crimson", KIND_COLOR, 0xa81f32},
	{"scarlet", KIND_COLOR, 0xd43222},
	{"orange", KIND_COLOR, 0xe67a22},
	{"amber", KIND_COLOR, 0xe8a020},
	{"gold", KIND_COLOR, 0xe0a83a},
	{"golden", KIND_COLOR, 0xe0a83a},
	{"yellow", KIND_COLOR, 0xf0c830},
	{"green", KIND_COLOR, 0x3f9a4c},
	{"emerald", KIND_COLOR, 0x1f9a68},
	{"teal", KIND_COLOR, 0x1f8f8f},
	{"turquoise", KIND_COLOR, 0x2fb8b0},
	{"cyan", KIND_COLOR, 0x30b8d8},
	{"blue", KIND_COLOR, 0x2f6ec8},
	{"indigo", KIND_COLOR, 0x3f3aa8},
	{"violet", KIND_COLOR, 0x7a48c0},
	{"purple", KIND_COLOR, 0x8540b0},
	{"magenta", KIND_COLOR, 0xc83a9a},
	{"pink", KIND_COLOR, 0xe884a8},
	{"brown", KIND_COLOR, 0x7a4e2c},
	{"white", KIND_COLOR, 0xe8eaec},
	{"silver", KIND_COLOR, 0xb4bcc4},
	{"gray", KIND_COLOR, 0x80868c},
	{"grey", KIND_COLOR, 0x80868c},
	{"black", KIND_COLOR, 0x22242a},
};

static const struct entry *look_up(const char *word, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(lexicon); i++)
		if (strlen(lexicon[i].word) == len &&
			!memcmp(lexicon[i].word, word, len))
			return &lexicon[i];
	return NULL;
}

/* The word, else what it may be an inflection of. */
static const struct entry *find(const char *word, size_t len)
{
	static const struct {
		const char *ending, *instead;
	} rules[] = {
		{"", ""},
		{"s", ""},
		{"es", ""},
		{"ies", "y"},
		{"y", ""},
		{"ny", ""},
		{"gy", ""},
		{"ing", ""},
		{"ning", ""},
		{"ed", ""},
		{"ing", "e"},
		{"y", "e"},
		{"en", ""},
		{"ish", ""},
		{"scape", ""},
		{"lit", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		char stem[WORD_MAX + 4];
		size_t e = strlen(rules[i].ending), n = len - e;
		const struct entry *found;

		if (len < e + 2 || memcmp(word + n, rules[i].ending, e) != 0)
			continue;
		memcpy(stem, word, n);
		for (const char *c = rules[i].instead; *c; c++)
			stem[n++] = *c;
		found = look_up(stem, n);
		if (found)
			return found;
	}
	return NULL;
}

static size_t next_word(const char **s, char word[static WORD_MAX])
{
	size_t n = 0;
	const unsigned char *c = (const unsigned char *)*s;

	while (*c && !((*c | 32) >= 'a' && (*c | 32) <= 'z') && *c < 128)
		c++;
	for (; ((*c | 32) >= 'a' && (*c | 32) <= 'z') || *c >= 128; c++)
		if (n < WORD_MAX)
			word[n++] = *c < 128 ? (char)(*c | 32) : (char)*c;
	*s = (const char *)c;
	return n;
}

/* A colour waits for the next subject; what comes too late leaves it as a tint. */
struct waiting {
	uint32_t color;
	int words; /* how many more words it waits for; 0: none waits */
};

static void settle_tint(struct traits *t, struct waiting *w)
{
	if (w->words > 0 && t->n_tints < TRAIT_TINTS_MAX)
		t->tint[t->n_tints++] = w->color;
	w->words = 0;
}

static void add_subject(struct traits *t, enum subject kind, struct waiting *w)
{
	for (int i = 0; i < t->n_subjects; i++) /* "pirate ship" is one ship */
		if (t->subject[i].kind == kind)
			return;
	if (t->n_subjects == TRAIT_SUBJECTS_MAX)
		return;
	t->subject[t->n_subjects].kind = kind;
	t->subject[t->n_subjects].has_color = w->words > 0;
	t->subject[t->n_subjects].color = w->color;
	t->n_subjects++;
	w->words = 0;
}

static void apply(struct traits *t, const struct entry *e, struct waiting *w)
{
	switch (e->kind) {
	case KIND_PLACE:
		/* A lake has mountains and woods round it already. */
		if (t->place == PLACE_NONE ||
			(e->value == PLACE_LAKE && (t->place == PLACE_MOUNTAINS ||
							   t->place == PLACE_FOREST)))
			t->place = (enum place)e->value;
		break;
	case KIND_HOUR:
		if (t->hour == HOUR_NONE)
			t->hour = (enum hour)e->value;
		break;
	case KIND_WEATHER:
		t->weather |= e->value;
		break;
	case KIND_SUBJECT:
		add_subject(t, (enum subject)e->value, w);
		break;
	case KIND_COLOR:
		settle_tint(t, w);
		*w = (struct waiting){e->value, 3};
		return;
	}
	t->is_known = true;
}

void traits_of(struct traits *ret, const char *prompt)
{
	struct waiting w = {0};
	char word[WORD_MAX];
	size_t n;

	*ret = (struct traits){.words = 0x51ed270bu};
	while ((n = next_word(&prompt, word)) > 0) {
		const struct entry *e = find(word, n);
		uint32_t h = (uint32_t)n;

		for (size_t i = 0; i < n; i++)
			h = hash32(h ^ (uint8_t)word[i]);
		ret->words = hash32(ret->words * 31 + h);
		if (e)
			apply(ret, e, &w);
		if (w.words == 1)
			settle_tint(ret, &w);
		else if (w.words > 0)
			w.words--;
	}
	settle_tint(ret, &w);
}
