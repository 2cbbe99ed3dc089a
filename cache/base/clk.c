// SPDX-License-Identifier: MIT
/* What cache/base/clk.h says. Any thread. */
#include "cache/base/clk.h"

#include <stdio.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clk_real_ms(void)
{
	return read_us(CLOCK_REALTIME) / 1000;
}

int64_t clk_mono_ms(void)
{
	return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clk_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

static void split(int64_t real_ms, struct tm *tm, int *ms)
{
	time_t s = (time_t)(real_ms / 1000);

	*ms = (int)(real_ms % 1000);
	if (*ms < 0) {
		*ms += 1000;
		s--;
	}
	gmtime_r(&s, tm);
}

void clk_format(int64_t real_ms, char ret[static 25])
{
	struct tm tm;
	int ms;
	char text[80];

	split(real_ms, &tm, &ms);
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
		tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
		tm.tm_sec, ms);
	snprintf(ret, 25, "%s", text);
}

void clk_format_day(int64_t real_ms, char ret[static 11])
{
	char text[25];

	clk_format(real_ms, text);
	snprintf(ret, 11, "%.10s", text);
}
