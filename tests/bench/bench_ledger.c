// SPDX-License-Identifier: MIT
/* What the ledger adds to a generation, beside fdatasync in the same directory, and
 * what it costs to open a store with a large one.
 *
 *	bench_ledger [DIR [generations [rows]]]
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/base/clk.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"
#include "cache/ledger_txn.h"

#define AT_ONCE 64
#define ROWS_PER_COMMIT 50000
#define PRICE 25000

struct bench {
	struct cache_config config;
	struct cache *cache;
	uint64_t n, rows;
	_Atomic uint64_t next;
	uint64_t end; /* of the run */
	bool is_paid; /* with the ledger */
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

/* ---- one flush after another ---- */

static double fdatasync_us(struct bench *b)
{
	static char page[4096];
	char path[512];
	int64_t from;
	int fd;

	snprintf(path, sizeof(path), "%s/plain", b->config.dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		die(path, -errno, NULL);
	from = clk_mono_us();
	for (uint64_t i = 0; i < b->n; i++) {
		memcpy(page, &i, sizeof(i));
		if (pwrite(fd, page, sizeof(page), 0) != sizeof(page) ||
			fdatasync(fd) < 0)
			die(path, -errno, NULL);
	}
	close(fd);
	unlink(path);
	return (double)(clk_mono_us() - from) / (double)b->n;
}

/* ---- a generation ---- */

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t told;
	bool is_told;
	uint64_t id;
};

static void tell(struct waiter *w, uint64_t id, const struct err *err)
{
	if (err)
		die("ledger", -err->code, err);
	pthread_mutex_lock(&w->lock);
	w->is_told = true;
	if (id)
		w->id = id;
	pthread_cond_signal(&w->told);
	pthread_mutex_unlock(&w->lock);
}

static void reserved(void *user, const uint64_t *ids, size_t n, const struct err *err)
{
	tell(user, n ? ids[0] : 0, err);
}

static void moved(void *user, const struct err *err)
{
	tell(user, 0, err);
}

static void await(struct waiter *w)
{
	pthread_mutex_lock(&w->lock);
	while (!w->is_told)
		pthread_cond_wait(&w->told, &w->lock);
	w->is_told = false;
	pthread_mutex_unlock(&w->lock);
}

static uint64_t reserve_and_send(struct bench *b, const struct cache_place *place)
{
	struct waiter w = {
		.lock = PTHREAD_MUTEX_INITIALIZER, .told = PTHREAD_COND_INITIALIZER};
	struct ledger_limit limit[] = {
		{.period = LEDGER_DAY, .udollars = INT64_C(1) << 50},
		{.period = LEDGER_MONTH, .udollars = INT64_C(1) << 50},
	};
	struct ledger_budget budget = {.limit = limit, .n = 2, .file_udollars = -1};
	struct ledger_part part = {.held_ud = PRICE};
	struct ledger_order order = {.place = place,
		.model = "imagen-3",
		.path = "/prompts/a red fox/imagen-3/1.png",
		.request = "{\"prompt\":\"a red fox in snow\",\"aspect\":\"16:9\"}",
		.served_by = "imagen-3",
		.n_parts = 1,
		.n = 1,
		.part = &part};
	struct ledger_move move = {.to = LEDGER_SENT, .charged_ud = -1};

	if (ledger_reserve(b->cache, &order, 1, &budget, reserved, &w) < 0)
		die("reserve", -ENOMEM, NULL);
	await(&w);
	if (ledger_move(b->cache, &w.id, 1, &move, moved, &w) < 0)
		die("move", -ENOMEM, NULL);
	await(&w);
	return w.id;
}

static void generate(struct bench *b, uint64_t n)
{
	const char *name[4] = {"prompts", "a red fox", "imagen-3"};
	struct record rec = {.state = RECORD_GENERATED,
		.type = MEDIA_PNG,
		.created_ms = clk_real_ms(),
		.model = (char *)"imagen-3"};
	struct digest key;
	struct cache_place place = {
		.key = &key, .name = name, .n = 4, .program = "bench", .uid = 1000};
	struct cache_item item = {.place = &place, .rec = &rec};
	struct err err = {0};
	char file[32];
	int r;

	snprintf(file, sizeof(file), "%llu.png", (unsigned long long)n);
	name[3] = file;
	digest_of(&key, &n, sizeof(n));
	if (b->is_paid)
		item.close = (struct ledger_close){
			.id = reserve_and_send(b, &place),
			.to = LEDGER_SETTLED,
			.charged_ud = PRICE,
		};
	item.w = blob_writer_new(b->cache, &err);
	r = item.w ? blob_writer_write(item.w, &n, sizeof(n), &err) : -ENOMEM;
	if (!r)
		r = cache_commit_all(b->cache, &item, 1, NULL, &err);
	if (r < 0)
		die("commit", r, &err);
	blob_writer_free(item.w);
}

static void *generator_main(void *arg)
{
	struct bench *b = arg;
	uint64_t n;

	while ((n = b->next++) < b->end)
		generate(b, n);
	return NULL;
}

