/* SPDX-License-Identifier: MIT */
/* trap_stubs.h - how far apart the entry points in vectors.S lie. */
#ifndef BOOT_X86_64_TRAP_STUBS_H
#define BOOT_X86_64_TRAP_STUBS_H

#define STUB_SIZE 16

#endif
