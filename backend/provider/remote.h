// SPDX-License-Identifier: MIT
#pragma once
/* Providers across a network, without I/O: from a call to an HTTP request, and from a
 * response to a verdict. The engine sends, retries, polls and pays, once for all of
 * them.
 *
 * A remote is immutable after its making: any thread. It holds no secrets; the engine
 * adds what `auth` names. All functions are pure. */
#include "backend/provider/wire.h"

enum remote_auth {
	AUTH_NONE,
	AUTH_BEARER,     /* Authorization: Bearer <token or key> */
	AUTH_GOOGLE_KEY, /* x-goog-api-key: <key> */
};

/* One HTTP request. Owned: remote_call_finish. */
struct remote_call {
	const char *method;
	struct buf url;
	struct buf body; /* JSON; empty with GET */
	enum remote_auth auth;
	bool is_paid;          /* goes out at most once */
	bool is_media;         /* the response's body is the media itself, not JSON */
	uint64_t response_max; /* bytes of the response's body */
	const char *user_project; /* x-goog-user-project, the remote's; NULL: none */
};
void remote_call_finish(struct remote_call *c);

struct remote;

struct remote_config {
	enum backend_id backend;      /* VERTEX, GEMINI, OPENAI */
	const char *endpoint;         /* base address; NULL: the service's own */
	const char *storage_endpoint; /* of Cloud Storage; NULL: its own */
	const char *project;      /* VERTEX; NULL: -EACCES at open, with a sentence */
	const char *location;     /* "us-central1+europe-west4"; NULL: "us-central1" */
	const char *user_project; /* quota project, or NULL */
	bool is_anonymous;        /* the server wants no credentials */
};
/* -EINVAL with a sentence (an endpoint that is no http(s) address, plain http to
 * another machine, a malformed project or location); -ENOMEM. "" is as NULL. */
int remote_new(const struct remote_config *c, struct remote **ret, struct err *err);
void remote_free(struct remote *r);              /* NULL is fine */
const char *remote_name(const struct remote *r); /* as in -o backend= */

/* Never this kind, or not with this backend: -EOPNOTSUPP, -ENOENT (a model it does not
 * offer; the sentence names a successor), with a sentence. Also what would be lost on
 * the wire and cannot be dropped: pictures, and silence where sound costs more. */
int remote_can_make(const struct remote *r, const struct model_row *row,
	const struct request *req, struct err *err);

/* How many regions a call can be tried at, >= 1; a row may name its own. */
uint32_t remote_regions(const struct remote *r, const struct model_row *row);
/* "us-central1"; "" where there are no regions. `region` wraps around. */
const char *remote_region(
	const struct remote *r, const struct model_row *row, uint32_t region);

/* How many takes one call can make (Imagen, Vertex's Veo: count of the row; else 1). */
uint32_t remote_takes_max(const struct remote *r, const struct model_row *row);

/* The call that makes it, and the reading of its response. The job's backend is
 * set here, and a storage_uri goes out with VERTEX only. -EINVAL, -EACCES (no project),
 * -ENOMEM, and what remote_can_make says. `v` need not be initialised; owned:
 * verdict_finish. An operation it gives can be polled, and what it says is usable can
 * be fetched. */
int remote_make(const struct remote *r, const struct wire_job *j, uint32_t region,
	struct remote_call *ret, struct err *err);
void remote_read(const struct remote *r, const struct wire_job *j,
	const struct wire_response *a, struct verdict *v);

/* Polling a named operation: of its own model and region, whatever the configuration
 * says by now. row: what started it, for its protocol. -EINVAL: not an operation of
 * this backend. */
int remote_poll(const struct remote *r, const struct model_row *row,
	const char *operation, struct remote_call *ret, struct err *err);
void remote_read_poll(const struct remote *r, const struct wire_job *j,
	const struct wire_response *a, struct verdict *v);

/* Fetching media from where a response says it is: gs:// (VERTEX) or http(s)://.
 * Credentials only go to the service's own host and to Cloud Storage, and plain http
 * only where the service is on this machine. Redirects: ask again. -EINVAL. */
int remote_fetch(const struct remote *r, const char *uri, struct remote_call *ret,
	struct err *err);

/* Looking for what a call whose response was lost has left below gs://bucket/prefix/, a
 * folder. VERTEX. -EINVAL. */
int remote_list(const struct remote *r, const char *prefix, struct remote_call *ret,
	struct err *err);
/* The names in the response, as gs:// addresses, at most max; only of objects below the
 * prefix that have bytes. Returns how many; <0: no list (-EPROTO, -EACCES, -ENOENT,
 * -EBUSY) with a sentence. */
int remote_read_list(const struct wire_response *a, const char *prefix,
	char (*uri)[WIRE_URI_MAX], uint32_t max, struct err *err);
