// SPDX-License-Identifier: MIT
#include "cache/base/buf.h"
#include "fs/grammar/grammar.h"

#include <errno.h>
#include <string.h>

#include "cache/base/mem.h"
#include "tests/support/tap.h"

static struct catalogue *cat;

static int by_hash(void *user, const char *hex16, struct prompt **ret)
{
	if (strcmp(hex16, "ba7816bf8f01cfea"))
		return -ENOENT;
	return prompt_from_text("abc", 3, ret);
}

static int by_input(void *user, const char *name, struct prompt **ret)
{
	if (strcmp(name, "story"))
		return -ENOENT;
	return prompt_from_text("a long story\n", 13, ret);
}

static struct grammar_env env(void)
{
	return (struct grammar_env){.catalogue = cat,
		.prompt_by_hash = by_hash,
		.prompt_by_input = by_input};
}

static void kinds(void)
{
	static const struct {
		const char *path;
		enum place_kind kind;
		const char *display; /* canonical form of what it asks for, or NULL */
	} rows[] = {
		{"/", PLACE_ROOT, NULL},
		{"/README.txt", PLACE_README, NULL},
		{"/prompts", PLACE_TREE, "/prompts"},
		{"/videos", PLACE_TREE, "/videos"},
		{"/.cost", PLACE_DIR_COST, NULL},
		{"/models/.quality", PLACE_DIR_QUALITY, NULL},
		{"/.promptfs/.cost", PLACE_DIR_COST, NULL},
		{"/prompts/a fox", PLACE_PROMPT, "/prompts/a fox"},
		{"/prompts/%2Ehidden", PLACE_PROMPT, "/prompts/%2Ehidden"},
		{"/prompts/@story", PLACE_PROMPT, "/prompts/a long story"},
		{"/prompts/@ba7816bf8f01cfea", PLACE_PROMPT, "/prompts/abc"},
		{"/prompts/@BA7816BF8F01CFEA", PLACE_PROMPT, "/prompts/abc"},
		{"/prompts/a fox/.prompt", PLACE_PROMPT_TEXT, "/prompts/a fox"},
		{"/prompts/a fox/imagen-3", PLACE_MODEL, "/prompts/a fox/imagen-3"},
		{"/prompts/a fox/imagen-3.0-generate-001", PLACE_MODEL,
			"/prompts/a fox/imagen-3"},
		{"/prompts/a fox/imagegeneration@006/1.png", PLACE_MEDIA,
			"/prompts/a fox/imagen-2/1.png"},
		{"/prompts/a fox/imagen-3/.cost", PLACE_DIR_COST,
			"/prompts/a fox/imagen-3"},
		{"/prompts/a fox/imagen-3/1.png", PLACE_MEDIA,
			"/prompts/a fox/imagen-3/1.png"},
		{"/prompts/a fox/imagen-3/999.jpg", PLACE_MEDIA,
			"/prompts/a fox/imagen-3/999.jpg"},
		{"/prompts/a fox/imagen-3/1.png.cost", PLACE_SIDECAR,
			"/prompts/a fox/imagen-3/1.png"},
		{"/prompts/a fox/imagen-3/1.png.orig", PLACE_SIDECAR,
			"/prompts/a fox/imagen-3/1.png"},
		{"/prompts/a fox/imagen-3/best.png", PLACE_BEST,
			"/prompts/a fox/imagen-3"},
		{"/prompts/a fox/imagen-3/.history", PLACE_HISTORY,
			"/prompts/a fox/imagen-3"},
		{"/prompts/a fox/imagen-3/.history/1.png~2", PLACE_HISTORY_FILE,
			"/prompts/a fox/imagen-3/1.png"},
		{"/prompts/a fox/imagen-3/seed=07/aspect=16x9/1.png", PLACE_MEDIA,
			"/prompts/a fox/imagen-3/aspect=16:9/seed=7/1.png"},
		{"/prompts/a fox/imagen-3/count=2/2.png", PLACE_MEDIA,
			"/prompts/a fox/imagen-3/count=2/2.png"},
		{"/prompts/a fox/imagen-3/seed=abc/1.png", PLACE_MEDIA,
			"/prompts/a fox/imagen-3/seed=abc/1.png"},
		{"/prompts/a fox/imagen-3/aspect=9:1", PLACE_MODEL,
			"/prompts/a fox/imagen-3/aspect=9:1"},
		{"/prompts/a fox/gemini-pro/1.txt", PLACE_MEDIA,
			"/prompts/a fox/gemini-pro/1.txt"},
		{"/videos/a fox/veo-2/30s.mp4", PLACE_MEDIA,
			"/videos/a fox/veo-2/30s.mp4"},
		{"/videos/a fox/veo-2/30s-1.mp4", PLACE_MEDIA,
			"/videos/a fox/veo-2/30s.mp4"},
		{"/videos/a fox/veo-2/res=4k/30s-12.mp4.json", PLACE_SIDECAR,
			"/videos/a fox/veo-2/res=4K/30s-12.mp4"},
		{"/videos/a fox/veo-2/best.mp4", PLACE_BEST, "/videos/a fox/veo-2"},
		{"/prompts/a fox/auto", PLACE_SELECT, "/prompts/a fox"},
		{"/prompts/a fox/best/size=2k", PLACE_SELECT, "/prompts/a fox"},
		{"/prompts/a fox/cheap/1.png", PLACE_SELECT_LINK, NULL},
		{"/prompts/a fox/auto/1.txt", PLACE_SELECT_LINK, NULL},
		{"/videos/a fox/auto/30s.mp4.cost", PLACE_SELECT_LINK, NULL},
		{"/prompts/a fox/auto/.cost", PLACE_DIR_COST, NULL},
		{"/inputs", PLACE_INPUTS, NULL},
		{"/inputs/photo.png", PLACE_INPUT, NULL},
		{"/inputs/.photo.png.swp", PLACE_INPUT, NULL},
		{"/models", PLACE_MODELS, NULL},
		{"/models/imagen-3.json", PLACE_MODEL_JSON, NULL},
		{"/models/imagegeneration@006.json", PLACE_MODEL_JSON, NULL},
		{"/.promptfs", PLACE_CONTROL, NULL},
		{"/.promptfs/status.json", PLACE_CONTROL_FILE, NULL},
		{"/.promptfs/errors.log", PLACE_CONTROL_FILE, NULL},
		{"//prompts///a fox//", PLACE_PROMPT, "/prompts/a fox"},
	};
	struct grammar_env e = env();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(buf_finish) struct buf shown = {0};
		struct place p = {0};

		if (!CHECK_INT(grammar_walk(&e, rows[i].path, &p), 0)) {
			printf("# %s\n", rows[i].path);
			continue;
		}
		CHECK_INT(p.kind, rows[i].kind);
		if (rows[i].display) {
			CHECK_INT(request_display(&p.req, &shown), 0);
			CHECK_STR(shown.data, rows[i].display);
		}
		place_finish(&p);
	}
}

