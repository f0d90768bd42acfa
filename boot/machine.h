/* SPDX-License-Identifier: MIT */
/* machine.h - what the portable guest kernel asks of boot/ARCH, and what it learns from there.
 *
 * boot/x86_64 and boot/aarch64 give the same calls in files of the same names:
 *   entry.S start.c   from the loader's state to boot_start()     uart.c   console
 *   vectors.S trap.c  exceptions and interrupts                   smp.c    starting CPUs, IPIs
 *   apic.c / gic.c    interrupt controller                        timer.c  clock and timer
 *   pte.h             page table entries (boot/pte.h)             switch.S thread switch
 *   provoke.c         faults on purpose (boot/provoke.h)          exit.c   leaving QEMU
 * x86_64 has besides tsc.c, how fast the clock runs, trampoline.S, where its CPUs begin, and
 * virtio_pci.c, devices; aarch64 has psci.c, calls of firmware, recover.S, the instructions that may
 * fault, and virtio.c, devices. */
#ifndef BOOT_MACHINE_H
#define BOOT_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tern/config.h>

struct boot_info;
struct cpu;
struct virtio;

/* What machine this is; filled by mach_discover(), constant from then on. */
struct machine {
	const char *arch;       /* "x86_64", "aarch64" */
	char platform[64];      /* "q35", "linux,dummy-virt" or what the firmware says */
	char irqchip[64];       /* "x2APIC", "xAPIC at 0xfee00000", "GICv3 at 0x8000000" */
	char clock[96];         /* "TSC 2600.012 MHz, measured by ACPI PM timer, +-80 ppm" */
	char timer[64];         /* "LAPIC one-shot 62.5 MHz", "generic timer (virtual), 62.5 MHz" */
	char starter[64];       /* how CPUs are started: "INIT/SIPI", "PSCI by hvc" */
	char console[64];       /* "16550 at port 0x3f8", "PL011 at 0x9000000" */
	unsigned ncpus;         /* CPUs that firmware names, the boot CPU among them; >= 1 */
	unsigned ncpus_ignored; /* more than TERN_MAX_CPUS */
	uint64_t hw_id[TERN_MAX_CPUS]; /* APIC id or MPIDR; index 0 is the boot CPU */
};
extern struct machine machine;

/* Console: polled, no lock, usable from the first instruction of C on. */
void mach_console_write(const char *text, size_t len);
int mach_console_read(void); /* a byte, or -1 when there is none */

/* Before vm_init() physical addresses are readable one to one as far as boot/ARCH maps them;
 * afterwards boot/vm.c decides. */
void mach_vm_map_early(void);       /* vm_map_identity() what the console needs */
void mach_vm_enable(uint64_t root); /* use the tables at root on this CPU */

/* Read ACPI or FDT, fill `machine`, find the clock. Stops with one line on malformed tables. */
void mach_discover(const struct boot_info *info);

/* This CPU's own tables, trap stacks, interrupt controller, timer. Interrupts stay off. */
void mach_cpu_init(struct cpu *cpu);
/* Start CPU c (not the boot CPU): it calls cpu_entry(c) on c's idle stack with paging on and
 * interrupts off. False if firmware refuses. */
bool mach_cpu_start(struct cpu *cpu);

/* Interrupts. mach_ipi() makes ipi_interrupt() run on the CPU; mach_stop_others() makes
 * cpu_stopped() run on all others, by NMI where the machine has one, without waiting. */
void mach_ipi(unsigned cpu);
void mach_stop_others(void);
/* Wait for an interrupt. Entered with interrupts off, returns with them off; one that is pending
 * or comes later ends the wait and is taken. */
void mach_wait_irq(void);

/* Clock and timer. The clock starts near 0 at mach_discover() and is the same on all CPUs.
 * mach_timer_set() makes timer_interrupt() run on this CPU at or after the deadline; each call
 * replaces the one before; UINT64_MAX means never. */
uint64_t mach_clock_ns(void);
uint64_t mach_ticks_to_ns(uint64_t ticks);
void mach_timer_set(uint64_t deadline_ns);

/* Threads. mach_thread_stack() prepares a stack so that the first mach_switch() to it calls
 * entry(arg), interrupts off. mach_switch() saves what the C ABI preserves on the stack, stores
 * the stack pointer in *save, and goes on at `to`. */
uintptr_t mach_thread_stack(uintptr_t top, void (*entry)(void *), void *arg);
void mach_switch(uintptr_t *save, uintptr_t to);

/* Call fn(arg) on another stack, whose upper end is top, a multiple of 16. Before it goes there it
 * stores the stack pointer in *save. For threads: thread_call_on_stack(). */
void mach_call_on_stack(uintptr_t *save, uintptr_t top, void (*fn)(void *), void *arg);

/* Read or write 1, 2, 4 or 8 bytes; false if the access faults. */
bool mach_probe_read(uintptr_t addr, unsigned size, uint64_t *value);
bool mach_probe_write(uintptr_t addr, unsigned size, uint64_t value);

/* Find the first virtio device with that id (boot/virtio.h) and open it. False if there is none that
 * can be used. One thread at a time. */
bool mach_find_virtio(uint32_t id, struct virtio *v);

/* Leave the machine. status 0 passes, 1 fails: QEMU's exit status tells it where it can. */
_Noreturn void mach_exit(int status);
_Noreturn void mach_reset(void);

#endif
