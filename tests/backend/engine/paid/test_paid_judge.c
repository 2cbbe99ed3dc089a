// SPDX-License-Identifier: MIT
/* Where each verdict leads: what may have been accepted is not sent again. */
#include "backend/engine/paid/paid_judge.h"

#include "cache/base/mem.h"
#include "tests/support/tap.h"

#define KINDS (VERDICT_UNKNOWN + 1)

static const enum verdict_kind not_accepted[] = {
	VERDICT_REJECTED, VERDICT_AUTH, VERDICT_NO_MODEL, VERDICT_BUSY};

static bool is_not_accepted(enum verdict_kind kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(not_accepted); i++)
		if (not_accepted[i] == kind)
			return true;
	return false;
}

/* Of the call itself, and of a poll, when its operation is in the ledger. */
static void every_verdict(void)
{
	static const struct {
		enum verdict_kind kind;
		enum paid_state of_call, of_poll;
	} rows[] = {
		{VERDICT_DONE, PAID_RESULTS, PAID_RESULTS},
		{VERDICT_OPERATION, PAID_ACCEPT, PAID_ACCEPT},
		{VERDICT_PENDING, PAID_UNKNOWN, PAID_UNKNOWN},
		{VERDICT_REJECTED, PAID_REJECT, PAID_UNKNOWN},
		{VERDICT_AUTH, PAID_REJECT, PAID_UNKNOWN},
		{VERDICT_NO_MODEL, PAID_REJECT, PAID_UNKNOWN},
		{VERDICT_BUSY, PAID_REJECT, PAID_UNKNOWN},
		{VERDICT_REFUSED, PAID_REFUSED, PAID_REFUSED},
		{VERDICT_UNUSABLE, PAID_REFUSED, PAID_REFUSED},
		{VERDICT_UNKNOWN, PAID_UNKNOWN, PAID_UNKNOWN},
	};

	CHECK_INT(ARRAY_SIZE(rows), KINDS);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool ok;

		ok = CHECK_INT(rows[i].kind, i);
		ok &= CHECK_INT(judge_verdict(rows[i].kind, true), rows[i].of_call);
		ok &= CHECK_INT(judge_verdict(rows[i].kind, false), rows[i].of_poll);
		if (!ok)
			printf("# verdict %zu\n", i);
	}
}

/* These four end a call, one way or the other, without another. Whatever else a verdict
 * leads to may send again. */
static bool never_sends(enum paid_state state)
{
	return state == PAID_RESULTS || state == PAID_ACCEPT || state == PAID_REFUSED ||
	       state == PAID_UNKNOWN;
}

static void what_was_accepted_is_never_sent_again(void)
{
	for (int kind = 0; kind < KINDS; kind++)
		if (!CHECK(never_sends(judge_verdict((enum verdict_kind)kind, false))))
			printf("# verdict %d\n", kind);
}

static void only_what_was_certainly_not_accepted_is_sent_again(void)
{
	for (int kind = 0; kind < KINDS; kind++) {
		enum paid_state next = judge_verdict((enum verdict_kind)kind, true);

		if (!CHECK_INT(!never_sends(next),
			    is_not_accepted((enum verdict_kind)kind)))
			printf("# verdict %d\n", kind);
	}
}

/* A kind that nobody knows here may be paid. */
static void no_verdict_at_all_is_unknown(void)
{
	static const int kinds[] = {-1, KINDS, KINDS + 1, 1000};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		for (int was_sent = 0; was_sent < 2; was_sent++)
			CHECK_INT(judge_verdict((enum verdict_kind)kinds[i], was_sent),
				PAID_UNKNOWN);
}

TAP_MAIN(TAP_CASE(every_verdict), TAP_CASE(what_was_accepted_is_never_sent_again),
	TAP_CASE(only_what_was_certainly_not_accepted_is_sent_again),
	TAP_CASE(no_verdict_at_all_is_unknown))
