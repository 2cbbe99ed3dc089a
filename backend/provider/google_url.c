// SPDX-License-Identifier: MIT
/* Addresses of Google's services and of Cloud Storage, declared in google.h. Nothing
 * that a configuration or a server says gets out of its place in one. Pure: any
 * thread. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/provider/google.h"
#include "cache/base/str.h"

bool google_is_name(const char *s, const char *more)
{
	if (!s || !*s || strstr(s, ".."))
		return false;
	for (; *s; s++) {
		if ((signed char)*s < 0 ||
			(!isalnum((unsigned char)*s) && !strchr(more, *s)))
			return false;
	}
	return true;
}

/* A base address without the slashes at its end. */
static int add_base(const char *base, struct buf *ret, struct err *err)
{
	size_t n = strlen(base);

	if (!str_starts(base, "https://") && !str_starts(base, "http://"))
		return err_set(err, EINVAL,
			"the endpoint must begin with https:// or http://");
	while (base[n - 1] == '/')
		n--;
	return buf_add(ret, base, n) < 0 ? err_oom(err) : 0;
}

static int add_host(const struct wire_endpoint *to, const char *location,
	struct buf *ret, struct err *err)
{
	int r;

	if (to->base)
		return add_base(to->base, ret, err);
	if (!strcmp(location, "global"))
		r = buf_adds(ret, "https://aiplatform.googleapis.com");
	else if (!strcmp(location, "us") || !strcmp(location, "eu"))
		r = buf_addf(ret, "https://aiplatform.%s.rep.googleapis.com", location);
	else
		r = buf_addf(ret, "https://%s-aiplatform.googleapis.com", location);
	return r < 0 ? err_oom(err) : 0;
}

int google_vertex_url(const struct wire_endpoint *to, const char *model,
	const char *method, struct buf *ret, struct err *err)
{
	int r;

	if (!google_is_name(to->project, "-_:."))
		return err_set(err, EACCES,
			"no Google Cloud project: set project= or "
			"GOOGLE_CLOUD_PROJECT");
	if (!google_is_name(to->region, "-") || !google_is_name(model, "-_.@"))
		return err_set(err, EINVAL, "malformed location or model id");
	r = add_host(to, to->region, ret, err);
	if (r < 0)
		return r;
	r = buf_addf(ret, "/v1/projects/%s/locations/%s/publishers/google/models/%s:%s",
		to->project, to->region, model, method);
	return r < 0 ? err_oom(err) : 0;
}

#define STORAGE_HOST "https://storage.googleapis.com"

int google_developer_url(const struct wire_endpoint *to, const char *model,
	const char *method, struct buf *ret, struct err *err)
{
	int r;

	if (!google_is_name(model, "-_.@"))
		return err_set(err, EINVAL, "malformed model id");
	r = add_base(to->base, ret, err);
	if (r < 0)
		return r;
	r = buf_addf(ret, "/v1beta/models/%s:%s", model, method);
	return r < 0 ? err_oom(err) : 0;
}

bool google_is_developer(enum backend_id backend)
{
	return backend == BACKEND_GEMINI;
}

bool google_is_operation(const char *name)
{
	const char *id = strstr(name, "/operations/");

	return (str_starts(name, "projects/") || str_starts(name, "models/")) && id &&
	       id[12] && strlen(name) < WIRE_OPERATION_MAX &&
	       google_is_name(name, "-_:./@") && !strstr(name, "//");
}

int google_developer_operation_url(const struct wire_endpoint *to,
	const char *operation, struct buf *ret, struct err *err)
{
	int r;

	if (!google_is_operation(operation) || !str_starts(operation, "models/"))
		return err_set(err, EINVAL, "malformed name of an operation");
	r = add_base(to->base, ret, err);
	if (r < 0)
		return r;
	r = buf_addf(ret, "/v1beta/%s", operation);
	return r < 0 ? err_oom(err) : 0;
}

int google_operation_url(const struct wire_endpoint *to, const char *operation,
	struct buf *ret, struct err *err)
{
	const char *at = strstr(operation, "/locations/"),
		   *end = strstr(operation, "/operations/");
	char location[64];
	size_t n;
	int r;

	if (!google_is_operation(operation) || !str_starts(operation, "projects/") ||
		!at || at > end || memchr(at, ':', (size_t)(end - at)))
		return err_set(err, EINVAL, "malformed name of an operation");
	at += strlen("/locations/");
	n = strcspn(at, "/");
	snprintf(location, sizeof(location), "%.*s", (int)n, at);
	if (n >= sizeof(location) || !google_is_name(location, "-"))
		return err_set(err, EINVAL, "malformed name of an operation");
	r = add_host(to, location, ret, err);
	if (r < 0)
		return r;
	r = buf_addf(ret, "/v1/%.*s:fetchPredictOperation", (int)(end - operation),
		operation);
	return r < 0 ? err_oom(err) : 0;
}

/* An object's name is one segment, its slashes too. */
static int add_segment(const char *s, struct buf *ret)
{
	int r = 0;

	for (; *s && r == 0; s++) {
		unsigned char c = (unsigned char)*s;
		bool plain = (c < 0x80 && isalnum(c)) || strchr("-._~", c);

		r = plain ? buf_addc(ret, (char)c) : buf_addf(ret, "%%%02X", c);
	}
	return r;
}

/* gs://bucket/object; the bucket's own listing needs no object. */
static int add_bucket(const char *endpoint, const char *uri, const char **ret_object,
	struct buf *ret, struct err *err)
{
	const char *bucket = uri + 5, *object = NULL;
	char name[GOOGLE_BUCKET_MAX + 1];
	int r;

	if (str_starts(uri, "gs://"))
		object = strchr(bucket, '/');
	if (!object || !object[1] || (size_t)(object - bucket) >= sizeof(name))
		return err_set(err, EINVAL, "not an object of Cloud Storage");
	snprintf(name, sizeof(name), "%.*s", (int)(object - bucket), bucket);
	if (!google_is_name(name, "-_."))
		return err_set(err, EINVAL, "malformed name of a bucket");
	r = add_base(endpoint ? endpoint : STORAGE_HOST, ret, err);
	if (r < 0)
		return r;
	*ret_object = object + 1;
	r = buf_addf(ret, "/storage/v1/b/%s/o", name);
	return r < 0 ? err_oom(err) : 0;
}

int google_storage_url(
	const char *endpoint, const char *uri, struct buf *ret, struct err *err)
{
	const char *object = "";
	int r = add_bucket(endpoint, uri, &object, ret, err);

	if (r < 0)
		return r;
	r = buf_addc(ret, '/');
	if (r == 0)
		r = add_segment(object, ret);
	if (r == 0)
		r = buf_adds(ret, "?alt=media");
	return r < 0 ? err_oom(err) : 0;
}

int google_storage_list_url(
	const char *endpoint, const char *prefix, struct buf *ret, struct err *err)
{
	const char *object = "";
	int r = add_bucket(endpoint, prefix, &object, ret, err);

	if (r < 0)
		return r;
	r = buf_adds(ret, "?prefix=");
	if (r == 0)
		r = add_segment(object, ret);
	if (r == 0)
		r = buf_adds(
			ret, "&maxResults=1000&fields=items(name,size),nextPageToken");
	return r < 0 ? err_oom(err) : 0;
}
