// SPDX-License-Identifier: MIT
/* Records as they are stored; see cache/record.h. Pure, any thread. */
#include "cache/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/buf.h"
#include "cache/base/enc.h"
#include "cache/base/err.h"
#include "cache/base/mem.h"
#include "cache/fields.h"

#define RECORD_VERSION 1
#define RECORD_FIXED (1 + 2 + 4 * 4 + 1 + 2 * 32 + 9 * 8)
#define RECORD_STRINGS 6
#define RECORD_SUM 4

/* Largest strings that are stored; anything longer is not ours. */
#define PATH_BYTES_MAX 8192u
#define NAME_BYTES_MAX 255u
#define WHY_BYTES_MAX 4096u
#define JSON_BYTES_MAX (4u * 1024 * 1024)

static void string_fields(struct record *r, struct field ret[RECORD_STRINGS])
{
	ret[0] = (struct field){&r->path, PATH_BYTES_MAX};
	ret[1] = (struct field){&r->model, NAME_BYTES_MAX};
	ret[2] = (struct field){&r->served_by, NAME_BYTES_MAX};
	ret[3] = (struct field){&r->why, WHY_BYTES_MAX};
	ret[4] = (struct field){&r->detail, JSON_BYTES_MAX};
	ret[5] = (struct field){&r->quality, JSON_BYTES_MAX};
}

void record_finish(struct record *r)
{
	struct field f[RECORD_STRINGS];

	if (!r)
		return;
	string_fields(r, f);
	fields_free(f, RECORD_STRINGS);
	*r = (struct record){0};
}

int record_copy(struct record *ret, const struct record *r)
{
	struct record copy = *r;
	struct field f[RECORD_STRINGS];
	bool ok = true;

	string_fields(&copy, f);
	for (size_t i = 0; i < RECORD_STRINGS; i++) {
		if (!*f[i].at)
			continue;
		*f[i].at = strdup(*f[i].at);
		ok = ok && *f[i].at;
	}
	if (!ok) {
		record_finish(&copy);
		return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

static void encode_fixed(struct wr *w, const struct record *r)
{
	wr_u8(w, RECORD_VERSION);
	wr_u8(w, (uint8_t)r->state);
	wr_u8(w, (uint8_t)r->type);
	wr_u32(w, r->draw);
	wr_u32(w, r->errno_code);
	wr_u32(w, r->attempts);
	wr_u32(w, r->latency_ms);
	wr_u8(w, r->grade);
	wr_bytes(w, r->blob.b, sizeof(r->blob.b));
	wr_bytes(w, r->orig.b, sizeof(r->orig.b));
	wr_u64(w, r->size);
	wr_u64(w, r->orig_size);
	wr_u64(w, r->blob_id);
	wr_u64(w, r->orig_id);
	wr_u64(w, r->seed);
	wr_u64(w, (uint64_t)r->created_ms);
	wr_u64(w, (uint64_t)r->retry_at_ms);
	wr_u64(w, (uint64_t)r->estimate_ud);
	wr_u64(w, (uint64_t)r->charged_ud);
}

static void decode_fixed(struct rd *in, struct record *r)
{
	r->state = (enum record_state)rd_u8(in);
	r->type = (enum media_type)rd_u8(in);
	r->draw = rd_u32(in);
	r->errno_code = rd_u32(in);
	r->attempts = rd_u32(in);
	r->latency_ms = rd_u32(in);
	r->grade = rd_u8(in);
	rd_copy(in, r->blob.b, sizeof(r->blob.b));
	rd_copy(in, r->orig.b, sizeof(r->orig.b));
	r->size = rd_u64(in);
	r->orig_size = rd_u64(in);
	r->blob_id = rd_u64(in);
	r->orig_id = rd_u64(in);
	r->seed = rd_u64(in);
	r->created_ms = (int64_t)rd_u64(in);
	r->retry_at_ms = (int64_t)rd_u64(in);
	r->estimate_ud = (int64_t)rd_u64(in);
	r->charged_ud = (int64_t)rd_u64(in);
}

int record_encode(const struct record *r, struct buf *out)
{
	struct field f[RECORD_STRINGS];
	struct record view = *r;
	size_t total;
	struct wr w;
	uint8_t *start;
	int rc;

	string_fields(&view, f);
	rc = fields_size(f, RECORD_STRINGS, &total);
	if (rc < 0)
		return rc;
	total += RECORD_FIXED + RECORD_SUM;
	rc = buf_reserve(out, total);
	if (rc < 0)
		return rc;
	start = (uint8_t *)out->data + out->len;
	w.p = start;
	encode_fixed(&w, r);
	fields_write(&w, f, RECORD_STRINGS);
	wr_u32(&w, crc32c(0, start, (size_t)(w.p - start)));
	out->len += total;
	out->data[out->len] = '\0';
	return 0;
}

static bool fields_are_sane(const struct record *r)
{
	if (r->state < RECORD_GENERATED || r->state > RECORD_UNKNOWN)
		return false;
	if (!media_is_known(r->type))
		return false;
	return !r->grade || r->grade == '!' || (r->grade >= 'A' && r->grade <= 'D');
}

int record_decode(const void *data, size_t len, struct record *ret, struct err *err)
{
	struct rd in = {.p = data, .end = (const uint8_t *)data + len};
	scoped(record_finish) struct record r = {0};
	struct field f[RECORD_STRINGS];
	struct rd sum;
	int rc;

	if (len < RECORD_FIXED + RECORD_STRINGS * FIELD_LENGTH + RECORD_SUM)
		return err_set(err, EBADMSG, "a stored record is too short");
	in.end -= RECORD_SUM;
	sum = (struct rd){.p = in.end, .end = in.end + RECORD_SUM};
	if (crc32c(0, data, len - RECORD_SUM) != rd_u32(&sum))
		return err_set(err, EBADMSG, "a stored record is damaged");
	if (rd_u8(&in) != RECORD_VERSION)
		return err_set(err, EBADMSG, "a stored record has an unknown version");
	decode_fixed(&in, &r);
	if (!fields_are_sane(&r))
		return err_set(err, EBADMSG, "a stored record makes no sense");
	string_fields(&r, f);
	rc = fields_read(&in, f, RECORD_STRINGS);
	if (rc == -ENOMEM)
		return err_oom(err);
	if (rc < 0 || rd_left(&in))
		return err_set(err, EBADMSG, "a stored record makes no sense");
	*ret = r;
	r = (struct record){0};
	return 0;
}
