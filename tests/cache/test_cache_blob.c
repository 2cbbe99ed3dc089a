// SPDX-License-Identifier: MIT
#include <sys/resource.h>

#include "cache/base/clk.h"
#include "tests/cache/support.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

/* Anonymous memory of this process: the map of the store is not ours to count. */
static size_t rss_anon(void)
{
	char line[256];
	size_t kib = 0;
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "RssAnon: %zu", &kib) == 1)
			break;
	}
	if (f)
		fclose(f);
	return kib << 10;
}

static void streaming_takes_little_memory(void)
{
	const size_t step = 1u << 20, total = 256;
	struct fixture f;
	struct spot s;
	struct record rec = generated("veo-2");
	struct err err = {0};
	struct blob_writer *w;
	uint8_t *data = malloc(step);
	size_t before, peak = 0;

	fixture_start(&f, 0);
	before = rss_anon();
	spot_init(&s, "long", "veo-2", "60s.mp4");
	w = blob_writer_new(f.cache, &err);
	for (size_t i = 0; i < total; i++) {
		size_t now;

		fill(data, step, i);
		CHECK_INT(blob_writer_write(w, data, step, &err), 0);
		now = rss_anon();
		peak = now > peak ? now : peak;
	}
	CHECK_INT(blob_writer_size(w), total * step);
	CHECK_INT(commit_file(f.cache, &s.place, &rec, w, NULL, &err), 0);
	blob_writer_free(w);
	printf("# %zu MiB of memory for %zu MiB\n", (peak - before) >> 20, total);
	if (!IS_SANITIZED)
		CHECK(peak - before < 32u << 20);
	CHECK_INT(rec.size, total * step);
	CHECK_INT(cache_verify(f.cache, NULL, NULL, NULL, NULL, &err), 0);
	free(data);
	fixture_end(&f);
}

static void equal_bytes_are_kept_once(void)
{
	struct prune_rule rule = {
		.older_than_ms = INT64_MAX, .at_most_bytes = UINT64_MAX};
	struct prune_result res;
	struct fixture f;
	struct spot a, b;
	struct file_brief x, y;
	struct cache_stat st;
	struct err err = {0};

	fixture_start(&f, 0);
	spot_init(&a, "a fox", "imagen-3", "1.png");
	spot_init(&b, "a cat", "imagen-2", "1.png");
	CHECK_INT(put_file(f.cache, &a.place, 5000000, 1), 0);
	CHECK_INT(put_file(f.cache, &b.place, 5000000, 1), 0);
	CHECK_INT(cache_brief(f.cache, &a.key, &x, NULL), 0);
	CHECK_INT(cache_brief(f.cache, &b.key, &y, NULL), 0);
	CHECK_INT(x.blob_id, y.blob_id);
	CHECK_INT(cache_stat(f.cache, &st), 0);
	CHECK_INT(st.blobs, 1);
	CHECK_INT(cache_remove(f.cache, &a.place, &err), 0);
	CHECK_INT(cache_prune(f.cache, &rule, NULL, NULL, &res, &err), 0);
	CHECK_INT(res.files, 1);
	CHECK_INT(res.bytes, 0);
	CHECK(file_is(f.cache, &b.place, 5000000, 1));
	CHECK_INT(cache_remove(f.cache, &b.place, &err), 0);
	CHECK_INT(cache_prune(f.cache, &rule, NULL, NULL, &res, &err), 0);
	CHECK_INT(res.bytes, 5000000);
	CHECK_INT(cache_stat(f.cache, &st), 0);
	CHECK_INT(st.blobs, 0);
	CHECK(st.used_bytes < 1000000);
	fixture_end(&f);
}

static void the_original_is_kept_beside(void)
{
	struct fixture f;
	struct spot s;
	struct record rec = generated("imagen-3"), got = {0};
	struct err err = {0};
	struct blob_writer *w, *orig;
	char text[8] = "";

	fixture_start(&f, 0);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	w = blob_writer_new(f.cache, &err);
	orig = blob_writer_new(f.cache, &err);
	CHECK_INT(blob_writer_write(w, "new", 3, &err), 0);
	CHECK_INT(blob_writer_write(orig, "old!", 4, &err), 0);
	CHECK_INT(commit_file(f.cache, &s.place, &rec, w, orig, &err), 0);
	CHECK_INT(blob_writer_write(w, "x", 1, &err), -EINVAL);
	blob_writer_free(w);
	blob_writer_free(orig);
	CHECK_INT(cache_find(f.cache, &s.key, &got, NULL, &err), 0);
	CHECK_INT(got.orig_size, 4);
	CHECK_INT(cache_read(f.cache, got.orig_id, 4, 0, text, 4, &err), 0);
	CHECK_STR(text, "old!");
	record_finish(&got);
	fixture_end(&f);
}

static void abandoned_bytes_are_collected(void)
{
	struct fixture f;
	struct err err = {0};
	struct cache_stat st;
	struct blob_writer *w;
	uint8_t *data = calloc(1, 20u << 20);

	fixture_start(&f, 0);
	w = blob_writer_new(f.cache, &err);
	CHECK_INT(blob_writer_write(w, data, 20u << 20, &err), 0);
	blob_writer_free(w);
	blob_writer_free(NULL);
	CHECK_INT(fixture_reopen(&f), 0);
	CHECK_INT(fixture_reopen(&f), 0);
	CHECK_INT(cache_stat(f.cache, &st), 0);
	CHECK_INT(st.blobs, 0);
	CHECK(st.used_bytes < 1000000);
	free(data);
	fixture_end(&f);
}

