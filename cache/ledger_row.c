// SPDX-License-Identifier: MIT
/* Rows of the ledger as they are stored, and what they mean for totals and tables.
 *
 * Stored: version 1, the fields of encode_fixed, then strings (cache/fields.h); numbers
 * little-endian. Pure, any thread. */
#include "cache/ledger_row.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/buf.h"
#include "cache/base/enc.h"
#include "cache/base/mem.h"
#include "cache/fields.h"

#define ROW_VERSION 1
#define ROW_FIXED (2 + 32 + 4 * 4 + 2 * 8 + 3 * 4 + 8 + 3 * 8 + 32 + 2 * 8)
#define ROW_STRINGS 9

/* Longer strings are not ours. */
#define NAME_BYTES_MAX 255u
#define TEXT_BYTES_MAX 8192u
#define REQUEST_BYTES_MAX (4u * 1024 * 1024)

/* The program comes first: see ledger_row_brief. */
static void string_fields(struct ledger_row *r, struct field ret[ROW_STRINGS])
{
	ret[0] = (struct field){&r->program, NAME_BYTES_MAX, true};
	ret[1] = (struct field){&r->model, NAME_BYTES_MAX, true};
	ret[2] = (struct field){&r->served_by, NAME_BYTES_MAX, true};
	ret[3] = (struct field){&r->path, TEXT_BYTES_MAX, true};
	ret[4] = (struct field){&r->operation, TEXT_BYTES_MAX, false};
	ret[5] = (struct field){&r->prefix, TEXT_BYTES_MAX, false};
	ret[6] = (struct field){&r->uri, TEXT_BYTES_MAX, false};
	ret[7] = (struct field){&r->request, REQUEST_BYTES_MAX, false};
	ret[8] = (struct field){&r->why, TEXT_BYTES_MAX, false};
}

void ledger_row_finish(struct ledger_row *r)
{
	struct field f[ROW_STRINGS];

	if (!r)
		return;
	string_fields(r, f);
	fields_free(f, ROW_STRINGS);
	*r = (struct ledger_row){0};
}

