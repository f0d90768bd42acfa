/* SPDX-License-Identifier: MIT */
/* start.c - the first C: make the console speak, read what the loader left, fill boot_info.
 *
 * Context  the boot CPU alone, on the first tables (the lower 4 GiB one to one), interrupts off.
 * Failing  one line and a failing exit. */
#include "boot/start.h"

#include "boot/machine.h"
#include "boot/multiboot2.h"
#include "boot/physmem.h"
#include "boot/pvh.h"
#include "boot/vm.h"
#include "boot/x86_64/machine.h"
#include "boot/x86_64/regs.h"
#include "boot/x86_64/trap.h"
#include "lib/bits.h"

#define EARLY_END GiB(4)

_Noreturn void start_x86_64(uint32_t magic, uint64_t addr, uint64_t ticks);

extern char image_start[], image_end[];

static const void *view_early(const struct physmem *pm, uint64_t addr, size_t len)
{
	(void)pm;
	if (addr == 0 || addr >= EARLY_END || len > EARLY_END - addr)
		return NULL;
	return (const void *)(uintptr_t)addr;
}

_Noreturn void start_x86_64(uint32_t magic, uint64_t addr, uint64_t ticks)
{
	const struct physmem pm = { .view = view_early };
	struct boot_error e;
	bool good;

	uart_init();
	trap_init_early();
	boot_info.entry_ticks = ticks;
	if (magic == MULTIBOOT2_BOOT_MAGIC)
		good = multiboot2_parse(&pm, addr, &boot_info, &e);
	else
		good = pvh_parse(&pm, addr, &boot_info, &e);
	good = good && memmap_add(&boot_info.map, 0, PAGE_SIZE, MEM_RESERVED, &e) &&
	       memmap_add(&boot_info.map, (uintptr_t)image_start,
			  (uintptr_t)image_end - (uintptr_t)image_start, MEM_IMAGE, &e);
	if (!good)
		boot_fail("%s", e.text);
	boot_start();
}

/* The console is a port: it needs no memory. */
void mach_vm_map_early(void)
{
}

void mach_vm_enable(uint64_t root)
{
	write_cr3(root);
}
