// SPDX-License-Identifier: MIT
#pragma once
/* Stored numbers: little-endian in values, big-endian in keys (so that keys sort by
 * number), and CRC32C. `struct rd` reads bytes that may be hostile: reads beyond the
 * end give 0 and set `bad`, to be asked once at the end. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* CRC32C (Castagnoli) of data, continuing from `crc` (0 at the start). */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

/* Writes into room that the caller has measured. */
struct wr {
	uint8_t *p;
};

static inline void wr_bytes(struct wr *w, const void *data, size_t len)
{
	if (len)
		memcpy(w->p, data, len);
	w->p += len;
}

static inline void wr_u8(struct wr *w, uint8_t v)
{
	*w->p++ = v;
}

static inline void wr_le(struct wr *w, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		*w->p++ = (uint8_t)(v >> (8 * i));
}

static inline void wr_u32(struct wr *w, uint32_t v)
{
	wr_le(w, v, 4);
}

static inline void wr_u64(struct wr *w, uint64_t v)
{
	wr_le(w, v, 8);
}

static inline void wr_be32(struct wr *w, uint32_t v)
{
	for (int i = 24; i >= 0; i -= 8)
		*w->p++ = (uint8_t)(v >> i);
}

static inline void wr_be64(struct wr *w, uint64_t v)
{
	wr_be32(w, (uint32_t)(v >> 32));
	wr_be32(w, (uint32_t)v);
}

struct rd {
	const uint8_t *p, *end;
	bool bad;
};

static inline size_t rd_left(const struct rd *r)
{
	return (size_t)(r->end - r->p);
}

/* NULL where fewer than len are left. */
static inline const uint8_t *rd_bytes(struct rd *r, size_t len)
{
	const uint8_t *p = r->p;

	if (r->bad || rd_left(r) < len) {
		r->bad = true;
		return NULL;
	}
	r->p += len;
	return p;
}

static inline uint64_t rd_le(struct rd *r, int bytes)
{
	const uint8_t *p = rd_bytes(r, (size_t)bytes);
	uint64_t v = 0;

	for (int i = 0; p && i < bytes; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static inline uint8_t rd_u8(struct rd *r)
{
	return (uint8_t)rd_le(r, 1);
}

static inline uint32_t rd_u32(struct rd *r)
{
	return (uint32_t)rd_le(r, 4);
}

static inline uint64_t rd_u64(struct rd *r)
{
	return rd_le(r, 8);
}

static inline uint64_t rd_be(struct rd *r, int bytes)
{
	const uint8_t *p = rd_bytes(r, (size_t)bytes);
	uint64_t v = 0;

	for (int i = 0; p && i < bytes; i++)
		v = v << 8 | p[i];
	return v;
}

static inline void rd_copy(struct rd *r, void *ret, size_t len)
{
	const uint8_t *p = rd_bytes(r, len);

	if (p)
		memcpy(ret, p, len);
	else
		memset(ret, 0, len);
}