static void nothing_there(void)
{
	static const struct {
		const char *path;
		int r;
		bool never;
	} rows[] = {
		{"/x", -ENOENT, true},
		{"/.hidden", -ENOENT, true},
		{"/prompts/.git", -ENOENT, true},
		{"/prompts/.Trash-1000", -ENOENT, true},
		{"/prompts/HEAD", -ENOENT, true},
		{"/prompts/autorun.inf", -ENOENT, true},
		{"/prompts/VIDEO_TS.IFO", -ENOENT, true},
		{"/prompts/lost+found", -ENOENT, true},
		{"/prompts/ ", -ENOENT, true},
		{"/prompts/@nobody", -ENOENT, false},
		{"/prompts/@", -ENOENT, false},
		{"/prompts/@0123456789abcdef", -ENOENT, false},
		{"/prompts/\xff", -EILSEQ, false},
		{"/prompts/a fox/imagen-9", -ENOENT, true},
		{"/prompts/a fox/veo-2", -ENOENT, true},
		{"/videos/a fox/imagen-3", -ENOENT, true},
		{"/videos/a fox/gemini-pro", -ENOENT, true},
		{"/prompts/a fox/.hidden", -ENOENT, true},
		{"/prompts/a fox/imagen-3/.prompt", -ENOENT, true},
		{"/prompts/a fox/imagen-3/0.png", -ENOENT, true},
		{"/prompts/a fox/imagen-3/01.png", -ENOENT, true},
		{"/prompts/a fox/imagen-3/1000.png", -ENOENT, true},
		{"/prompts/a fox/imagen-3/99999999999999999999.png", -ENOENT, true},
		{"/prompts/a fox/imagen-3/1.jpeg", -ENOENT, true},
		{"/prompts/a fox/imagen-3/1.PNG", -ENOENT, true},
		{"/prompts/a fox/imagen-3/1.txt", -ENOENT, true},
		{"/prompts/a fox/imagen-3/1.mp4", -ENOENT, true},
		{"/prompts/a fox/imagen-3/30s.png", -ENOENT, true},
		{"/prompts/a fox/imagen-3/1.png.tmp", -ENOENT, true},
		{"/prompts/a fox/imagen-3/1.png~1", -ENOENT, true},
		{"/prompts/a fox/imagen-3/1.png.cost.cost", -ENOENT, true},
		{"/prompts/a fox/imagen-3/1.png/x", -ENOENT, true},
		{"/prompts/a fox/imagen-3/1.png.cost/.cost", -ENOENT, true},
		{"/prompts/a fox/imagen-3/best.txt", -ENOENT, true},
		{"/prompts/a fox/imagen-3/best.mp4", -ENOENT, true},
		{"/prompts/a fox/gemini-pro/best.png", -ENOENT, true},
		{"/prompts/a fox/gemini-pro/1.png", -ENOENT, true},
		{"/prompts/a fox/auto/best.png", -ENOENT, true},
		{"/prompts/a fox/auto/.history", -ENOENT, true},
		{"/prompts/a fox/auto/30s.mp4", -ENOENT, true},
		{"/prompts/a fox/auto/res=4K", -ENOENT, true},
		{"/prompts/a fox/imagen-3/.history/1.png", -ENOENT, true},
		{"/prompts/a fox/imagen-3/.history/1.png~0", -ENOENT, true},
		{"/prompts/a fox/imagen-3/.history/1.png~01", -ENOENT, true},
		{"/prompts/a fox/imagen-3/colour=red", -ENOENT, true},
		{"/prompts/a fox/imagen-3/res=4K", -ENOENT, true},
		{"/prompts/a fox/imagen-3/seed=", -ENOENT, true},
		{"/prompts/a fox/imagen-3/=1", -ENOENT, true},
		{"/prompts/a fox/imagen-3/Seed=1", -ENOENT, true},
		{"/prompts/a fox/imagen-3/seed=1/seed=1", -ENOENT, true},
		{"/prompts/a fox/imagen-3/seed=1/aspect=1:1/seed=2", -ENOENT, true},
		{"/prompts/a fox/imagen-3/count=2/3.png", -ENOENT, true},
		{"/videos/a fox/veo-2/0s.mp4", -ENOENT, true},
		{"/videos/a fox/veo-2/30.mp4", -ENOENT, true},
		{"/videos/a fox/veo-2/30s-0.mp4", -ENOENT, true},
		{"/videos/a fox/veo-2/30s-1000.mp4", -ENOENT, true},
		{"/videos/a fox/veo-2/30s-.mp4", -ENOENT, true},
		{"/videos/a fox/veo-2/-30s.mp4", -ENOENT, true},
		{"/inputs/0123456789abcdef", -ENOENT, true},
		{"/inputs/0123456789ABCDEF.txt", -ENOENT, true},
		{"/inputs/\xc3(", -EILSEQ, false},
		{"/models/nobody.json", -ENOENT, true},
		{"/models/.json", -ENOENT, true},
		{"/models/x", -ENOENT, true},
		{"/.promptfs/x", -ENOENT, true},
	};
	struct grammar_env e = env();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *last = strrchr(rows[i].path, '/');
		scoped_free char *dir =
			strndup(rows[i].path, (size_t)(last - rows[i].path));
		struct place p = {0}, none = {0};
		bool never = !rows[i].never;

		if (grammar_walk(&e, dir, &p) < 0)
			never = rows[i].never; /* a file in the middle of the path */
		else
			CHECK_INT(grammar_step(&e, &p, last + 1, strlen(last + 1),
					  &none, &never),
				rows[i].r);
		if (!CHECK_INT(never, rows[i].never) ||
			!CHECK_INT(grammar_walk(&e, rows[i].path, &none), rows[i].r))
			printf("# %s\n", rows[i].path);
		place_finish(&p);
	}
}

