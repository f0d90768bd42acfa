/* SPDX-License-Identifier: MIT */
/* trap.c - IDT and fault stacks; what an exception means, in words; who takes an interrupt.
 *
 * Job      Make page faults, double faults, NMIs and machine checks run on stacks of their own,
 *          so that no report depends on the stack that may be the culprit. Let a growing stack
 *          have the page that it lacks, and a write to a watched page be noted. Turn any other exception
 *          into a struct fault for fault_die(); let the functions between recover_start and recover_end
 *          return false instead; pass interrupts to timer and IPI.
 * Owns     the IDT, shared by all CPUs; each CPU's GDT and TSS.
 * Context  exceptions and interrupts, interrupts off.
 * Ends     a fault within a report is told by fault_die(); one more, and the machine leaves
 *          without a word, as the console may be what faults. */
#include "boot/x86_64/trap.h"

#include <stdatomic.h>

#include <tern/stack.h>
#include <tern/tern.h>

#include "boot/cpu.h"
#include "boot/fault.h"
#include "boot/ipi.h"
#include "boot/machine.h"
#include "boot/stack.h"
#include "boot/symbols.h"
#include "boot/timer.h"
#include "boot/vm.h"
#include "boot/watch.h"
#include "boot/x86_64/apic.h"
#include "boot/x86_64/regs.h"
#include "boot/x86_64/trap_stubs.h"
#include "lib/assert.h"
#include "lib/log.h"

#define EXC_DIVIDE        0
#define EXC_NMI           2
#define EXC_DOUBLE_FAULT  8
#define EXC_PAGE_FAULT    14
#define EXC_MACHINE_CHECK 18
#define EXC_COUNT         32

#define PF_PRESENT  (1u << 0)
#define PF_WRITE    (1u << 1)
#define PF_RESERVED (1u << 3)
#define PF_FETCH    (1u << 4)

#define GATE_INTERRUPT 0x8e
#define TSS_AVAILABLE  0x89ull
/* Two reports, the second of the first, and no more. */
#define FAULTS_MAX       2
#define EARLY_STACK_SIZE 8192

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};

struct descriptor_pointer {
	uint16_t limit;
	const void *base;
} __attribute__((packed));

extern const char trap_stubs[], recover_start[], recover_end[], recover_failed[];

static struct gate idt[256];
/* Set by the CPU that stops the others; NMIs order it. [atomic: relaxed] */
static atomic_bool stopping;

static void set_gate(unsigned vector, enum ist ist)
{
	uintptr_t stub = (uintptr_t)trap_stubs + vector * STUB_SIZE;

	idt[vector] = (struct gate){
		.offset_low = (uint16_t)stub,
		.selector = SEL_CODE,
		.ist = (uint8_t)ist,
		.type = GATE_INTERRUPT,
		.offset_middle = (uint16_t)(stub >> 16),
		.offset_high = (uint32_t)(stub >> 32),
	};
}

static void load_idt(void)
{
	struct descriptor_pointer p = { sizeof(idt) - 1, idt };

	__asm__ volatile("lidt %0" : : "m"(p));
}

/* The segments that are in use say the same in each GDT, so only the task register changes. */
static void load_gdt(struct mach_cpu *m)
{
	struct descriptor_pointer p = { sizeof(m->gdt) - 1, m->gdt };
	uint64_t base = (uintptr_t)&m->tss;

	m->gdt[1] = DESC_CODE;
	m->gdt[2] = DESC_DATA;
	m->gdt[3] = (sizeof(m->tss) - 1) | (base & 0xffffff) << 16 | TSS_AVAILABLE << 40 |
		    (base >> 24 & 0xff) << 56;
	m->gdt[4] = base >> 32;
	m->tss.iomap = sizeof(m->tss);
	__asm__ volatile("lgdt %0" : : "m"(p));
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS) : "memory");
}

void trap_init_early(void)
{
	static char stack[EARLY_STACK_SIZE] TERN_ALIGNED(16);
	static struct mach_cpu early;

	for (unsigned v = 0; v < ARRAY_SIZE(idt); v++)
		set_gate(v, v < EXC_COUNT ? IST_NONE : IST_INTERRUPT);
	set_gate(EXC_PAGE_FAULT, IST_PAGE_FAULT);
	set_gate(EXC_DOUBLE_FAULT, IST_DOUBLE_FAULT);
	set_gate(EXC_NMI, IST_NMI);
	set_gate(EXC_MACHINE_CHECK, IST_MACHINE_CHECK);
	for (unsigned i = 1; i < IST_COUNT; i++)
		early.tss.ist[i] = (uintptr_t)stack + sizeof(stack);
	load_gdt(&early);
	load_idt();
}

static bool give_stacks(struct mach_cpu *m, unsigned id)
{
	static const char *const names[IST_COUNT] = { "",    "page fault",    "double fault",
						      "NMI", "machine check", "interrupt" };

	for (unsigned i = 1; i < IST_COUNT; i++) {
		char owner[STACK_OWNER_MAX];
		struct stack s;

		tern_snprintf(owner, sizeof(owner), "CPU %u's %s", id, names[i]);
		if (!stack_alloc(&s, STACK_TRAP, owner))
			return false;
		m->tss.ist[i] = s.top;
	}
	m->has_stacks = true;
	return true;
}

bool trap_init_cpu(struct mach_cpu *m, unsigned id)
{
	if (!m->has_stacks && !give_stacks(m, id))
		return false;
	load_gdt(m);
	load_idt();
	return true;
}

