/* SPDX-License-Identifier: MIT */
/* own_heap.c - see own_heap.h. A heap's records point to each other and into tern_heap and tern_tables,
 * which stay where they are: so it may be put aside byte by byte while nobody uses it, no collector
 * either. */
#include "tests/unit/own_heap.h"

#include <tern/gc.h>
#include <tern/tern.h>

#include "lib/string.h"
#include "mm/gchook.h"
#include "mm/heap.h"
#include "tests/unit/collect.h"
#include "tests/unit/heap.h"

static struct tern_heap other TERN_UNCLEARED;
static struct tern_tables other_tables TERN_UNCLEARED;
static const struct tern_gchooks *other_hooks;       /* nobody collects the heap of a test */
static struct tern_mcache other_none TERN_UNCLEARED; /* counts frees of CPUs without a cache */
static void *run;
static size_t run_size;

size_t own_heap_begin(size_t size)
{
	/* A test that was cut short has left it so. */
	if (run)
		own_heap_end();
	if (!heap_for_tests())
		return 0;
	hold_between_cycles();
	/* Stacks that a CPU keeps are in no heap's own records. */
	all_cpus_offline();
	for (run_size = size; run_size >= TERN_HEAP_PAGE; run_size /= 2)
		if ((run = tern_pages_alloc(run_size, 0, 0)))
			break;
	if (!run) {
		tern_gc_release();
		return 0;
	}
	memcpy(&other, &tern_heap, sizeof(other));
	memcpy(&other_tables, &tern_tables, sizeof(other_tables));
	memcpy(&other_none, &tern_mcache_none, sizeof(other_none));
	other_hooks = atomic_exchange(&tern_gchooks, NULL);
	memset(&tern_heap, 0, sizeof(tern_heap));
	memset(&tern_tables, 0, sizeof(tern_tables));
	tern_mheap_init(&tern_heap.pages, &tern_tables.pages);
	for (unsigned i = 0; i < TERN_MAX_CPUS; i++)
		atomic_init(&tern_heap.cache[i], &tern_mcache_none);
	return run_size;
}

bool own_heap_add(void)
{
	return tern_add_region((uintptr_t)run, run_size) == TERN_OK;
}

static void come_once(unsigned cpu, void *arg)
{
	(void)cpu;
	(void)arg;
	tern_free(tern_malloc(8));
}

bool own_heap_for(struct test *t, size_t size)
{
	size_t have = own_heap_begin(size);

	t->skip_reason = have < size ? "too little memory" : NULL;
	if (have < size) {
		if (have)
			own_heap_end();
		return false;
	}
	if (!EXPECT(own_heap_add()))
		return false;
	run_on_cpus(cpus_for_tests(), come_once, NULL);
	return EXPECT_EQ(used_when_quiet(), 0);
}

void own_heap_end(void)
{
	tern_set_oom_handler(NULL, 0);
	memcpy(&tern_heap, &other, sizeof(tern_heap));
	memcpy(&tern_tables, &other_tables, sizeof(tern_tables));
	memcpy(&tern_mcache_none, &other_none, sizeof(tern_mcache_none));
	atomic_store(&tern_gchooks, other_hooks);
	memset(&other, 0, sizeof(other)); /* where it is a root, it would keep what it leads to */
	tern_gc_release();
	tern_pages_free(run, run_size);
	run = NULL;
}
