/* SPDX-License-Identifier: MIT */
/* port.h - what tern asks of the kernel that it is linked into.
 *
 * A kernel gives these functions as ordinary symbols. Two are required; without them the link
 * fails and names what is missing. All others have weak defaults in the library, which together
 * make a correct port for one CPU. For each call the text says when it comes and in what state.
 * docs/porting.md walks through a port from nothing. */
#ifndef TERN_PORT_H
#define TERN_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The public door: everything else of the library is built hidden. */
#pragma GCC visibility push(default)

/* Required ------------------------------------------------------------------------------ */

/**
 * tern_port_panic - stop for good: the caller or memory is broken, not merely short
 * @text: one line, without newline, with the numbers that matter; already on tern_port_write
 *
 * Comes on any CPU, in any context (interrupt handlers, interrupts off, locks held). Must not
 * return and must not call tern.
 */
__attribute__((noreturn)) void tern_port_panic(const char *text);

/**
 * tern_port_write - put bytes on the kernel's console or log
 * @text: not terminated by NUL
 * @len:  may be 0
 *
 * Comes on any CPU and in any context, also before the kernel has called into tern otherwise.
 * Must not call tern and must not wait for another thread.
 */
void tern_port_write(const char *text, size_t len);

/* Optional ------------------------------------------------------------------------------ */

/**
 * tern_port_cpu_id - number of the CPU that runs the caller, 0 <= id < TERN_MAX_CPUS
 *
 * Comes with interrupts off or preemption impossible wherever the answer must stay true. May
 * answer 0 as long as only the first CPU runs. Default: 0.
 */
unsigned tern_port_cpu_id(void);

/**
 * tern_port_irq_save - hold interrupts off on this CPU; returns the state to restore
 * tern_port_irq_restore - the other half; the pairs nest
 * tern_port_irq_enabled - are they on? Whoever finds them off does not wait for another CPU
 *
 * Default: the CPU's own interrupt mask, which asks for kernel privilege (RFLAGS.IF or DAIF). A
 * kernel that runs elsewhere, such as in a process, gives its own three, and compiles the library
 * with TERN_PORT_IRQ (tern/config.h), as the allocator's fast path calls no function for it.
 */
unsigned long tern_port_irq_save(void);
void tern_port_irq_restore(unsigned long state);
bool tern_port_irq_enabled(void);

/**
 * tern_port_in_interrupt - is the caller an interrupt handler?
 *
 * Then the heap does not grow: mapping is not for handlers. Comes in any context. Default: false,
 * which is right unless handlers allocate.
 */
bool tern_port_in_interrupt(void);

/**
 * tern_port_drain_cpus - memory is short: have every other CPU call tern_cpu_offline(), and wait
 *
 * By an interrupt, say. Comes with interrupts on, in no handler, with none of tern's locks held.
 * Default: nothing, and what idle CPUs hold stays with them: up to a span of each class they used.
 */
void tern_port_drain_cpus(void);

/**
 * tern_port_clock_ns - nanoseconds since any fixed point, never running backwards
 *
 * Comes in any context. Default: always 0, which means "no clock": time stamps read as zero.
 */
uint64_t tern_port_clock_ns(void);

/**
 * tern_port_map - make memory of a region readable and writable, before tern touches it
 * @start: multiple of the heap's page size, 8 KiB
 * @size:  likewise
 *
 * Comes once for each part of a region, when the heap grows: at most an arena (64 MiB) at a time,
 * unless a larger run was asked for. False means that there is no memory for page tables: the part
 * is given up. Comes with none of tern's locks held, in the state of the caller of tern, and may
 * wait for other CPUs unless that has interrupts off. Default: true, for kernels that have mapped
 * what they hand over.
 */
bool tern_port_map(uintptr_t start, size_t size);

/**
 * tern_port_release - the machine beneath may have memory back until it is touched again
 * @start: multiple of the heap's page size, 8 KiB
 * @size:  likewise
 *
 * Comes for memory of a region that tern does not use: its contents are not needed any more, and
 * whoever touches it next finds anything there. It stays mapped: that touch is all it takes to have
 * it again, and must not fail. True if it was given back; false costs nothing but the memory. Comes
 * in threads, with none of tern's locks held, and may wait for the machine beneath but not for other
 * CPUs if the caller of tern has interrupts off. Default: false, as there is nobody to give it to.
 */
bool tern_port_release(uintptr_t start, size_t size);

/* Addresses apart from those of memory: for growing stacks, which are committed as they are used, and
 * for large objects that tern_realloc() makes larger, whose pages come to lie side by side there. */

/**
 * tern_port_range_reserve - a range of addresses where nothing is mapped
 * @size: multiple of 8 KiB
 *
 * At a multiple of 8 KiB, with all page tables made: tern_port_range_commit() cannot make any. NULL when
 * there is no room. Threads, with interrupts on. Default: NULL, for kernels without page tables of their
 * own.
 */
void *tern_port_range_reserve(size_t size);
/**
 * tern_port_range_release - the other half; nothing is committed any more
 */
