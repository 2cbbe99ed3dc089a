// SPDX-License-Identifier: MIT
/* See handle.h. */
#include "fs/tree/handle.h"

#include "cache/base/mem.h"
#include "fs/tree/input.h"
#include "fs/virtual/vfile.h"

struct handle *handle_new(struct promptfs *fs, struct node *n, enum handle_kind kind)
{
	struct handle *h = new0(struct handle);

	if (!h)
		return NULL;
	h->kind = kind;
	h->node = n;
	pthread_mutex_lock(&fs->handles_lock);
	h->next = fs->handles;
	h->pprev = &fs->handles;
	if (h->next)
		h->next->pprev = &h->next;
	fs->handles = h;
	pthread_mutex_unlock(&fs->handles_lock);
	return h;
}

void handle_drop(struct promptfs *fs, struct handle *h)
{
	pthread_mutex_lock(&fs->handles_lock);
	if (h->next)
		h->next->pprev = h->pprev;
	*h->pprev = h->next;
	pthread_mutex_unlock(&fs->handles_lock);
	free(h);
}

void handle_close(struct promptfs *fs, struct handle *h)
{
	if (!h)
		return;
	if (h->kind == HANDLE_INPUT) {
		input_sync(h->input);
		input_close(h->input);
	} else {
		vfile_close(fs, &h->node->vfile, h->snapshot);
	}
	handle_drop(fs, h);
}

void handles_close(struct promptfs *fs)
{
	while (fs->handles)
		handle_close(fs, fs->handles);
}
