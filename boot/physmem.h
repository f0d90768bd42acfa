/* SPDX-License-Identifier: MIT */
/* physmem.h - a parser's window on physical memory.
 *
 * Tables that firmware leaves point at each other by physical address. Parsers reach them only
 * through this, so that the same code reads real memory in a guest and a fuzzer's bytes on the
 * host, and cannot be led outside. */
#ifndef BOOT_PHYSMEM_H
#define BOOT_PHYSMEM_H

#include <stddef.h>
#include <stdint.h>

struct physmem {
	/* A readable view of [addr, addr + len), or NULL. Views stay good until boot is over. */
	const void *(*view)(const struct physmem *pm, uint64_t addr, size_t len);
};

#endif
