// SPDX-License-Identifier: MIT
#pragma once
/* One mounted promptfs: what the FUSE operations, the virtual files and the control
 * socket share. Made by mount.c, bottom-up; torn down in reverse. */
#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 14)
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdatomic.h>

#include "backend/engine/engine.h"
#include "fs/config/config.h"
#include "fs/grammar/grammar.h"

struct nodes;
struct notifier;
struct control;
struct handle;

struct promptfs {
	struct config *config; /* borrowed from main */
	struct catalogue *catalogue;
	struct cache *cache;
	struct engine *engine;
	struct grammar_env grammar;
	enum backend_id backend;
	char *ns; /* namespace of the store */
	/* For BACKEND_LOCAL neither is asked. */
	struct engine_remote remote;
	struct ledger_budget budget;
	struct ledger_limit *limits; /* those of `budget` */
	char *mountpoint;            /* absolute */
	int64_t mounted_ms;
	/* An input's name and bytes change together: around a save, rename or removal.
	 * After a scratch's mutex, before the nodes'. */
	pthread_mutex_t input_names;
	pthread_mutex_t snapshots_lock; /* innermost; guards each struct vfile */
	pthread_mutex_t handles_lock;   /* innermost; guards: */
	struct handle *handles;
	uid_t uid; /* of the mounting user: owner of everything */
	gid_t gid;

	struct fuse_session *session;
	struct nodes *nodes;
	struct notifier *notifier;
	struct control *control;
};
