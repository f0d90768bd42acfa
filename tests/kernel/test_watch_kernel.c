/* SPDX-License-Identifier: MIT */
/* Tests of boot/watch.c: blocks are split while they are watched and are blocks again afterwards, also
 * while other CPUs use them; and no frame is lost. */
#include <stdatomic.h>

#include <tern/port.h>
#include <tern/tern.h>

#include "arch/arch.h"
#include "boot/frames.h"
#include "boot/ipi.h"
#include "boot/thread.h"
#include "boot/vm.h"
#include "boot/vm_tables.h"
#include "lib/bits.h"
#include "tests/kernel/kernel.h"
#include "tests/test.h"
#include "tests/unit/heap.h"

/* Nobody's; so it is mapped by a block, whatever the options say of the heap. */
#define WINDOW 0x600000000000ull
#define BLOCK  MiB(2)
#define PAGES  (BLOCK / PAGE_SIZE)
#define WORDS  (PAGES / 64)

static char *memory;

static bool open_window(void)
{
	memory = heap_for_tests() ? tern_pages_alloc(BLOCK, BLOCK, 0) : NULL;
	if (memory && vm_map(WINDOW, (uintptr_t)memory, BLOCK, VM_READ | VM_WRITE))
		return true;
	tern_pages_free(memory, memory ? BLOCK : 0);
	return false;
}

static void close_window(void)
{
	vm_unmap(WINDOW, BLOCK);
	tern_pages_free(memory, BLOCK);
}

static unsigned level(void)
{
	unsigned l;

	vm_find(WINDOW, &l);
	return l;
}

static unsigned take(void)
{
	uint64_t bits[WORDS];
	unsigned n = 0;

	memset(bits, 0xff, sizeof(bits));
	tern_port_watch_pages(WINDOW, bits, WORDS);
	for (unsigned i = 0; i < WORDS; i++)
		n += count_bits(bits[i]);
	return n;
}

TEST(watch, large_pages_are_back_in_the_end)
{
	size_t used;

	if (!open_window())
		SKIP("too little memory");
	EXPECT_EQ(level(), 1);
	used = frames_used();
	for (unsigned i = 0; i < 10; i++) {
		EXPECT_EQ(take(), PAGES);
		EXPECT_EQ(level(), 0);
		EXPECT_EQ(frames_used(), used + 1);
		((volatile char *)WINDOW)[i * PAGE_SIZE] = 1;
		EXPECT_EQ(take(), 1);
		tern_port_unwatch_pages(WINDOW, BLOCK);
		EXPECT_EQ(level(), 1);
		EXPECT_EQ(frames_used(), used);
	}
	close_window();
}

TEST(watch, what_is_not_asked_about_is_not_split)
{
	uint64_t bits[WORDS] = { 0 };

	if (!open_window())
		SKIP("too little memory");
	EXPECT(tern_port_watch_pages(WINDOW, bits, WORDS));
	EXPECT_EQ(level(), 1);
	memset(bits, 0xff, sizeof(bits));
	tern_port_written_pages(WINDOW, bits, WORDS);
	EXPECT(level() == 1 && bits[0] == ~0ull && bits[WORDS - 1] == ~0ull);
	close_window();
}

TEST(watch, a_closed_page_stays_closed)
{
	uintptr_t page = WINDOW + 5 * PAGE_SIZE;
	unsigned prot;

	if (!open_window())
		SKIP("too little memory");
	take();
	vm_unmap(page, PAGE_SIZE);
	EXPECT_EQ(take(), 0);
	tern_port_unwatch_pages(WINDOW, BLOCK);
	EXPECT(level() == 0 && !vm_query(page, NULL, NULL));
	EXPECT(vm_query(WINDOW, NULL, &prot) && prot == (VM_READ | VM_WRITE));
	EXPECT(vm_map(page, (uintptr_t)memory + 5 * PAGE_SIZE, PAGE_SIZE, VM_READ | VM_WRITE));
	tern_port_unwatch_pages(WINDOW, BLOCK);
	EXPECT_EQ(level(), 1);
	close_window();
}

