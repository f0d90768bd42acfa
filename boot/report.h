/* SPDX-License-Identifier: MIT */
/* report.h - what machine this is, in lines that people read and scripts grep.
 *
 * Each line begins with a word and a colon. Two formats are promised:
 *
 *   memory: 127 MiB usable in 2 ranges, top 0x7ffe000
 *   cpus: 4 online of 4 */
#ifndef BOOT_REPORT_H
#define BOOT_REPORT_H

#include <stdint.h>

/* One screen. Threads, after boot. */
void boot_report(void);
/* The memory map as the loader gave it; the same, with what the kernel took since. */
void boot_report_map_found(void);
void boot_report_map_used(void);

/* A size as people say it, "126.5 MiB", cut and not rounded; for one call to a printf:
 * tern_printf("%s", size_text(n).text). */
struct size_text {
	char text[16];
};
struct size_text size_text(uint64_t bytes);

#endif
