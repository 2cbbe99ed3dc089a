// SPDX-License-Identifier: MIT
/* From a model's row to the ops of its protocol. Pure: any thread. */
#include "backend/provider/protocol.h"

#include <assert.h>
#include <string.h>

const struct protocol_ops *protocol_of(const struct model_row *row)
{
	const struct protocol *p = protocols;

	while (p->name && strcmp(p->name, row->protocol) != 0)
		p++;
	assert(p->ops);
	return p->ops;
}
