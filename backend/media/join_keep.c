// SPDX-License-Identifier: MIT
/* Lists that grow: samples of the output, and packets that exist nowhere else. */
#include <errno.h>
#include <stdlib.h>

#include "backend/media/join_internal.h"

int join_add(struct join_samples *s, const struct mp4_sample *sample)
{
	if (s->n == s->max) {
		size_t max = s->max ? 2 * s->max : 1024;
		void *more = reallocarray(s->list, max, sizeof(*s->list));

		if (!more)
			return -ENOMEM;
		s->list = more;
		s->max = max;
	}
	s->list[s->n++] = *sample;
	return 0;
}

int join_keep(struct join_packets *k, AVPacket *packet, struct err *err)
{
	AVPacket *own;

	if ((uint64_t)packet->size > JOIN_MAX_ENCODED - k->bytes)
		return err_set(err, EPROTO,
			"more than %llu bytes would have to be encoded anew",
			(unsigned long long)JOIN_MAX_ENCODED);
	if (k->n == k->max) {
		size_t max = k->max ? 2 * k->max : 256;
		void *more = reallocarray(k->list, max, sizeof(*k->list));

		if (!more)
			return err_oom(err);
		k->list = more;
		k->max = max;
	}
	own = av_packet_alloc();
	if (!own)
		return err_oom(err);
	k->bytes += (uint64_t)packet->size;
	av_packet_move_ref(own, packet);
	k->list[k->n++] = own;
	return 0;
}

void join_packets_finish(struct join_packets *k)
{
	for (size_t i = 0; i < k->n; i++)
		av_packet_free(&k->list[i]);
	free(k->list);
	*k = (struct join_packets){0};
}
