/* SPDX-License-Identifier: MIT */
/* fault.c - the last words: an exception, or a panic, told so that a person can act on it.
 *
 * Job      Stop the other CPUs, take the console, print what happened, the address in words, the
 *          registers and a backtrace with names; leave with a failing status.
 * Rule     Nothing here trusts what it reports on: memory is read only where it is mapped, no
 *          lock is taken, and a fault within the report prints one line and ends the machine.
 * Context  any, interrupts off, on a trap stack or, for a panic, on the caller's. */
#include "boot/fault.h"

#include <tern/safety.h>
#include <tern/tern.h>

#include "arch/arch.h"
#include "boot/console.h"
#include "boot/cpu.h"
#include "boot/machine.h"
#include "boot/symbols.h"
#include "boot/vm.h"

#define BACKTRACE_MAX 32

static void print_frame(unsigned i, uintptr_t pc)
{
	uintptr_t offset;
	const char *name = symbol_at(pc, &offset);

	if (name)
		tern_printf("  #%-2u 0x%016lx %s+0x%lx\n", i, (unsigned long)pc, name,
			    (unsigned long)offset);
	else
		tern_printf("  #%-2u 0x%016lx (in no function)\n", i, (unsigned long)pc);
}

/* Return addresses are looked up one byte back: a call may be the last thing in a function. */
static void print_return(unsigned i, uintptr_t ret)
{
	print_frame(i, ret - 1);
}

static bool is_frame(uintptr_t fp)
{
	return fp % 8 == 0 && vm_readable(fp, 16);
}

void backtrace_print(uintptr_t pc, uintptr_t fp, uintptr_t caller)
{
	unsigned i = 0;

	print_frame(i++, pc);
	if (caller && !(is_frame(fp) && ((const uintptr_t *)fp)[1] == caller))
		print_return(i++, caller);
	/* A frame is the caller's frame pointer and the return address; callers lie higher. */
	while (i < BACKTRACE_MAX && is_frame(fp)) {
		const uintptr_t *frame = (const uintptr_t *)fp;

		if (!symbol_at(frame[1] - 1, NULL))
			break;
		print_return(i++, frame[1]);
		if (frame[0] <= fp)
			break;
		fp = frame[0];
	}
}

static void print_trace(const char *what, const struct tern_trace *trace)
{
	if (!trace->ret[0])
		return;
	tern_printf("  %s:\n", what);
	for (unsigned i = 0; i < TERN_TRACE_DEPTH && trace->ret[i]; i++)
		print_return(i, trace->ret[i]);
}

/* Of a page that the heap closed. */
static void print_guarded(uintptr_t addr)
{
	static const char *const words[] = {
		[TERN_GUARD_BEFORE] = "bytes before the start of",
		[TERN_GUARD_BEHIND] = "bytes past the end of",
		[TERN_GUARD_AFTER_FREE] = "bytes into what was, until it was freed,",
	};
	struct tern_guard_report r;

	if (!tern_guard_fault(addr, &r))
		return;
	tern_printf("  object  %llu %s the object of %zu bytes at 0x%lx\n",
		    (unsigned long long)r.distance, words[r.error], r.size,
		    (unsigned long)r.object);
	print_trace("allocated by", &r.allocated);
	print_trace("freed by", &r.freed);
}

static void print_fault(const struct fault *f)
{
	const struct thread *t = cpu_self()->current;
	char words[96];

	tern_printf("\ntern: fault on CPU %u", cpu_self()->id);
	if (t)
		tern_printf(" in thread %u \"%s\"", t->id, t->name);
	tern_printf(": %s%s%s\n", f->what, f->access ? ", " : "", f->access ? f->access : "");
	if (f->has_addr) {
		vm_describe(f->addr, words, sizeof(words));
		tern_printf("  address 0x%016lx: %s\n", (unsigned long)f->addr, words);
		print_guarded(f->addr);
	}
	if (f->frame) {
		vm_describe(f->pc, words, sizeof(words));
		tern_printf("  pc      0x%016lx: %s\n", (unsigned long)f->pc, words);
		vm_describe(f->sp, words, sizeof(words));
		tern_printf("  sp      0x%016lx: %s\n", (unsigned long)f->sp, words);
		tern_printf("  code    0x%lx\n", (unsigned long)f->code);
		mach_print_registers(f->frame);
	}
	tern_printf("backtrace:\n");
	backtrace_print(f->pc, f->fp, f->caller);
}

_Noreturn void fault_die(const struct fault *f)
{
	arch_irq_disable();
	if (console_emergency()) {
		mach_stop_others();
		print_fault(f);
	} else if (console_emergency_here()) {
		tern_printf("\ntern: and a fault within the report: %s at 0x%lx\n", f->what,
			    (unsigned long)f->pc);
	} else {
		cpu_stopped();
	}
	tern_printf("tern: verdict fail\n");
	mach_exit(1);
}
