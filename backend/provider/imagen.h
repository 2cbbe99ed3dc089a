// SPDX-License-Identifier: MIT
#pragma once
/* Imagen, `:predict`. One call makes several takes. Pure. */
#include "backend/provider/wire.h"

/* -ENOMEM. */
int imagen_body(const struct wire_job *job, struct buf *ret);
void imagen_read(
	const struct wire_job *job, const struct wire_response *a, struct verdict *v);