void tern_port_range_release(void *start, size_t size);
/**
 * tern_port_range_commit - have reserved addresses lead to pages of the heap
 * @at:    the first, where nothing is committed
 * @pages: their own address, or one where they are committed already
 * @size:  multiple of 8 KiB
 *
 * What the pages hold is to be seen there. Until they are taken away nobody looks at their own address.
 * Comes in page fault handlers, whatever locks the interrupted code holds: so it takes none, waits
 * for nobody, and allocates nothing. False: it cannot be, and nothing was done.
 */
bool tern_port_range_commit(uintptr_t at, const void *pages, size_t size);
/**
 * tern_port_range_uncommit - take away what was committed; no CPU reaches it any more. What the pages
 * hold from then on is anything. Threads, with interrupts on.
 */
void tern_port_range_uncommit(uintptr_t at, size_t size);

/**
 * tern_port_protect - make memory of the heap fault when it is touched, or accessible again
 * @start: multiple of the heap's page size, 8 KiB
 * @size:  likewise
 *
 * Comes only for options of tern/safety.h, with none of tern's locks held that tern_port_map() does
 * not know. Closing comes in the state of the caller of tern. False: it cannot be now, and all of
 * it is accessible; that costs only the protection. Other CPUs may reach a page for a moment longer.
 * Opening comes with interrupts off too, also in interrupt handlers; it must not fail for what was
 * closed, and does nothing for what is accessible. What the pages hold stays. Default: false.
 */
bool tern_port_protect(uintptr_t start, size_t size, bool accessible);

/* For the collector (tern/gc.h); a kernel with one CPU and one thread gives none of them. */

/**
 * tern_port_stop_cpus - have every other CPU stop for the collector; returns how many will
 *
 * Each of them calls tern_gc_stop_here() in an interrupt handler, as soon as its interrupts are on;
 * an idle one too. Only CPUs that were told count. Comes with interrupts off, with none of tern's locks
 * held, and does not wait. Default: 0.
 */
unsigned tern_port_stop_cpus(void);

/* Scan what may hold pointers: 8-byte words in [low, high). */
typedef void tern_scan_stack(void *arg, uintptr_t low, uintptr_t high);
/**
 * tern_port_scan_stacks - show the stacks and registers of all threads
 * @sp: where the stack in use ends on the CPU that collects, its registers being stored above
 *
 * Call scan(arg, low, high) for each thread, whether it runs, waits or was interrupted: from where
 * its stack ends at present to where it begins, and for wherever else its registers are. The stack
 * that holds sp: from sp on. Comes in the stopped world, on any CPU that called tern_gc_stop_here(),
 * several at a time, with interrupts off: each time it must show the same, in the same order, and
 * takes no lock that a stopped CPU may hold. Default: the stack from sp to tern_gc_options.stack.
 */
void tern_port_scan_stacks(uintptr_t sp, tern_scan_stack *scan, void *arg);

/**
 * tern_port_wake_background - there is work for the thread that calls tern_gc_background()
 *
 * Comes in any context but NMIs, also in the stopped world: a flag or a wake-up. Default: nothing;
 * then the work is done by who allocates.
 */
void tern_port_wake_background(void);

/* For TERN_GC_PAGES; a kernel whose page tables are its own. */

#define TERN_WATCHED_PAGE 4096

/**
 * tern_port_watch_pages - which pages were written to? And from now on note that anew
 * @start: multiple of 2 MiB, in the heap or beside it; all pages lie in one piece of 64 MiB
 * @bits:  a bit for each TERN_WATCHED_PAGE from start on: set for those that are meant
 * @n:     words of bits: 8 for each 2 MiB
 *
 * On return bits are set for those pages alone, of them, that some CPU wrote to since the last call, or
 * that were not watched: since there was none, or because there is no memory for page tables. Of a page
 * that the last call did not ask about either answer will do. A write that another call will not report
 * has been made, and so has all that its CPU stored before it: the caller sees both. Writes by devices
 * need not count, nor those that reach a page by another address.
 * Pages stay readable and writable; if a write faults, the fault is handled in any context, also with
 * interrupts off and inside of tern. Comes in threads, in the state of the caller of tern, with none of
 * tern's locks held, by one thread at a time, and may wait for other CPUs. False if the kernel cannot do
 * this at all; n is 0 to ask for no more than that. Default: false.
 */
bool tern_port_watch_pages(uintptr_t start, uint64_t *bits, size_t n);
/**
 * tern_port_written_pages - the same in the stopped world, for the last time
 *
 * Interrupts are off, and nobody is told anything.
 */
void tern_port_written_pages(uintptr_t start, uint64_t *bits, size_t n);
/**
 * tern_port_unwatch_pages - back to large pages, or whatever there was before
 * @start, @size: multiples of 2 MiB
 *
 * Comes as tern_port_watch_pages(), when all is known. Default: nothing.
 */
void tern_port_unwatch_pages(uintptr_t start, size_t size);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
