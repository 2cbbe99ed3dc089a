// SPDX-License-Identifier: MIT
/* A long run of random operations against a plain model of what they should leave. */
#include "tests/cache/support.h"

#define FILES 24
#define STEPS 600

struct model_file {
	struct spot spot;
	char name[16];
	int state; /* 0, or enum record_state */
	uint32_t draw, removed;
	uint8_t grade;
	double score;
	size_t size;
	uint64_t seed;
};

struct model {
	struct fixture f;
	struct model_file file[FILES];
	struct totals by_dir[4]; /* prompt (2) x model (2) */
	uint64_t x;
};

static uint64_t next_random(struct model *m)
{
	m->x ^= m->x << 13;
	m->x ^= m->x >> 7;
	m->x ^= m->x << 17;
	return m->x >> 11;
}

static void model_start(struct model *m)
{
	static const char *const prompts[] = {"a fox", "a cat"};
	static const char *const models[] = {"imagen-3", "imagen-2"};

	*m = (struct model){.x = 88172645463325252u};
	fixture_start(&m->f, 256u << 20);
	for (int i = 0; i < FILES; i++) {
		struct model_file *p = &m->file[i];

		snprintf(p->name, sizeof(p->name), "%d.png", i);
		spot_init(&p->spot, prompts[i % 2], models[i / 2 % 2], p->name);
	}
}

static void do_generate(struct model *m, struct model_file *p, struct totals *t)
{
	size_t size = 50 + next_random(m) % 3000;
	uint64_t seed = next_random(m) % 40; /* some bytes are equal */
	int r = put_file(m->f.cache, &p->spot.place, size, seed);

	if (p->state == RECORD_GENERATED) {
		CHECK_INT(r, -EEXIST);
		return;
	}
	CHECK_INT(r, 0);
	t->generated++;
	t->requests++;
	t->duration_ms += 40;
	p->state = RECORD_GENERATED;
	p->grade = 0;
	p->size = size;
	p->seed = seed;
}

static void do_fail(struct model *m, struct model_file *p, struct totals *t,
	enum record_state state)
{
	struct record rec = {.state = state,
		.created_ms = 1,
		.estimate_ud = 700,
		.charged_ud = state == RECORD_FAILED ? 30 : 0,
		.model = (char *)p->spot.name[2]};
	struct err err = {0};
	int r = commit_file(m->f.cache, &p->spot.place, &rec, NULL, NULL, &err);

	if (p->state == RECORD_GENERATED) {
		CHECK_INT(r, -EEXIST);
		return;
	}
	CHECK_INT(r, 0);
	t->requests++;
	t->failed++;
	p->state = (int)state;
}

static void do_remove(struct model *m, struct model_file *p, struct totals *t)
{
	struct err err = {0};
	int r = cache_remove(m->f.cache, &p->spot.place, &err);

	CHECK_INT(r, p->state ? 0 : -ENOENT);
	if (p->state == RECORD_GENERATED) {
		p->draw++;
		p->removed++;
		if (p->grade)
			t->grades[p->grade - 'A']--;
	}
	p->grade = 0;
	p->state = 0;
}

static void do_grade(struct model *m, struct model_file *p, struct totals *t)
{
	struct err err = {0};
	uint8_t grade = (uint8_t)('A' + next_random(m) % 4);
	double score = (double)(next_random(m) % 1000) - 500;
	int r = cache_set_quality(
		m->f.cache, &p->spot.place, p->draw, "{}", grade, score, &err);

	CHECK_INT(r, p->state == RECORD_GENERATED ? 0 : -ENOENT);
	if (r < 0)
		return;
	if (p->grade)
		t->grades[p->grade - 'A']--;
	t->grades[grade - 'A']++;
	p->grade = grade;
	p->score = score;
}

static void check_totals(struct model *m)
{
	struct totals all = {0}, t;

	for (int i = 0; i < 4; i++) {
		struct model_file *p = &m->file[i];
		const struct totals *want = &m->by_dir[i];
		uint64_t dir;

		if (cache_dir_find(m->f.cache, p->spot.name, 3, &dir) < 0)
			continue;
		CHECK_INT(cache_totals(m->f.cache, dir, p->spot.name[2], &t), 0);
		CHECK(!memcmp(&t, want, sizeof(t)));
		all.generated += want->generated;
		all.requests += want->requests;
	}
	CHECK_INT(cache_totals(m->f.cache, 1, NULL, &t), 0);
	CHECK_INT(t.spent_ud, 0); /* money is the ledger's: test_ledger_model */
	CHECK_INT(t.unknown_ud, 0);
	CHECK_INT(t.generated, all.generated);
	CHECK_INT(t.requests, all.requests);
}

static int add_counts(void *user, const char *name, const struct totals *t)
{
	struct totals *sum = user;

	(void)name;
	sum->generated += t->generated;
	sum->failed += t->failed;
	sum->requests += t->requests;
	sum->duration_ms += t->duration_ms;
	return 0;
}

