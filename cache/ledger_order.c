// SPDX-License-Identifier: MIT
/* What cache/ledger_order.h says. Caller's thread. */
#include "cache/ledger_order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/ledger_row.h"

void order_finish(struct order *d)
{
	ledger_row_finish(&d->row);
	for (size_t i = 0; i < CACHE_DEPTH_MAX; i++)
		free(d->name[i]);
	free(d->part);
	free(d->instead);
	*d = (struct order){0};
}

/* Of a place that is too deep only the number of names, which place_check refuses. */
static int place_copy(struct order *d, const struct cache_place *from)
{
	int r = 0;

	d->key = *from->key;
	d->place = (struct cache_place){
		.key = &d->key,
		.name = (const char *const *)d->name,
		.n = from->n,
		.uid = from->uid,
	};
	if (from->prompt_id) {
		d->prompt_id = *from->prompt_id;
		d->place.prompt_id = &d->prompt_id;
	}
	for (size_t i = 0; !r && from->n <= CACHE_DEPTH_MAX && i < from->n; i++)
		r = ledger_set_text(&d->name[i], from->name[i]);
	return r;
}

static int row_copy(struct ledger_row *row, const struct ledger_order *from)
{
	int r;

	*row = (struct ledger_row){
		.key = *from->place->key,
		.draw = from->draw,
		.n_parts = from->n_parts ? from->n_parts : 1,
		.uid = from->place->uid,
		.pid = from->pid,
	};
	r = ledger_set_text(&row->program, from->place->program);
	if (!r)
		r = ledger_set_text(&row->model, from->model);
	if (!r)
		r = ledger_set_text(&row->served_by, from->served_by);
	if (!r)
		r = ledger_set_text(&row->path, from->path);
	return r < 0 ? r : ledger_set_text(&row->request, from->request);
}

int order_copy(struct order *ret, const struct ledger_order *from)
{
	int r = row_copy(&ret->row, from);

	if (!r)
		r = place_copy(ret, from->place);
	ret->n = from->n;
	ret->n_instead = from->n_instead;
	ret->part = new_array(struct ledger_part, from->n + 1);
	ret->instead = new_array(uint64_t, from->n_instead + 1);
	if (r < 0 || !ret->part || !ret->instead)
		return -ENOMEM;
	if (from->n)
		memcpy(ret->part, from->part, from->n * sizeof(*ret->part));
	if (from->n_instead)
		memcpy(ret->instead, from->instead,
			from->n_instead * sizeof(*ret->instead));
	return 0;
}
