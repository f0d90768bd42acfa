/* SPDX-License-Identifier: MIT */
/* start.c - the first C: read the device tree, make the console speak, fill boot_info.
 *
 * Job      Map what is needed into the first tables, check the device tree, find the UART in it,
 *          hand over to boot_start(). What the tree says of the machine is kept in `board`: the
 *          blob is not read again.
 * Context  the boot CPU alone, on the first tables, interrupts off.
 * Failing  one line and a failing exit, on the UART that the tree names. If it names none, the
 *          line goes to where QEMU's virt board has its PL011, for want of anything better. */
#include <tern/tern.h>

#include "boot/aarch64/board.h"
#include "boot/aarch64/pte.h"
#include "boot/fdt.h"
#include "boot/frames.h"
#include "boot/machine.h"
#include "boot/start.h"
#include "boot/vm.h"
#include "lib/bits.h"
#include "lib/string.h"

#define BLOCK_SIZE MiB(2)
/* The boot protocol's limit. */
#define FDT_SIZE_MAX    MiB(2)
#define FDT_HEADER_SIZE 40
#define PL011_VIRT      0x09000000
#define UART_SIZE       PAGE_SIZE

_Noreturn void start_aarch64(uint64_t fdt, unsigned level, uint64_t ticks);

extern char image_start[], image_end[];

struct fdt_machine board;

/* One to one, in blocks, as in entry.S: not global. What is mapped already stays as it is. False
 * if the first tables cannot reach it. */
static bool early_map(uint64_t pa, uint64_t size, unsigned prot)
{
	uint64_t end = pa + size;

	if (end < pa || !va_is_canonical(end - 1))
		return false;
	for (uint64_t at = align_down(pa, BLOCK_SIZE); at < end; at += BLOCK_SIZE) {
		pte_t *table = early_root;
		pte_t *slot;

		for (unsigned shift = 39; shift > 21; shift -= 9) {
			slot = &table[at >> shift & 511];
			if (!pte_present(*slot))
				*slot = pte_table((uintptr_t)frames_alloc_table());
			table = (pte_t *)(uintptr_t)pte_pa(*slot);
		}
		slot = &table[at >> 21 & 511];
		if (!pte_present(*slot))
			*slot = pte_leaf(at, prot, 1) | PTE_NOT_GLOBAL;
	}
	pte_publish();
	return true;
}

static bool early_uart(uint64_t base)
{
	return early_map(base, UART_SIZE, VM_READ | VM_WRITE | VM_DEVICE) && uart_init(base);
}

static bool readable(uint64_t addr)
{
	uint64_t byte;

	return mach_probe_read(addr, 1, &byte);
}

static bool open_fdt(uint64_t addr, struct fdt *f, struct boot_error *e)
{
	uint64_t size;

	if (addr == 0 || addr % 8 != 0)
		return boot_error(e, "x0 = 0x%llx is no device tree: load the .img, not the .elf",
				  (unsigned long long)addr);
	if (!early_map(addr, FDT_HEADER_SIZE, VM_READ) || !readable(addr))
		return boot_error(e, "x0 = 0x%llx is no memory, want a device tree",
				  (unsigned long long)addr);
	size = fdt_size((const void *)addr);
	if (size == 0)
		return boot_error(e, "no device tree at x0 = 0x%llx", (unsigned long long)addr);
	if (size > FDT_SIZE_MAX)
		return boot_error(e, "the device tree says that it has %llu bytes, more than 2 MiB",
				  (unsigned long long)size);
	if (!early_map(addr, size, VM_READ) || !readable(addr + size - 1))
		return boot_error(e, "the device tree ends in no memory");
	return fdt_open(f, (const void *)addr, size, e);
}

bool board_is_device(uint64_t base)
{
	return memmap_kind_at(&boot_info.map, base) == MEM_NONE;
}

static bool start_console(struct boot_error *e)
{
	if (!board.uart_base)
		return boot_error(e, "the device tree names no PL011");
	if (board_is_device(board.uart_base) && early_uart(board.uart_base))
		return true;
	return boot_error(e, "no PL011 answers at 0x%llx", (unsigned long long)board.uart_base);
}

static bool read_fdt(const struct fdt *f, uint64_t addr, struct boot_error *e)
{
	uint64_t start = (uintptr_t)image_start, end = (uintptr_t)image_end;

	return fdt_boot_info(f, addr, &boot_info, e) &&
	       memmap_add(&boot_info.map, start, end - start, MEM_IMAGE, e) &&
	       fdt_machine_parse(f, &board, e);
}

_Noreturn void start_aarch64(uint64_t fdt, unsigned level, uint64_t ticks)
{
	struct boot_error e, no_console;
	struct fdt f;
	bool good = open_fdt(fdt, &f, &e) && read_fdt(&f, fdt, &e);

	boot_info.entry_ticks = ticks;
	boot_info.entry_level = level;
	if (!start_console(good ? &e : &no_console)) {
		good = false;
		early_uart(PL011_VIRT);
	}
	if (!good)
		boot_fail("%s", e.text);
	boot_start();
}

void mach_vm_map_early(void)
{
	if (!vm_map_identity(board.uart_base, UART_SIZE, VM_READ | VM_WRITE | VM_DEVICE))
		boot_fail("the UART at 0x%llx is out of reach",
			  (unsigned long long)board.uart_base);
}

void mach_discover(const struct boot_info *info)
{
	(void)info; /* read already, with the device tree */
	machine.arch = "aarch64";
	tern_str_copy(machine.platform, sizeof(machine.platform), board.model);
	tern_snprintf(machine.console, sizeof(machine.console), "PL011 at 0x%llx",
		      (unsigned long long)board.uart_base);
	timer_discover();
	smp_discover();
	gic_init();
}
