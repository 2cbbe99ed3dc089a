// SPDX-License-Identifier: MIT
/* See paid_book.h. */
#include "backend/engine/paid/paid_book.h"

static int64_t refusal_price(const struct booking *b)
{
	int64_t v = 0;

	if (!b->row->refusal_is_full)
		return b->row->refusal_udollars;
	if (b->seconds)
		price_segment(b->row, b->req, b->seconds, &v, NULL);
	else
		price_refusal(b->row, b->req, 1, b->may_extend, &v, NULL);
	return v;
}

bool book_charge(const struct booking *b, const struct verdict *v, int64_t *ret_ud)
{
	int64_t told = 0;

	*ret_ud = 0;
	switch (v->charge) {
	case CHARGE_NOTHING:
		return true;
	case CHARGE_USAGE:
		return price_actual(b->row, b->req, &v->usage, ret_ud, NULL) == 0;
	case CHARGE_REFUSAL:
		/* Words that were read are paid, whatever became of them. */
		*ret_ud = refusal_price(b) * b->n_parts;
		if (price_actual(b->row, b->req, &v->usage, &told, NULL) == 0 &&
			told > *ret_ud)
			*ret_ud = told;
		return true;
	case CHARGE_RESERVED:
		break;
	}
	return false;
}

bool book_parts(int64_t charged_ud, struct book_share *part, uint32_t n)
{
	uint32_t with = 0, seen = 0;
	bool is_above = false;

	for (uint32_t i = 0; i < n; i++)
		with += part[i].has_bytes;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t shares = with ? with : n;

		part[i].charged_ud = charged_ud < 0 ? part[i].held_ud : 0;
		if (charged_ud < 0 || (with && !part[i].has_bytes))
			continue;
		part[i].charged_ud =
			charged_ud / shares + (seen < charged_ud % shares ? 1 : 0);
		seen++;
		is_above |= part[i].charged_ud > part[i].held_ud;
	}
	return is_above;
}
