// SPDX-License-Identifier: MIT
#pragma once
/* The language between worker.c and worker_child.c, version 1.
 *
 * Two pipes, the child's only descriptors: 0 from the parent, 1 to it. Both ends are
 *the same program, so numbers are in the machine's own order.
 *
 *	parent -> child   struct wire_request                    once
 *	child -> parent   struct wire_frame, then by its kind    until RESULT or FAILED
 *	    WIRE_READ     bytes [off, off + len) are wanted; the parent answers with
 *	                  exactly len bytes, or kills the child
 *	    WIRE_OUTPUT   len bytes of the converted picture follow
 *	    WIRE_RESULT   len bytes follow: the report as JSON; none after a conversion
 *	    WIRE_FAILED   len bytes follow: a sentence; off is EPROTO, ENOMEM or EIO
 *
 * The child is not trusted: whatever it sends beyond these rules ends it. */
#include <stdint.h>

#define WIRE_VERSION UINT32_C(0x50464d01) /* "PFM" 1 */
#define WIRE_WORD "--media-worker"        /* the only argument of the child */
#define WIRE_IN 0
#define WIRE_OUT 1
#define WIRE_FDS 2 /* the first descriptor that the child does not have */
#define WIRE_MAX_READ (UINT32_C(1) << 20)
#define WIRE_MAX_OUTPUT (UINT32_C(1) << 20) /* bytes of one frame */
#define WIRE_MAX_OUTPUT_SUM (UINT64_C(512) << 20)
#define WIRE_MAX_SENTENCE 240

enum wire_op { WIRE_MEASURE = 1, WIRE_CONVERT = 2 };
enum wire_kind { WIRE_READ = 1, WIRE_OUTPUT, WIRE_RESULT, WIRE_FAILED };

struct wire_request {
	uint32_t version;
	uint32_t op;
	uint32_t to; /* enum media_type, of a conversion */
	uint32_t unused;
	uint64_t size; /* of the medium, bytes */
};

struct wire_frame {
	uint32_t kind;
	uint32_t len;
	uint64_t off;
};
