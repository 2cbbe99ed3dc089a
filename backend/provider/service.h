// SPDX-License-Identifier: MIT
#pragma once
/* What is true of a service whatever it is asked for: one constant row each. Only
 * remote*.c asks. Any thread. */
#include "backend/provider/protocol.h"
#include "backend/provider/remote.h"

struct service {
	const char *family; /* of the protocols that it speaks */
	const char *base;   /* its address; NULL: one a region, and no media there */
	enum remote_auth auth;
	bool has_regions;     /* of a project, which pays */
	bool has_storage;     /* results and clips lie in Cloud Storage */
	uint64_t input_max;   /* bytes of one picture; 0: no limit known */
	const char *own_rows; /* whose models no built-in row has; NULL: they do */
	/* The address of a call. -EINVAL, -EACCES (no project), -ENOMEM. */
	int (*url)(const struct wire_endpoint *to, const char *model,
		const char *method, struct buf *ret, struct err *err);
};

/* NULL: not a service across a network. */
const struct service *service_of(enum backend_id backend);
