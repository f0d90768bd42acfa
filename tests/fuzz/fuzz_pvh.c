/* SPDX-License-Identifier: MIT */
/* fuzz_pvh.c - the bytes are physical memory from 0x5000 on, beginning with the start info. */
#include "boot/pvh.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/blob.h"

#define BASE 0x5000u

static struct boot_info info;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size);
	struct blob_window w = blob_window(BASE, copy, size);
	struct boot_error e = { "" };

	if (pvh_parse(&w.pm, BASE, &info, &e)) {
		fuzz_check_map(&info.map);
		FUZZ_CHECK(memmap_kind_at(&info.map, BASE) >= MEM_FIRMWARE);
		FUZZ_CHECK(tern_str_nlen(info.cmdline, sizeof(info.cmdline)) <
			   sizeof(info.cmdline));
	} else {
		fuzz_check_error(&e);
	}
	free(copy);
	return 0;
}