static void longest_names(void)
{
	struct grammar_env e = env();
	struct place tree = {.kind = PLACE_TREE}, p = {0},
		     inputs = {.kind = PLACE_INPUTS};
	char name[4097];
	bool never = true;

	memset(name, 'x', sizeof(name));
	CHECK_INT(grammar_step(&e, &tree, name, 4096, &p, &never), -ENAMETOOLONG);
	CHECK(!never);
	CHECK_INT(grammar_step(&e, &tree, name, 4095, &p, &never), 0);
	CHECK_INT(p.req.prompt->len, 4095);
	place_finish(&p);
	CHECK_INT(grammar_step(&e, &inputs, name, 256, &p, &never), -ENAMETOOLONG);
	CHECK_INT(grammar_step(&e, &tree, "a\0b", 3, &p, &never), -EILSEQ);
}

static void details(void)
{
	struct grammar_env e = env();
	struct place p = {0}, q = {0};

	CHECK_INT(grammar_walk(&e, "/prompts/a fox/cheap/seed=3/2.png.cost", &p), 0);
	CHECK_INT(p.selector, SELECT_CHEAP);
	CHECK_INT(p.sidecar, SIDECAR_COST);
	CHECK_STR(p.req.opt[OPT_SEED], "3");
	CHECK_STR(p.req.model, "");
	CHECK_INT(p.req.take, 2);
	CHECK(place_is_link(&p) && !place_is_dir(&p));
	CHECK_INT(place_copy(&q, &p), 0);
	place_finish(&p);
	CHECK_STR(q.req.opt[OPT_SEED], "3");
	place_finish(&q);
	CHECK_INT(grammar_walk(&e, "/prompts/a fox/imagen-3/.history/7.jpg~12", &p), 0);
	CHECK_INT(p.history, 12);
	CHECK_INT(p.req.type, MEDIA_JPEG);
	place_finish(&p);
	CHECK_INT(grammar_walk(&e, "/models/veo-1.5-001.json", &p), 0);
	CHECK_STR(p.name, "veo-1.5");
	place_finish(&p);
	CHECK_INT(grammar_walk(&e, "/inputs/a b.txt", &p), 0);
	CHECK_STR(p.name, "a b.txt");
	place_finish(&p);
	CHECK_INT(grammar_walk(&e, "/inputs/.quality", &p), 0);
	CHECK_INT(p.dir, PLACE_INPUTS);
	place_finish(&p);
	CHECK_INT(grammar_walk(&e, "/.promptfs/metrics.prom", &p), 0);
	CHECK_INT(p.control, CONTROL_PROM);
	place_finish(&p);
	CHECK_STR(control_file_name(CONTROL_ERRORS), "errors.log");
	CHECK_STR(control_file_name(CONTROL_FILES_), NULL);
	CHECK_STR(sidecar_suffix(SIDECAR_NONE), NULL);
	CHECK_STR(sidecar_suffix(SIDECAR_QUALITY), ".quality");
}

