// SPDX-License-Identifier: MIT
#pragma once
/* Who goes next: opens before batch work; within a class users take turns, and within a
 * user programs do, so that one user's thousand opens do not starve another's single
 * one. Entries live in their owners' structs. No lock inside: the engine's lock is
 * held. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/engine/engine.h"

#define SLOT_CLASSES 2

struct lane; /* the queue of one program of one user in one class */

struct slot_entry {
	struct slot_entry *next, *prev;
	struct lane *lane; /* NULL: not queued */
	uint64_t serial;   /* in its lane */
};

struct slot_user;

struct slots {
	struct slot_user *turn[SLOT_CLASSES]; /* whose turn it is, in a ring */
	size_t n[SLOT_CLASSES];
};

void slots_finish(struct slots *s); /* must be empty */
/* -ENOMEM. `program` is copied. */
int slots_push(struct slots *s, enum engine_priority class, uint32_t uid,
	const char *program, struct slot_entry *e);
struct slot_entry *slots_pop(struct slots *s); /* NULL: empty */
void slots_remove(struct slots *s, struct slot_entry *e);
/* Its turn, counted from 1, if nothing else arrives. Exact but for the order within one
 * round of turns; costs one step per user and program that waits. */
uint32_t slots_position(const struct slots *s, const struct slot_entry *e);
