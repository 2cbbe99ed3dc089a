// SPDX-License-Identifier: MIT
/* What responses mean, and whether we can go on from there. Pure: any thread. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/provider/remote_internal.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

static bool is_reachable(const struct remote *r, const char *uri)
{
	scoped(remote_call_finish) struct remote_call c = {0};

	return remote_fetch(r, uri, &c, NULL) != -EINVAL;
}

/* What a response says is somewhere we would not go for it. What came is paid. */
static void check_uris(const struct remote *r, struct verdict *v)
{
	struct wire_result *to = v->result;
	uint32_t n = 0;

	for (uint32_t i = 0; i < v->n_results; i++) {
		if (!to[i].is_usable || !*to[i].uri || is_reachable(r, to[i].uri))
			continue;
		to[i].is_usable = false;
		snprintf(to[i].reason, sizeof(to[i].reason),
			"the provider keeps it where it cannot be fetched from");
	}
	for (uint32_t i = 0; i < v->n_results; i++) { /* usable ones first */
		struct wire_result one = to[i];

		if (!one.is_usable || i == n++)
			continue;
		memmove(&to[n], &to[n - 1], (i - n + 1) * sizeof(*to));
		to[n - 1] = one;
	}
	if (v->kind != VERDICT_DONE || !v->n_results || n)
		return;
	verdict_set(v, VERDICT_UNUSABLE, EPROTO,
		"the provider keeps the result where it cannot be fetched from");
	v->charge = CHARGE_USAGE;
}

/* An operation that nobody could poll. */
static void check_operation(
	const struct remote *r, const struct model_row *row, struct verdict *v)
{
	scoped(remote_call_finish) struct remote_call c = {0};

	if (v->kind != VERDICT_OPERATION ||
		remote_poll(r, row, v->operation, &c, NULL) != -EINVAL)
		return;
	*v->operation = '\0';
	verdict_set(v, VERDICT_UNKNOWN, EIO,
		"the provider accepted the video and named no operation of its own");
}

void remote_read(const struct remote *r, const struct wire_job *j,
	const struct wire_response *a, struct verdict *v)
{
	struct wire_job own = remote_own_job(r, j);

	*v = (struct verdict){.retry_after_ms = -1};
	protocol_of(j->row)->read(&own, a, v);
	check_operation(r, j->row, v);
	check_uris(r, v);
}

void remote_read_poll(const struct remote *r, const struct wire_job *j,
	const struct wire_response *a, struct verdict *v)
{
	const struct protocol_ops *ops = protocol_of(j->row);
	struct wire_job own = remote_own_job(r, j);

	*v = (struct verdict){.retry_after_ms = -1};
	if (ops->read_poll && remote_speaks(r, j->row))
		ops->read_poll(&own, a, v);
	else
		verdict_set(v, VERDICT_UNKNOWN, EIO, "backend=%s has no operations",
			remote_name(r));
	check_uris(r, v);
}

/* ---- what a lost call has left ---- */

static int list_failed(const struct wire_response *a, struct err *err)
{
	static const struct {
		int status, code;
		const char *why;
	} known[] = {
		{401, EACCES, "Cloud Storage refused the credentials"},
		{403, EACCES, "Cloud Storage denies access to the bucket"},
		{404, ENOENT, "Cloud Storage has no such bucket"},
		{408, EBUSY, "Cloud Storage is overloaded"},
		{429, EBUSY, "Cloud Storage is overloaded"},
		{500, EBUSY, "Cloud Storage is overloaded"},
		{502, EBUSY, "Cloud Storage is overloaded"},
		{503, EBUSY, "Cloud Storage is overloaded"},
		{504, EBUSY, "Cloud Storage is overloaded"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].status == a->status)
			return err_set(err, known[i].code, "%s", known[i].why);
	}
	return err_set(err, EPROTO, "Cloud Storage answered %d%s", a->status,
		a->status == 200 ? " and no list" : "");
}

/* An object below the prefix that has bytes. */
static bool is_below(const cJSON *item, const char *prefix)
{
	const char *name = json_str(item, "name", "");
	size_t n = strlen(prefix), len = strlen(name), count;

	return len > n && str_starts(name, prefix) && name[len - 1] != '/' &&
	       str_utf8_count(name, len, &count) == 0 &&
	       strcmp(json_str(item, "size", "0"), "0") != 0;
}

int remote_read_list(const struct wire_response *a, const char *prefix,
	char (*uri)[WIRE_URI_MAX], uint32_t max, struct err *err)
{
	const cJSON *items, *e;
	const char *object =
		str_starts(prefix, "gs://") ? strchr(prefix + 5, '/') : NULL;
	int n = 0;

	if (a->status != 200 || !cJSON_IsObject(a->json))
		return list_failed(a, err);
	if (!object)
		return err_set(err, EINVAL, "not a folder of Cloud Storage");
	object++;
	items = cJSON_GetObjectItemCaseSensitive(a->json, "items");
	cJSON_ArrayForEach(e, items)
	{
		scoped(buf_finish) struct buf b = {0};

		if ((uint32_t)n == max || !is_below(e, object))
			continue;
		if (buf_add(&b, prefix, (size_t)(object - prefix)) < 0 ||
			buf_adds(&b, json_str(e, "name", "")) < 0)
			return err_oom(err);
		n += wire_uri(b.data, uri[n]);
	}
	/* A page may be empty and not the last. */
	if (n == 0 && *json_str(a->json, "nextPageToken", ""))
		return err_set(err, EPROTO, "Cloud Storage sent a part of a list");
	return n;
}