int ledger_set_text(char **at, const char *text)
{
	char *copy;

	if (!text)
		return 0;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

/* ---- encoding ---- */

static void encode_fixed(struct wr *w, const struct ledger_row *r)
{
	wr_u8(w, ROW_VERSION);
	wr_u8(w, (uint8_t)r->state);
	wr_bytes(w, r->key.b, sizeof(r->key.b));
	wr_u32(w, r->draw);
	wr_u32(w, r->part);
	wr_u32(w, r->n_parts);
	wr_u32(w, r->sends);
	wr_u64(w, (uint64_t)r->held_ud);
	wr_u64(w, (uint64_t)r->charged_ud);
	wr_u32(w, r->uid);
	wr_u32(w, r->pid);
	wr_u32(w, r->seconds);
	wr_u64(w, r->dir);
	wr_u64(w, (uint64_t)r->created_ms);
	wr_u64(w, (uint64_t)r->sent_ms);
	wr_u64(w, (uint64_t)r->changed_ms);
	wr_bytes(w, r->blob.b, sizeof(r->blob.b));
	wr_u64(w, r->blob_id);
	wr_u64(w, r->blob_size);
}

static void decode_fixed(struct rd *in, struct ledger_row *r)
{
	uint32_t part, n_parts;

	r->state = (enum ledger_state)rd_u8(in);
	rd_copy(in, r->key.b, sizeof(r->key.b));
	r->draw = rd_u32(in);
	part = rd_u32(in);
	n_parts = rd_u32(in);
	in->bad = in->bad || part > UINT16_MAX || n_parts > UINT16_MAX;
	r->part = (uint16_t)part;
	r->n_parts = (uint16_t)n_parts;
	r->sends = rd_u32(in);
	r->held_ud = (int64_t)rd_u64(in);
	r->charged_ud = (int64_t)rd_u64(in);
	r->uid = rd_u32(in);
	r->pid = rd_u32(in);
	r->seconds = rd_u32(in);
	r->dir = rd_u64(in);
	r->created_ms = (int64_t)rd_u64(in);
	r->sent_ms = (int64_t)rd_u64(in);
	r->changed_ms = (int64_t)rd_u64(in);
	rd_copy(in, r->blob.b, sizeof(r->blob.b));
	r->blob_id = rd_u64(in);
	r->blob_size = rd_u64(in);
}

int ledger_row_encode(const struct ledger_row *r, struct buf *out)
{
	struct ledger_row view = *r;
	struct field f[ROW_STRINGS];
	size_t total;
	struct wr w;
	int rc;

	string_fields(&view, f);
	rc = fields_size(f, ROW_STRINGS, &total);
	if (rc < 0)
		return rc;
	total += ROW_FIXED;
	rc = buf_reserve(out, total);
	if (rc < 0)
		return rc;
	w.p = (uint8_t *)out->data + out->len;
	encode_fixed(&w, r);
	fields_write(&w, f, ROW_STRINGS);
	out->len += total;
	out->data[out->len] = '\0';
	return 0;
}

/* ---- decoding ---- */

static bool amount_is_sane(int64_t ud)
{
	return ud >= 0 && ud <= LEDGER_AMOUNT_MAX;
}

/* Up to the strings. */
static int decode_head(struct rd *in, uint64_t id, struct ledger_row *r)
{
	if (rd_u8(in) != ROW_VERSION)
		return -EBADMSG;
	decode_fixed(in, r);
	r->id = id;
	if (in->bad || r->state < LEDGER_RESERVED || r->state > LEDGER_UNKNOWN ||
		!amount_is_sane(r->held_ud) || !amount_is_sane(r->charged_ud))
		return -EBADMSG;
	return 0;
}

int ledger_row_decode(struct rd *in, uint64_t id, struct ledger_row *ret)
{
	scoped(ledger_row_finish) struct ledger_row row = {0};
	struct field f[ROW_STRINGS];
	int r = decode_head(in, id, &row);

	string_fields(&row, f);
	if (!r)
		r = fields_read(in, f, ROW_STRINGS);
	if (!r && rd_left(in))
		r = -EBADMSG;
	if (r < 0)
		return r;
	*ret = row;
	row = (struct ledger_row){0};
	return 0;
}

int ledger_row_brief(struct rd *in, uint64_t id, struct ledger_row *ret,
	const char **ret_program, size_t *ret_len)
{
	int r = decode_head(in, id, ret);

	return r < 0 ? r : field_read(in, NAME_BYTES_MAX, ret_program, ret_len);
}

/* ---- what a row means ---- */

const char *ledger_state_name(enum ledger_state s)
{
	static const char *const names[] = {
		[LEDGER_RESERVED] = "reserved",
		[LEDGER_SENT] = "sent",
		[LEDGER_ACCEPTED] = "accepted",
		[LEDGER_SETTLED] = "settled",
		[LEDGER_RELEASED] = "released",
		[LEDGER_UNKNOWN] = "unknown",
	};

	return s >= LEDGER_RESERVED && s <= LEDGER_UNKNOWN ? names[s] : "?";
}

struct totals ledger_share(const struct ledger_row *r)
{
	switch (r->state) {
	case LEDGER_RESERVED:
	case LEDGER_SENT:
	case LEDGER_ACCEPTED:
		return (struct totals){.reserved_ud = r->held_ud};
	case LEDGER_UNKNOWN:
		return (struct totals){
			.spent_ud = r->held_ud, .unknown_ud = r->held_ud};
	case LEDGER_SETTLED:
		return (struct totals){.spent_ud = r->charged_ud};
	case LEDGER_RELEASED:
		break;
	}
	return (struct totals){0};
}

bool ledger_is_kept_part(const struct ledger_row *r)
{
	static const struct digest none;

	return r->state == LEDGER_SETTLED &&
	       memcmp(r->blob.b, none.b, sizeof(none.b)) != 0;
}

bool ledger_is_open(const struct ledger_row *r)
{
	return (r->state != LEDGER_SETTLED && r->state != LEDGER_RELEASED) ||
	       ledger_is_kept_part(r);
}
