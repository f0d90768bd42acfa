/* SPDX-License-Identifier: MIT */
/* start.c - from the loader's hand-over to the program.
 *
 * Job      Bring up, in an order in which each step needs only what stands before it: memory
 *          map, frames, page tables, a stack with a guard, firmware's tables and the clock,
 *          traps and interrupts, threads, the other CPUs, the heap, kernel_main().
 * Cost     constant in the amount of RAM: nothing here walks or clears it.
 * Context  the boot CPU alone until cpu_start_all(); interrupts off until then. */
#include "boot/start.h"

#include <stdarg.h>

#include <tern/tern.h>

#include "arch/arch.h"
#include "boot/background.h"
#include "boot/cmdline.h"
#include "boot/cpu.h"
#include "boot/frames.h"
#include "boot/gc.h"
#include "boot/heap.h"
#include "boot/machine.h"
#include "boot/stack.h"
#include "boot/thread.h"
#include "boot/vm.h"
#include "lib/assert.h"
#include "lib/log.h"

struct boot_info boot_info;
struct stack boot_stack;
uint64_t boot_ns;
struct machine machine;

_Noreturn void boot_fail(const char *format, ...)
{
	va_list args;

	tern_printf("tern: cannot boot: ");
	va_start(args, format);
	tern_vprintf(format, args);
	va_end(args);
	tern_printf("\ntern: verdict fail\n");
	mach_exit(1);
}

static void set_log_level(void)
{
	char word[16];
	int level;

	if (!cmdline_option(boot_info.cmdline, "loglevel", word, sizeof(word)))
		return;
	level = tern_log_level_by_name(word);
	if (level < 0)
		log_warn("loglevel=%s: want error, warn, info or debug", word);
	else
		tern_log_set_level(level);
}

static void start_boot_cpu(void)
{
	struct cpu *c = &cpus[0];

	mach_discover(&boot_info);
	c->hw_id = machine.hw_id[0];
	mach_cpu_init(c);
	thread_init_cpu(c);
	atomic_store_explicit(&c->state, CPU_ONLINE, memory_order_release);
	arch_irq_enable();
}

/* On thread 0's own stack from here on. */
static void boot_continue(void *arg)
{
	(void)arg;
	start_boot_cpu();
	cpu_start_all();
	heap_hand_over(&boot_info.map);
	background_start();
	gc_start_if_asked();
	boot_ns = mach_ticks_to_ns(arch_ticks() - boot_info.entry_ticks);
	mach_exit(kernel_main());
}

_Noreturn void boot_start(void)
{
	uintptr_t loader_stack;

	set_log_level();
	TERN_ASSERT(memmap_check(&boot_info.map));
	if (memmap_total(&boot_info.map, MEM_USABLE) == 0)
		boot_fail("%s names no usable memory", boot_info.protocol);
	frames_init(&boot_info.map);
	vm_init();
	if (!stack_alloc(&boot_stack, STACK_THREAD, "thread 0"))
		boot_fail("no memory for the first stack");
	mach_switch(&loader_stack, mach_thread_stack(boot_stack.top, boot_continue, NULL));
	__builtin_unreachable();
}
