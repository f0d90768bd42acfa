/* SPDX-License-Identifier: MIT */
/* report.c - what machine this is, and what became of its memory.
 *
 * Job      Tell boot_info, machine, cpus[] and the memory map in words.
 * Owns     nothing. The map is read while it is in use: a thread that makes the kernel take
 *          memory just then can blur a line of it, and nothing worse.
 * Locks    none.   Context: threads, after boot. */
#include "boot/report.h"

#include <tern/tern.h>

#include "boot/cpu.h"
#include "boot/frames.h"
#include "boot/machine.h"
#include "boot/start.h"
#include "lib/bits.h"

extern char image_start[], image_end[];

struct size_text size_text(uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	struct size_text s;
	unsigned unit = 0;
	uint64_t tenths = 0;

	while (bytes >= 1024 && unit + 1 < ARRAY_SIZE(units)) {
		tenths = bytes % 1024 * 10 / 1024;
		bytes /= 1024;
		unit++;
	}
	if (tenths)
		tern_snprintf(s.text, sizeof(s.text), "%llu.%llu %s", (unsigned long long)bytes,
			      (unsigned long long)tenths, units[unit]);
	else
		tern_snprintf(s.text, sizeof(s.text), "%llu %s", (unsigned long long)bytes,
			      units[unit]);
	return s;
}

/* What the loader said of a range that frames.c or the heap took since. */
static enum mem_kind kind_as_found(enum mem_kind kind)
{
	return kind == MEM_KERNEL || kind == MEM_HEAP ? MEM_USABLE : kind;
}

/* The range that begins at index *i of the map as it was found; *i moves behind it. False at the
 * end. */
static bool next_found(const struct memmap *m, unsigned *i, struct mem_range *r)
{
	if (*i >= m->count)
		return false;
	*r = m->range[(*i)++];
	r->kind = kind_as_found(r->kind);
	for (; *i < m->count; (*i)++) {
		const struct mem_range *next = &m->range[*i];

		if (next->start != r->end || kind_as_found(next->kind) != r->kind)
			break;
		r->end = next->end;
	}
	return true;
}

static void report_memory(const struct memmap *m)
{
	uint64_t total = 0, top = 0;
	unsigned ranges = 0, i = 0;
	struct mem_range r;

	while (next_found(m, &i, &r)) {
		if (r.kind != MEM_USABLE)
			continue;
		ranges++;
		total += r.end - r.start;
		top = r.end;
	}
	tern_printf("memory: %llu MiB usable in %u ranges, top 0x%llx\n",
		    (unsigned long long)(total / MiB(1)), ranges, (unsigned long long)top);
}

static void report_kernel(void)
{
	tern_printf("kernel: image at %p, %s; %zu pages in use, %zu at hand\n", (void *)image_start,
		    size_text((uint64_t)(image_end - image_start)).text, frames_used(),
		    frames_free_count());
}

static void report_loader(void)
{
	tern_printf("loader: %s", boot_info.protocol);
	if (boot_info.entry_level)
		tern_printf(", entered at EL%u", boot_info.entry_level);
	tern_printf("\ncmdline: %s\n", boot_info.cmdline);
}

void boot_report(void)
{
	tern_printf("tern %s on %s\n", tern_version(), machine.arch);
	tern_printf("platform: %s\n", machine.platform);
	report_loader();
	report_memory(&boot_info.map);
	report_kernel();
	tern_printf("cpus: %u online of %u\n", cpu_count(), machine.ncpus + machine.ncpus_ignored);
	tern_printf("starter: %s\n", machine.starter);
	tern_printf("irqchip: %s\n", machine.irqchip);
	tern_printf("clock: %s\n", machine.clock);
	tern_printf("timer: %s\n", machine.timer);
	tern_printf("console: %s\n", machine.console);
	tern_printf("boot: %llu us from the first instruction\n",
		    (unsigned long long)(boot_ns / 1000));
}

static void print_range(const struct mem_range *r)
{
	tern_printf("  0x%012llx .. 0x%012llx  %10s  %s\n", (unsigned long long)r->start,
		    (unsigned long long)r->end, size_text(r->end - r->start).text,
		    mem_kind_name(r->kind));
}

void boot_report_map_found(void)
{
	struct mem_range r;
	unsigned i = 0;

	tern_printf("memory map as found:\n");
	while (next_found(&boot_info.map, &i, &r))
		print_range(&r);
}

void boot_report_map_used(void)
{
	const struct memmap *m = &boot_info.map;

	tern_printf("memory map as used:\n");
	for (unsigned i = 0; i < m->count; i++)
		print_range(&m->range[i]);
}
