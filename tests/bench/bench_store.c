// SPDX-License-Identifier: MIT
/* How fast the store is, beside a plain file in the same directory.
 *
 *	bench_store [DIR [MiB of the blob [records]]]
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "cache/index.h"
#include "tests/support/commit_file.h"

#define STEP (1u << 20)
#define LISTED 100000 /* files in one directory, through cache_commit_all */
#define COMMITTERS 256
#define ROWS_PER_COMMIT 100000
#define LOOKUPS 2000000

struct bench {
	struct cache_config config;
	struct cache *cache;
	uint64_t blob_mib, records, listed;
	uint8_t *data; /* STEP bytes */
};

static void die(const char *what, int r, const struct err *err)
{
	fprintf(stderr, "%s: %s %s\n", what, strerror(-r), err ? err->why : "");
	exit(1);
}

static void open_store(struct bench *b)
{
	struct err err = {0};
	int r = cache_open(&b->config, &b->cache, &err);

	if (r < 0)
		die("open", r, &err);
}

static void close_store(struct bench *b)
{
	cache_close(b->cache);
	b->cache = NULL;
}

static double seconds_since(int64_t from_us)
{
	return (double)(clk_mono_us() - from_us + 1) / 1e6;
}

/* Every step differs, or the filesystem below might cheat. */
static void next_step(struct bench *b, uint64_t i)
{
	for (size_t k = 0; k < STEP; k += 4096)
		memcpy(b->data + k, &i, sizeof(i));
}

/* ---- one big blob ---- */

