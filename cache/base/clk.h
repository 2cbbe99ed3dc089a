// SPDX-License-Identifier: MIT
#pragma once
/* Clocks. Decisions take `now` as an argument; only edges read a clock. Any thread. */
#include <stddef.h>
#include <stdint.h>

int64_t clk_real_ms(void); /* Unix time, milliseconds */
int64_t clk_mono_ms(void); /* CLOCK_MONOTONIC, milliseconds */
int64_t clk_mono_us(void); /* CLOCK_MONOTONIC, microseconds */

/* "2026-11-23T15:00:00.123Z" (24 characters and NUL) for a Unix time in ms. */
void clk_format(int64_t real_ms, char ret[static 25]);
/* "2026-11-23", UTC. */
void clk_format_day(int64_t real_ms, char ret[static 11]);
