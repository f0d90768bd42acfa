/* SPDX-License-Identifier: MIT */
/* fuzz_fdt.c - the bytes are a device tree. */
#include "boot/fdt_machine.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fdt_probe.h"

#define FDT_ADDR 0x48000000u

static struct boot_info info;
static struct fdt_machine machine_info;

static void check_boot_info(const struct fdt *f)
{
	struct boot_error e = { "" };

	if (!fdt_boot_info(f, FDT_ADDR, &info, &e)) {
		fuzz_check_error(&e);
		return;
	}
	fuzz_check_map(&info.map);
	FUZZ_CHECK(tern_str_nlen(info.cmdline, sizeof(info.cmdline)) < sizeof(info.cmdline));
	FUZZ_CHECK(memmap_kind_at(&info.map, FDT_ADDR) >= MEM_FIRMWARE);
	FUZZ_CHECK(memmap_kind_at(&info.map, FDT_ADDR + f->total_size - 1) >= MEM_FIRMWARE);
}

static void check_machine(const struct fdt *f)
{
	const struct fdt_machine *m = &machine_info;
	struct boot_error e = { "" };

	if (!fdt_machine_parse(f, &machine_info, &e)) {
		fuzz_check_error(&e);
		return;
	}
	FUZZ_CHECK(m->ncpus >= 1 && m->ncpus <= TERN_MAX_CPUS);
	FUZZ_CHECK(m->ncpus == TERN_MAX_CPUS || m->ncpus_ignored == 0);
	FUZZ_CHECK(m->gic_version == 2 || m->gic_version == 3);
	FUZZ_CHECK(m->gicd_size > 0);
	if (m->gic_version == 2)
		FUZZ_CHECK(m->gicc_size > 0 && m->gicr_regions == 0);
	else
		FUZZ_CHECK(m->gicr_regions >= 1 && m->gicr_regions <= 4);
	FUZZ_CHECK(m->timer_ppi_phys / 16 == 1 && m->timer_ppi_virt / 16 == 1);
	FUZZ_CHECK(tern_str_nlen(m->model, sizeof(m->model)) < sizeof(m->model));
	FUZZ_CHECK((m->uart_base == 0 && m->uart_size == 0) || m->uart_size > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size);
	struct boot_error e = { "" };
	struct fdt f;

	if (fdt_open(&f, copy, size, &e)) {
		FUZZ_CHECK(fdt_size(copy) == f.total_size && f.total_size <= size);
		FUZZ_CHECK(fdt_probe(&f));
		check_boot_info(&f);
		check_machine(&f);
	} else {
		fuzz_check_error(&e);
	}
	free(copy);
	return 0;
}
