/* SPDX-License-Identifier: MIT */
/* fuzz_multiboot2.c - the bytes are physical memory from 0x10000 on, beginning with the
 * information. */
#include "boot/multiboot2.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/blob.h"

#define BASE 0x10000u

static struct boot_info info;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size);
	struct blob_window w = blob_window(BASE, copy, size);
	struct boot_error e = { "" };

	if (multiboot2_parse(&w.pm, BASE, &info, &e)) {
		fuzz_check_map(&info.map);
		FUZZ_CHECK(memmap_kind_at(&info.map, BASE) >= MEM_FIRMWARE);
		FUZZ_CHECK(tern_str_nlen(info.cmdline, sizeof(info.cmdline)) <
			   sizeof(info.cmdline));
		FUZZ_CHECK(info.rsdp == 0 || (info.rsdp > BASE && info.rsdp - BASE < size));
	} else {
		fuzz_check_error(&e);
	}
	free(copy);
	return 0;
}
