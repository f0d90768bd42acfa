/* SPDX-License-Identifier: MIT */
/* hello.c - the smallest port: two functions and one region of memory make a heap.
 *
 * Job      Hand memory over, fill all of it with blocks, look whether each is intact, give all
 *          back, and do it again: the second time must yield as many. Then make collected blocks
 *          of ten times the memory, and give none back: those in use must stay intact.
 * Promise  The last line is "tern: verdict pass" or "tern: verdict fail", and QEMU's status agrees.
 * Context  One CPU, no interrupts. Knows tern by its public headers only, and nothing of boot/;
 *          the entry, a serial port and the way out are in ARCH.S. */
#include <stdbool.h>

#include <tern/gc.h>
#include <tern/port.h>
#include <tern/tern.h>

#ifndef MEMORY
#define MEMORY (1 << 20)
#endif

/* ARCH.S */
void serial_put(char c);
_Noreturn void leave(int status);
/* For ARCH.S: with a stack, and .bss clear. */
_Noreturn void kernel_main(void);

struct block {
	struct block *next;
	size_t number;
	char rest[100];
};

static unsigned char memory[MEMORY];

static _Noreturn void end(bool pass)
{
	for (const char *c = pass ? "tern: verdict pass\n" : "tern: verdict fail\n"; *c; c++)
		serial_put(*c);
	leave(!pass);
}

void tern_port_write(const char *text, size_t len)
{
	while (len--)
		serial_put(*text++);
}

_Noreturn void tern_port_panic(const char *text)
{
	(void)text; /* it was written already */
	end(false);
}

/* Blocks until there are no more, the last one first. */
static struct block *take_all(void)
{
	struct block *all = NULL, *b;

	for (size_t n = 1; (b = tern_malloc(sizeof(*b))); n++) {
		*b = (struct block){ .next = all, .number = n };
		all = b;
	}
	return all;
}

/* False if one of them is not as it was left. */
static bool free_all(struct block *b)
{
	size_t left = b ? b->number : 0;

	for (struct block *next; b && b->number == left; b = next, left--) {
		next = b->next;
		tern_free(b);
	}
	return !b && left == 0;
}

/* The stack is all that leads to the blocks in use. */
static bool collect(void)
{
	struct block *used[16] = { 0 };
	size_t n = 10 * sizeof(memory) / sizeof(struct block);

	for (size_t i = 0; i < n; i++) {
		struct block **b = &used[i % 16];

		if (*b && (*b)->number != i - 16)
			return false;
		*b = tern_alloc(sizeof(**b));
		if (!*b)
			return false;
		(*b)->number = i;
	}
	return true;
}

void kernel_main(void)
{
	struct tern_gc_options options = { .stack = __builtin_frame_address(0),
					   .no_interrupts = true };
	struct tern_gc_stats stats;
	bool intact = tern_add_region((uintptr_t)memory, sizeof(memory)) == TERN_OK;
	size_t n[2];

	tern_printf("hello: tern %s, %zu KiB\n", tern_version(), sizeof(memory) / 1024);
	for (int i = 0; i < 2; i++) {
		struct block *all = take_all();

		n[i] = all ? all->number : 0;
		intact = free_all(all) && intact;
		tern_printf("hello: %zu blocks, %s\n", n[i], intact ? "intact" : "spoiled");
	}
	intact = tern_gc_init(&options) == TERN_OK && collect() && tern_gc() == TERN_OK && intact;
	tern_gc_stats(&stats);
	tern_printf("hello: %llu cycles, %llu blocks collected, %s\n",
		    (unsigned long long)stats.cycles, (unsigned long long)stats.swept_objects,
		    intact ? "intact" : "spoiled");
	end(intact && n[0] > 0 && n[0] == n[1] && stats.cycles > 1);
}
