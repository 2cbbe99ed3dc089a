// SPDX-License-Identifier: MIT
/* The files that a history is about: few, so that they are asked for again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/mem.h"
#include "tests/backend/engine/sim.h"

struct kind {
	const char *model;
	enum media_type type;
	uint32_t seconds, takes;
	const char *option;
	enum option_id id;
};

/* One call and several, what must be converted, what is planned in parts. */
static const struct kind kinds[] = {
	{"imagen-3", MEDIA_PNG, 0, 1, NULL, 0},
	{"imagen-3", MEDIA_JPEG, 0, 1, NULL, 0},
	{"imagen-2", MEDIA_PNG, 0, 2, "5", OPT_SEED},
	{"imagen-2", MEDIA_PNG, 0, 1, NULL, 0},
	{"imagen-3", MEDIA_PNG, 0, 3, "3", OPT_COUNT},
	{"imagen-3", MEDIA_JPEG, 0, 2, "2", OPT_COUNT},
	{"gemini-nano-banana-2.1", MEDIA_PNG, 0, 1, NULL, 0},
	{"gemini-pro", MEDIA_TEXT, 0, 1, NULL, 0},
	{"veo-1.5", MEDIA_MP4, 6, 1, NULL, 0},
	{"veo-2", MEDIA_MP4, 4, 1, NULL, 0},
	{"veo-2", MEDIA_MP4, 8, 2, "2", OPT_COUNT},
	{"veo-1.5", MEDIA_MP4, 5, 1, "12", OPT_FPS},
	{"veo-2", MEDIA_MP4, 24, 1, NULL, 0},
	{"veo-2", MEDIA_MP4, 12, 1, NULL, 0},
};

static void make(struct sim *s, const struct kind *k, uint16_t take, uint32_t prompt)
{
	struct sim_file *f = &s->world->file[s->world->n_files++];
	struct digest key;
	char text[40];

	*f = (struct sim_file){.req = {.tree = k->seconds ? TREE_VIDEOS : TREE_PROMPTS,
				       .type = k->type,
				       .take = take,
				       .seconds = k->seconds}};
	snprintf(text, sizeof(text), "a red fox number %u", (unsigned)prompt);
	snprintf(f->req.model, sizeof(f->req.model), "%s", k->model);
	if (k->option)
		f->req.opt[k->id] = strdup(k->option);
	if (prompt_from_text(text, strlen(text), &f->req.prompt) < 0 ||
		request_key(&f->req, "google", &key) < 0 ||
		request_place_init(&f->place, &f->req, &key, NULL) < 0)
		sim_fail("out of memory");
}

void files_make(struct sim *s)
{
	struct dice d = dice_of(s->world->seed, 3);
	uint32_t prompt = 0;

	while (s->world->n_files < s->plan.n_files) {
		const struct kind *k = &kinds[dice_below(&d, ARRAY_SIZE(kinds))];

		if (s->plan.is_video && !k->seconds)
			continue;
		prompt++;
		for (uint32_t t = 1; t <= k->takes && s->world->n_files < SIM_FILES_MAX;
			t++)
			make(s, k, (uint16_t)t, prompt);
	}
}

void files_free(struct sim *s)
{
	for (uint32_t i = 0; i < s->world->n_files; i++) {
		request_place_finish(&s->world->file[i].place);
		request_finish(&s->world->file[i].req);
	}
	s->world->n_files = 0;
}

int file_of_key(const struct digest *key)
{
	for (uint32_t i = 0; i < sim.world->n_files; i++)
		if (!memcmp(&sim.world->file[i].place.key, key, sizeof(*key)))
			return (int)i;
	return -1;
}
