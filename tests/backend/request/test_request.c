// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "backend/request/request.h"
#include "cache/base/buf.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"
#include "tests/support/tap.h"

static void decodes_names(void)
{
	static const struct {
		const char *name, *text;
	} rows[] = {
		{"a red fox", "a red fox"},
		{"  a fox\t\n", "a fox"},
		{"\xc2\xa0 fox \xe3\x80\x80\xe2\x80\xa9", "fox"},
		{"a%2Fb%2fc", "a/b/c"},
		{"%2Ehidden%2e", ".hidden."},
		{"%40name", "@name"},
		{"100%25", "100%"},
		{"100% wool", "100% wool"},
		{"%2", "%2"},
		{"%252F", "%2F"},
		{"%41", "%41"},
		{"%20x%20", "%20x%20"},
		{"e\xcc\x81t\xc3\xa9", "\xc3\xa9t\xc3\xa9"},
		{"a \xcc\x81", "a \xcc\x81"},
		{"\xf0\x9f\xa6\x8a", "\xf0\x9f\xa6\x8a"},
		{"a\nb", "a\nb"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct prompt *p = NULL;

		if (CHECK_INT(prompt_from_name(rows[i].name, strlen(rows[i].name), &p),
			    0))
			CHECK_STR(p->text, rows[i].text);
		prompt_unref(p);
	}
}

static void refuses_names(void)
{
	static char longer[4097];
	static const struct {
		const char *name;
		size_t len;
		int r;
	} rows[] = {
		{"", 0, -ENOENT},
		{" \t ", 3, -ENOENT},
		{"\xff\xfe", 2, -EILSEQ},
		{"a\xc3", 2, -EILSEQ},
		{"\xed\xa0\x80", 3, -EILSEQ},
		{"\xc0\xaf", 2, -EILSEQ},
		{"a\0b", 3, -EILSEQ},
		{longer, 4096, -ENAMETOOLONG},
	};

	memset(longer, 'x', 4096);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct prompt *p = NULL;

		CHECK_INT(prompt_from_name(rows[i].name, rows[i].len, &p), rows[i].r);
		CHECK(!p);
	}
}

