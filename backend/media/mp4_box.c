// SPDX-License-Identifier: MIT
/* The boxes in front of the samples, appended to bytes in memory. Any thread. */
#include "backend/media/mp4_box.h"

#include <errno.h>
#include <string.h>

#include "cache/base/mem.h"

#define TRACK_SHOWN 7           /* enabled, in the movie, in the preview */
#define ONE 0x00010000u         /* 16.16 */
#define LANGUAGE_UNKNOWN 0x55c4 /* "und" */
#define COLOUR_UNKNOWN 2

static int by_value(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int mp4_times_init(struct mp4_times *ret, const struct mp4_track *t)
{
	ret->delay = 0;
	ret->dts = new_array(int64_t, t->n + 1);
	if (!ret->dts)
		return -ENOMEM;
	for (size_t i = 0; i < t->n; i++)
		ret->dts[i] = t->samples[i].pts;
	qsort(ret->dts, t->n, sizeof(*ret->dts), by_value);
	for (size_t i = 0; i < t->n; i++)
		if (ret->dts[i] - t->samples[i].pts > ret->delay)
			ret->delay = ret->dts[i] - t->samples[i].pts;
	return 0;
}

void mp4_times_finish(struct mp4_times *t)
{
	free(t->dts);
	t->dts = NULL;
}

static void add(struct boxes *o, const void *data, size_t len)
{
	if (o->r == 0)
		o->r = buf_add(&o->b, data, len);
}

static void be(struct boxes *o, uint64_t v, int bytes)
{
	uint8_t b[8];

	for (int i = 0; i < bytes; i++)
		b[i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
	add(o, b, (size_t)bytes);
}

static void zeros(struct boxes *o, int n)
{
	while (n--)
		be(o, 0, 1);
}

static void patch(struct boxes *o, size_t at, uint32_t v)
{
	if (o->r < 0)
		return;
	for (int i = 0; i < 4; i++)
		o->b.data[at + (size_t)i] = (char)(v >> (24 - 8 * i));
}

/* Its size is told by end(). */
static size_t begin(struct boxes *o, const char *name)
{
	size_t at = o->b.len;

	be(o, 0, 4);
	add(o, name, 4);
	return at;
}

static size_t begin_full(struct boxes *o, const char *name, int version, uint32_t flags)
{
	size_t at = begin(o, name);

	be(o, (uint32_t)version << 24 | flags, 4);
	return at;
}

static void end(struct boxes *o, size_t at)
{
	patch(o, at, (uint32_t)(o->b.len - at));
}

static void matrix(struct boxes *o)
{
	static const uint32_t unity[] = {ONE, 0, 0, 0, ONE, 0, 0, 0, 0x40000000};

	for (size_t i = 0; i < ARRAY_SIZE(unity); i++)
		be(o, unity[i], 4);
}

static void file_type(struct boxes *o)
{
	size_t at = begin(o, "ftyp");

	add(o, "isom\0\0\2\0isomiso2avc1mp41", 24);
	end(o, at);
}

/* The movie counts time as its video does. */
static uint32_t in_movie(const struct mp4_track *t, uint32_t timescale)
{
	return (uint32_t)((t->duration * (int64_t)timescale + t->timescale / 2) /
			  t->timescale);
}

static void movie_header(struct boxes *o, const struct mp4_track *t, size_t n)
{
	size_t at = begin_full(o, "mvhd", 0, 0);
	uint32_t longest = 0;

	for (size_t i = 0; i < n; i++)
		if (in_movie(&t[i], t->timescale) > longest)
			longest = in_movie(&t[i], t->timescale);
	zeros(o, 8);
	be(o, t->timescale, 4);
	be(o, longest, 4);
	be(o, ONE, 4);
	be(o, 0x0100, 2);
	zeros(o, 10);
	matrix(o);
	zeros(o, 24);
	be(o, n + 1, 4);
	end(o, at);
}

static void track_header(
	struct boxes *o, const struct mp4_track *t, uint32_t id, uint32_t timescale)
{
	size_t at = begin_full(o, "tkhd", 0, TRACK_SHOWN);
	bool is_video = t->kind == MP4_H264;
	uint64_t width = (uint64_t)t->width << 16;

	if (is_video && t->aspect[0] && t->aspect[1])
		width = width * t->aspect[0] / t->aspect[1];
	zeros(o, 8);
	be(o, id, 4);
	zeros(o, 4);
	be(o, in_movie(t, timescale), 4);
	zeros(o, 8);
	be(o, 0, 2);
	be(o, is_video ? 0 : 1, 2); /* alternate group */
	be(o, is_video ? 0 : 0x0100, 2);
	zeros(o, 2);
	matrix(o);
	be(o, is_video ? width : 0, 4);
	be(o, is_video ? (uint64_t)t->height << 16 : 0, 4);
	end(o, at);
}

/* Hides what is decoded before the beginning, and what lies beyond the end. */
static void edits(struct boxes *o, const struct mp4_track *t,
	const struct mp4_times *times, uint32_t timescale)
{
	size_t at = begin(o, "edts"), list = begin_full(o, "elst", 0, 0);

	be(o, 1, 4);
	be(o, in_movie(t, timescale), 4);
	be(o, (uint64_t)(t->skip + times->delay), 4);
	be(o, ONE, 4);
	end(o, list);
	end(o, at);
}

static int64_t media_duration(const struct mp4_track *t)
{
	return t->skip + t->duration;
}

static void media_header(struct boxes *o, const struct mp4_track *t)
{
	size_t at = begin_full(o, "mdhd", 0, 0);

	zeros(o, 8);
	be(o, t->timescale, 4);
	be(o, (uint64_t)media_duration(t), 4);
	be(o, LANGUAGE_UNKNOWN, 2);
	zeros(o, 2);
	end(o, at);
	at = begin_full(o, "hdlr", 0, 0);
	zeros(o, 4);
	add(o, t->kind == MP4_H264 ? "vide" : "soun", 4);
	zeros(o, 12);
	add(o, t->kind == MP4_H264 ? "VideoHandler" : "SoundHandler", 13);
	end(o, at);
}

static void data_here(struct boxes *o)
{
	size_t at = begin(o, "dinf"), list = begin_full(o, "dref", 0, 0), entry;

	be(o, 1, 4);
	entry = begin_full(o, "url ", 0, 1);
	end(o, entry);
	end(o, list);
	end(o, at);
}

static void video_entry(struct boxes *o, const struct mp4_track *t)
{
	size_t at = begin(o, "avc1"), box;

	zeros(o, 6);
	be(o, 1, 2);
	zeros(o, 16);
	be(o, t->width, 2);
	be(o, t->height, 2);
	be(o, 0x00480000, 4);
	be(o, 0x00480000, 4);
	zeros(o, 4);
	be(o, 1, 2);
	zeros(o, 32);
	be(o, 0x0018, 2);
	be(o, 0xffff, 2);
	box = begin(o, "avcC");
	add(o, t->config, t->config_len);
	end(o, box);
	if (t->colour[0] != COLOUR_UNKNOWN || t->colour[1] != COLOUR_UNKNOWN ||
		t->colour[2] != COLOUR_UNKNOWN) {
		box = begin(o, "colr");
		add(o, "nclx", 4);
		for (int i = 0; i < 3; i++)
			be(o, t->colour[i], 2);
		be(o, t->is_full_range ? 0x80 : 0, 1);
		end(o, box);
	}
	if (t->aspect[0] && t->aspect[1]) {
		box = begin(o, "pasp");
		be(o, t->aspect[0], 4);
		be(o, t->aspect[1], 4);
		end(o, box);
	}
	end(o, at);
}

/* A descriptor of ISO 14496-1, its length in the four bytes that everybody writes. */
static void descriptor(struct boxes *o, uint8_t tag, size_t len)
{
	be(o, tag, 1);
	for (int shift = 21; shift >= 0; shift -= 7)
		be(o, (len >> shift & 0x7f) | (shift ? 0x80 : 0), 1);
}

static void sound_entry(struct boxes *o, const struct mp4_track *t)
{
	size_t at = begin(o, "mp4a"), box;

	zeros(o, 6);
	be(o, 1, 2);
	zeros(o, 8);
	be(o, t->channels, 2);
	be(o, 16, 2);
	zeros(o, 4);
	be(o, t->timescale < 65536 ? (uint64_t)t->timescale << 16 : 0, 4);
	box = begin_full(o, "esds", 0, 0);
	descriptor(o, 3, 3 + 5 + 13 + 5 + t->config_len + 5 + 1);
	be(o, 2, 2);
	be(o, 0, 1);
	descriptor(o, 4, 13 + 5 + t->config_len);
	be(o, 0x40, 1); /* AAC */
	be(o, 0x15, 1); /* an audio stream */
	zeros(o, 11);   /* buffer and rates: not told */
	descriptor(o, 5, t->config_len);
	add(o, t->config, t->config_len);
	descriptor(o, 6, 1);
	be(o, 2, 1);
	end(o, box);
	end(o, at);
}

static void descriptions(struct boxes *o, const struct mp4_track *t)
{
	size_t at = begin_full(o, "stsd", 0, 0);

	be(o, 1, 4);
	if (t->kind == MP4_H264)
		video_entry(o, t);
	else
		sound_entry(o, t);
	end(o, at);
}

/* Runs of equal values, of which `value` gives the i-th. */
static void runs(struct boxes *o, const char *name, const struct mp4_track *t,
	const struct mp4_times *times,
	int64_t (*value)(const struct mp4_track *, const struct mp4_times *, size_t))
{
	size_t at = begin_full(o, name, 0, 0), count_at = o->b.len;
	uint32_t entries = 0;

	be(o, 0, 4);
	for (size_t i = 0, next; i < t->n; i = next) {
		int64_t v = value(t, times, i);

		for (next = i + 1; next < t->n && value(t, times, next) == v;)
			next++;
		be(o, next - i, 4);
		be(o, (uint64_t)v, 4);
		entries++;
	}
	patch(o, count_at, entries);
	end(o, at);
}

static int64_t delta(const struct mp4_track *t, const struct mp4_times *times, size_t i)
{
	int64_t next = i + 1 < t->n ? times->dts[i + 1] : media_duration(t);

	/* Sound may end within its last sample. */
	return next > times->dts[i] ? next - times->dts[i] : 1;
}

static int64_t shift(const struct mp4_track *t, const struct mp4_times *times, size_t i)
{
	return t->samples[i].pts - times->dts[i] + times->delay;
}

static void keys(struct boxes *o, const struct mp4_track *t)
{
	size_t at = begin_full(o, "stss", 0, 0), count_at = o->b.len;
	uint32_t n = 0;

	be(o, 0, 4);
	for (size_t i = 0; i < t->n; i++)
		if (t->samples[i].is_key) {
			be(o, i + 1, 4);
			n++;
		}
	patch(o, count_at, n);
	end(o, at);
}

static void sizes(struct boxes *o, const struct mp4_track *t)
{
	size_t at = begin_full(o, "stsz", 0, 0);

	be(o, 0, 4);
	be(o, t->n, 4);
	for (size_t i = 0; i < t->n; i++)
		be(o, t->samples[i].size, 4);
	end(o, at);
}

/* Returns where the offsets stand, for they are counted from the file's beginning. */
static size_t chunks(struct boxes *o, const struct mp4_places *p)
{
	size_t at = begin_full(o, "stsc", 0, 0), count_at = o->b.len, offsets;
	uint32_t entries = 0;

	be(o, 0, 4);
	for (size_t i = 0; i < p->n; i++) {
		if (i && p->count[i] == p->count[i - 1])
			continue;
		be(o, i + 1, 4);
		be(o, p->count[i], 4);
		be(o, 1, 4);
		entries++;
	}
	patch(o, count_at, entries);
	end(o, at);
	at = begin_full(o, "stco", 0, 0);
	be(o, p->n, 4);
	offsets = o->b.len;
	for (size_t i = 0; i < p->n; i++)
		be(o, p->offset[i], 4);
	end(o, at);
	return offsets;
}

static size_t media(struct boxes *o, const struct mp4_track *t,
	const struct mp4_times *times, const struct mp4_places *p)
{
	size_t mdia = begin(o, "mdia"), minf, stbl, offsets, at;

	media_header(o, t);
	minf = begin(o, "minf");
	at = begin_full(o, t->kind == MP4_H264 ? "vmhd" : "smhd", 0,
		t->kind == MP4_H264 ? 1 : 0);
	zeros(o, t->kind == MP4_H264 ? 8 : 4);
	end(o, at);
	data_here(o);
	stbl = begin(o, "stbl");
	descriptions(o, t);
	runs(o, "stts", t, times, delta);
	if (t->kind == MP4_H264) {
		keys(o, t);
		if (times->delay)
			runs(o, "ctts", t, times, shift);
	}
	sizes(o, t);
	offsets = chunks(o, p);
	end(o, stbl);
	end(o, minf);
	end(o, mdia);
	return offsets;
}

int mp4_front(struct boxes *o, const struct mp4_track *tracks, size_t n,
	const struct mp4_times *times, const struct mp4_places *places, uint64_t bytes)
{
	size_t moov, offsets[MP4_MAX_TRACKS] = {0};

	file_type(o);
	moov = begin(o, "moov");
	movie_header(o, tracks, n);
	for (size_t i = 0; i < n; i++) {
		size_t trak = begin(o, "trak");

		track_header(o, &tracks[i], (uint32_t)i + 1, tracks->timescale);
		edits(o, &tracks[i], &times[i], tracks->timescale);
		offsets[i] = media(o, &tracks[i], &times[i], &places[i]);
		end(o, trak);
	}
	end(o, moov);
	be(o, bytes + 8, 4);
	add(o, "mdat", 4);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < places[i].n; k++)
			patch(o, offsets[i] + 4 * k,
				places[i].offset[k] + (uint32_t)o->b.len);
	return o->r;
}
