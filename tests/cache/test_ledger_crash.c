// SPDX-License-Identifier: MIT
/* Killed between the commits of paid calls: what was told stays so, and the totals are
 * those of the rows. */
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/cache/ledger_support.h"
#include "tests/support/ledger_rows.h"

#define KILLS 40
#define PRICE 25000

/* What the child says has happened to call `id` (take id of one prompt). */
struct report {
	uint64_t id;
	enum ledger_state state;
};

static void spot_of(struct spot *s, char name[24], uint64_t id)
{
	snprintf(name, 24, "%" PRIu64 ".png", id);
	spot_init(s, "crash", "imagen-3", name);
}

static int take_newest(void *user, const struct ledger_row *row)
{
	*(uint64_t *)user = row->id;
	return 1;
}

static void say(int fd, uint64_t id, enum ledger_state state)
{
	struct report r = {.id = id, .state = state};

	if (write(fd, &r, sizeof(r)) != sizeof(r))
		_exit(9);
}

static void end_call(struct fixture *f, const struct cache_place *place, uint64_t id)
{
	struct record rec = generated("imagen-3");
	struct cache_item item = {.place = place,
		.rec = &rec,
		.close = {.id = id, .to = LEDGER_SETTLED, .charged_ud = PRICE}};
	struct err err = {0};
	size_t size = id % 5 == 4 ? 1500000 : 300;
	uint8_t *data = malloc(size);

	fill(data, size, id);
	item.w = blob_writer_new(f->cache, &err);
	if (!item.w || blob_writer_write(item.w, data, size, &err) < 0 ||
		cache_commit_all(f->cache, &item, 1, NULL, &err) < 0)
		_exit(4);
	blob_writer_free(item.w);
	free(data);
}

/* Buys takes until it is killed. */
static void child_main(struct fixture *f, int fd)
{
	struct err err = {0};

	if (cache_open(&f->config, &f->cache, &err) < 0)
		_exit(1);
	for (;;) {
		static struct answer a;
		struct spot s;
		char name[24];
		uint64_t id = 0;

		each_row(f->cache, take_newest, &id);
		spot_of(&s, name, id + 1); /* the id that it will have */
		if (reserve_one(f->cache, &s.place, PRICE, NULL, &a) < 0)
			_exit(2);
		id = a.id[0];
		say(fd, id, LEDGER_RESERVED);
		if (move_to(f->cache, id, LEDGER_SENT) < 0)
			_exit(3);
		say(fd, id, LEDGER_SENT);
		end_call(f, &s.place, id);
		say(fd, id, LEDGER_SETTLED);
	}
}

/* The last that was reported of each call goes to `known`. */
static bool hear(int fd, enum ledger_state *known, uint64_t max)
{
	struct report r;

	if (read(fd, &r, sizeof(r)) != sizeof(r))
		return false;
	if (CHECK(r.id < max))
		known[r.id] = r.state;
	return true;
}

#define CALLS_MAX 4096

static bool run_and_kill(struct fixture *f, enum ledger_state *known, uint64_t x)
{
	int fds[2], status, reports = (int)(x % 5);
	struct pollfd p = {.events = POLLIN};
	pid_t pid;

	if (pipe(fds) < 0)
		abort();
	fflush(stdout);
	pid = fork();
	if (!pid) {
		close(fds[0]);
		child_main(f, fds[1]);
	}
	close(fds[1]);
	while (reports-- && hear(fds[0], known, CALLS_MAX))
		;
	p.fd = fds[0];
	poll(&p, 1, 0);
	usleep((useconds_t)(x >> 20) % 20000);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	while (hear(fds[0], known, CALLS_MAX))
		;
	close(fds[0]);
	return WIFSIGNALED(status);
}

struct look {
	struct fixture *f;
	const enum ledger_state *known;
	int64_t spent, reserved;
	int at_each[8];
};

/* A call is where it was told to be, or one step further; it is settled if and only if
 * its file is there. */
static int look_at(void *user, const struct ledger_row *row)
{
	struct look *l = user;
	enum ledger_state known = l->known[row->id];
	struct spot s;
	char name[24];
	bool is_there;

	spot_of(&s, name, row->id);
	is_there = file_is(
		l->f->cache, &s.place, row->id % 5 == 4 ? 1500000 : 300, row->id);
	CHECK_INT(is_there, row->state == LEDGER_SETTLED);
	CHECK(row->state == known || (row->state == LEDGER_RESERVED && !known) ||
		(row->state == LEDGER_SENT && known == LEDGER_RESERVED) ||
		(row->state == LEDGER_SETTLED && known == LEDGER_SENT));
	l->spent += row->state == LEDGER_SETTLED ? PRICE : 0;
	l->reserved += row->state == LEDGER_SETTLED ? 0 : PRICE;
	l->at_each[row->state]++;
	return 0;
}

static void what_was_told_survives_a_kill(void)
{
	static enum ledger_state known[CALLS_MAX];
	struct fixture f;
	struct look l;
	struct err err = {0};
	uint64_t x = 88172645463325252u;

	ledger_start(&f);
	cache_close(f.cache);
	f.cache = NULL;
	for (int i = 0; i < KILLS; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		if (!CHECK(run_and_kill(&f, known, x)) ||
			!CHECK_INT(fixture_reopen(&f), 0))
			break;
		l = (struct look){.f = &f, .known = known};
		CHECK_INT(each_row(f.cache, look_at, &l), 0);
		CHECK(money_is(f.cache, l.spent, l.reserved, 0));
		CHECK_INT(ledger_check(f.cache, NULL, &err), 0);
		CHECK(money_is(f.cache, l.spent, l.reserved, 0));
		CHECK_INT(cache_verify(f.cache, NULL, NULL, NULL, NULL, &err), 0);
		cache_close(f.cache);
		f.cache = NULL;
	}
	printf("# %d settled, %d sent, %d reserved over %d kills\n",
		l.at_each[LEDGER_SETTLED], l.at_each[LEDGER_SENT],
		l.at_each[LEDGER_RESERVED], KILLS);
	CHECK(l.at_each[LEDGER_SETTLED] > KILLS / 2);
	CHECK(l.at_each[LEDGER_SENT] + l.at_each[LEDGER_RESERVED] > KILLS / 4);
	CHECK_INT(fixture_reopen(&f), 0);
	fixture_end(&f);
}

TAP_MAIN(TAP_CASE(what_was_told_survives_a_kill))
