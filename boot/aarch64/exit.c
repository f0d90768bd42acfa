/* SPDX-License-Identifier: MIT */
/* exit.c - leaving the machine.
 *
 * Semihosting tells QEMU the exit status; where it is off, its instruction is undefined and comes
 * back false, and the firmware switches the machine off, which QEMU always calls a success.
 * Where neither helps, the CPU sleeps. Context: any, also fault reports. */
#include "arch/arch.h"
#include "boot/aarch64/board.h"
#include "boot/machine.h"

#define SYS_EXIT                     0x18
#define ADP_STOPPED_APPLICATION_EXIT 0x20026

static _Noreturn void park(void)
{
	arch_irq_disable();
	for (;;)
		asm volatile("wfi");
}

_Noreturn void mach_exit(int status)
{
	const uint64_t block[2] = { ADP_STOPPED_APPLICATION_EXIT, status };

	semihosting_call(SYS_EXIT, block);
	psci_call(board.psci_system_off, 0, 0, 0);
	park();
}

_Noreturn void mach_reset(void)
{
	psci_call(board.psci_system_reset, 0, 0, 0);
	mach_exit(1);
}
