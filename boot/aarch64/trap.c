/* SPDX-License-Identifier: MIT */
/* trap.c - what an exception means, in words; which interrupt it was, and who takes it.
 *
 * Job      Let a growing stack have the page that it lacks, and a write to a watched page be noted; decode any other ESR_EL1 into a struct
 *          fault for fault_die(); let the functions of recover.S
 *          return false instead; pass interrupts on to timer, IPI and stop.
 * Context  exceptions: on the trap stack, everything masked. Interrupts: on the interrupted
 *          thread's stack, interrupts masked.
 * Ends     a fault within a report is told by fault_die(); one more, and the machine leaves
 *          without a word, as the console may be what faults. */
#include "boot/aarch64/trap.h"

#include <tern/stack.h>
#include <tern/tern.h>

#include "boot/aarch64/board.h"
#include "boot/aarch64/sysreg.h"
#include "boot/cpu.h"
#include "boot/fault.h"
#include "boot/ipi.h"
#include "boot/machine.h"
#include "boot/symbols.h"
#include "boot/timer.h"
#include "boot/vm.h"
#include "boot/watch.h"
#include "lib/assert.h"
#include "lib/log.h"

#define ESR_CLASS(esr)    ((esr) >> 26 & 0x3f)
#define ESR_STATUS(esr)   ((esr) % 0x40)
#define STATUS_NOT_MAPPED 0x04
#define STATUS_PERMISSION 0x0c
#define ESR_FAR_INVALID   (1u << 10)
#define ESR_WRITE         (1u << 6)

#define CLASS_UNKNOWN  0x00
#define CLASS_FP       0x07
#define CLASS_ILLEGAL  0x0e
#define CLASS_SVC      0x15
#define CLASS_SYSREG   0x18
#define CLASS_FETCH    0x21
#define CLASS_PC_ALIGN 0x22
#define CLASS_DATA     0x25
#define CLASS_SP_ALIGN 0x26
#define CLASS_BRK      0x3c

/* Two reports, the second of the first, and no more. */
#define FAULTS_MAX 2

#define OFFSET_IS(member, offset)                                                                  \
	TERN_STATIC_ASSERT(offsetof(struct trap_frame, member) == (offset), "vectors.S knows it")
OFFSET_IS(sp, FRAME_SP);
OFFSET_IS(pc, FRAME_PC);
OFFSET_IS(pstate, FRAME_PSTATE);
OFFSET_IS(esr, FRAME_ESR);
OFFSET_IS(far, FRAME_FAR);
OFFSET_IS(record, FRAME_RECORD);
TERN_STATIC_ASSERT(sizeof(struct trap_frame) == FRAME_SIZE && FRAME_SIZE % 16 == 0,
		   "vectors.S knows the frame, and SP stays aligned");

extern const char recover_start[], recover_end[], recover_failed[];
extern const char trap_interrupt_probe[], trap_interrupt_probed[];

static bool within(uint64_t pc, const char *start, const char *end)
{
	return pc >= (uintptr_t)start && pc < (uintptr_t)end;
}

/* By the status code of a data or instruction abort; its lowest two bits are the table level. */
static const char *abort_words(unsigned status)
{
	switch (status & 0x3c) {
	case 0x00:
		return "page fault (address too large)";
	case STATUS_NOT_MAPPED:
		return "page fault (not mapped)";
	case 0x08:
		return "page fault (access flag)";
	case STATUS_PERMISSION:
		return "page fault (not permitted)";
	}
	switch (status) {
	case 0x10:
		return "external abort (nothing answers)";
	case 0x21:
		return "alignment fault";
	case 0x30:
		return "TLB conflict";
	}
	return "memory abort";
}

static const char *class_words(unsigned class)
{
	switch (class) {
	case CLASS_UNKNOWN:
		return "undefined instruction";
	case CLASS_FP:
		return "floating point instruction";
	case CLASS_ILLEGAL:
		return "illegal execution state";
	case CLASS_SVC:
		return "supervisor call";
	case CLASS_SYSREG:
		return "trapped system register";
	case CLASS_PC_ALIGN:
		return "misaligned pc";
	case CLASS_SP_ALIGN:
		return "misaligned stack pointer";
	case CLASS_BRK:
		return "breakpoint";
	}
	return "exception of unknown class";
}

static void describe_sync(const struct trap_frame *f, struct fault *fault)
{
	unsigned class = ESR_CLASS(f->esr);

	fault->what = class_words(class);
	fault->addr = f->far;
	if (class == CLASS_FETCH || class == CLASS_DATA) {
		fault->what = abort_words(ESR_STATUS(f->esr));
		fault->access = "execute";
		fault->has_addr = !(f->esr & ESR_FAR_INVALID);
	}
	if (class == CLASS_DATA)
		fault->access = (f->esr & ESR_WRITE) ? "write" : "read";
	if (class == CLASS_PC_ALIGN)
		fault->has_addr = true;
}

