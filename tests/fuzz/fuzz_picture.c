// SPDX-License-Identifier: MIT
/* Foreign PNG and JPEG bytes: decode, and measure what comes out. */
#include <stddef.h>
#include <stdint.h>

#include "backend/media/decode_picture.h"
#include "backend/quality/measure.h"
#include "cache/base/mem.h"

/* Larger pictures are allowed, but a fuzzer learns nothing from waiting for them. */
#define FUZZ_MAX_BYTES (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	scoped(picture_finish) struct picture p = {0};
	struct quality q;
	struct err err = {0};

	if (len > FUZZ_MAX_BYTES || decode_picture(data, len, &p, &err) < 0)
		return 0;
	if (quality_measure_picture(p.px, p.width, p.height, p.channels, &q) < 0)
		__builtin_trap();
	return 0;
}
