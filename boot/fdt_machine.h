/* SPDX-License-Identifier: MIT */
/* fdt_machine.h - what a device tree says of the machine: memory, CPUs, GIC, PSCI, UART, timer.
 * Pure: fdt.c reads, this interprets. */
#ifndef BOOT_FDT_MACHINE_H
#define BOOT_FDT_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include <tern/config.h>

#include "boot/bootinfo.h"
#include "boot/fdt.h"

enum psci_method { PSCI_NONE, PSCI_HVC, PSCI_SMC };

struct fdt_machine {
	char model[64];
	unsigned ncpus, ncpus_ignored;
	uint64_t mpidr[TERN_MAX_CPUS]; /* affinity fields only */
	enum psci_method psci;
	uint32_t psci_cpu_on, psci_system_off, psci_system_reset; /* function ids, 0: not there */

	unsigned gic_version; /* 2 or 3 */
	uint64_t gicd_base, gicd_size;
	uint64_t gicc_base, gicc_size; /* GICv2 */
	unsigned gicr_regions;         /* GICv3 */
	struct {
		uint64_t base, size;
	} gicr[4];
	uint64_t gicr_stride;    /* 0: by the frame's own VLPI bit */
	unsigned timer_ppi_virt; /* interrupt ids (16..31) of the generic timer */
	unsigned timer_ppi_phys;
	uint32_t timer_hz;             /* clock-frequency of the timer node, 0 if not given */
	uint64_t uart_base, uart_size; /* stdout-path if it is a PL011, else the first
					* PL011; 0 if there is none */
};

/* Memory, reservations, initrd, command line. The FDT itself is kept out too. */
bool fdt_boot_info(const struct fdt *f, uint64_t fdt_addr, struct boot_info *info,
		   struct boot_error *e);
bool fdt_machine_parse(const struct fdt *f, struct fdt_machine *m, struct boot_error *e);

#endif