/* Scopes add what was made when it was; rm takes nothing away. */
static void check_scopes(struct model *m)
{
	static const char *const scopes[] = {"program", "user", "day"};
	struct totals t, sum;

	CHECK_INT(cache_totals(m->f.cache, 1, NULL, &t), 0);
	CHECK(t.generated > 50 && t.failed > 20);
	for (size_t i = 0; i < ARRAY_SIZE(scopes); i++) {
		sum = (struct totals){0};
		CHECK_INT(cache_totals_by(m->f.cache, scopes[i], add_counts, &sum), 0);
		CHECK_INT(sum.generated, t.generated);
		CHECK_INT(sum.failed, t.failed);
		CHECK_INT(sum.requests, t.requests);
		CHECK_INT(sum.duration_ms, t.duration_ms);
	}
	CHECK_INT(cache_totals_by(m->f.cache, "moon", add_counts, &sum), -EINVAL);
}

static int count_entry(void *user, const struct cache_entry *e)
{
	*(int *)user += !e->is_dir;
	return 0;
}

static void check_files(struct model *m)
{
	int listed[4] = {0};
	struct cache_stat st;
	uint64_t files = 0;

	for (int i = 0; i < FILES; i++) {
		struct model_file *p = &m->file[i];
		struct file_brief b;
		uint32_t draw = 0;
		int r = cache_brief(m->f.cache, &p->spot.key, &b, &draw);

		CHECK_INT(r, p->state ? 0 : -ENOENT);
		CHECK_INT(draw, p->draw);
		if (p->state != RECORD_GENERATED)
			continue;
		CHECK(file_is(m->f.cache, &p->spot.place, p->size, p->seed));
		CHECK_INT(b.grade, p->grade);
		listed[i % 4]++;
		files++;
	}
	for (int i = 0; i < 4; i++) {
		uint64_t dir;
		int n = 0;

		if (!cache_dir_find(m->f.cache, m->file[i].spot.name, 3, &dir))
			CHECK_INT(cache_list(m->f.cache, dir, 0, count_entry, &n), 0);
		CHECK_INT(n, listed[i]);
	}
	CHECK_INT(cache_stat(m->f.cache, &st), 0);
	CHECK_INT(st.files, files);
}

static void check_best(struct model *m)
{
	for (int i = 0; i < 4; i++) {
		const struct model_file *best = NULL;
		char *name = NULL;
		uint64_t dir;

		for (int k = i; k < FILES; k += 4) {
			const struct model_file *p = &m->file[k];

			if (p->state != RECORD_GENERATED || !p->grade)
				continue;
			if (!best || p->grade < best->grade ||
				(p->grade == best->grade && p->score > best->score))
				best = p;
		}
		if (cache_dir_find(m->f.cache, m->file[i].spot.name, 3, &dir) < 0)
			continue;
		CHECK_INT(cache_best(m->f.cache, dir, MEDIA_PNG, &name),
			best ? 0 : -ENOENT);
		if (best && name && strcmp(name, best->name)) { /* a tie */
			int k = atoi(name);

			CHECK(m->file[k].grade == best->grade &&
				m->file[k].score == best->score);
		}
		free(name);
	}
}

static void totals_equal_a_recount(void)
{
	static struct model m;
	struct prune_rule rule = {
		.older_than_ms = INT64_MAX, .at_most_bytes = UINT64_MAX};
	struct err err = {0};

	model_start(&m);
	for (int i = 0; i < STEPS; i++) {
		int n = (int)(next_random(&m) % FILES);
		struct model_file *p = &m.file[n];
		struct totals *t = &m.by_dir[n % 4];

		switch (next_random(&m) % 12) {
		case 0:
		case 1:
		case 2:
		case 3:
			do_generate(&m, p, t);
			break;
		case 4:
			do_fail(&m, p, t, RECORD_FAILED);
			break;
		case 5:
			do_fail(&m, p, t, RECORD_UNKNOWN);
			break;
		case 6:
		case 7:
		case 8:
			do_remove(&m, p, t);
			break;
		default:
			do_grade(&m, p, t);
		}
		if (i % 100 == 99)
			CHECK_INT(cache_prune(m.f.cache, &rule, NULL, NULL, NULL, &err),
				0);
		if (i % 200 == 199)
			CHECK_INT(fixture_reopen(&m.f), 0);
		if (i % 20 == 19) {
			check_totals(&m);
			check_files(&m);
			check_best(&m);
		}
	}
	check_scopes(&m);
	CHECK_INT(cache_verify(m.f.cache, NULL, NULL, NULL, NULL, &err), 0);
	fixture_end(&m.f);
}

TAP_MAIN(TAP_CASE(totals_equal_a_recount))
