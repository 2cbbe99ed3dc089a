// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "cache/db.h"
#include "tests/cache/support.h"

#define FILES 40

static void store_path(const struct fixture *f, char ret[128])
{
	snprintf(ret, 128, "%s/store.mdb", f->dir);
}

/* Some files of all kinds, and some history, so that every table has rows. */
static void populate(struct fixture *f)
{
	static char names[FILES][16];

	for (int i = 0; i < FILES; i++) {
		struct spot s;
		struct err err = {0};

		snprintf(names[i], sizeof(names[i]), "%d.png", i);
		spot_init(&s, "damage", "imagen-3", names[i]);
		CHECK_INT(put_file(f->cache, &s.place,
				  i % 10 ? (size_t)i * 997 : 1500000, (uint64_t)i),
			0);
		if (i % 4 == 0)
			CHECK_INT(cache_remove(f->cache, &s.place, &err), 0);
		else
			CHECK_INT(cache_set_quality(
					  f->cache, &s.place, 0, "{}", 'B', i, &err),
				0);
	}
}

static uint8_t *read_store(const char *path, size_t *ret)
{
	struct stat st;
	uint8_t *p;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &st) < 0)
		abort();
	p = malloc((size_t)st.st_size);
	if (pread(fd, p, (size_t)st.st_size, 0) != st.st_size)
		abort();
	close(fd);
	*ret = (size_t)st.st_size;
	return p;
}

static void write_store(const char *path, const uint8_t *p, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, p, len) != (ssize_t)len)
		abort();
	close(fd);
}

static int open_quietly(struct fixture *f)
{
	struct err err = {0};
	int r;

	cache_close(f->cache);
	f->cache = NULL;
	r = cache_open(&f->config, &f->cache, &err);
	if (r < 0 && !*err.why)
		return -ENOMSG;
	return r;
}

static void a_truncated_file_is_refused(void)
{
	static const double parts[] = {0, 0.01, 0.3, 0.5, 0.9, 0.999};
	struct fixture f;
	char path[128];
	uint8_t *image;
	size_t len;

	fixture_start(&f, 64u << 20);
	populate(&f);
	cache_close(f.cache);
	f.cache = NULL;
	store_path(&f, path);
	image = read_store(path, &len);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		CHECK_INT(truncate(path, (off_t)((double)len * parts[i])), 0);
		CHECK_INT(open_quietly(&f), -EBADMSG);
		write_store(path, image, len);
	}
	CHECK_INT(truncate(path, (off_t)len - 1), 0);
	CHECK_INT(open_quietly(&f), -EBADMSG);
	write_store(path, image, len);
	CHECK_INT(open_quietly(&f), 0);
	free(image);
	fixture_end(&f);
}

static void what_is_not_ours_is_refused(void)
{
	struct fixture f;
	char path[128];
	uint8_t junk[20000];

	fixture_start(&f, 64u << 20);
	cache_close(f.cache);
	f.cache = NULL;
	store_path(&f, path);
	fill(junk, sizeof(junk), 5);
	write_store(path, junk, sizeof(junk));
	CHECK_INT(open_quietly(&f), -EBADMSG);
	memset(junk, 0, sizeof(junk));
	write_store(path, junk, sizeof(junk));
	CHECK_INT(open_quietly(&f), -EBADMSG);
	fixture_end(&f);
}

static void a_newer_schema_is_refused(void)
{
	struct fixture f;
	struct db db = {0};
	struct err err = {0};
	MDB_txn *txn;

	fixture_start(&f, 64u << 20);
	cache_close(f.cache);
	f.cache = NULL;
	CHECK_INT(db_open(&db, f.dir, 64u << 20, &err), 0);
	CHECK_INT(mdb_txn_begin(db.env, NULL, 0, &txn), 0);
	CHECK_INT(meta_put(txn, &db, "schema", DB_SCHEMA + 1), 0);
	CHECK_INT(mdb_txn_commit(txn), 0);
	db_close(&db);
	CHECK_INT(open_quietly(&f), -ENOTSUP);
	fixture_end(&f);
}

/* In a child: the store opens or says no; if it opens, verify says yes or no; if both
 * say yes, every file is as it was. 0 fine and whole, 1 damage seen, else a wrong
 * answer. */