void trap_drop_divide_gate(void)
{
	idt[EXC_DIVIDE].type = 0;
}

void trap_stop_by_nmi(void)
{
	atomic_store_explicit(&stopping, true, memory_order_relaxed);
}

/* --- exceptions ------------------------------------------------------------------------ */

static const char *exception_words(unsigned vector)
{
	static const char *const words[EXC_COUNT] = {
		[0] = "divide error",
		[1] = "debug exception",
		[2] = "NMI",
		[3] = "breakpoint",
		[4] = "overflow",
		[5] = "bound exceeded",
		[6] = "undefined instruction",
		[7] = "floating point instruction",
		[8] = "double fault",
		[10] = "invalid TSS",
		[11] = "segment not present",
		[12] = "stack segment fault",
		[13] = "general protection fault",
		[16] = "x87 floating point error",
		[17] = "alignment check",
		[18] = "machine check",
		[19] = "SIMD floating point error",
		[20] = "virtualization exception",
		[21] = "control protection fault",
	};

	return words[vector] ? words[vector] : "exception of unknown kind";
}

static void describe_page_fault(const struct trap_frame *f, struct fault *fault)
{
	fault->has_addr = true;
	fault->addr = read_cr2();
	if (f->error & PF_RESERVED)
		fault->what = "page fault (malformed page table)";
	else if (f->error & PF_PRESENT)
		fault->what = "page fault (not permitted)";
	else
		fault->what = "page fault (not mapped)";
	fault->access = f->error & PF_FETCH ? "execute" : f->error & PF_WRITE ? "write" : "read";
}

static bool recovers(const struct trap_frame *f)
{
	return f->vector != EXC_NMI && f->vector != EXC_MACHINE_CHECK &&
	       f->vector != EXC_DOUBLE_FAULT && f->rip >= (uintptr_t)recover_start &&
	       f->rip < (uintptr_t)recover_end;
}

/* True if the access is to be tried again: a write to what is watched. */
static bool was_watched(const struct trap_frame *f)
{
	return f->vector == EXC_PAGE_FAULT &&
	       (f->error & (PF_PRESENT | PF_WRITE | PF_RESERVED)) == (PF_PRESENT | PF_WRITE) &&
	       watch_fault(read_cr2());
}

static void exception(struct trap_frame *f)
{
	struct cpu *c = cpu_self();
	struct fault fault = {
		.what = exception_words(f->vector),
		.code = f->error,
		.pc = f->rip,
		.sp = f->rsp,
		.fp = f->rbp,
		.frame = f,
	};

	if (f->vector == EXC_NMI && atomic_load_explicit(&stopping, memory_order_relaxed))
		cpu_stopped();
	if (was_watched(f))
		return;
	if (recovers(f)) {
		f->rip = (uintptr_t)recover_failed;
		return;
	}
	if (f->vector == EXC_PAGE_FAULT && !(f->error & PF_PRESENT) && tern_stack_fault(read_cr2()))
		return;
	if (c->mach && ++c->mach->faults > FAULTS_MAX)
		mach_exit(1);
	if (f->vector == EXC_PAGE_FAULT)
		describe_page_fault(f, &fault);
	/* After a call to nowhere the return address is what lies uppermost. */
	if (!symbol_at(f->rip, NULL) && vm_readable(f->rsp, sizeof(uintptr_t)))
		fault.caller = *(const uintptr_t *)f->rsp;
	fault_die(&fault);
}

/* --- interrupts ------------------------------------------------------------------------ */

static void interrupt(const struct trap_frame *f)
{
	struct cpu *c = cpu_self();

	c->irqs++;
	c->irq_depth++;
	c->frame = f;
	if (f->vector == VECTOR_TIMER)
		timer_interrupt();
	else if (f->vector == VECTOR_IPI)
		ipi_interrupt();
	else
		log_warn("CPU %u: interrupt %u that nobody asked for", c->id, (unsigned)f->vector);
	apic_end_of_interrupt();
	c->irq_depth--;
	thread_interrupt_exit(f);
}

void trap_dispatch(struct trap_frame *f)
{
	if (f->vector < EXC_COUNT)
		exception(f);
	else if (f->vector != VECTOR_SPURIOUS)
		interrupt(f);
}

void mach_print_registers(const void *frame)
{
	const struct trap_frame *f = frame;
	const struct {
		const char *name;
		uint64_t value;
	} regs[] = {
		{ "rax", f->rax }, { "rbx", f->rbx }, { "rcx", f->rcx }, { "rdx", f->rdx },
		{ "rsi", f->rsi }, { "rdi", f->rdi }, { "rbp", f->rbp }, { "rsp", f->rsp },
		{ " r8", f->r8 },  { " r9", f->r9 },  { "r10", f->r10 }, { "r11", f->r11 },
		{ "r12", f->r12 }, { "r13", f->r13 }, { "r14", f->r14 }, { "r15", f->r15 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(regs); i++)
		tern_printf("  %s=%016llx%s", regs[i].name, (unsigned long long)regs[i].value,
			    i % 4 == 3 ? "\n" : "");
	tern_printf("  rflags=%08llx vector=%llu cr2=%016llx cr3=%016llx\n",
		    (unsigned long long)f->rflags, (unsigned long long)f->vector,
		    (unsigned long long)read_cr2(), (unsigned long long)read_cr3());
}

/* STI lets nothing in before the instruction after it, so no interrupt is missed by HLT. */
void mach_wait_irq(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}