static void views_cross_chunks_and_clip(void)
{
	const size_t size = 3 * (size_t)CACHE_CHUNK + 5;
	struct fixture f;
	struct spot s;
	struct file_brief b = {0};
	struct cache_view *v;
	struct iovec iov[8];
	struct err err = {0};
	uint8_t *want = malloc(size), got[64];
	size_t len;
	int n;

	fixture_start(&f, 0);
	fill(want, size, 4);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	CHECK_INT(put_file(f.cache, &s.place, size, 4), 0);
	CHECK_INT(cache_brief(f.cache, &s.key, &b, NULL), 0);
	CHECK_INT(cache_view_begin(f.cache, &v), 0);
	n = 8;
	CHECK_INT(cache_view_iov(v, b.blob_id, size, CACHE_CHUNK - 1, CACHE_CHUNK + 2,
			  iov, &n, &len),
		0);
	CHECK_INT(n, 3);
	CHECK_INT(len, CACHE_CHUNK + 2);
	CHECK(!memcmp(iov[1].iov_base, want + CACHE_CHUNK, iov[1].iov_len));
	CHECK_INT(*(uint8_t *)iov[0].iov_base, want[CACHE_CHUNK - 1]);
	n = 2;
	CHECK_INT(cache_view_iov(v, b.blob_id, size, 0, size, iov, &n, &len), 0);
	CHECK_INT(n, 2);
	CHECK_INT(len, 2 * (size_t)CACHE_CHUNK);
	n = 8;
	CHECK_INT(cache_view_iov(v, b.blob_id, size, size - 3, 100, iov, &n, &len), 0);
	CHECK_INT(len, 3);
	n = 8;
	CHECK_INT(cache_view_iov(v, b.blob_id, size, size, 100, iov, &n, &len), 0);
	CHECK_INT(len, 0);
	CHECK_INT(n, 0);
	n = 8;
	CHECK_INT(cache_view_iov(v, b.blob_id, size + 1, 0, size + 1, iov, &n, &len),
		-EBADMSG);
	n = 8;
	CHECK_INT(cache_view_iov(v, 999, size, 0, 1, iov, &n, &len), -EBADMSG);
	cache_view_end(f.cache, v);
	CHECK_INT(
		cache_read(f.cache, b.blob_id, size, size - 8, got, 9, &err), -EINVAL);
	CHECK_INT(cache_read(f.cache, 999, size, 0, got, 9, &err), -EBADMSG);
	CHECK(*err.why);
	CHECK_INT(cache_read(f.cache, b.blob_id, size, CACHE_CHUNK - 30, got, 64, &err),
		0);
	CHECK(!memcmp(got, want + CACHE_CHUNK - 30, 64));
	free(want);
	fixture_end(&f);
}

static void copies_are_equal(void)
{
	static const size_t sizes[] = {1, 256u << 10, 2 * (size_t)CACHE_CHUNK + 7};
	struct fixture f;

	fixture_start(&f, 0);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct record rec = generated("imagen-3");
		struct blob_writer *w;
		struct file_brief b = {0};
		struct err err = {0};
		struct spot from, to;
		char name[2] = {(char)('1' + i), '\0'};

		spot_init(&from, "a fox", "imagen-3", name);
		spot_init(&to, "its copy", "imagen-3", name);
		CHECK_INT(put_file(f.cache, &from.place, sizes[i], i), 0);
		CHECK_INT(cache_brief(f.cache, &from.key, &b, NULL), 0);
		w = blob_writer_new(f.cache, &err);
		CHECK_INT(cache_copy(f.cache, b.blob_id, b.size, w, &err), 0);
		CHECK_INT((int64_t)blob_writer_size(w), (int64_t)sizes[i]);
		CHECK_INT(commit_file(f.cache, &to.place, &rec, w, NULL, &err), 0);
		CHECK(file_is(f.cache, &to.place, sizes[i], i));
		blob_writer_free(w);
		w = blob_writer_new(f.cache, &err);
		CHECK_INT(cache_copy(f.cache, 999, 5, w, &err), -EBADMSG);
		CHECK(*err.why);
		blob_writer_free(w);
	}
	fixture_end(&f);
}

/* Where address space is short the map is as large as fits. */
static void a_small_address_space_is_enough(void)
{
	struct rlimit old, small = {UINT64_C(8) << 30, RLIM_INFINITY};
	struct fixture f;
	struct spot s;
	struct cache_stat st;

	if (IS_SANITIZED)
		return;
	getrlimit(RLIMIT_AS, &old);
	small.rlim_max = old.rlim_max;
	CHECK_INT(setrlimit(RLIMIT_AS, &small), 0);
	fixture_start(&f, 0);
	CHECK_INT(cache_stat(f.cache, &st), 0);
	CHECK(st.map_bytes < UINT64_C(8) << 30 && st.map_bytes >= UINT64_C(1) << 30);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	CHECK_INT(put_file(f.cache, &s.place, 5000000, 1), 0);
	CHECK(file_is(f.cache, &s.place, 5000000, 1));
	fixture_end(&f);
	setrlimit(RLIMIT_AS, &old);
}

TAP_MAIN(TAP_CASE(streaming_takes_little_memory), TAP_CASE(equal_bytes_are_kept_once),
	TAP_CASE(the_original_is_kept_beside), TAP_CASE(abandoned_bytes_are_collected),
	TAP_CASE(views_cross_chunks_and_clip), TAP_CASE(copies_are_equal),
	TAP_CASE(a_small_address_space_is_enough))
