/* SPDX-License-Identifier: MIT */
/* monitor.h - between the monitor's files. */
#ifndef SAMPLES_MONITOR_MONITOR_H
#define SAMPLES_MONITOR_MONITOR_H

#include <tern/command.h>

extern const struct tern_command monitor_commands[]; /* test, bench, power */

/* Print the verdict and leave the machine. A script that failed stays failed. */
_Noreturn void monitor_leave(bool pass);

#endif
