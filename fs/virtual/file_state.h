// SPDX-License-Identifier: MIT
#pragma once
/* The state of one media file, as .cost, .quality, .json and the xattrs tell it.
 * A snapshot of its caller's; any thread. */
#include "fs/mount/promptfs.h"

struct file_state {
	const char *name; /* "not generated", "queued", "generating", "generated",
			     "failed", "unknown" */
	bool has_record;
	struct record rec; /* valid if has_record */
	struct digest key; /* request_key */
	uint32_t draw;     /* of the record, or that of the next generation */
	struct job_brief job;
	bool has_error;
	struct err err; /* of the last failed open */
	int64_t error_ms;
	const struct model_row *row;
};

/* 0; -EBADMSG, -ENOMEM, -ENOENT (the model left the catalogue). */
int file_state_get(
	struct promptfs *fs, const struct request *req, struct file_state *ret);
void file_state_finish(struct file_state *s);
