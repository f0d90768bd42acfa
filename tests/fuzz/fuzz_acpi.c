/* SPDX-License-Identifier: MIT */
/* fuzz_acpi.c - the bytes are physical memory from 0xe0000 on, with ACPI's tables in it.
 *
 * A checksum stops almost every mutation, so it is mended first wherever a signature and a length
 * are found; only inputs whose last byte is 0 keep their checksums as they are. */
#include "boot/acpi.h"
#include "boot/bytes.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/blob.h"

#define BASE 0xe0000u

static void mend(uint8_t *p, size_t len, size_t at)
{
	uint8_t sum = 0;

	p[at] = 0;
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + p[i]);
	p[at] = (uint8_t)-sum;
}

static void mend_table(uint8_t *p, size_t left)
{
	static const char *const signatures[] = { "RSDT", "XSDT", "APIC", "FACP", "HPET" };
	uint32_t len = left >= 36 ? load_le32(p + 4) : 0;

	if (len < 36 || len > left)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(signatures); i++)
		if (memcmp(p, signatures[i], 4) == 0)
			mend(p, len, 9);
}

static void mend_all(uint8_t *p, size_t size)
{
	for (size_t at = 0; at + 36 <= size; at += 4) {
		mend_table(p + at, size - at);
		if (memcmp(p + at, "RSD PTR ", 8) == 0) {
			uint32_t len = load_le32(p + at + 20);

			mend(p + at, 20, 8);
			if (len >= 36 && len <= size - at)
				mend(p + at, len, 32);
		}
	}
}

static void check_info(const struct acpi_info *info)
{
	FUZZ_CHECK(info->ncpus >= 1 && info->ncpus <= TERN_MAX_CPUS);
	FUZZ_CHECK(info->ncpus == TERN_MAX_CPUS || info->ncpus_ignored == 0);
	for (unsigned i = 0; i < info->ncpus; i++)
		for (unsigned k = 0; k < i; k++)
			FUZZ_CHECK(info->apic_id[i] != info->apic_id[k]);
	FUZZ_CHECK(info->pm_timer_port <= 0xfffc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size);
	struct blob_window w = blob_window(BASE, copy, size);
	struct boot_error e = { "" };
	struct acpi_info info;
	uint64_t rsdp;

	if (size > 0 && data[size - 1] != 0)
		mend_all(copy, size);
	rsdp = acpi_find_rsdp(&w.pm);
	FUZZ_CHECK(rsdp == 0 || (rsdp >= BASE && rsdp - BASE < size));
	if (acpi_parse(&w.pm, rsdp ? rsdp : BASE, &info, &e))
		check_info(&info);
	else
		fuzz_check_error(&e);
	free(copy);
	return 0;
}