/* Any order of the options, any spelling: one key. And the listed components of a file
 * lead back to it. */
static void order_does_not_matter(void)
{
	static const char *const options[][2] = {
		{"aspect=16:9", "aspect=16x9"},
		{"seed=7", "seed=007"},
		{"style=anime", "style=ANIME"},
		{"negative=a%2Fb", "negative=a%2fb"},
		{"guidance=7.5", "guidance=7.50"},
	};
	struct grammar_env e = env();
	struct digest want = {0};
	uint32_t state = 3;

	for (int round = 0; round < 500; round++) {
		scoped(buf_finish) struct buf path = {0}, shown = {0};
		size_t order[] = {0, 1, 2, 3, 4};
		struct place p = {0}, back = {0};
		struct digest key, again;

		CHECK_INT(buf_adds(&path, "/prompts/ 100%25 of%2Fit/imagen-3"), 0);
		for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
			size_t k, t = order[i];

			state = state * 1664525u + 1013904223u;
			k = i + (state >> 16) % (ARRAY_SIZE(order) - i);
			order[i] = order[k];
			order[k] = t;
			CHECK_INT(buf_addf(&path, "/%s",
					  options[order[i]][(state >> 12) & 1]),
				0);
		}
		CHECK_INT(buf_adds(&path, "/1.png"), 0);
		if (!CHECK_INT(grammar_walk(&e, path.data, &p), 0))
			break;
		CHECK_INT(request_key(&p.req, "local", &key), 0);
		if (round == 0)
			want = key;
		CHECK(!memcmp(&key, &want, sizeof(key)));
		CHECK_INT(request_display(&p.req, &shown), 0);
		CHECK_INT(grammar_walk(&e, shown.data, &back), 0);
		CHECK_INT(request_key(&back.req, "local", &again), 0);
		CHECK(!memcmp(&key, &again, sizeof(key)));
		place_finish(&p);
		place_finish(&back);
	}
}

static void begin(void)
{
	CHECK_INT(catalogue_new(&cat, NULL), 0);
}

static void end(void)
{
	catalogue_free(cat);
}

TAP_MAIN(TAP_CASE(begin), TAP_CASE(kinds), TAP_CASE(nothing_there),
	TAP_CASE(longest_names), TAP_CASE(details), TAP_CASE(order_does_not_matter),
	TAP_CASE(end))
