/* SPDX-License-Identifier: MIT */
/* ranges.c - addresses and pages for tern's ranges in a process: mappings without access.
 *
 * The memory behind an address is the process's own, and given back when it is taken away; what a page
 * of the heap holds is copied there, and the page itself lies idle.
 * Locks: none. Context: threads; tern_port_range_commit() comes in signal handlers too. */
#include "boot/host/ranges.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <tern/port.h>
#include <tern/tern.h>

#include "lib/compiler.h"

__attribute__((weak)) void __asan_unpoison_memory_region(const volatile void *start, size_t size);

atomic_uint host_ranges_reserves = UINT_MAX, host_ranges_commits = UINT_MAX;

static bool may(atomic_uint *left)
{
	unsigned n = atomic_load_explicit(left, memory_order_relaxed);

	while (n && !atomic_compare_exchange_weak_explicit(left, &n, n - 1, memory_order_relaxed,
							   memory_order_relaxed))
		;
	return n;
}

void *tern_port_range_reserve(size_t size)
{
	size_t all = size + TERN_HEAP_PAGE;
	size_t head;
	char *p;

	if (!may(&host_ranges_reserves))
		return NULL;
	p = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	head = -(uintptr_t)p % TERN_HEAP_PAGE;
	if (head)
		munmap(p, head);
	if (head < TERN_HEAP_PAGE)
		munmap(p + head + size, TERN_HEAP_PAGE - head);
	return p + head;
}

void tern_port_range_release(void *start, size_t size)
{
	/* What a sanitizer noted of frames there must not outlive them: the addresses come again. */
	if (__asan_unpoison_memory_region)
		__asan_unpoison_memory_region(start, size);
	munmap(start, size);
}

/* A page that was free may hold what another thread wrote when it was not: no sanitizer is to look. */
static void TERN_NO_SANITIZE copy_words(volatile uint64_t *to, const volatile uint64_t *from,
					size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = from[i];
}

bool tern_port_range_commit(uintptr_t at, const void *pages, size_t size)
{
	if (!may(&host_ranges_commits) || mprotect((void *)at, size, PROT_READ | PROT_WRITE) != 0)
		return false;
	copy_words((volatile uint64_t *)at, pages, size / sizeof(uint64_t));
	return true;
}

/* Mapped anew: nothing of what was there is left. */
void tern_port_range_uncommit(uintptr_t at, size_t size)
{
	if (mmap((void *)at, size, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		abort();
}
