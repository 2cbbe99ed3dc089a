// SPDX-License-Identifier: MIT
#pragma once
/* One line per event to stderr (foreground) or syslog (background).
 *
 * `#define LOG_TAG "engine"` before including. Any thread. Credentials are
 * never logged; prompts and bodies only at debug. */
#include <stdbool.h>

#ifndef LOG_TAG
#define LOG_TAG "promptfs"
#endif

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level);
/* -EINVAL for a word that is none of error, warn, info, debug. */
int log_level_parse(const char *word, enum log_level *ret);
/* From now on to syslog(3), facility daemon. */
void log_to_syslog(void);
bool log_enabled(enum log_level level);
void log_write(enum log_level level, const char *tag, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_at_(level, ...)                                                            \
	do {                                                                           \
		if (log_enabled(level))                                                \
			log_write(level, LOG_TAG, __VA_ARGS__);                        \
	} while (0)
#define log_error(...) log_at_(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_at_(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_at_(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_at_(LOG_LEVEL_DEBUG, __VA_ARGS__)
