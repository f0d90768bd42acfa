/* SPDX-License-Identifier: MIT */
/* log.h - one line at a time, with a level and the time.
 *
 * Lines look like "[    0.001234] warn: text\n". What is over the level is not formatted. A line
 * longer than TERN_LOG_LINE is cut and ends in "...". Context: any; each line goes to the port
 * in one piece, so that a port which locks its console keeps lines whole. */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include "lib/compiler.h"

#define TERN_LOG_LINE 256

enum tern_log_level { TERN_LOG_ERROR, TERN_LOG_WARN, TERN_LOG_INFO, TERN_LOG_DEBUG };

/* Lines above this level are dropped; starts as TERN_LOG_INFO. */
void tern_log_set_level(enum tern_log_level level);
enum tern_log_level tern_log_level(void);
/* "error", "warn", "info", "debug"; -1 if it is none of them */
int tern_log_level_by_name(const char *name);

void tern_log(enum tern_log_level level, const char *format, ...) TERN_PRINTF(2, 3);

#define log_error(...) tern_log(TERN_LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  tern_log(TERN_LOG_WARN, __VA_ARGS__)
#define log_info(...)  tern_log(TERN_LOG_INFO, __VA_ARGS__)
#define log_debug(...) tern_log(TERN_LOG_DEBUG, __VA_ARGS__)

#endif
