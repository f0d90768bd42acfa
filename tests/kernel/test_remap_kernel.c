/* SPDX-License-Identifier: MIT */
/* test_remap_kernel.c - remapped objects on real page tables: the pages are the same, and when addresses
 * go, every CPU has forgotten them. */
#include <tern/safety.h>
#include <tern/tern.h>

#include "boot/timer.h"
#include "boot/vm.h"
#include "lib/bits.h"
#include "mm/heap.h"
#include "mm/remap.h"
#include "tests/kernel/kernel.h"
#include "tests/test.h"
#include "tests/unit/blocked.h"
#include "tests/unit/heap.h"

#define PAGE TERN_HEAP_PAGE
#define SIZE TERN_REMAP_MIN

static bool leads_to(const uint8_t *at, const uint8_t *page)
{
	uint64_t pa;

	return vm_query((uintptr_t)at, &pa, NULL) && pa == (uintptr_t)page;
}

TEST(remap_kernel, the_pages_are_the_same)
{
	uint8_t *p, *q, *r;
	char words[96];
	void *wall;

	REQUIRE(p = make_blocked(SIZE, &wall));
	REQUIRE(q = tern_realloc(p, SIZE + PAGE));
	for (size_t i = 0; i < SIZE; i += PAGE / 2)
		EXPECT(leads_to(q + i, p + i));
	EXPECT(vm_query((uintptr_t)q + SIZE, NULL, NULL));
	EXPECT(!vm_query((uintptr_t)q + SIZE + PAGE, NULL, NULL));
	vm_describe((uintptr_t)q, words, sizeof(words));
	EXPECT_STR(words, "large object that has grown");
	vm_describe((uintptr_t)q + SIZE + PAGE, words, sizeof(words));
	EXPECT_STR(words, "behind a large object that has grown, or none");
	/* Out of its room: to other addresses again. */
	REQUIRE(r = tern_realloc(q, 4 * SIZE + PAGE));
	EXPECT(r != q && !vm_query((uintptr_t)q, NULL, NULL));
	for (size_t i = 0; i < SIZE; i += PAGE / 2)
		EXPECT(leads_to(r + i, p + i));
	tern_free(r);
	tern_cpu_offline();
	tern_pages_free(wall, PAGE);
}

struct handler {
	struct timer timer;
	void *p;
	atomic_bool done;
};

static void free_in_interrupt(struct timer *timer)
{
	struct handler *h = container_of(timer, struct handler, timer);

	tern_free(h->p);
	atomic_store_explicit(&h->done, true, memory_order_release);
}

TEST(remap_kernel, freed_in_an_interrupt_handler)
{
	struct handler h = { .done = false };
	uint64_t before;
	void *p, *wall;

	REQUIRE(p = make_blocked(SIZE, &wall));
	REQUIRE(h.p = tern_realloc(p, SIZE + PAGE));
	tern_set_quarantine(0, 0);
	thread_pin(last_cpu());
	timer_init(&h.timer, free_in_interrupt);
	timer_arm(&h.timer, mach_clock_ns());
	EXPECT(WAIT_FOR(atomic_load_explicit(&h.done, memory_order_acquire)));
	timer_cancel(&h.timer);
	thread_pin(THREAD_ANY_CPU);
	EXPECT(!tern_base(h.p));
	before = used_when_quiet();
	EXPECT(!vm_query((uintptr_t)h.p, NULL, NULL));
	tern_pages_free(wall, PAGE);
	EXPECT_EQ(before - used_when_quiet(), PAGE);
	tern_set_quarantine(TERN_QUARANTINE_OBJECTS, TERN_QUARANTINE_BYTES);
}

/* The same addresses lead to other pages each time; a CPU that still knew the last ones would see what
 * these hold, or write to them. */
struct round {
	uint8_t *p;
	uint8_t mark;
	unsigned wrong;
};

static void look(void *arg)
{
	struct round *r = arg;

	for (size_t i = 0; i < SIZE; i += PAGE) {
		r->wrong += r->p[i] != r->mark;
		r->p[i] += 100;
	}
}

TEST(remap_kernel, no_cpu_remembers_pages_that_went)
{
	struct round r = { 0 };
	uintptr_t before = 0;
	unsigned same = 0;
	void *wall;

	tern_set_quarantine(0, 0);
	for (unsigned i = 0; i < 20; i++) {
		/* Every second time the pages are others. */
		void *shift = i % 2 ? tern_pages_alloc(3 * PAGE, 0, 0) : NULL;
		struct thread *thread;

		REQUIRE(r.p = make_blocked(SIZE, &wall));
		REQUIRE(r.p = tern_realloc(r.p, SIZE + PAGE));
		r.mark = (uint8_t)(i + 1);
		for (size_t k = 0; k < SIZE; k += PAGE)
			r.p[k] = r.mark;
		REQUIRE(thread = thread_create_on(last_cpu(), "look", look, &r));
		thread_join(thread);
		for (size_t k = 0; k < SIZE; k += PAGE)
			r.wrong += r.p[k] != r.mark + 100;
		same += before == (uintptr_t)r.p;
		before = (uintptr_t)r.p;
		tern_free(r.p);
		tern_pages_free(wall, PAGE);
		tern_pages_free(shift, shift ? 3 * PAGE : 0);
	}
	EXPECT_EQ(r.wrong, 0);
	EXPECT(same > 10);
	tern_set_quarantine(TERN_QUARANTINE_OBJECTS, TERN_QUARANTINE_BYTES);
}
