// SPDX-License-Identifier: MIT
/* What others ask of the ledger, from any thread. While they look at a row, no
 * transaction is open. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/ledger_txn.h"
#include "cache/totals.h"

#define ROWS_PER_READ 32

/* ---- sums ---- */

int ledger_sums_in(struct cache *c, MDB_txn *txn, uint32_t uid,
	enum ledger_period period, int64_t now, struct ledger_sums *ret)
{
	static const struct {
		enum totals_scope all, user;
	} scopes[] = {
		[LEDGER_DAY] = {SCOPE_DAY, SCOPE_USER_DAY},
		[LEDGER_MONTH] = {SCOPE_MONTH, SCOPE_USER_MONTH},
		[LEDGER_TOTAL] = {SCOPE_ALL, SCOPE_USER},
	};
	bool is_all = uid == LEDGER_ANY_UID;
	char day[LEDGER_WHEN], month[LEDGER_WHEN], name[32];
	const char *when = period == LEDGER_DAY ? day : month;
	struct totals t;
	int r;

	ledger_when(now, day, month);
	if (period == LEDGER_TOTAL)
		when = "";
	if (is_all)
		snprintf(name, sizeof(name), "%s", when);
	else
		snprintf(name, sizeof(name), "%" PRIu32 "%s%s", uid, *when ? " " : "",
			when);
	r = totals_get_scope(
		c, txn, is_all ? scopes[period].all : scopes[period].user, name, &t);
	if (r < 0)
		return r;
	*ret = (struct ledger_sums){
		.spent_ud = t.spent_ud,
		.reserved_ud = t.reserved_ud,
		.unknown_ud = t.unknown_ud,
	};
	return 0;
}

int ledger_sums(struct cache *c, uint32_t uid, struct ledger_sums ret[LEDGER_PERIODS])
{
	struct ledger_sums sums[LEDGER_PERIODS];
	struct db_read *read;
	int64_t now;
	int r = db_read_begin(&c->db, &read);

	if (r < 0)
		return r;
	r = ledger_now(c, read->txn, &now);
	for (int i = 0; !r && i < LEDGER_PERIODS; i++)
		r = ledger_sums_in(
			c, read->txn, uid, (enum ledger_period)i, now, &sums[i]);
	db_read_end(&c->db, read);
	if (!r)
		memcpy(ret, sums, sizeof(sums));
	return r;
}

/* ---- rows ---- */

int ledger_find(struct cache *c, uint64_t id, struct ledger_row *ret, struct err *err)
{
	struct db_read *read;
	int r = db_read_begin(&c->db, &read);

	if (r < 0)
		return err_errno(err, -r, "cannot read the ledger");
	r = ledger_get(c, read->txn, id, ret, err);
	db_read_end(&c->db, read);
	return r == -ENOMEM ? err_oom(err) : r;
}

/* Some rows at a time, taken in one read transaction and shown after it. */
struct page {
	struct ledger_row row[ROWS_PER_READ];
	size_t n;
	bool is_damaged; /* a row was passed over */
};

static int page_add(struct page *p, struct cache *c, MDB_txn *txn, uint64_t id)
{
	int r = ledger_get(c, txn, id, &p->row[p->n], NULL);

	if (r == -EBADMSG)
		p->is_damaged = true;
	if (!r)
		p->n++;
	return r == -EBADMSG || r == -ENOENT ? 0 : r;
}

static int page_show(struct page *p, ledger_row_fn fn, void *user)
{
	int r = 0;

	for (size_t i = 0; !r && i < p->n; i++)
		r = fn(user, &p->row[i]);
	for (size_t i = 0; i < p->n; i++)
		ledger_row_finish(&p->row[i]);
	p->n = 0;
	return r;
}

static int open_page(struct cache *c, const uint64_t *id, size_t n, struct page *p)
{
	struct db_read *read;
	int r = db_read_begin(&c->db, &read);

	if (r < 0)
		return r;
	for (size_t i = 0; !r && i < n; i++) {
		r = page_add(p, c, read->txn, id[i]);
		/* It may have ended since the ids were read. */
		if (!r && p->n && !ledger_is_open(&p->row[p->n - 1]))
			ledger_row_finish(&p->row[--p->n]);
	}
	db_read_end(&c->db, read);
	return r;
}

int ledger_each_open(
	struct cache *c, const struct digest *key, ledger_row_fn fn, void *user)
{
	scoped(ledger_ids_finish) struct ledger_ids ids = {0};
	struct page page = {0};
	struct db_read *read;
	int r = db_read_begin(&c->db, &read);

	if (r < 0)
		return r;
	r = ledger_open_ids(c, read->txn, key, &ids);
	db_read_end(&c->db, read);
	for (size_t i = 0; !r && i < ids.n; i += ROWS_PER_READ) {
		size_t n = ids.n - i < ROWS_PER_READ ? ids.n - i : ROWS_PER_READ;
		int shown;

		r = open_page(c, ids.id + i, n, &page);
		shown = page_show(&page, fn, user);
		r = r ? r : shown;
	}
	return r ? r : page.is_damaged ? -EBADMSG : 0;
}

void ledger_counter(const struct cache *c, char ret[static 32])
{
	snprintf(ret, 32, "ledger %" PRIu32, c->ns);
}