static int look(struct fixture *f)
{
	struct err err = {0};
	struct verify_result v = {0};
	int r = open_quietly(f);

	if (r == -EBADMSG || r == -ENOTSUP)
		return 1;
	if (r < 0)
		return 10;
	r = cache_verify(f->cache, NULL, NULL, NULL, &v, &err);
	if (r == -EBADMSG)
		_exit(v.bad ? 1 : 11);
	if (r < 0)
		return 12;
	for (int i = 0; i < FILES; i++) {
		struct spot s;
		char name[16];

		if (i % 4 == 0)
			continue;
		snprintf(name, sizeof(name), "%d.png", i);
		spot_init(&s, "damage", "imagen-3", name);
		if (!file_is(f->cache, &s.place, i % 10 ? (size_t)i * 997 : 1500000,
			    (uint64_t)i))
			return 13;
	}
	cache_close(f->cache);
	return 0;
}

static int look_in_child(struct fixture *f)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(20);
		_exit(look(f));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Offsets spread over the file, with the headers and the small pages hit more often. */
static void bit_flips_are_told_and_never_crash(void)
{
	const char *more = getenv("STORE_FLIPS");
	int flips = more ? atoi(more) : 300, seen = 0, wrong = 0;
	struct fixture f;
	char path[128];
	uint8_t *image;
	size_t len;
	uint64_t x = 88172645463325252u;

	fixture_start(&f, 64u << 20);
	populate(&f);
	cache_close(f.cache);
	f.cache = NULL;
	store_path(&f, path);
	image = read_store(path, &len);
	for (int i = 0; i < flips; i++) {
		size_t at, bit;
		int r;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		at = i % 3 == 0 ? x % 8192 % 160 + (x >> 40) % 2 * 4096
				: (i % 3 == 1 ? x % len : len - 1 - x % (len / 16));
		bit = x >> 61;
		image[at] ^= (uint8_t)(1u << bit);
		write_store(path, image, len);
		r = look_in_child(&f);
		if (r > 1 || r < 0) {
			printf("# offset %zu bit %zu: %d\n", at, bit, r);
			wrong++;
		}
		seen += r == 1;
		image[at] ^= (uint8_t)(1u << bit);
	}
	printf("# %d of %d flips were seen, the others changed nothing\n", seen, flips);
	CHECK_INT(wrong, 0);
	CHECK(seen > flips / 4);
	free(image);
	fixture_end(&f);
}

static void collect_sentence(void *user, const char *sentence)
{
	CHECK(*sentence);
	++*(int *)user;
}

static void verify_names_damaged_bytes(void)
{
	static const uint8_t needle[] = "a needle that is nowhere else";
	struct fixture f;
	struct spot s;
	struct record rec = generated("imagen-3");
	struct verify_result v = {0};
	struct err err = {0};
	_Atomic bool stop = true;
	char path[128];
	uint8_t *image, *at;
	int sentences = 0;
	size_t len;

	fixture_start(&f, 64u << 20);
	spot_init(&s, "damage", "imagen-3", "1.png");
	CHECK_INT(put_bytes(f.cache, &s.place, needle, sizeof(needle), &rec, &err), 0);
	CHECK_INT(cache_verify(f.cache, NULL, NULL, NULL, &v, &err), 0);
	CHECK_INT(v.blobs, 1);
	CHECK_INT(v.bytes, sizeof(needle));
	CHECK_INT(v.records, 1);
	CHECK_INT(cache_verify(f.cache, &stop, NULL, NULL, &v, &err), -ECANCELED);
	cache_close(f.cache);
	f.cache = NULL;
	store_path(&f, path);
	image = read_store(path, &len);
	at = memmem(image, len, needle, sizeof(needle));
	CHECK(at != NULL);
	while (at) { /* older copies of the page are in the file too */
		at[3] ^= 4;
		at = memmem(image, len, needle, sizeof(needle));
	}
	write_store(path, image, len);
	CHECK_INT(fixture_reopen(&f), 0);
	CHECK_INT(cache_verify(f.cache, NULL, collect_sentence, &sentences, &v, &err),
		-EBADMSG);
	CHECK_INT(v.bad, 1);
	CHECK_INT(sentences, 1);
	free(image);
	fixture_end(&f);
}

TAP_MAIN(TAP_CASE(a_truncated_file_is_refused), TAP_CASE(what_is_not_ours_is_refused),
	TAP_CASE(a_newer_schema_is_refused),
	TAP_CASE(bit_flips_are_told_and_never_crash),
	TAP_CASE(verify_names_damaged_bytes))
