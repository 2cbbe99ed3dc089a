// SPDX-License-Identifier: MIT
#pragma once
/* A request against its row: may it be made, and with which values. Pure. */
#include <stdbool.h>
#include <stdint.h>

#include "backend/model/catalogue.h"
#include "backend/request/request.h"

/* 0, or -EINVAL with a sentence that names what is allowed and what to use instead.
 * Checks the prompt's length, every option's value, the duration, and combinations. */
int limits_check(
	const struct model_row *row, const struct request *req, struct err *err);

/* As limits_check, without the prompt's length: can the row make a file of this kind,
 * duration and options? Also for a request whose model is another one or none. */
bool limits_can_make(const struct model_row *row, const struct request *req);

/* The same for the shape only (kind, aspect, size, duration, image): advisory options
 * would be dropped. For fallback and successors. */
bool limits_can_shape(const struct model_row *row, const struct request *req);

/* Is the value, as a path gives it, one the row takes? */
bool limits_allows(const struct model_row *row, enum option_id id, const char *value);

/* The value in effect: as given, else the row's default ("16:9", "on"); NULL where the
 * row does not take the option or the provider chooses. A seed turns watermark off.
 * Valid as long as row and req. Not for numbers that were not given: see
 * limits_number. */
const char *limits_value(
	const struct model_row *row, const struct request *req, enum option_id id);
/* The same for numbers (fps, guidance, temperature, max_tokens, count). False where the
 * row does not take it, or has no default and none is given. */
bool limits_number(const struct model_row *row, const struct request *req,
	enum option_id id, double *ret);
/* What limits_value gives, by its name on the wire. */
const char *limits_wire(
	const struct model_row *row, const struct request *req, enum option_id id);
/* Seed of this take: the one given plus take - 1. False without the option. */
bool limits_seed(const struct request *req, uint64_t *ret);

/* Pixels of the picture or the frames. -EINVAL: the row has none for this shape. */
int limits_pixels(const struct model_row *row, const struct request *req,
	uint32_t *ret_w, uint32_t *ret_h);

/* The lengths of one call at the resolution in effect; NULL if it makes nothing timed.
 */
const struct seconds_rule *limits_seconds(
	const struct model_row *row, const struct request *req);

/* Is there a place to go on with a clip from? Only Vertex AI puts what it makes into a
 * bucket and takes it back from there; NULL and "" are no bucket. */
bool limits_may_extend(enum backend_id backend, const char *bucket);

/* How a video is made: the seconds that its calls make and bill, in order, n of them.
 * Their sum may be larger than what was asked, where the model's lengths do not add up
 * to it; then it is cut. Cheapest first, then fewest calls.
 *
 * The calls are clips, each but the first starting with the last frame of the one
 * before; or, with is_extension, one clip and calls that each go on with the video so
 * far and give back the whole of it: the last one's is the result. That needs a place
 * where the provider keeps what it goes on with, so `may_extend` says whether there is
 * one, and it is chosen only where it bills less. A last frame that was asked for rules
 * it out: such a call takes no other picture.
 * A duration below one call that no call makes is cut from the next longer one: for
 * rows that stand in for another; whose own path it is must be asked for whole ones.
 * -EINVAL: it cannot make this duration, which does not depend on may_extend. */
#define LIMITS_SEGMENTS_MAX 512
struct segments {
	uint32_t n;
	uint32_t billed; /* seconds, sum */
	uint16_t seconds[LIMITS_SEGMENTS_MAX];
	bool is_extension;
};
int limits_segments(const struct model_row *row, const struct request *req,
	bool may_extend, struct segments *ret);
/* Whether it is no such cut: the row makes this duration, or longer ones of several
 * calls. */
bool limits_seconds_are_whole(const struct model_row *row, const struct request *req);
