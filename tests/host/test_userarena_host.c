/* SPDX-License-Identifier: MIT */
/* test_userarena_host.c - user arenas in a process: what panics; what was freed faults as long as it is
 * in quarantine, and is told as such. */
#include <tern/arena.h>
#include <tern/safety.h>
#include <tern/tern.h>

#include "arch/arch.h"
#include "boot/host/host.h"
#include "gc/gc.h"
#include "mm/heap.h"
#include "mm/large.h"
#include "tests/host/faults.h"
#include "tests/test.h"
#include "tests/unit/heap.h"

/* As if somebody collected, or nobody. */
static bool collect(bool on)
{
	return atomic_exchange(&tern_gc_state.on, on);
}

static void free_arena(void *a)
{
	tern_arena_free(a);
}

static void alloc_in_arena(void *a)
{
	tern_arena_alloc(a, 8);
}

static void free_object(void *p)
{
	tern_free(p);
}

TEST(userarena_host, a_freed_arena_is_refused)
{
	bool was = collect(true);
	struct tern_user_arena *a;
	char text[200];

	REQUIRE(heap_for_tests());
	a = tern_arena_new();
	REQUIRE(a && tern_arena_alloc(a, 8));
	tern_arena_free(a);
	EXPECT(host_panics(free_arena, a, text, sizeof(text)));
	EXPECT(tern_str_starts(text, "tern_arena_free: 0x"));
	EXPECT(host_panics(alloc_in_arena, a, text, sizeof(text)));
	EXPECT(tern_str_starts(text, "tern_arena_alloc: 0x"));
	EXPECT(host_panics(alloc_in_arena, NULL, text, sizeof(text)));
	collect(was);
}

TEST(userarena_host, its_objects_are_not_freed_one_by_one)
{
	bool was = collect(false);
	struct tern_user_arena *a;
	char text[200], *p;

	REQUIRE(heap_for_tests());
	a = tern_arena_new();
	REQUIRE(a && (p = tern_arena_alloc(a, 8)));
	EXPECT(host_panics(free_object, p, text, sizeof(text)));
	EXPECT(tern_str_starts(text, "tern_free: 0x"));
	EXPECT_EQ(tern_usable_size(p), 0);
	tern_arena_free(a);
	collect(was);
}

/* What a sweep does that finds it unmarked. */
static void end_quarantine(char *p)
{
	unsigned long irq = arch_irq_save();

	tern_large_drop(&tern_heap.pages, NULL, tern_heap_span((uintptr_t)p));
	arch_irq_restore(irq);
}

TEST(userarena_host, freed_objects_fault_until_their_memory_serves_again)
{
	bool was = collect(true);
	struct tern_arena_stats before, s;
	struct tern_user_arena *a;
	struct tern_guard_report r;
	char *small, *large;

	REQUIRE(heap_for_tests());
	tern_arena_stats(&before);
	a = tern_arena_new();
	REQUIRE(a && (small = tern_arena_alloc(a, 100)));
	REQUIRE((large = tern_arena_alloc(a, TERN_ARENA_CHUNK)));
	EXPECT(!host_faults(small) && !host_faults(large + TERN_ARENA_CHUNK - 1));
	tern_arena_free(a);
	EXPECT(host_faults(small) && host_faults(small + 99));
	EXPECT(host_faults(large) && host_faults(large + TERN_ARENA_CHUNK - 1));
	REQUIRE(tern_guard_fault((uintptr_t)large + 8, &r));
	EXPECT_EQ(r.error, TERN_GUARD_AFTER_FREE);
	EXPECT(r.object <= (uintptr_t)large &&
	       r.object + r.size >= (uintptr_t)large + TERN_ARENA_CHUNK);
	tern_arena_stats(&s);
	EXPECT_EQ(s.quarantine_bytes - before.quarantine_bytes, s.freed_bytes - before.freed_bytes);
	EXPECT_EQ(s.poisoned_bytes, before.poisoned_bytes);
	end_quarantine(small);
	end_quarantine(large);
	EXPECT(!host_faults(small) && !host_faults(large));
	EXPECT(!tern_guard_fault((uintptr_t)large + 8, &r));
	tern_arena_stats(&s);
	EXPECT_EQ(s.quarantine_bytes, before.quarantine_bytes);
	collect(was);
}
