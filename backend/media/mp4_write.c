// SPDX-License-Identifier: MIT
/* The layout of an MP4 and its samples in turns. Any thread, no globals. */
#include "backend/media/mp4_write.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "backend/media/mp4_box.h"
#include "cache/base/mem.h"

#define OUT_BYTES (512 << 10) /* that the sink gets at once */

/* Samples of one track that lie together. */
struct chunk {
	uint32_t track, n;
	size_t first;
	uint64_t bytes;
};

struct writer {
	const struct mp4_track *tracks;
	size_t n;
	struct mp4_times times[MP4_MAX_TRACKS];
	struct chunk *chunks;
	size_t n_chunks;
	uint64_t bytes; /* of all samples */
	struct boxes front;
	mp4_get_fn get;
	void *get_user;
	encode_sink_fn sink;
	void *sink_user;
	uint8_t *out;
	size_t out_len;
	struct err *err;
};

static void finish(struct writer *w)
{
	for (size_t i = 0; i < w->n; i++)
		mp4_times_finish(&w->times[i]);
	free(w->chunks);
	free(w->out);
	buf_finish(&w->front.b);
}

/* The next half second of a track. */
static struct chunk cut_chunk(const struct writer *w, uint32_t track, size_t first)
{
	const struct mp4_track *t = &w->tracks[track];
	struct chunk c = {.track = track, .first = first};
	int64_t end = w->times[track].dts[first] + t->timescale / 2;

	for (size_t i = first; i < t->n && w->times[track].dts[i] < end; i++) {
		c.bytes += t->samples[i].size;
		c.n++;
	}
	return c;
}

/* Whose turn it is: the track that is behind. */
static uint32_t behind(const struct writer *w, const size_t done[])
{
	uint32_t best = 0;
	double least = 0;
	bool found = false;

	for (uint32_t i = 0; i < w->n; i++) {
		double at;

		if (done[i] == w->tracks[i].n)
			continue;
		at = (double)w->times[i].dts[done[i]] / w->tracks[i].timescale;
		if (!found || at < least) {
			found = true;
			least = at;
			best = i;
		}
	}
	return best;
}

static int order_chunks(struct writer *w)
{
	size_t left = 0, done[MP4_MAX_TRACKS] = {0};

	for (size_t i = 0; i < w->n; i++)
		left += w->tracks[i].n;
	w->chunks = new_array(struct chunk, left + 1);
	if (!w->chunks)
		return err_oom(w->err);
	while (left) {
		uint32_t i = behind(w, done);
		struct chunk c = cut_chunk(w, i, done[i]);

		w->chunks[w->n_chunks++] = c;
		done[i] += c.n;
		left -= c.n;
		w->bytes += c.bytes;
	}
	return 0;
}

/* Where the chunks of a track begin, counted from the first sample's byte. */
static int locate(struct writer *w, uint32_t track, struct mp4_places *ret)
{
	uint64_t at = 0;

	ret->offset = new_array(uint32_t, w->n_chunks + 1);
	ret->count = new_array(uint32_t, w->n_chunks + 1);
	if (!ret->offset || !ret->count)
		return err_oom(w->err);
	for (size_t i = 0; i < w->n_chunks; i++) {
		if (w->chunks[i].track == track) {
			ret->offset[ret->n] = (uint32_t)at;
			ret->count[ret->n++] = w->chunks[i].n;
		}
		at += w->chunks[i].bytes;
	}
	return 0;
}

static int build_front(struct writer *w)
{
	struct mp4_places places[MP4_MAX_TRACKS] = {0};
	int r = 0;

	for (uint32_t i = 0; i < w->n && r == 0; i++)
		r = locate(w, i, &places[i]);
	if (r == 0)
		r = mp4_front(&w->front, w->tracks, w->n, w->times, places, w->bytes);
	for (size_t i = 0; i < w->n; i++) {
		free(places[i].offset);
		free(places[i].count);
	}
	return r < 0 ? err_oom(w->err) : 0;
}

static int flush(struct writer *w)
{
	size_t n = w->out_len;

	w->out_len = 0;
	return n ? w->sink(w->sink_user, w->out, n, w->err) : 0;
}

static int put_sample(struct writer *w, const struct mp4_sample *s)
{
	scoped_free uint8_t *large = NULL;
	int r;

	if (s->size > OUT_BYTES - w->out_len) {
		r = flush(w);
		if (r < 0)
			return r;
	}
	if (s->size <= OUT_BYTES) {
		r = w->get(w->get_user, s, w->out + w->out_len, w->err);
		w->out_len += s->size;
		return r;
	}
	large = new_array(uint8_t, s->size);
	if (!large)
		return err_oom(w->err);
	r = w->get(w->get_user, s, large, w->err);
	return r < 0 ? r : w->sink(w->sink_user, large, s->size, w->err);
}

static int put_samples(struct writer *w)
{
	int r = w->sink(w->sink_user, w->front.b.data, w->front.b.len, w->err);

	for (size_t i = 0; i < w->n_chunks && r >= 0; i++) {
		const struct chunk *c = &w->chunks[i];
		const struct mp4_sample *s = w->tracks[c->track].samples + c->first;

		for (uint32_t k = 0; k < c->n && r >= 0; k++)
			r = put_sample(w, &s[k]);
	}
	return r < 0 ? r : flush(w);
}

int mp4_write(const struct mp4_track *tracks, size_t n, mp4_get_fn get, void *get_user,
	encode_sink_fn sink, void *sink_user, struct err *err)
{
	scoped(finish) struct writer w = {.tracks = tracks,
		.n = n,
		.get = get,
		.get_user = get_user,
		.sink = sink,
		.sink_user = sink_user,
		.err = err};
	int r = 0;

	assert(n >= 1 && n <= MP4_MAX_TRACKS);
	for (size_t i = 0; i < n && r == 0; i++)
		r = mp4_times_init(&w.times[i], &tracks[i]);
	if (r < 0)
		return err_oom(err);
	r = order_chunks(&w);
	if (r == 0)
		r = build_front(&w);
	if (r < 0)
		return r;
	if (w.front.b.len + w.bytes > MP4_MAX_BYTES)
		return err_set(err, EPROTO, "the video would be larger than %llu bytes",
			(unsigned long long)MP4_MAX_BYTES);
	w.out = new_array(uint8_t, OUT_BYTES);
	return w.out ? put_samples(&w) : err_oom(err);
}
