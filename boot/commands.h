/* SPDX-License-Identifier: MIT */
/* commands.h - the guest kernel's commands, for a table as include/tern/command.h wants it. */
#ifndef BOOT_COMMANDS_H
#define BOOT_COMMANDS_H

#include <tern/command.h>

extern const struct tern_command boot_commands[];         /* report, version, uptime, log ... */
extern const struct tern_command boot_memory_commands[];  /* mem, peek, poke, symbol, stress */
extern const struct tern_command boot_balloon_commands[]; /* balloon */
extern const struct tern_command boot_gc_commands[];      /* gc */
extern const struct tern_command boot_cpu_commands[];     /* cpus, threads, ping, fault ... */

#endif
