/* SPDX-License-Identifier: MIT */
/* test_port.c - what boot/host answers to the port, where tern has no part in it. */
#include <stdlib.h>
#include <sys/mman.h>

#include <tern/port.h>

#include "tests/test.h"

#define SIZE (1u << 20)

/* A private page that was dropped reads as zero; so it shows that it was. */
TEST(port, released_memory_is_dropped_and_stays_mapped)
{
	char *p = mmap(NULL, 3 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	REQUIRE(p != MAP_FAILED);
	memset(p, 0x5a, 3 * SIZE);
	EXPECT(tern_port_release((uintptr_t)p + SIZE, SIZE));
	EXPECT(p[SIZE - 1] == 0x5a && p[SIZE] == 0 && p[2 * SIZE - 1] == 0 && p[2 * SIZE] == 0x5a);
	p[SIZE] = 1;
	EXPECT_EQ(p[SIZE], 1);
	munmap(p, 3 * SIZE);
}
