// SPDX-License-Identifier: MIT
#pragma once
/* The language between worker.c and worker_child.c, version 2.
 *
 * Two pipes, the child's only descriptors: 0 from the parent, 1 to it. Both ends are
 *the same program, so numbers are in the machine's own order.
 *
 *	parent -> child   struct wire_request, and the size of
 *	                  each medium as a uint64_t              once
 *	child -> parent   struct wire_frame, then by its kind    until RESULT or FAILED
 *	    WIRE_READ     bytes [off, off + len) of medium `source` are wanted; the
 *	                  parent answers with exactly len bytes, or kills the child
 *	    WIRE_OUTPUT   len bytes of the picture or video that is made follow
 *	    WIRE_RESULT   len bytes follow: the report as JSON; none after an output
 *	    WIRE_FAILED   len bytes follow: a sentence; off is EPROTO, ENOMEM, EIO or
 *	                  EOPNOTSUPP
 *
 * The child is not trusted: whatever it sends beyond these rules ends it. */
#include <stdint.h>

#define WIRE_VERSION UINT32_C(0x50464d02) /* "PFM" 2 */
#define WIRE_WORD "--media-worker"        /* the only argument of the child */
#define WIRE_IN 0
#define WIRE_OUT 1
#define WIRE_FDS 2 /* the first descriptor that the child does not have */
#define WIRE_MAX_READ (UINT32_C(1) << 20)
#define WIRE_MAX_OUTPUT (UINT32_C(1) << 20)    /* bytes of one frame */
#define WIRE_MAX_PICTURE (UINT64_C(512) << 20) /* bytes of a picture */
#define WIRE_MAX_SOURCES 512
#define WIRE_MAX_SENTENCE 240

enum wire_op { WIRE_MEASURE = 1, WIRE_CONVERT, WIRE_LAST_FRAME, WIRE_JOIN };
enum wire_kind { WIRE_READ = 1, WIRE_OUTPUT, WIRE_RESULT, WIRE_FAILED };

struct wire_request {
	uint32_t version;
	uint32_t op;
	uint32_t to;      /* enum media_type, of a picture that is made */
	uint32_t sources; /* 1..WIRE_MAX_SOURCES */
	uint32_t seconds, fps, is_chained; /* struct quality_join_rule */
	uint32_t unused;
};

struct wire_frame {
	uint32_t kind;
	uint32_t len;
	uint64_t off;
	uint32_t source; /* of a WIRE_READ, from 0 on */
	uint32_t unused;
};
