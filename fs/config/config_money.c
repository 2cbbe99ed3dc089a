// SPDX-License-Identifier: MIT
/* Amounts, budgets and the users they are for. Setting: main
 * thread; formatting: any. */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/base/money.h"
#include "cache/base/str.h"
#include "fs/config/config_table.h"

#define LIMITS_MAX 1024u
#define USERS_MAX 1024u
#define PIECE_MAX 128u

static const char *const period_names[LEDGER_PERIODS] = {"day", "month", "total"};

const char *config_period_name(enum ledger_period p)
{
	return period_names[p];
}

/* No limit must be said, never come about. */
static bool is_off(const char *text)
{
	return !strcmp(text, "off") || !strcmp(text, "none");
}

int config_set_money(
	const struct config_row *row, int64_t *value, const char *text, struct err *err)
{
	struct err why = {0};

	if (is_off(text)) {
		*value = -1;
		return 0;
	}
	if (!*text)
		return err_set(err, EINVAL, "%s needs an amount such as %s, or none",
			row->name, row->argument);
	if (money_parse(text, value, &why) < 0)
		return err_set(err, EINVAL, "%s: %s", row->name, why.why);
	return 0;
}

/* ---- users ---- */

static int parse_user(
	const struct config_row *row, const char *text, uint32_t *ret, struct err *err)
{
	const struct passwd *pw;
	uint64_t uid;

	/* The largest number means nobody, to the kernel and to the ledger. */
	if (str_parse_u64(text, LEDGER_ANY_UID - 1, &uid) == 0) {
		*ret = (uint32_t)uid;
		return 0;
	}
	/* Before the fork, so still one thread. */
	pw = *text ? getpwnam(text) : NULL;
	if (!pw)
		return err_set(
			err, EINVAL, "%s: there is no user \"%.64s\"", row->name, text);
	*ret = pw->pw_uid;
	return 0;
}

/* The next piece as a string. false: none is left. */
static bool next_piece(
	const char **text, char ret[static PIECE_MAX], bool *ret_too_long)
{
	struct str_piece piece;

	if (!str_next_piece(text, &piece))
		return false;
	*ret_too_long = piece.len >= PIECE_MAX;
	snprintf(ret, PIECE_MAX, "%.*s", (int)piece.len, piece.at);
	return true;
}

int config_set_users(const struct config_row *row, struct uid_list *value,
	const char *text, struct err *err)
{
	scoped_free uint32_t *uid = new_array(uint32_t, USERS_MAX);
	char piece[PIECE_MAX];
	bool is_too_long;
	size_t n = 0;

	if (!uid)
		return err_oom(err);
	while (text && *text && next_piece(&text, piece, &is_too_long)) {
		int r;

		if (n == USERS_MAX || is_too_long)
			return err_set(err, EINVAL, "%s is too long", row->name);
		r = parse_user(row, piece, &uid[n++], err);
		if (r < 0)
			return r;
	}
	free(value->uid);
	value->n = n;
	value->uid = steal_ptr(uid);
	return 0;
}

/* ---- budgets ---- */

static int parse_period(const struct config_row *row, const char *text,
	enum ledger_period *ret, struct err *err)
{
	for (int i = 0; i < LEDGER_PERIODS; i++) {
		if (!strcmp(text, period_names[i])) {
			*ret = (enum ledger_period)i;
			return 0;
		}
	}
	return err_set(err, EINVAL, "%s: \"%.32s\" is not day, month or total",
		row->name, text);
}

/* "5", "5/day", "alice:5/day". Takes `piece` apart. */
static int parse_limit(const struct config_row *row, char *piece,
	struct ledger_limit *ret, struct err *err)
{
	struct ledger_limit l = {.period = LEDGER_DAY,
		.is_per_user = row->type == CONFIG_BUDGET_UID,
		.uid = LEDGER_ANY_UID};
	char *colon = strchr(piece, ':'), *amount = piece, *slash;
	struct err why = {0};
	int r = 0;

	if (l.is_per_user && colon) {
		*colon = '\0';
		amount = colon + 1;
		r = parse_user(row, piece, &l.uid, err);
	}
	slash = strchr(amount, '/');
	if (slash) {
		*slash = '\0';
		if (r == 0)
			r = parse_period(row, slash + 1, &l.period, err);
	}
	if (r < 0)
		return r;
	if (!*amount)
		return err_set(err, EINVAL, "%s needs an amount such as %s, or off",
			row->name, row->argument);
	if (money_parse(amount, &l.udollars, &why) < 0)
		return err_set(err, EINVAL, "%s: %s", row->name, why.why);
	*ret = l;
	return 0;
}

static bool is_same_kind(const struct ledger_limit *a, const struct ledger_limit *b)
{
	return a->period == b->period && a->uid == b->uid;
}

static int check_twice(const struct config_row *row, const struct ledger_limit *l,
	size_t n, struct err *err)
{
	for (size_t i = 0; i + 1 < n; i++) {
		if (is_same_kind(&l[i], &l[n - 1]))
			return err_set(err, EINVAL, "%s names two limits per %s%s",
				row->name, period_names[l[i].period],
				l[i].uid == LEDGER_ANY_UID ? "" : " of one user");
	}
	return 0;
}

int config_set_limits(const struct config_row *row, struct limit_list *value,
	const char *text, struct err *err)
{
	scoped_free struct ledger_limit *l = new_array(struct ledger_limit, LIMITS_MAX);
	char piece[PIECE_MAX];
	bool is_too_long;
	size_t n = 0;
	int r;

	if (!l)
		return err_oom(err);
	if (is_off(text))
		text = NULL;
	while (next_piece(&text, piece, &is_too_long)) {
		if (n == LIMITS_MAX || is_too_long)
			return err_set(err, EINVAL, "%s is too long", row->name);
		r = parse_limit(row, piece, &l[n++], err);
		if (r == 0)
			r = check_twice(row, l, n, err);
		if (r < 0)
			return r;
	}
	free(value->limit);
	value->n = n;
	value->limit = steal_ptr(l);
	return 0;
}

/* A limit of each user holds for the one who has his own too, so a higher one of his
 * would mean nothing. */
int config_check_limits(const struct config *c, struct err *err)
{
	const struct limit_list *list = &c->budget_uid;

	for (size_t i = 0; i < list->n; i++) {
		const struct ledger_limit *own = &list->limit[i];

		for (size_t j = 0; j < list->n; j++) {
			const struct ledger_limit *each = &list->limit[j];

			if (own->uid == LEDGER_ANY_UID || each->uid != LEDGER_ANY_UID ||
				own->period != each->period ||
				own->udollars <= each->udollars)
				continue;
			return err_set(err, EINVAL,
				"budget_uid: the limit of user %" PRIu32
				" per %s is above that of each user, "
				"which holds for him too",
				own->uid, period_names[own->period]);
		}
	}
	return 0;
}

int config_limits_format(const struct limit_list *l, struct buf *ret)
{
	int r = l->n ? 0 : buf_adds(ret, "off");

	for (size_t i = 0; i < l->n && r == 0; i++) {
		const struct ledger_limit *m = &l->limit[i];
		char amount[MONEY_TEXT];

		money_format(m->udollars, amount);
		if (i)
			r = buf_addc(ret, '+');
		if (r == 0 && m->uid != LEDGER_ANY_UID)
			r = buf_addf(ret, "%" PRIu32 ":", m->uid);
		if (r == 0)
			r = buf_addf(ret, "%s/%s", amount, period_names[m->period]);
	}
	return r;
}
