/* SPDX-License-Identifier: MIT */
/* exit.c - leaving the machine.
 *
 * QEMU's isa-debug-exit device ends it with a status that says passed or failed. Where there is
 * none the write goes nowhere, and the CPU halts. Context: any, also fault reports. */
#include "arch/arch.h"
#include "boot/machine.h"
#include "boot/x86_64/machine.h"
#include "boot/x86_64/regs.h"

#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_RESET   0xfe

static uint16_t reset_port;
static uint8_t reset_value;

void exit_discover(const struct acpi_info *acpi)
{
	reset_port = acpi->reset_port;
	reset_value = acpi->reset_value;
}

static _Noreturn void park(void)
{
	arch_irq_disable();
	for (;;)
		__asm__ volatile("hlt");
}

_Noreturn void mach_exit(int status)
{
	outb(DEBUG_EXIT_PORT, status ? DEBUG_EXIT_FAIL : DEBUG_EXIT_PASS);
	park();
}

_Noreturn void mach_reset(void)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) no_idt;

	if (reset_port)
		outb(reset_port, reset_value);
	outb(KEYBOARD_COMMAND, KEYBOARD_RESET);
	/* A fault that cannot be delivered, nor the fault of that: the CPU gives up. */
	__asm__ volatile("lidt %0; int3" : : "m"(no_idt));
	park();
}
