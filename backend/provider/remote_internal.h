// SPDX-License-Identifier: MIT
#pragma once
/* Inside of remote*.c. A remote never changes after its making: any thread. */
#include "backend/provider/google.h"
#include "backend/provider/service.h"

#define REMOTE_REGIONS_MAX 16
#define REMOTE_ADDRESS_MAX 1024

struct remote {
	enum backend_id backend;
	const struct service *service; /* of that */
	bool is_anonymous;
	/* NULL where the service's own is meant; no slashes at the end. */
	char *endpoint, *storage_endpoint;
	char *project, *user_project;
	char *locations; /* the regions, each ended by a NUL */
	const char *region[REMOTE_REGIONS_MAX];
	uint32_t n_regions; /* 0: there are no regions */
};

/* Where the row's call goes; borrowed from row and remote. */
struct wire_endpoint remote_endpoint(
	const struct remote *r, const struct model_row *row, uint32_t region);
/* Whether the service understands the row's protocol. */
bool remote_speaks(const struct remote *r, const struct model_row *row);
/* What the service itself is called with. */
enum remote_auth remote_auth(const struct remote *r);
/* The job as this API takes it, whatever it says of that. */
struct wire_job remote_own_job(const struct remote *r, const struct wire_job *j);
