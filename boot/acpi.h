/* SPDX-License-Identifier: MIT */
/* acpi.h - the few ACPI tables that finding CPUs and clocks takes: RSDP, RSDT/XSDT, MADT, FADT,
 * HPET. No AML. Every table's checksum and length is checked before it is believed. */
#ifndef BOOT_ACPI_H
#define BOOT_ACPI_H

#include <stdbool.h>
#include <stdint.h>

#include <tern/config.h>

#include "boot/error.h"
#include "boot/physmem.h"

struct acpi_info {
	uint64_t lapic_base;             /* physical, from the MADT (64-bit override applied) */
	unsigned ncpus;                  /* enabled CPUs, at most TERN_MAX_CPUS */
	unsigned ncpus_ignored;          /* enabled, but more than TERN_MAX_CPUS */
	uint32_t apic_id[TERN_MAX_CPUS]; /* each id once, in the table's order */
	uint32_t pm_timer_port;          /* I/O port of the ACPI PM timer, 0 if none */
	bool pm_timer_32bit;
	uint64_t hpet_base;  /* physical, 0 if none */
	uint16_t reset_port; /* FADT reset register in I/O space, 0 if none */
	uint8_t reset_value;
};

/* The RSDP's address by the BIOS rule (EBDA, then 0xe0000-0xfffff), 0 if it is not there. */
uint64_t acpi_find_rsdp(const struct physmem *pm);

/* False when a table that is there is malformed. A MADT that is missing is malformed; a FADT or
 * HPET that is missing is not. */
bool acpi_parse(const struct physmem *pm, uint64_t rsdp, struct acpi_info *info,
		struct boot_error *e);

#endif
