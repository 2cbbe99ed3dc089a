// SPDX-License-Identifier: MIT
#pragma once
/* A wire format as the rest of the provider sees it: one constant row, which stands
 * beside the format (imagen.c, veo.c, gemini.c, openai.c). Rows are found by the name
 * that a model's row has; the list is PROTOCOLS in backend/model/protocols.h.
 *
 * Constant: any thread. All functions are pure; 0 or -ENOMEM where nothing else is
 * said. What may be NULL says so. */
#include "backend/model/protocols.h"
#include "backend/provider/wire.h"

/* Bodies of responses: text and operations; pictures (four of 4K in base64 are below
 * 200 MiB). */
#define RESPONSE_SMALL_MAX (UINT64_C(8) << 20)
#define RESPONSE_PICTURES_MAX (UINT64_C(256) << 20)

/* Where a call goes. Borrowed. */
struct wire_endpoint {
	const char *base;             /* address; NULL: Vertex, the region's host */
	const char *project, *region; /* Vertex */
	enum backend_id backend;
};

struct protocol_ops {
	const char *family; /* "google": services that speak one speak them all */
	const char *method; /* what the address of a call ends with */
	uint64_t response_max;
	bool takes_image, takes_last; /* pictures of image=, of last= */
	bool is_marked; /* whatever is asked, what it makes has a watermark */

	/* What would be lost on the wire and cannot be dropped: -EOPNOTSUPP with a
	 * sentence. May be NULL. */
	int (*check)(const struct wire_job *j, struct err *err);
	/* Whether an option that the row takes goes out with the call. */
	bool (*sends)(const struct wire_job *j, enum option_id id);
	/* How many takes one call makes. NULL: one. */
	uint32_t (*takes_max)(const struct wire_job *j);
	/* The length that is asked for and billed. NULL: j->seconds. */
	uint32_t (*seconds)(const struct wire_job *j);
	/* NULL: it cannot. */
	bool (*can_extend)(const struct wire_job *j);

	int (*body)(const struct wire_job *j, struct buf *ret);
	void (*read)(const struct wire_job *j, const struct wire_response *a,
		struct verdict *v);

	/* Operations; NULL, as read_poll: it has none. -EINVAL: not an operation of
	 * this protocol at this endpoint. */
	int (*poll_url)(const struct wire_endpoint *to, const char *operation,
		struct buf *ret, struct err *err);
	/* Adds nothing where it is polled with GET; NULL: everywhere. */
	int (*poll_body)(
		const struct wire_endpoint *to, const char *operation, struct buf *ret);
	/* HTTP errors of a poll change nothing about what was accepted: PENDING with
	 * the sentence in err, unless the operation is lost (UNKNOWN) or the
	 * credentials are refused (AUTH). */
	void (*read_poll)(const struct wire_job *j, const struct wire_response *a,
		struct verdict *v);
};

#define PROTOCOL_OPS(id, name, kind) extern const struct protocol_ops protocol_##id;
PROTOCOLS(PROTOCOL_OPS)

struct protocol {
	const char *name;
	const struct protocol_ops *ops;
};
#define PROTOCOL_ROW(id, name, kind) {name, &protocol_##id},

/* Ended by a row without a name. Alone in its object, as protocol_kinds. */
extern const struct protocol protocols[];

/* Of a row that a catalogue has let in; never NULL. */
const struct protocol_ops *protocol_of(const struct model_row *row);
