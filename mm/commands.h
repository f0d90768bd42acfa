/* SPDX-License-Identifier: MIT */
/* commands.h - between the files that make tern_page_commands. */
#ifndef MM_COMMANDS_H
#define MM_COMMANDS_H

#include <tern/command.h>

enum tern_command_result tern_commands_heap(int argc, char **argv);
enum tern_command_result tern_commands_alloc(int argc, char **argv);
enum tern_command_result tern_commands_free(int argc, char **argv);
enum tern_command_result tern_commands_map(int argc, char **argv);
const char *tern_commands_complete_heap(unsigned i);

#endif
