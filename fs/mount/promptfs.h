// SPDX-License-Identifier: MIT
#pragma once
/* One promptfs: what the FUSE operations, the virtual files and the control socket
 * share. Made bottom-up and torn down in reverse, by the main thread; any thread reads
 * it. Rooms above this one keep their own part in it, which is opaque here. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "backend/engine/engine.h"
#include "fs/config/config.h"
#include "fs/grammar/grammar.h"

struct fuse_session;
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

/* Store, catalogue and engine without a mount: for commands on an unmounted store, and
 * the first half of a mount. The caller holds the store's lock. */
int promptfs_open(struct promptfs *fs, struct config *config, struct err *err);
void promptfs_close(struct promptfs *fs);