static double plain_file(struct bench *b)
{
	char path[512];
	int64_t from = clk_mono_us();
	double s;
	int fd;

	snprintf(path, sizeof(path), "%s/plain", b->config.dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		die(path, -errno, NULL);
	for (uint64_t i = 0; i < b->blob_mib; i++) {
		next_step(b, i);
		if (write(fd, b->data, STEP) != STEP)
			die(path, -errno, NULL);
	}
	if (fdatasync(fd) < 0)
		die(path, -errno, NULL);
	s = seconds_since(from);
	close(fd);
	unlink(path);
	return s;
}

static void place_of(
	struct cache_place *ret, struct digest *key, const char *name[4], uint64_t n)
{
	digest_of(key, &n, sizeof(n));
	*ret = (struct cache_place){
		.key = key, .name = name, .n = 4, .program = "bench"};
}

static struct record record_of(const char *model)
{
	return (struct record){.state = RECORD_GENERATED,
		.type = MEDIA_PNG,
		.created_ms = clk_real_ms(),
		.estimate_ud = 25000,
		.seed = UINT64_MAX,
		.path = (char *)"prompts/0123456789abcdef/imagen-3/1.png",
		.model = (char *)model,
		.served_by = (char *)model,
		.detail = (char *)"{\"request\":{\"prompt\":\"a red fox in snow\"}}"};
}

static double store_blob(struct bench *b, uint64_t salt)
{
	const char *name[4] = {"videos", "a long one", "veo-2", "60s.mp4"};
	struct record rec = record_of("veo-2");
	struct cache_place place;
	struct digest key;
	struct err err = {0};
	int64_t from = clk_mono_us();
	struct blob_writer *w = blob_writer_new(b->cache, &err);
	int r = w ? 0 : -ENOMEM;

	place_of(&place, &key, name, salt << 40);
	for (uint64_t i = 0; !r && i < b->blob_mib; i++) {
		next_step(b, i + (salt << 40));
		r = blob_writer_write(w, b->data, STEP, &err);
	}
	if (!r)
		r = commit_file(b->cache, &place, &rec, w, NULL, &err);
	if (r < 0)
		die("store", r, &err);
	blob_writer_free(w);
	return seconds_since(from);
}

static size_t peak_rss(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (size_t)u.ru_maxrss << 10;
}

/* Turn about, twice, the better of each: the machine is shared. */
static void bench_blob(struct bench *b)
{
	double plain, stored, t;
	size_t before = peak_rss(), grown;
	double mib = (double)b->blob_mib;

	if (!b->blob_mib)
		return;
	stored = store_blob(b, 1);
	grown = peak_rss() - before;
	plain = plain_file(b);
	t = store_blob(b, 2);
	stored = t < stored ? t : stored;
	t = plain_file(b);
	plain = t < plain ? t : plain;
	printf("blob of %.0f MiB, durable    %8.0f MiB/s\n", mib, mib / stored);
	printf("plain file, fdatasync       %8.0f MiB/s   ratio %.2f (wanted: 0.60)\n",
		mib / plain, plain / stored);
	printf("peak memory grown by        %8zu MiB     (wanted: below 100)\n",
		grown >> 20);
}

/* ---- many files ---- */

struct committer {
	struct bench *bench;
	_Atomic uint64_t *next;
	pthread_t thread;
};

static void *committer_main(void *arg)
{
	struct committer *m = arg;
	struct bench *b = m->bench;
	uint64_t n;

	while ((n = (*m->next)++) < b->listed) {
		const char *name[4] = {"prompts", "a red fox", "imagen-3"};
		struct record rec = record_of("imagen-3");
		struct err err = {0};
		struct cache_place place;
		struct digest key;
		char file[32];
		struct blob_writer *w = blob_writer_new(b->cache, &err);
		int r = w ? blob_writer_write(w, &n, sizeof(n), &err) : -ENOMEM;

		snprintf(file, sizeof(file), "%llu.png", (unsigned long long)n);
		name[3] = file;
		place_of(&place, &key, name, n);
		if (!r)
			r = commit_file(b->cache, &place, &rec, w, NULL, &err);
		if (r < 0)
			die("commit", r, &err);
		blob_writer_free(w);
	}
	return NULL;
}

static void bench_commits(struct bench *b)
{
	static struct committer m[COMMITTERS];
	_Atomic uint64_t next = 0;
	int64_t from = clk_mono_us();

	for (size_t i = 0; i < COMMITTERS; i++) {
		m[i] = (struct committer){.bench = b, .next = &next};
		if (pthread_create(&m[i].thread, NULL, committer_main, &m[i]))
			die("thread", -EAGAIN, NULL);
	}
	for (size_t i = 0; i < COMMITTERS; i++)
		pthread_join(m[i].thread, NULL);
	printf("small files, %d at once    %8.0f files/s\n", COMMITTERS,
		(double)b->listed / seconds_since(from));
}

struct bulk {
	struct op op;
	struct bench *bench;
	uint64_t from, n;
};

/* Rows as a commit leaves them in the two tables that a lookup uses. */
static int bulk_run(struct op *op, MDB_txn *txn)
{
	struct bulk *k = container_of(op, struct bulk, op);
	struct cache *c = k->bench->cache;
	struct record rec = record_of("imagen-3");
	struct entry e = {.state = RECORD_GENERATED, .type = MEDIA_PNG, .dir = 1};
	int r = 0;

	for (uint64_t i = 0; !r && i < k->n; i++) {
		uint64_t n = k->from + i;
		struct digest key;

		digest_of(&key, &n, sizeof(n));
		r = record_put(c, txn, &key, &rec);
		if (!r)
			r = entry_put(c, txn, &key, &e);
	}
	return r;
}

static void fill_up(struct bench *b)
{
	int64_t from = clk_mono_us();
	uint64_t done = b->listed;

	while (done < b->records) {
		struct bulk k = {.op = {.run = bulk_run}, .bench = b, .from = done};
		int r;

		k.n = b->records - done < ROWS_PER_COMMIT ? b->records - done
							  : ROWS_PER_COMMIT;
		r = writer_call(&b->cache->writer, &k.op);
		if (r < 0)
			die("bulk", r, NULL);
		done += k.n;
	}
	printf("(filled up to %llu records in %.1f s)\n",
		(unsigned long long)b->records, seconds_since(from));
}

static int count_one(void *user, const struct cache_entry *e)
{
	(void)e;
	++*(uint64_t *)user;
	return 0;
}

static void bench_listing(struct bench *b)
{
	const char *name[3] = {"prompts", "a red fox", "imagen-3"};
	uint64_t dir, n = 0;
	int64_t from;
	int r = cache_dir_find(b->cache, name, 3, &dir);

	if (r < 0)
		die("listing", r, NULL);
	from = clk_mono_us();
	r = cache_list(b->cache, dir, 0, count_one, &n);
	printf("listing %llu entries     %8.1f ms\n", (unsigned long long)n,
		seconds_since(from) * 1e3);
	if (r < 0 || n != b->listed)
		die("listing", r, NULL);
}

static void bench_lookups(struct bench *b, uint64_t among)
{
	enum { KEYS = 4096 };
	static struct digest key[KEYS];
	struct file_brief brief;
	int64_t from;

	for (uint64_t i = 0; i < KEYS; i++) {
		uint64_t n = i * 2654435761u % among;

		digest_of(&key[i], &n, sizeof(n));
	}
	from = clk_mono_us();
	for (uint64_t i = 0; i < LOOKUPS; i++) {
		int r = cache_brief(b->cache, &key[i % KEYS], &brief, NULL);

		if (r < 0)
			die("lookup", r, NULL);
	}
	printf("lookups among %9llu   %8.2f million/s (wanted: 1)\n",
		(unsigned long long)among, LOOKUPS / seconds_since(from) / 1e6);
}

static void bench_open(struct bench *b)
{
	double best = 1e9;

	for (int i = 0; i < 3; i++) {
		int64_t from;
		double s;

		close_store(b);
		from = clk_mono_us();
		open_store(b);
		s = seconds_since(from);
		best = s < best ? s : best;
	}
	printf("open with %llu records  %8.1f ms        (wanted: below 100)\n",
		(unsigned long long)b->records, best * 1e3);
}

static int remove_one(
	const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int main(int argc, char **argv)
{
	struct bench b = {.blob_mib = 1024, .records = 1000000};
	char dir[256];

	setvbuf(stdout, NULL, _IOLBF, 0);
	snprintf(
		dir, sizeof(dir), "%s/bench-store-XXXXXX", argc > 1 ? argv[1] : "/tmp");
	if (argc > 2)
		b.blob_mib = strtoull(argv[2], NULL, 10);
	if (argc > 3)
		b.records = strtoull(argv[3], NULL, 10);
	b.listed = b.records < LISTED ? b.records : LISTED;
	if (!mkdtemp(dir))
		die(dir, -errno, NULL);
	b.config = (struct cache_config){.dir = dir, .ns = "local"};
	b.data = calloc(1, STEP);
	open_store(&b);
	if (argc > 4) { /* "keep": only a store of that many records, for bench_mount */
		fill_up(&b);
		close_store(&b);
		printf("%s\n", dir);
		return 0;
	}
	bench_blob(&b);
	bench_commits(&b);
	bench_listing(&b);
	bench_lookups(&b, b.listed);
	fill_up(&b);
	bench_lookups(&b, b.records);
	bench_open(&b);
	close_store(&b);
	free(b.data);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return 0;
}
