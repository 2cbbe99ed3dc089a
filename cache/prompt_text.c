// SPDX-License-Identifier: MIT
/* Each prompt's text, once, and prompts by their hash. Writing: store thread; reading:
 * any. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/index.h"

#define HASH_DIGITS 16

int prompt_keep(struct cache *c, MDB_txn *txn, const struct cache_place *place)
{
	struct key k;
	struct rd in = {0};
	int r;

	if (!place->prompt_id || !place->prompt)
		return 0;
	wr_bytes(key_start(&k), place->prompt_id->b, sizeof(place->prompt_id->b));
	r = row_get(txn, table_of(c, DB_PROMPTS), &k, &in);
	if (r != -ENOENT)
		return r;
	return row_put(
		txn, table_of(c, DB_PROMPTS), &k, place->prompt, strlen(place->prompt));
}

int cache_prompt_by_hash(
	struct cache *c, const char *hex16, char **ret, size_t *ret_len)
{
	char hex[DIGEST_HEX];
	struct digest start;
	struct db_read *read;
	struct scan s;
	struct key from;
	struct rd in = {0};
	char *text = NULL;
	int r;

	if (strnlen(hex16, HASH_DIGITS + 1) != HASH_DIGITS)
		return -ENOENT;
	memset(hex, '0', sizeof(hex) - 1);
	hex[DIGEST_HEX - 1] = '\0';
	memcpy(hex, hex16, HASH_DIGITS);
	if (digest_parse(hex, &start) < 0)
		return -ENOENT;
	r = db_read_begin(&c->db, &read);
	if (r < 0)
		return r;
	wr_bytes(key_start(&from), start.b, sizeof(start.b));
	r = scan_begin(&s, read->txn, table_of(c, DB_PROMPTS), &from, HASH_DIGITS / 2);
	if (!r)
		r = scan_next_row(&s, &in);
	if (r > 0 && in.p) {
		text = strndup((const char *)in.p, rd_left(&in));
		r = text ? 1 : -ENOMEM;
	}
	scan_end(&s);
	db_read_end(&c->db, read);
	if (r <= 0 || !text)
		return r < 0 ? r : -ENOENT;
	*ret = text;
	if (ret_len)
		*ret_len = strlen(text);
	return 0;
}
