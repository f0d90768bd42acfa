/* SPDX-License-Identifier: MIT */
/* tsc.h - how fast the time stamp counter and the local APIC's timer run. */
#ifndef BOOT_X86_64_TSC_H
#define BOOT_X86_64_TSC_H

#include <stdint.h>

struct acpi_info;

struct tsc_rate {
	uint64_t tsc_hz, apic_hz;
	unsigned error_ppm; /* at most; 0 where the CPU itself says it */
	const char *from;
};

/* Stops with one line if there is nothing to measure against. Interrupts off. */
void tsc_measure(const struct acpi_info *acpi, struct tsc_rate *rate);

#endif
