// SPDX-License-Identifier: MIT
#pragma once
/* Scope-bound cleanup, hand-over of pointers, checked sizes. No state: any thread. */
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

/* `scoped(buf_finish) struct buf b = {0};` runs buf_finish(&b) at scope end. */
#define scoped(fn) __attribute__((cleanup(fn)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member)                                                \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* The pointer, leaving NULL behind: `*ret = steal_ptr(p)`. */
#define steal_ptr(p)                                                                   \
	({                                                                             \
		__typeof__(p) stolen_ = (p);                                           \
		(p) = NULL;                                                            \
		stolen_;                                                               \
	})

static inline void mem_free(void *pp)
{
	free(*(void **)pp);
}
#define scoped_free scoped(mem_free)

static inline void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
#define scoped_fd scoped(fd_close)

static inline int steal_fd(int *fd)
{
	int v = *fd;
	*fd = -1;
	return v;
}

/* NULL on overflow as on lack of memory; the memory is zeroed. */
#define new_array(type, n) ((type *)calloc((n), sizeof(type)))
#define new0(type) ((type *)calloc(1, sizeof(type)))
