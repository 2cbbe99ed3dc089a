// SPDX-License-Identifier: MIT
#include "tests/cache/support.h"

static int put(struct cache *c, const char *name, const char *text, int64_t mtime_ms)
{
	struct err err = {0};
	struct blob_writer *w = blob_writer_new(c, &err);
	int r = blob_writer_write(w, text, strlen(text), &err);

	if (!r)
		r = cache_input_put(c, name, w, mtime_ms, &err);
	blob_writer_free(w);
	return r;
}

static bool holds(struct cache *c, const char *name, const char *text)
{
	struct input_brief b;
	struct err err = {0};
	char got[64] = "";

	return !cache_input_find(c, name, &b) && b.size == strlen(text) &&
	       !cache_read(c, b.blob_id, b.size, 0, got, b.size, &err) &&
	       !strcmp(got, text);
}

static void put_find_replace(void)
{
	struct fixture f;
	struct input_brief a = {0}, b = {0};

	fixture_start(&f, 0);
	CHECK_INT(cache_input_find(f.cache, "a.txt", &a), -ENOENT);
	CHECK_INT(put(f.cache, "a.txt", "one", 5), 0);
	CHECK_INT(cache_input_find(f.cache, "a.txt", &a), 0);
	CHECK_INT(a.mtime_ms, 5);
	CHECK(holds(f.cache, "a.txt", "one"));
	CHECK_INT(put(f.cache, "a.txt", "two!", 6), 0);
	CHECK(holds(f.cache, "a.txt", "two!"));
	CHECK_INT(cache_input_find(f.cache, "a.txt", &b), 0);
	CHECK_INT(b.ino, a.ino);
	CHECK_INT(put(f.cache, "b.txt", "", 6), 0);
	CHECK(holds(f.cache, "b.txt", ""));
	CHECK_INT(fixture_reopen(&f), 0);
	CHECK(holds(f.cache, "a.txt", "two!"));
	CHECK_INT(put(f.cache, "", "x", 6), -EINVAL);
	fixture_end(&f);
}

/* Who has an input open keeps reading it, though it was replaced. */
static void replaced_bytes_stay_readable(void)
{
	struct fixture f;
	struct input_brief b = {0};
	struct err err = {0};
	struct cache_stat st;
	char got[4] = "";

	fixture_start(&f, 0);
	CHECK_INT(put(f.cache, "a.txt", "one", 5), 0);
	CHECK_INT(cache_input_find(f.cache, "a.txt", &b), 0);
	CHECK_INT(put(f.cache, "a.txt", "two", 5), 0);
	CHECK_INT(cache_input_remove(f.cache, "a.txt", &err), 0);
	CHECK_INT(cache_read(f.cache, b.blob_id, 3, 0, got, 3, &err), 0);
	CHECK_STR(got, "one");
	CHECK_INT(fixture_reopen(&f), 0);
	CHECK_INT(fixture_reopen(&f), 0);
	CHECK_INT(cache_read(f.cache, b.blob_id, 3, 0, got, 3, &err), -EBADMSG);
	CHECK_INT(cache_stat(f.cache, &st), 0);
	CHECK_INT(st.blobs, 0);
	fixture_end(&f);
}

static void rename_remove_touch(void)
{
	struct fixture f;
	struct input_brief b = {0};
	struct err err = {0};

	fixture_start(&f, 0);
	CHECK_INT(put(f.cache, "a.txt", "one", 5), 0);
	CHECK_INT(put(f.cache, "b.txt", "two", 5), 0);
	CHECK_INT(cache_input_rename(f.cache, "a.txt", "b.txt", false, &err), -EEXIST);
	CHECK(*err.why);
	CHECK_INT(cache_input_rename(f.cache, "x.txt", "b.txt", true, &err), -ENOENT);
	CHECK_INT(cache_input_rename(f.cache, "a.txt", "a.txt", false, &err), 0);
	CHECK_INT(cache_input_rename(f.cache, "a.txt", "b.txt", true, &err), 0);
	CHECK(holds(f.cache, "b.txt", "one"));
	CHECK_INT(cache_input_find(f.cache, "a.txt", NULL), -ENOENT);
	CHECK_INT(cache_input_rename(f.cache, "b.txt", "c.txt", false, &err), 0);
	CHECK_INT(cache_input_touch(f.cache, "c.txt", 99, &err), 0);
	CHECK_INT(cache_input_find(f.cache, "c.txt", &b), 0);
	CHECK_INT(b.mtime_ms, 99);
	CHECK_INT(cache_input_touch(f.cache, "b.txt", 99, &err), -ENOENT);
	CHECK_INT(cache_input_remove(f.cache, "c.txt", &err), 0);
	CHECK_INT(cache_input_remove(f.cache, "c.txt", &err), -ENOENT);
	CHECK_INT(cache_verify(f.cache, NULL, NULL, NULL, NULL, &err), 0);
	fixture_end(&f);
}

static int join_name(void *user, const char *name, const struct input_brief *b)
{
	(void)b;
	strcat(user, name);
	return !strcmp(name, "stop");
}

static void lists_in_order(void)
{
	struct fixture f;
	char names[64] = "";

	fixture_start(&f, 0);
	CHECK_INT(put(f.cache, "b", "1", 1), 0);
	CHECK_INT(put(f.cache, "a", "1", 1), 0);
	CHECK_INT(put(f.cache, "stop", "1", 1), 0);
	CHECK_INT(put(f.cache, "z", "1", 1), 0);
	CHECK_INT(cache_input_list(f.cache, NULL, join_name, names), 1);
	CHECK_STR(names, "abstop");
	*names = '\0';
	CHECK_INT(cache_input_list(f.cache, "stop", join_name, names), 0);
	CHECK_STR(names, "z");
	fixture_end(&f);
}

TAP_MAIN(TAP_CASE(put_find_replace), TAP_CASE(replaced_bytes_stay_readable),
	TAP_CASE(rename_remove_touch), TAP_CASE(lists_in_order))
