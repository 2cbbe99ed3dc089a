// SPDX-License-Identifier: MIT
#pragma once
/* The language between sandbox.c and child.c, version 2.
 *
 * Two pipes, the child's only descriptors: 0 from the parent, 1 to it. Both ends are
 * the same program, so numbers are in the machine's own order.
 *
 *	parent -> child     struct message_request, and the size of
 *	                    each medium as a uint64_t            once
 *	child -> parent     struct message, then by its kind     until RESULT or FAILED
 *	    MESSAGE_READ    bytes [off, off + len) of medium `source` are wanted; the
 *	                    parent answers with exactly len bytes, or kills the child
 *	    MESSAGE_OUTPUT  len bytes of the picture or video that is made follow
 *	    MESSAGE_RESULT  len bytes follow: the report as JSON; none after an output
 *	    MESSAGE_FAILED  len bytes follow: a sentence; off is EPROTO, ENOMEM, EIO or
 *	                    EOPNOTSUPP
 *
 * The child is not trusted: whatever it sends beyond these rules ends it. */
#include <stdint.h>

#define MESSAGE_VERSION UINT32_C(0x50464d02) /* "PFM" 2 */
#define SANDBOX_WORD "--media-worker"        /* the only argument of the child */
#define PIPE_IN 0
#define PIPE_OUT 1
#define PIPE_FDS 2 /* the first descriptor that the child does not have */
#define MESSAGE_MAX_READ (UINT32_C(1) << 20)
#define MESSAGE_MAX_OUTPUT (UINT32_C(1) << 20)    /* bytes of one message */
#define MESSAGE_MAX_PICTURE (UINT64_C(512) << 20) /* bytes of a picture */
#define MESSAGE_MAX_SOURCES 512
#define MESSAGE_MAX_SENTENCE 240

enum task_id { TASK_MEASURE = 1, TASK_CONVERT, TASK_LAST_FRAME, TASK_JOIN };
enum message_kind { MESSAGE_READ = 1, MESSAGE_OUTPUT, MESSAGE_RESULT, MESSAGE_FAILED };

struct message_request {
	uint32_t version;
	uint32_t task;    /* enum task_id */
	uint32_t to;      /* enum media_type, of a picture that is made */
	uint32_t sources; /* 1..MESSAGE_MAX_SOURCES */
	uint32_t seconds, fps, is_chained; /* struct sandbox_join_rule */
	uint32_t unused;
};

struct message {
	uint32_t kind;
	uint32_t len;
	uint64_t off;
	uint32_t source; /* of a MESSAGE_READ, from 0 on */
	uint32_t unused;
};