/* Microseconds per generation. */
static double generations_us(struct bench *b, bool is_paid, size_t at_once)
{
	pthread_t thread[AT_ONCE];
	uint64_t n = at_once > 1 ? 16 * b->n : b->n;
	int64_t from = clk_mono_us();

	b->is_paid = is_paid;
	b->end = b->next + n;
	for (size_t i = 0; i < at_once; i++)
		if (pthread_create(&thread[i], NULL, generator_main, b))
			die("thread", -EAGAIN, NULL);
	for (size_t i = 0; i < at_once; i++)
		pthread_join(thread[i], NULL);
	b->next = b->end;
	return (double)(clk_mono_us() - from) / (double)n;
}

/* Turn about, the better of three: the machine is shared. */
static void bench_generations(struct bench *b, size_t at_once)
{
	double sync = 1e9, free_ = 1e9, paid = 1e9, t;

	for (int i = 0; i < 3; i++) {
		t = fdatasync_us(b);
		sync = t < sync ? t : sync;
		t = generations_us(b, false, at_once);
		free_ = t < free_ ? t : free_;
		t = generations_us(b, true, at_once);
		paid = t < paid ? t : paid;
	}
	printf("%2zu at once: fdatasync of a page %6.0f us; a file stored %6.0f us, "
	       "ratio %.2f\n",
		at_once, sync, free_, free_ / sync);
	printf("            reserved, sent, stored and settled %6.0f us; the ledger "
	       "adds %6.0f us, ratio %.2f\n",
		paid, paid - free_, (paid - free_) / sync);
}

/* ---- a large ledger ---- */

struct bulk {
	struct op op;
	struct cache *cache;
	uint64_t from, n;
};

/* Rows as settled calls leave them; the check finds the totals. */
static int bulk_run(struct op *op, MDB_txn *txn)
{
	struct bulk *k = container_of(op, struct bulk, op);
	struct ledger_row row = {.state = LEDGER_SETTLED,
		.n_parts = 1,
		.sends = 1,
		.held_ud = PRICE,
		.charged_ud = PRICE,
		.uid = 1000,
		.dir = 1,
		.program = (char *)"bench",
		.model = (char *)"imagen-3",
		.served_by = (char *)"imagen-3",
		.path = (char *)"/prompts/a red fox/imagen-3/1.png"};
	char counter[32];
	int r = 0;

	for (uint64_t i = 0; !r && i < k->n; i++) {
		row.id = k->from + i;
		row.created_ms = INT64_C(1764072000000) + (int64_t)row.id * 60000;
		row.uid = 1000 + (uint32_t)row.id % 3;
		digest_of(&row.key, &row.id, sizeof(row.id));
		r = ledger_store(k->cache, txn, NULL, &row);
	}
	ledger_counter(k->cache, counter);
	return r < 0 ? r : meta_put(txn, &k->cache->db, counter, row.id);
}

static uint64_t rows_now(struct bench *b)
{
	struct db_read *read;
	char counter[32];
	uint64_t n = 0;

	ledger_counter(b->cache, counter);
	if (db_read_begin(&b->cache->db, &read) < 0)
		die("read", -ENOMEM, NULL);
	meta_get(read->txn, &b->cache->db, counter, &n);
	db_read_end(&b->cache->db, read);
	return n;
}

static void fill_up(struct bench *b)
{
	uint64_t done = rows_now(b);

	while (done < b->rows) {
		struct bulk k = {
			.op = {.run = bulk_run}, .cache = b->cache, .from = done + 1};
		int r;

		k.n = b->rows - done < ROWS_PER_COMMIT ? b->rows - done
						       : ROWS_PER_COMMIT;
		r = writer_call(&b->cache->writer, &k.op);
		if (r < 0)
			die("bulk", r, NULL);
		done += k.n;
	}
}

static void bench_open(struct bench *b)
{
	double best = 1e9;

	for (int i = 0; i < 3; i++) {
		int64_t from;
		double ms;

		cache_close(b->cache);
		from = clk_mono_us();
		open_store(b);
		ms = (double)(clk_mono_us() - from) / 1e3;
		best = ms < best ? ms : best;
	}
	printf("open with %llu rows      %8.1f ms (wanted: below 200)\n",
		(unsigned long long)b->rows, best);
}

static void bench_check(struct bench *b, const char *what)
{
	struct err err = {0};
	int64_t from = clk_mono_us();
	int r = ledger_check(b->cache, NULL, &err);

	if (r < 0)
		die("check", r, &err);
	printf("check of %llu rows, %s %8.2f s\n", (unsigned long long)b->rows, what,
		(double)(clk_mono_us() - from) / 1e6);
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
	struct bench b = {.n = 300, .rows = 1000000};
	char dir[256];

	setvbuf(stdout, NULL, _IOLBF, 0);
	snprintf(dir, sizeof(dir), "%s/bench-ledger-XXXXXX",
		argc > 1 ? argv[1] : "/tmp");
	if (argc > 2)
		b.n = strtoull(argv[2], NULL, 10);
	if (argc > 3)
		b.rows = strtoull(argv[3], NULL, 10);
	if (!mkdtemp(dir))
		die(dir, -errno, NULL);
	b.config = (struct cache_config){.dir = dir, .ns = "google"};
	open_store(&b);
	bench_generations(&b, 1);
	bench_generations(&b, AT_ONCE);
	fill_up(&b);
	bench_open(&b);
	log_set_level(LOG_LEVEL_ERROR); /* the totals that bulk_run left out */
	bench_check(&b, "first ");
	bench_check(&b, "again ");
	cache_close(b.cache);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return 0;
}
