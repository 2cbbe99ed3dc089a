// SPDX-License-Identifier: MIT
/* Which service it is, and what it can be asked for at all. The engine owns the remote;
 * pure but for making it: any thread. */
#include "backend/provider/remote.h"

#include <errno.h>
#include <string.h>

#include "backend/net/http.h"
#include "backend/provider/remote_internal.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

/* "global" is where Google's newest models are, this is where its oldest are too. */
#define DEFAULT_LOCATION "us-central1"

/* ---- making ---- */

/* Bytes that would begin something else in a URL, or end it. */
static bool is_address(const char *url)
{
	for (const char *s = url; *s; s++) {
		if (*s <= ' ' || *s > '~' || strchr("?#@\\\"<>", *s))
			return false;
	}
	return strlen(url) < REMOTE_ADDRESS_MAX &&
	       (str_starts(url, "https://") || str_starts(url, "http://"));
}

static int take_address(const char *url, const char *what, char **ret, struct err *err)
{
	size_t n;

	if (!url || !*url)
		return 0;
	if (!is_address(url))
		return err_set(err, EINVAL,
			"%s must be an address that begins with https:// or http://",
			what);
	if (!http_is_secure_url(url))
		return err_set(err, EINVAL,
			"%s would send credentials in the clear; use https:// (plain "
			"http only to this machine)",
			what);
	n = strlen(url);
	while (url[n - 1] == '/')
		n--;
	*ret = strndup(url, n);
	return *ret ? 0 : err_oom(err);
}

static int take_name(const char *name, const char *what, char **ret, struct err *err)
{
	if (!name || !*name)
		return 0;
	if (!google_is_name(name, "-_:."))
		return err_set(err, EINVAL, "%s is not the id of a project", what);
	*ret = strdup(name);
	return *ret ? 0 : err_oom(err);
}

static int take_locations(const char *list, struct remote *r, struct err *err)
{
	char *next;

	r->locations = strdup(list && *list ? list : DEFAULT_LOCATION);
	if (!r->locations)
		return err_oom(err);
	next = r->locations;
	while (next) {
		char *one = strsep(&next, "+");

		if (!google_is_name(one, "-"))
			return err_set(err, EINVAL,
				"location must be regions joined with +, such as "
				"us-central1+europe-west4");
		if (r->n_regions == REMOTE_REGIONS_MAX)
			return err_set(err, EINVAL, "location names more than %d",
				REMOTE_REGIONS_MAX);
		r->region[r->n_regions++] = one;
	}
	return 0;
}

static int take_config(const struct remote_config *c, struct remote *r, struct err *err)
{
	int e = take_address(c->endpoint, "endpoint", &r->endpoint, err);

	if (e == 0)
		e = take_address(c->storage_endpoint, "the address of Cloud Storage",
			&r->storage_endpoint, err);
	if (e < 0 || !r->service->has_regions)
		return e;
	e = take_name(c->project, "project", &r->project, err);
	if (e == 0)
		e = take_name(
			c->user_project, "the quota project", &r->user_project, err);
	return e < 0 ? e : take_locations(c->location, r, err);
}

int remote_new(const struct remote_config *c, struct remote **ret, struct err *err)
{
	const struct service *service = service_of(c->backend);
	struct remote *r;
	int e;

	if (!service)
		return err_set(err, EINVAL, "not a service across a network");
	r = new0(struct remote);
	if (!r)
		return err_oom(err);
	r->backend = c->backend;
	r->service = service;
	r->is_anonymous = c->is_anonymous;
	e = take_config(c, r, err);
	if (e < 0) {
		remote_free(r);
		return e;
	}
	*ret = r;
	return 0;
}

void remote_free(struct remote *r)
{
	if (!r)
		return;
	free(r->endpoint);
	free(r->storage_endpoint);
	free(r->project);
	free(r->user_project);
	free(r->locations);
	free(r);
}

/* ---- facts ---- */

const char *remote_name(const struct remote *r)
{
	return backend_name(r->backend);
}

enum remote_auth remote_auth(const struct remote *r)
{
	return r->is_anonymous ? AUTH_NONE : r->service->auth;
}

uint32_t remote_regions(const struct remote *r, const struct model_row *row)
{
	return row->location || r->n_regions == 0 ? 1 : r->n_regions;
}

const char *remote_region(
	const struct remote *r, const struct model_row *row, uint32_t region)
{
	if (r->n_regions == 0)
		return "";
	return row->location ? row->location : r->region[region % r->n_regions];
}

struct wire_endpoint remote_endpoint(
	const struct remote *r, const struct model_row *row, uint32_t region)
{
	return (struct wire_endpoint){
		.base = r->endpoint ? r->endpoint : r->service->base,
		.project = r->project,
		.region = remote_region(r, row, region),
		.backend = r->backend,
	};
}

uint32_t remote_takes_max(const struct remote *r, const struct model_row *row)
{
	const struct protocol_ops *ops = protocol_of(row);
	struct wire_job j = {.row = row, .backend = r->backend};

	return ops->takes_max ? ops->takes_max(&j) : 1;
}

/* ---- what cannot be ---- */

bool remote_speaks(const struct remote *r, const struct model_row *row)
{
	return !strcmp(r->service->family, protocol_of(row)->family);
}

static int check_offered(
	const struct remote *r, const struct model_row *row, struct err *err)
{
	bool is_named = row->wire[r->backend];

	if (is_named && remote_speaks(r, row))
		return 0;
	if (r->service->own_rows)
		return err_set(err, EOPNOTSUPP,
			"%s is no model of %s; its models are rows of your catalogue "
			"file (catalog=FILE)",
			row->name, r->service->own_rows);
	if (!is_named && row->n_successors)
		return err_set(err, ENOENT,
			"%s is not offered by backend=%s; use %s instead", row->name,
			remote_name(r), row->successors[0]);
	return err_set(err, EOPNOTSUPP, "%s is not offered by backend=%s", row->name,
		remote_name(r));
}

/* The options whose loss would make another file than the one that is asked for. */
static int check_sendable(const struct remote *r, const struct model_row *row,
	const struct request *req, struct err *err)
{
	const struct protocol_ops *ops = protocol_of(row);
	struct wire_job j = {.req = req, .row = row, .backend = r->backend};

	if (req->opt[OPT_IMAGE] && !ops->takes_image)
		return err_set(err, EOPNOTSUPP,
			"%s takes no pictures with backend=%s; leave image= out",
			row->name, remote_name(r));
	if (str_count_pieces(req->opt[OPT_IMAGE]) > WIRE_INPUTS_MAX)
		return err_set(err, EOPNOTSUPP,
			"at most %d pictures can be sent; leave some of image= out",
			WIRE_INPUTS_MAX);
	if (req->opt[OPT_LAST] && !ops->takes_last)
		return err_set(
			err, EOPNOTSUPP, "%s takes no last=; leave it out", row->name);
	return ops->check ? ops->check(&j, err) : 0;
}

int remote_can_make(const struct remote *r, const struct model_row *row,
	const struct request *req, struct err *err)
{
	int e = check_offered(r, row, err);

	if (e < 0)
		return e;
	if (!row_makes(row, req->tree, req->type))
		return err_set(err, EOPNOTSUPP, "%s is a %s model and makes no other",
			row->name, model_kind_name(row->kind));
	return check_sendable(r, row, req, err);
}
