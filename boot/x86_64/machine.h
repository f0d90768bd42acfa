/* SPDX-License-Identifier: MIT */
/* machine.h - calls between the files of boot/x86_64. */
#ifndef BOOT_X86_64_MACHINE_H
#define BOOT_X86_64_MACHINE_H

#include "boot/acpi.h"

void uart_init(void);
/* Find the clock; needs the local APIC. */
void timer_discover(const struct acpi_info *acpi);
void timer_init_cpu(void);
/* Where to write what to reset the machine, by the FADT. */
void exit_discover(const struct acpi_info *acpi);

#endif