static void describe(const struct trap_frame *f, unsigned vector, struct fault *fault)
{
	static const char *const other[] = {
		[TRAP_IRQ] = "unexpected interrupt",
		[TRAP_FIQ] = "unexpected fast interrupt",
		[TRAP_SERROR] = "SError (asynchronous abort)",
	};

	if (vector == TRAP_OVERFLOW)
		fault->what = "trap stack used up";
	else if (vector >= TRAP_FROM_LOWER)
		fault->what = "exception from EL0";
	else if (vector % 4 == TRAP_SYNC)
		describe_sync(f, fault);
	else
		fault->what = other[vector % 4];
}

/* The interrupt that found no room for its frame is not the culprit: show the thread. vectors.S has
 * its x0, x1 and pc where the frame's sp points. */
static void undo_interrupt(struct trap_frame *f)
{
	const uint64_t *saved = (const uint64_t *)f->sp;

	f->x[0] = saved[0];
	f->x[1] = saved[1];
	f->pc = saved[2];
	f->sp = read_sysreg(sp_el0);
}

static uintptr_t function_of(uintptr_t addr)
{
	uintptr_t offset;

	return symbol_at(addr, &offset) ? addr - offset : 0;
}

/* A function that has called another has x30 lead into itself since, and a frame. */
static uintptr_t caller_of(const struct trap_frame *f)
{
	uintptr_t from = function_of(f->x[30] - 1);

	return from && from != function_of(f->pc) ? f->x[30] : 0;
}

static bool is_data_abort(const struct trap_frame *f, unsigned vector, unsigned status)
{
	return vector < TRAP_FROM_LOWER && vector % 4 == TRAP_SYNC &&
	       ESR_CLASS(f->esr) == CLASS_DATA && !(f->esr & ESR_FAR_INVALID) &&
	       (ESR_STATUS(f->esr) & 0x3c) == status;
}

/* True if the access is to be tried again. */
static bool gives_page(const struct trap_frame *f, unsigned vector)
{
	if (is_data_abort(f, vector, STATUS_NOT_MAPPED))
		return vm_fault_is_over(f->far);
	return is_data_abort(f, vector, STATUS_PERMISSION) && f->esr & ESR_WRITE &&
	       watch_fault(f->far);
}

void trap_exception(struct trap_frame *f, unsigned vector)
{
	static unsigned faults[TERN_MAX_CPUS]; /* [cpu] */
	struct fault fault = { .code = f->esr, .frame = f };

	if (gives_page(f, vector))
		return;
	if (vector < TRAP_FROM_LOWER && vector % 4 == TRAP_SYNC &&
	    within(f->pc, recover_start, recover_end)) {
		f->pc = (uintptr_t)recover_failed;
		return;
	}
	if (is_data_abort(f, vector, STATUS_NOT_MAPPED) && tern_stack_fault(f->far))
		return;
	if (++faults[cpu_self()->id] > FAULTS_MAX)
		mach_exit(1);
	describe(f, vector, &fault);
	if (within(f->pc, trap_interrupt_probe, trap_interrupt_probed))
		undo_interrupt(f);
	fault.pc = f->pc;
	fault.sp = f->sp;
	fault.fp = f->x[29];
	fault.caller = caller_of(f);
	fault_die(&fault);
}

static void dispatch(struct cpu *c, unsigned id)
{
	if (id == SGI_IPI)
		ipi_interrupt();
	else if (id == SGI_STOP)
		cpu_stopped();
	else if (id == board.timer_ppi_virt)
		timer_interrupt();
	else
		log_warn("CPU %u: interrupt %u that nobody asked for", c->id, id);
}

void trap_interrupt(const struct trap_frame *f)
{
	struct cpu *c = cpu_self();
	unsigned id;
	uint32_t token = gic_begin(&id);

	if (id >= GIC_SPURIOUS)
		return;
	c->irqs++;
	c->irq_depth++;
	c->frame = f;
	dispatch(c, id);
	gic_end(token);
	c->irq_depth--;
	thread_interrupt_exit(f);
}

void mach_print_registers(const void *frame)
{
	const struct trap_frame *f = frame;

	for (unsigned i = 0; i < 31; i++)
		tern_printf("  %sx%u=%016llx%s", i < 10 ? " " : "", i, (unsigned long long)f->x[i],
			    i % 4 == 3 ? "\n" : "");
	tern_printf("\n  pstate=%08llx esr=%08llx far=%016llx\n", (unsigned long long)f->pstate,
		    (unsigned long long)f->esr, (unsigned long long)f->far);
}

/* A masked interrupt ends WFI too; it is taken in the window after it. */
void mach_wait_irq(void)
{
	asm volatile("dsb sy\n\twfi\n\tmsr daifclr, #2\n\tisb\n\tmsr daifset, #2" : : : "memory");
}
