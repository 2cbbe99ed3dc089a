// SPDX-License-Identifier: MIT
/* CRC32C, by the processor where it can. Any thread. */
#include "cache/base/enc.h"

/* The table is linear: an entry is the sum (xor) of the entries of its bits, which are
 * the remainders of the single bits for the reversed polynomial 0x82f63b78. */
#define BIT(i, k, v) (((i) >> (k)) & 1 ? (v) : 0u)
#define ENTRY(i)                                                                       \
	(BIT(i, 0, 0xf26b8303u) ^ BIT(i, 1, 0xe13b70f7u) ^ BIT(i, 2, 0xc79a971fu) ^    \
		BIT(i, 3, 0x8ad958cfu) ^ BIT(i, 4, 0x105ec76fu) ^                      \
		BIT(i, 5, 0x20bd8edeu) ^ BIT(i, 6, 0x417b1dbcu) ^                      \
		BIT(i, 7, 0x82f63b78u))
#define ENTRY4(i) ENTRY(i), ENTRY((i) + 1), ENTRY((i) + 2), ENTRY((i) + 3)
#define ENTRY16(i) ENTRY4(i), ENTRY4((i) + 4), ENTRY4((i) + 8), ENTRY4((i) + 12)
#define ENTRY64(i) ENTRY16(i), ENTRY16((i) + 16), ENTRY16((i) + 32), ENTRY16((i) + 48)

static const uint32_t table[256] = {
	ENTRY64(0u), ENTRY64(64u), ENTRY64(128u), ENTRY64(192u)};

static uint32_t crc_table(uint32_t crc, const uint8_t *p, size_t len)
{
	for (; len; len--)
		crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
	return crc;
}

#ifdef __x86_64__
/* Every lookup checks a sum; the instruction makes that 20 ns instead of 200. */
__attribute__((target("sse4.2"))) static uint32_t crc_sse42(
	uint32_t crc, const uint8_t *p, size_t len)
{
	uint64_t wide = crc;

	for (; len >= 8; len -= 8, p += 8) {
		uint64_t v;

		memcpy(&v, p, 8);
		wide = __builtin_ia32_crc32di(wide, v);
	}
	crc = (uint32_t)wide;
	for (; len; len--)
		crc = __builtin_ia32_crc32qi(crc, *p++);
	return crc;
}
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
	crc = ~crc;
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc_sse42(crc, data, len);
#endif
	return ~crc_table(crc, data, len);
}