static void identity_is_sha256_of_text(void)
{
	struct prompt *p = NULL;
	char hex[DIGEST_HEX];

	if (!CHECK_INT(prompt_from_name(" abc", 4, &p), 0))
		return;
	digest_hex(&p->id, hex);
	CHECK_STR(hex,
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	CHECK_INT(p->codepoints, 3);
	prompt_unref(p);
	CHECK_INT(prompt_from_text("h\xc3\xa9llo\n", 7, &p), 0);
	CHECK_INT(p->codepoints, 5);
	CHECK_INT(p->len, 6);
	prompt_unref(p);
}

static void spells(void)
{
	static const struct {
		const char *text, *name;
	} rows[] = {
		{"a fox", "a fox"},
		{"and/or", "and%2For"},
		{".net", "%2Enet"},
		{"...", "%2E.."},
		{"dots. inside.", "dots. inside."},
		{"@home", "%40home"},
		{"me@home", "me@home"},
		{"100% wool", "100% wool"},
		{"%2Fx", "%252Fx"},
		{"%2fx", "%252fx"},
		{"%25", "%2525"},
		{"autorun.inf", "autorun%2Einf"},
		{"desktop.ini", "desktop%2Eini"},
		{"head", "head"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(buf_finish) struct buf b = {0};
		struct prompt *p = NULL;

		if (CHECK_INT(prompt_from_text(rows[i].text, strlen(rows[i].text), &p),
			    0) &&
			CHECK_INT(prompt_spelling(p, &b), 0))
			CHECK_STR(b.data, rows[i].name);
		prompt_unref(p);
	}
}

/* No escape can say these, or they are too long for a name. */
static void spells_by_hash(void)
{
	char wide[257], escapes[100];
	const char *texts[] = {"HEAD", "BDMV", "lost+found", "VIDEO_TS", "VIDEO_TS.IFO",
		wide, escapes};

	memset(wide, 'w', sizeof(wide) - 1);
	wide[sizeof(wide) - 1] = '\0';
	memset(escapes, '/', sizeof(escapes) - 1);
	escapes[sizeof(escapes) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		scoped(buf_finish) struct buf b = {0};
		struct prompt *p = NULL;
		char hex[DIGEST_HEX], want[18];

		if (!CHECK_INT(prompt_from_text(texts[i], strlen(texts[i]), &p), 0))
			continue;
		digest_hex(&p->id, hex);
		snprintf(want, sizeof(want), "@%.16s", hex);
		CHECK_INT(prompt_spelling(p, &b), 0);
		CHECK_STR(b.data, want);
		prompt_unref(p);
	}
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static void add_random(struct buf *b, uint32_t *state)
{
	static const char *const pieces[] = {"/", "%", ".", "@", "%2F", "%2", "2F",
		"25", "%40", " ", "\t", "\xc2\xa0", "e\xcc\x81", "\xc3\xa9",
		"\xe1\x84\x80\xe1\x85\xa1", "\xf0\x9f\xa6\x8a", "x", "fox", ",", "=",
		"HEAD", "\xe2\x84\xab", "\xe2\x80\x80", "\xcc\xa7", "\xcd\x84",
		"\xe0\xa5\x98", "\n", "\x01"};

	CHECK_INT(buf_adds(b, pieces[next_random(state) % ARRAY_SIZE(pieces)]), 0);
}

static void spelling_round_trip(void)
{
	uint32_t state = 7;

	for (int i = 0; i < 20000; i++) {
		scoped(buf_finish) struct buf text = {0}, name = {0};
		struct prompt *p = NULL, *q = NULL;

		for (uint32_t n = 1 + next_random(&state) % 12; n > 0; n--)
			add_random(&text, &state);
		if (prompt_from_text(text.data, text.len, &p) < 0)
			continue;
		CHECK_INT(prompt_spelling(p, &name), 0);
		CHECK(name.len <= 255 && !strchr(name.data, '/'));
		if (name.data[0] != '@') {
			CHECK(!prompt_name_is_reserved(name.data, name.len));
			CHECK_INT(prompt_from_name(name.data, name.len, &q), 0);
			if (!CHECK_STR(q ? q->text : NULL, p->text))
				i = 20000;
		}
		prompt_unref(p);
		prompt_unref(q);
	}
}

static void canonical_values(void)
{
	static const struct {
		enum option_id id;
		const char *value, *canonical;
	} rows[] = {
		{OPT_ASPECT, "16:9", "16:9"},
		{OPT_ASPECT, "16x9", "16:9"},
		{OPT_ASPECT, "016X09", "16:9"},
		{OPT_ASPECT, "wide", "wide"},
		{OPT_ASPECT, "16x", "16x"},
		{OPT_SIZE, "2k", "2K"},
		{OPT_SIZE, "512", "512"},
		{OPT_SIZE, "large", "large"},
		{OPT_RES, "4k", "4K"},
		{OPT_RES, "1080P", "1080p"},
		{OPT_RES, "720", "720"},
		{OPT_SEED, "0007", "7"},
		{OPT_SEED, "0", "0"},
		{OPT_SEED, "000", "0"},
		{OPT_SEED, "abc", "abc"},
		{OPT_SEED, "-1", "-1"},
		{OPT_SEED, "7.0", "7.0"},
		{OPT_GUIDANCE, "07.50", "7.5"},
		{OPT_GUIDANCE, ".5", "0.5"},
		{OPT_GUIDANCE, "7.", "7"},
		{OPT_GUIDANCE, "7.0", "7"},
		{OPT_GUIDANCE, "10", "10"},
		{OPT_GUIDANCE, ".", "."},
		{OPT_GUIDANCE, "1e3", "1e3"},
		{OPT_ENHANCE, "ON", "on"},
		{OPT_WATERMARK, "Off", "off"},
		{OPT_STYLE, "Cinematic", "cinematic"},
		{OPT_NEGATIVE, "Rain, Fog", "Rain, Fog"},
		{OPT_NEGATIVE, " a%2Fb ", " a/b "},
		{OPT_NEGATIVE, "e\xcc\x81", "\xc3\xa9"},
		{OPT_IMAGE, "e\xcc\x81.png", "e\xcc\x81.png"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped_free char *v = NULL;
		scoped_free char *again = NULL;

		CHECK_INT(option_canonical(
				  rows[i].id, rows[i].value, strlen(rows[i].value), &v),
			0);
		if (CHECK_STR(v, rows[i].canonical) && !strchr(v, '%')) {
			CHECK_INT(
				option_canonical(rows[i].id, v, strlen(v), &again), 0);
			CHECK_STR(again, v);
		}
	}
}

static void refused_values(void)
{
	char wide[300];
	char *v = NULL;

	memset(wide, 'w', sizeof(wide));
	CHECK_INT(option_canonical(OPT_SEED, "", 0, &v), -ENOENT);
	CHECK_INT(option_canonical(OPT_STYLE, "\xff", 1, &v), -EILSEQ);
	CHECK_INT(option_canonical(OPT_IMAGE, "\xff", 1, &v), -EILSEQ);
	CHECK_INT(
		option_canonical(OPT_NEGATIVE, wide, sizeof(wide), &v), -ENAMETOOLONG);
	CHECK_INT(option_canonical(OPT_NEGATIVE, wide, 246, &v), 0);
	free(v);
}

static void option_names(void)
{
	for (enum option_id id = 0; id < OPT_COUNT_; id++) {
		const char *name = option_name(id);

		CHECK_INT(option_find(name, strlen(name)), id);
		if (id > 0)
			CHECK(strcmp(option_name(id - 1), name) < 0);
	}
	CHECK_INT(option_find("seeds", 5), OPT_COUNT_);
	CHECK_INT(option_find("see", 3), OPT_COUNT_);
	CHECK(!option_name(OPT_COUNT_));
}

static void make(struct request *r, const char *prompt, const char *model)
{
	*r = (struct request){.type = MEDIA_PNG, .take = 1};
	CHECK_INT(prompt_from_name(prompt, strlen(prompt), &r->prompt), 0);
	strcpy(r->model, model);
}

static void paths(void)
{
	struct request r, copy;
	scoped(buf_finish) struct buf path = {0}, shown = {0};

	make(&r, "abc", "imagen-3");
	r.opt[OPT_SEED] = strdup("7");
	r.opt[OPT_NEGATIVE] = strdup("a/b");
	CHECK_INT(request_copy(&copy, &r), 0);
	CHECK_INT(request_path(&copy, &path), 0);
	CHECK_STR(path.data,
		"prompts/"
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
		"/imagen-3/negative=a%2Fb/seed=7/1.png");
	CHECK_INT(request_display(&copy, &shown), 0);
	CHECK_STR(shown.data, "/prompts/abc/imagen-3/negative=a%2Fb/seed=7/1.png");
	CHECK(request_is_file(&copy));
	copy.take = 0;
	CHECK(!request_is_file(&copy));
	request_finish(&copy);
	request_finish(&r);
}

static void file_names(void)
{
	static const struct {
		enum media_type type;
		uint16_t take;
		uint32_t seconds;
		const char *name;
	} rows[] = {
		{MEDIA_PNG, 1, 0, "1.png"},
		{MEDIA_JPEG, 999, 0, "999.jpg"},
		{MEDIA_TEXT, 2, 0, "2.txt"},
		{MEDIA_MP4, 1, 30, "30s.mp4"},
		{MEDIA_MP4, 2, 30, "30s-2.mp4"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct request r = {.type = rows[i].type,
			.take = rows[i].take,
			.seconds = rows[i].seconds};
		scoped(buf_finish) struct buf b = {0};

		CHECK_INT(request_file_name(&r, &b), 0);
		CHECK_STR(b.data, rows[i].name);
	}
}

static bool same(const struct digest *a, const struct digest *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static void keys(void)
{
	struct request a, b;
	struct digest ka, kb;

	make(&a, "a fox", "imagen-3");
	make(&b, " a fox ", "imagen-3");
	CHECK_INT(request_key(&a, "local", &ka), 0);
	CHECK_INT(request_key(&b, "local", &kb), 0);
	CHECK(same(&ka, &kb));
	CHECK_INT(request_key(&b, "google", &kb), 0);
	CHECK(!same(&ka, &kb));
	b.take = 2;
	CHECK_INT(request_key(&b, "local", &kb), 0);
	CHECK(!same(&ka, &kb));
	request_finish(&a);
	request_finish(&b);
}

#define FOX "647c3a6520b87d387c85a08faff768cf92f436d1477dabb951d7c6417813beb4"

/* What is stored is found by these: they never change. Half of a key is enough. */
static void golden_keys(void)
{
	static const struct {
		enum request_tree tree;
		enum media_type type;
		uint16_t take;
		uint32_t seconds;
		const char *model, *count, *path, *key, *job;
	} rows[] = {
		{TREE_PROMPTS, MEDIA_PNG, 1, 0, "imagen-3", NULL,
			"prompts/" FOX "/imagen-3/1.png",
			"d64b3901f941e701d20dd9de195e4c9f",
			"b96d8c28234d483bc0ec85a50001564b"},
		{TREE_PROMPTS, MEDIA_JPEG, 12, 0, "imagen-2", NULL,
			"prompts/" FOX "/imagen-2/12.jpg",
			"eeaa1e48aca5a70014c81260418597dd",
			"a686db08fa522f58fa4cb0b1ae9450f0"},
		{TREE_PROMPTS, MEDIA_PNG, 2, 0, "imagen-3", "4",
			"prompts/" FOX "/imagen-3/count=4/2.png",
			"bc84943654cb432b2bb39bc1377c49c1",
			"15c4cbb283b942680ed716835fa56e53"},
		{TREE_PROMPTS, MEDIA_TEXT, 3, 0, "gemini-pro", NULL,
			"prompts/" FOX "/gemini-pro/3.txt",
			"7cce4b5e5f81e655e56ab40f625bcc71",
			"780647a0f612c816872f981ceb5698dc"},
		{TREE_VIDEOS, MEDIA_MP4, 1, 30, "veo-2", NULL,
			"videos/" FOX "/veo-2/30s.mp4",
			"7303d975769748aa782d0de846fd2abe",
			"e335ef243957bfb9d3271cc9bb143e93"},
		{TREE_VIDEOS, MEDIA_MP4, 2, 8, "veo-2", NULL,
			"videos/" FOX "/veo-2/8s-2.mp4",
			"898cee8b380effdc48b6f007974e2472",
			"aadb0676afaa6986fc67ff6ba046734e"},
		{TREE_VIDEOS, MEDIA_MP4, 2, 8, "veo-1.5", "2",
			"videos/" FOX "/veo-1.5/count=2/8s-2.mp4",
			"afb6a1e38c6fdd40b7994b90768a9470",
			"f761ef1ec5a2d9f0627f4d5059709aeb"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(buf_finish) struct buf path = {0};
		char hex[DIGEST_HEX];
		struct request r;
		struct digest d;

		make(&r, "a red fox", rows[i].model);
		r.tree = rows[i].tree;
		r.type = rows[i].type;
		r.take = rows[i].take;
		r.seconds = rows[i].seconds;
		r.opt[OPT_COUNT] = rows[i].count ? strdup(rows[i].count) : NULL;
		CHECK_INT(request_path(&r, &path), 0);
		CHECK_STR(path.data, rows[i].path);
		CHECK_INT(request_key(&r, "local", &d), 0);
		digest_hex(&d, hex);
		CHECK(str_starts(hex, rows[i].key));
		CHECK_INT(request_job_key(&r, "vertex", &d), 0);
		digest_hex(&d, hex);
		CHECK(str_starts(hex, rows[i].job));
		request_finish(&r);
	}
}

static void takes_of_a_count_share_a_job(void)
{
	struct request a, b;
	struct digest ka, kb;

	make(&a, "a fox", "imagen-3");
	make(&b, "a fox", "imagen-3");
	a.opt[OPT_COUNT] = strdup("4");
	b.opt[OPT_COUNT] = strdup("4");
	b.take = 2;
	CHECK_INT(request_job_takes(&a), 4);
	CHECK_INT(request_job_key(&a, "local", &ka), 0);
	CHECK_INT(request_job_key(&b, "local", &kb), 0);
	CHECK(same(&ka, &kb));
	b.type = MEDIA_JPEG;
	CHECK_INT(request_job_key(&b, "local", &kb), 0);
	CHECK(!same(&ka, &kb));
	b.type = MEDIA_PNG;
	free(b.opt[OPT_COUNT]);
	b.opt[OPT_COUNT] = strdup("zero");
	CHECK_INT(request_job_takes(&b), 1);
	CHECK_INT(request_job_key(&b, "local", &kb), 0);
	CHECK_INT(request_key(&b, "local", &ka), 0);
	CHECK(same(&ka, &kb));
	request_finish(&a);
	request_finish(&b);
}

TAP_MAIN(TAP_CASE(decodes_names), TAP_CASE(refuses_names),
	TAP_CASE(identity_is_sha256_of_text), TAP_CASE(spells),
	TAP_CASE(spells_by_hash), TAP_CASE(spelling_round_trip),
	TAP_CASE(canonical_values), TAP_CASE(refused_values), TAP_CASE(option_names),
	TAP_CASE(paths), TAP_CASE(file_names), TAP_CASE(keys), TAP_CASE(golden_keys),
	TAP_CASE(takes_of_a_count_share_a_job))
