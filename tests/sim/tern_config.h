/* SPDX-License-Identifier: MIT */
/* tern_config.h - what the simulation tells the allocator when it compiles it: see tern/config.h. */
#ifndef TESTS_SIM_TERN_CONFIG_H
#define TESTS_SIM_TERN_CONFIG_H

#define TERN_MAX_CPUS 4

#endif
