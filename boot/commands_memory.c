/* SPDX-License-Identifier: MIT */
/* commands_memory.c - commands about memory: what there is, what lies where, look and change.
 *
 * Job      mem, peek, poke, symbol, stress.
 * Rule     No address that is typed can hurt: reads and writes go through mach_probe_*(), which
 *          come back from a fault. What they do to a device is the typist's business.
 * Locks    none.   Context: a thread; see include/tern/command.h. */
#include "boot/commands.h"

#include <tern/tern.h>

#include "boot/cpu.h"
#include "boot/machine.h"
#include "boot/mempicture.h"
#include "boot/report.h"
#include "boot/start.h"
#include "boot/stress.h"
#include "boot/symbols.h"
#include "boot/vm.h"
#include "lib/bits.h"

#define ROW_BYTES 16u
#define PEEK_MAX  4096u

#define STRESS_SECONDS_MAX 86400u

/* A number, or the name of a function. */
static bool parse_address(const char *word, uintptr_t *addr)
{
	unsigned long long n;

	if (tern_command_number(word, &n)) {
		*addr = n;
		return true;
	}
	*addr = symbol_find(word);
	if (*addr == 0)
		tern_printf("%s: no number, and no function\n", word);
	return *addr != 0;
}

/* The optional word that says how many bytes to read or write at once. */
static bool parse_size(const char *word, unsigned *size)
{
	unsigned long long n = sizeof(uint64_t);

	if (word && !tern_command_number(word, &n))
		return false;
	*size = (unsigned)n;
	return n <= sizeof(uint64_t) && is_pow2(n);
}

static void print_refusal(const char *what, uintptr_t addr)
{
	char words[96];

	vm_describe(addr, words, sizeof(words));
	tern_printf("cannot %s 0x%016lx: %s\n", what, (unsigned long)addr, words);
}

static enum tern_command_result run_mem(int argc, char **argv)
{
	const struct memmap *m = &boot_info.map;

	(void)argv;
	if (argc > 1)
		return TERN_COMMAND_USAGE;
	boot_report_map_used();
	tern_printf("totals:\n");
	for (unsigned kind = MEM_NONE + 1; kind < MEM_KINDS; kind++)
		if (memmap_total(m, kind))
			tern_printf("  %10s  %s\n", size_text(memmap_total(m, kind)).text,
				    mem_kind_name(kind));
	mempicture_print(m);
	return TERN_COMMAND_OK;
}

static char printable(uint64_t byte)
{
	return byte >= ' ' && byte <= '~' ? (char)byte : '.';
}

static void print_row(uintptr_t addr, const uint64_t *value, unsigned count, unsigned size)
{
	tern_printf("0x%016lx ", (unsigned long)addr);
	for (unsigned i = 0; i < count; i++)
		tern_printf(" %0*llx", (int)(2 * size), (unsigned long long)value[i]);
	if (size == 1) {
		tern_printf("%*s  |", (int)(3 * (ROW_BYTES - count)), "");
		for (unsigned i = 0; i < count; i++)
			tern_printf("%c", printable(value[i]));
		tern_printf("|");
	}
	tern_printf("\n");
}

/* One row; false, with what could be read printed, at a fault. */
static bool peek_row(uintptr_t addr, unsigned count, unsigned size)
{
	uint64_t value[ROW_BYTES];
	unsigned i = 0;

	while (i < count && mach_probe_read(addr + i * size, size, &value[i]))
		i++;
	if (i > 0)
		print_row(addr, value, i, size);
	if (i < count)
		print_refusal("read", addr + i * size);
	return i == count;
}

static enum tern_command_result run_peek(int argc, char **argv)
{
	unsigned long long count = 8;
	char words[96];
	unsigned size;
	uintptr_t addr;

	if (argc < 2 || argc > 4)
		return TERN_COMMAND_USAGE;
	if (argc > 2 && (!tern_command_number(argv[2], &count) || count == 0 || count > PEEK_MAX))
		return TERN_COMMAND_USAGE;
	if (!parse_size(argc > 3 ? argv[3] : NULL, &size))
		return TERN_COMMAND_USAGE;
	if (!parse_address(argv[1], &addr))
		return TERN_COMMAND_FAILED;
	vm_describe(addr, words, sizeof(words));
	tern_printf("%s\n", words);
	while (count > 0) {
		unsigned n = count < ROW_BYTES / size ? (unsigned)count : ROW_BYTES / size;

		if (!peek_row(addr, n, size))
			return TERN_COMMAND_FAILED;
		addr += n * size;
		count -= n;
	}
	return TERN_COMMAND_OK;
}

static enum tern_command_result run_poke(int argc, char **argv)
{
	unsigned long long value;
	unsigned size;
	uintptr_t addr;

	if (argc < 3 || argc > 4 || !tern_command_number(argv[2], &value))
		return TERN_COMMAND_USAGE;
	if (!parse_size(argc > 3 ? argv[3] : NULL, &size))
		return TERN_COMMAND_USAGE;
	if (size < sizeof(value) && value >> (8 * size)) {
		tern_printf("%s does not fit in %u bytes\n", argv[2], size);
		return TERN_COMMAND_USAGE;
	}
	if (!parse_address(argv[1], &addr))
		return TERN_COMMAND_FAILED;
	if (!mach_probe_write(addr, size, value)) {
		print_refusal("write", addr);
		return TERN_COMMAND_FAILED;
	}
	return TERN_COMMAND_OK;
}

static enum tern_command_result run_symbol(int argc, char **argv)
{
	uintptr_t addr, offset;
	const char *name;
	char words[96];

	if (argc != 2)
		return TERN_COMMAND_USAGE;
	if (!parse_address(argv[1], &addr))
		return TERN_COMMAND_FAILED;
	name = symbol_at(addr, &offset);
	vm_describe(addr, words, sizeof(words));
	tern_printf("0x%016lx ", (unsigned long)addr);
	if (name)
		tern_printf("%s+0x%lx, ", name, (unsigned long)offset);
	tern_printf("%s\n", words);
	return TERN_COMMAND_OK;
}

static enum tern_command_result run_stress(int argc, char **argv)
{
	unsigned long long count = cpu_count(), seconds = 1, size = 4096;

	if (argc > 4 || (argc > 1 && !tern_command_number(argv[1], &count)) ||
	    (argc > 2 && !tern_command_number(argv[2], &seconds)) ||
	    (argc > 3 && !tern_command_number(argv[3], &size)) || seconds > STRESS_SECONDS_MAX)
		return TERN_COMMAND_USAGE;
	if (count == 0 || count > cpu_count()) {
		tern_printf("%llu CPUs: %u are online\n", count, cpu_count());
		return TERN_COMMAND_FAILED;
	}
	return stress_heap((unsigned)count, seconds, size) ? TERN_COMMAND_OK : TERN_COMMAND_FAILED;
}

const struct tern_command boot_memory_commands[] = {
	{ "mem", "", "the memory map, in words and a picture", run_mem, NULL },
	{ "peek", "ADDR [COUNT] [SIZE]", "read; SIZE is 1, 2, 4 or 8, the default", run_peek,
	  NULL },
	{ "poke", "ADDR VALUE [SIZE]", "write; SIZE is 1, 2, 4 or 8, the default", run_poke, NULL },
	{ "symbol", "NAME|ADDR", "where a function is, or what an address is", run_symbol, NULL },
	{ "stress", "[CPUS] [SECONDS] [SIZE]", "objects up to SIZE, made and freed on many CPUs",
	  run_stress, NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};
