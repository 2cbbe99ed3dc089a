// SPDX-License-Identifier: MIT
/* Calls to a service: what is asked for, polled, fetched and listed. Pure: any
 * thread. */
#include <errno.h>
#include <string.h>

#include "backend/provider/remote_internal.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

/* A body that is media. A placeholder promises less than 2 GiB. */
#define MEDIA_MAX ((UINT64_C(2) << 30) - 1)

void remote_call_finish(struct remote_call *c)
{
	buf_finish(&c->url);
	buf_finish(&c->body);
}

/* ---- making ---- */

struct wire_job remote_own_job(const struct remote *r, const struct wire_job *j)
{
	struct wire_job own = *j;

	own.backend = r->backend;
	return own;
}

static int check_input(const struct remote *r, const struct wire_input *in,
	const char *option, struct err *err)
{
	uint64_t max = r->service->input_max;

	if ((in->type != MEDIA_PNG && in->type != MEDIA_JPEG) || !in->len)
		return err_set(err, EINVAL,
			"an input of %s= is neither a PNG nor a JPEG picture", option);
	if (max && in->len > max)
		return err_set(err, EINVAL,
			"an input of %s= is above %d MiB, "
			"the most that the provider takes",
			option, (int)(max >> 20));
	return 0;
}

/* Each API reads clips from its own place only. */
static bool is_clip(const struct remote *r, const char *uri)
{
	char from[WIRE_URI_MAX];

	return wire_uri(uri, from) &&
	       str_starts(from, "gs://") == r->service->has_storage;
}

static int check_job(const struct remote *r, const struct wire_job *j, struct err *err)
{
	uint32_t max = remote_takes_max(r, j->row);
	int e = remote_can_make(r, j->row, j->req, err);

	if (e < 0)
		return e;
	if (j->n_takes == 0 || j->n_takes > max)
		return err_set(err, EINVAL, "%s makes at most %u in one call",
			j->row->name, max);
	if (row_is_timed(j->row) && j->seconds == 0)
		return err_set(err, EINVAL, "a %s of no seconds",
			model_kind_name(j->row->kind));
	if (j->video_uri && (j->seconds != WIRE_EXTENSION_SECONDS ||
				    !wire_can_extend(j) || !is_clip(r, j->video_uri)))
		return err_set(err, EINVAL, "%s cannot extend this clip", j->row->name);
	for (uint32_t i = 0; i < j->n_images && e == 0; i++)
		e = check_input(r, &j->image[i], "image", err);
	if (e == 0 && j->last)
		e = check_input(r, j->last, "last", err);
	return e;
}

static void to_service(const struct remote *r, struct remote_call *c)
{
	c->auth = remote_auth(r);
	c->user_project = r->user_project;
}

int remote_make(const struct remote *r, const struct wire_job *j, uint32_t region,
	struct remote_call *ret, struct err *err)
{
	const struct protocol_ops *ops = protocol_of(j->row);
	struct wire_endpoint to = remote_endpoint(r, j->row, region);
	scoped(remote_call_finish) struct remote_call c = {
		.method = "POST", .is_paid = true, .response_max = ops->response_max};
	struct wire_job own = remote_own_job(r, j);
	int e = check_job(r, &own, err);

	if (e == 0)
		e = r->service->url(
			&to, j->row->wire[r->backend], ops->method, &c.url, err);
	if (e < 0)
		return e;
	if (ops->body(&own, &c.body) < 0)
		return err_oom(err);
	to_service(r, &c);
	*ret = c;
	c = (struct remote_call){0};
	return 0;
}

/* ---- polling ---- */

int remote_poll(const struct remote *r, const struct model_row *row,
	const char *operation, struct remote_call *ret, struct err *err)
{
	const struct protocol_ops *ops = protocol_of(row);
	struct wire_endpoint to = remote_endpoint(r, row, 0);
	scoped(remote_call_finish) struct remote_call c = {.response_max = MEDIA_MAX};
	int e;

	if (!ops->poll_url || !remote_speaks(r, row))
		return err_set(
			err, EINVAL, "backend=%s has no operations", remote_name(r));
	e = ops->poll_url(&to, operation, &c.url, err);
	if (e < 0)
		return e;
	if (ops->poll_body && ops->poll_body(&to, operation, &c.body) < 0)
		return err_oom(err);
	c.method = c.body.len ? "POST" : "GET";
	to_service(r, &c);
	*ret = c;
	c = (struct remote_call){0};
	return 0;
}

/* ---- fetching ---- */

/* "https://host[:port]", as it is written there: nothing else counts as the same. */
static size_t origin_length(const char *url)
{
	const char *host = strstr(url, "://");

	return host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;
}

static bool is_own(const struct remote *r, const char *uri)
{
	const char *base = r->endpoint ? r->endpoint : r->service->base;
	size_t n;

	if (!r->service->base)
		return false;
	n = origin_length(base);
	return !strncmp(base, uri, n) && uri[n] == '/';
}

/* Plain http only where the service itself is on this machine: a response from
 * elsewhere has no business there. */
static bool is_fetchable(const struct remote *r, const char *uri)
{
	size_t n = origin_length(uri);

	for (const char *s = uri; *s; s++) {
		if (*s <= ' ' || *s > '~')
			return false;
	}
	return n && !memchr(uri, '@', n) &&
	       (str_starts(uri, "https://") ||
		       (r->endpoint && str_starts(r->endpoint, "http://")));
}

static int storage_call(const struct remote *r, struct remote_call *c, struct err *err)
{
	if (!r->service->has_storage)
		return err_set(err, EINVAL,
			"Cloud Storage can be read with backend=vertex only");
	to_service(r, c);
	return 0;
}

int remote_fetch(const struct remote *r, const char *uri, struct remote_call *ret,
	struct err *err)
{
	scoped(remote_call_finish) struct remote_call c = {
		.method = "GET", .is_media = true, .response_max = MEDIA_MAX};
	char from[WIRE_URI_MAX];
	int e = 0;

	if (!wire_uri(uri, from))
		return err_set(err, EINVAL, "not an address that media come from");
	if (str_starts(from, "gs://")) {
		e = storage_call(r, &c, err);
		if (e == 0)
			e = google_storage_url(r->storage_endpoint, from, &c.url, err);
	} else if (!is_fetchable(r, from)) {
		return err_set(err, EINVAL, "not an address that media come from");
	} else {
		if (is_own(r, from))
			c.auth = remote_auth(r);
		e = buf_adds(&c.url, from) < 0 ? err_oom(err) : 0;
	}
	if (e < 0)
		return e;
	*ret = c;
	c = (struct remote_call){0};
	return 0;
}

/* ---- what a lost call has left ---- */

int remote_list(const struct remote *r, const char *prefix, struct remote_call *ret,
	struct err *err)
{
	scoped(remote_call_finish) struct remote_call c = {
		.method = "GET", .response_max = RESPONSE_SMALL_MAX};
	int e = storage_call(r, &c, err);

	if (e < 0)
		return e;
	if (!str_ends(prefix, "/"))
		return err_set(err, EINVAL, "not a folder of Cloud Storage");
	e = google_storage_list_url(r->storage_endpoint, prefix, &c.url, err);
	if (e < 0)
		return e;
	*ret = c;
	c = (struct remote_call){0};
	return 0;
}
