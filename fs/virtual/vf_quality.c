// SPDX-License-Identifier: MIT
/* .quality of a file and of a directory: what was measured; asks for what was not.
 * Any thread. */
#include <errno.h>
#include <string.h>

#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "fs/mount/link.h"
#include "fs/virtual/file_state.h"
#include "fs/virtual/vfile.h"

/* ---- one file ---- */

static int print_state(const char *state, struct buf *out)
{
	scoped_json cJSON *o = cJSON_CreateObject();

	if (!o || !cJSON_AddStringToObject(o, "state", state))
		return -ENOMEM;
	return json_print(out, o);
}

int vf_file_quality(struct promptfs *fs, const struct place *p, struct buf *out)
{
	scoped(file_state_finish) struct file_state s = {0};
	scoped_json cJSON *o = NULL;
	int r = file_state_get(fs, &p->req, &s);

	if (r < 0)
		return r;
	if (!s.has_record || s.rec.state != RECORD_GENERATED)
		return print_state(s.name, out);
	if (!s.rec.quality) {
		engine_measure(fs->engine, &p->req);
		return print_state("measuring", out);
	}
	o = json_parse(s.rec.quality, strlen(s.rec.quality), NULL);
	return o ? json_print(out, o) : -EBADMSG;
}

/* ---- a directory ---- */

struct listing {
	struct promptfs *fs;
	cJSON *files;
};

/* Only members that compare files; the rest stands in the file's own report. */
static void add_scores(cJSON *to, const char *json)
{
	static const char *const names[] = {"sharpness_score", "brightness_score",
		"contrast_score", "quality_grade"};
	scoped_json cJSON *o = json_parse(json, strlen(json), NULL);

	for (size_t i = 0; o && i < ARRAY_SIZE(names); i++) {
		cJSON *m = cJSON_DetachItemFromObjectCaseSensitive(o, names[i]);

		if (m)
			cJSON_AddItemToObject(to, names[i], m);
	}
}

static int add_file(void *user, const struct cache_entry *e)
{
	struct listing *l = user;
	scoped(record_finish) struct record rec = {0};
	cJSON *o;

	if (e->is_dir || cache_find(l->fs->cache, &e->key, &rec, NULL, NULL) < 0)
		return 0;
	o = cJSON_CreateObject();
	if (!o)
		return -ENOMEM;
	cJSON_AddStringToObject(o, "name", e->name);
	if (rec.quality)
		add_scores(o, rec.quality);
	else
		cJSON_AddStringToObject(o, "state", "measuring");
	cJSON_AddItemToArray(l->files, o);
	return 0;
}

static void add_best(struct promptfs *fs, uint64_t dir, cJSON *o)
{
	for (size_t i = MEDIA_NONE + 1; i < media_table_n; i++) {
		enum media_type type = (enum media_type)i;
		scoped_free char *name = NULL;

		if (media_is_known(type) && !media_traits(type)->is_text &&
			cache_best(fs->cache, dir, type, &name) == 0) {
			cJSON_AddStringToObject(o, "best", name);
			return;
		}
	}
}

static int holds_files(const struct place *p)
{
	return p->dir == PLACE_MODEL;
}

int vf_dir_quality(struct promptfs *fs, const struct place *p, struct buf *out)
{
	static const char *const grades[] = {"A", "B", "C", "D"};
	scoped_json cJSON *o = cJSON_CreateObject();
	struct totals t = {0};
	uint64_t dir = 0;
	cJSON *by;
	int r = listed_dir(fs, p, &dir);

	if (r == 0)
		r = cache_totals(fs->cache, dir, NULL, &t);
	if (r < 0 && r != -ENOENT)
		return r;
	if (!o)
		return -ENOMEM;
	by = cJSON_AddObjectToObject(o, "grades");
	for (size_t i = 0; i < ARRAY_SIZE(grades); i++)
		json_add_int(by, grades[i], (int64_t)t.grades[i]);
	if (!holds_files(p))
		return json_print(out, o);
	if (dir)
		add_best(fs, dir, o);
	struct listing l = {.fs = fs, .files = cJSON_AddArrayToObject(o, "files")};
	r = dir ? cache_list(fs->cache, dir, 0, add_file, &l) : 0;
	return r < 0 ? r : json_print(out, o);
}