TEST(watch, text_may_not_be_written_for_all_that)
{
	uint64_t value;

	/* Where a write fault is a way to find out, this one says nothing. */
	REQUIRE(mach_probe_read((uintptr_t)take, 4, &value));
	EXPECT(!mach_probe_write((uintptr_t)take, 4, value));
}

#define SPLITS 100u

struct users {
	atomic_bool done;  /* [atomic: relaxed] */
	atomic_uint wrong; /* [atomic: relaxed] */
	unsigned used[8];  /* [cpu] */
};

static void split_often(struct users *u)
{
	for (unsigned i = 0; i < SPLITS; i++) {
		take();
		take();
		tern_port_unwatch_pages(WINDOW, BLOCK);
	}
	atomic_store(&u->done, true);
}

/* Each CPU has a word in each 64 bytes. */
static void use_or_split(unsigned cpu, void *arg)
{
	volatile uint64_t *word = (volatile uint64_t *)WINDOW + cpu;
	struct users *u = arg;

	if (cpu == 0)
		split_often(u);
	for (uint64_t i = 0; !atomic_load(&u->done); i++, u->used[cpu]++) {
		uint64_t at = i * 8 % (BLOCK / 8);

		word[at] = i;
		if (word[at] != i)
			atomic_fetch_add(&u->wrong, 1);
		/* An emulator that runs one CPU at a time goes on to the next. */
		if (i % 64 == 0)
			arch_relax();
	}
}

TEST_SLOW(watch, blocks_are_split_while_others_use_them)
{
	unsigned n = cpus_for_tests();
	struct users u = { .done = false };

	if (n < 2)
		SKIP("one CPU");
	if (!open_window())
		SKIP("too little memory");
	run_on_cpus(n, use_or_split, &u);
	test_note(t, "%u writes beside %u splits", u.used[1], SPLITS);
	EXPECT_EQ(u.wrong, 0);
	EXPECT_EQ(level(), 1);
	close_window();
}

/* --- what cannot wait ------------------------------------------------------------------------ */

#define STACK_SIZE KiB(16)

/* An interrupt's frame is written to the stack too, in the middle of anything. */
static void push_and_pop(void *arg)
{
	struct users *u = arg;
	unsigned *used = &u->used[1];

	while (!atomic_load(&u->done)) {
		volatile uint64_t word[64];

		for (unsigned i = 0; i < ARRAY_SIZE(word); i++)
			word[i] = *used + i;
		for (unsigned i = 0; i < ARRAY_SIZE(word); i++)
			if (word[i] != *used + i)
				atomic_fetch_add(&u->wrong, 1);
		if (!arch_irq_enabled())
			atomic_fetch_add(&u->wrong, 1);
		++*used;
		arch_relax();
	}
}

static void interrupt_nothing(void *arg)
{
	(void)arg;
}

static void live_there_or_split(unsigned cpu, void *arg)
{
	struct stack there = { .bottom = WINDOW + BLOCK / 2,
			       .top = WINDOW + BLOCK / 2 + STACK_SIZE };
	struct users *u = arg;

	if (cpu == 1)
		thread_call_on_stack(&there, push_and_pop, u);
	for (unsigned i = 0; cpu == 0 && i < 10 * SPLITS; i++) {
		take();
		ipi_call_others(interrupt_nothing, NULL);
		if (i % 4 == 0)
			tern_port_unwatch_pages(WINDOW, BLOCK);
	}
	if (cpu == 0)
		atomic_store(&u->done, true);
}

TEST(watch, stacks_may_lie_there_and_take_interrupts)
{
	struct users u = { .done = false };

	if (cpus_for_tests() < 2)
		SKIP("one CPU");
	if (!open_window())
		SKIP("too little memory");
	run_on_cpus(2, live_there_or_split, &u);
	test_note(t, "%u rounds on a stack", u.used[1]);
	EXPECT(u.wrong == 0 && u.used[1] > 0);
	tern_port_unwatch_pages(WINDOW, BLOCK);
	EXPECT_EQ(level(), 1);
	close_window();
}
