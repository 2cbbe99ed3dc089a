// SPDX-License-Identifier: MIT
#pragma once
/* Deterministic noise from integer hashes: equal arguments, equal results. Inline,
 * because painters call it some millions of times. Pure. */
#include <stdint.h>

static inline uint32_t hash32(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x7feb352du;
	x ^= x >> 15;
	x *= 0x846ca68bu;
	return x ^ x >> 16;
}

static inline uint32_t hash2(uint32_t seed, int x, int y)
{
	return hash32(seed ^ (uint32_t)x * 0x9e3779b1u ^ (uint32_t)y * 0x85ebca77u);
}

/* [0, 1) */
static inline float unit(uint32_t h)
{
	return (float)(h >> 8) * (1.0f / 16777216.0f);
}

/* The n-th number of a seed, [lo, hi). */
static inline float draw(uint32_t seed, uint32_t n, float lo, float hi)
{
	return lo + (hi - lo) * unit(hash32(seed + n * 0x9e3779b9u));
}

static inline int ifloor(float x)
{
	int i = (int)x;

	return i - (x < (float)i);
}

static inline float corner_(uint32_t h, float x, float y)
{
	/* Eight directions are enough once octaves are summed. */
	float u = h & 4 ? y : x, v = h & 4 ? x : y;

	return (h & 1 ? -u : u) + 0.5f * (h & 2 ? -v : v);
}

/* Gradient noise, about -1..1, one wave per unit. */
static inline float noise(uint32_t seed, float x, float y)
{
	int ix = ifloor(x), iy = ifloor(y);
	float fx = x - (float)ix, fy = y - (float)iy;
	float u = fx * fx * fx * (fx * (fx * 6 - 15) + 10);
	float v = fy * fy * fy * (fy * (fy * 6 - 15) + 10);
	float a = corner_(hash2(seed, ix, iy), fx, fy);
	float b = corner_(hash2(seed, ix + 1, iy), fx - 1, fy);
	float c = corner_(hash2(seed, ix, iy + 1), fx, fy - 1);
	float d = corner_(hash2(seed, ix + 1, iy + 1), fx - 1, fy - 1);

	a += (b - a) * u;
	c += (d - c) * u;
	return 1.25f * (a + (c - a) * v);
}

/* Octaves summed, about -1..1. */
static inline float fbm(uint32_t seed, float x, float y, int octaves)
{
	float sum = 0, amp = 0.5f;

	for (int i = 0; i < octaves; i++) {
		sum += amp * noise(seed + (uint32_t)i, x, y);
		/* Turned a little each time, so that no lattice shows. */
		float nx = 1.62f * x + 1.18f * y + 17.3f;
		y = 1.62f * y - 1.18f * x - 9.7f;
		x = nx;
		amp *= 0.5f;
	}
	return sum;
}

/* Sharp crests, 0..1. */
static inline float ridged(uint32_t seed, float x, float y, int octaves)
{
	float sum = 0, amp = 0.5f, prev = 1;

	for (int i = 0; i < octaves; i++) {
		float n = noise(seed + (uint32_t)i, x, y);

		n = 1 - (n < 0 ? -n : n);
		n *= n;
		sum += n * amp * prev;
		prev = n;
		x = x * 2.03f + 11.7f;
		y = y * 2.03f - 5.3f;
		amp *= 0.5f;
	}
	return sum;
}
