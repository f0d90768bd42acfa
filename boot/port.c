/* SPDX-License-Identifier: MIT */
/* port.c - the guest kernel's answers to include/tern/port.h: a whole port, one screen long. */
#include <tern/port.h>
#include <tern/tern.h>

#include "arch/arch.h"
#include "boot/balloon.h"
#include "boot/cmdline.h"
#include "boot/console.h"
#include "boot/cpu.h"
#include "boot/fault.h"
#include "boot/heap.h"
#include "boot/ipi.h"
#include "boot/machine.h"
#include "boot/start.h"
#include "boot/vm.h"

void tern_port_write(const char *text, size_t len)
{
	console_write(text, len);
}

/* The text is on the console already; what is missing is where it came from. */
_Noreturn void tern_port_panic(const char *text)
{
	const uintptr_t *frame = __builtin_frame_address(0);

	(void)text;
	fault_die(&(struct fault){
		.what = "panic",
		.pc = frame[1] - 1,
		.sp = (uintptr_t)frame,
		.fp = frame[0],
	});
}

unsigned tern_port_cpu_id(void)
{
	return cpu_self()->id;
}

bool tern_port_in_interrupt(void)
{
	unsigned long irq = arch_irq_save();
	bool inside = cpu_self()->irq_depth > 0;

	arch_irq_restore(irq);
	return inside;
}

static void drain(void *arg)
{
	(void)arg;
	tern_cpu_offline();
}

void tern_port_drain_cpus(void)
{
	ipi_call_others(drain, NULL);
}

uint64_t tern_port_clock_ns(void)
{
	return mach_clock_ns();
}

/* With the option "guards" on the command line, any page of the heap can be closed on any machine. */
bool tern_port_map(uintptr_t start, size_t size)
{
	char word[2];
	bool guards = cmdline_option(boot_info.cmdline, "guards", word, sizeof(word));

	if (guards)
		return vm_map_identity(start, size, VM_READ | VM_WRITE | VM_PAGES);
	return heap_map(&boot_info.map, start, size);
}

bool tern_port_protect(uintptr_t start, size_t size, bool accessible)
{
	if (accessible)
		vm_open(start, size);
	/* Other CPUs must be told, and this one must answer them meanwhile. */
	else if (!arch_irq_enabled() || !vm_close(start, size))
		return false;
	return true;
}

bool tern_port_release(uintptr_t start, size_t size)
{
	return balloon_release(start, size);
}
