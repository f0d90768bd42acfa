/* SPDX-License-Identifier: MIT */
/* gc.h - the collector: finds the objects that nothing leads to, and gives their memory back.
 *
 * Tri-color marking from roots: registered memory, and the stacks and registers of all threads. The
 * world stops while it marks, and every stopped CPU helps; sweeping comes afterwards, while the
 * program runs. Objects do not move. A pointer anywhere into an object keeps it alive. */
#ifndef TERN_GC_H
#define TERN_GC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tern/tern.h>
#include <tern/type.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

enum tern_gc_mode {
	TERN_GC_STW,     /* the world stands while objects are marked: for any program */
	TERN_GC_BARRIER, /* two short pauses: for programs that store pointers by tern/barrier.h */
	/* Two short pauses, for any program, if the kernel can say which pages were written to:
	 * tern_port_watch_pages() */
	TERN_GC_PAGES,
};

struct tern_gc_options {
	enum tern_gc_mode mode;
	/* Start a cycle when the heap has grown by so many percent over what the last one left
	 * alive; 0 is 100, negative: only when asked, or at the limit. */
	int percent;
	/* The smallest heap at which a cycle starts, in bytes; 0: 4 MiB, or a quarter of memory if
	 * that is less. */
	size_t min_heap;
	/* The heap's memory should not grow past so many bytes; 0: no limit. */
	size_t limit;
	/* CPUs that mark together; 0: all. */
	unsigned markers;
	/* Where the stack of a kernel with one thread begins, such as __builtin_frame_address(0) in its
	 * entry: for kernels that give no tern_port_scan_stacks(). */
	const void *stack;
	bool no_interrupts; /* the kernel never turns them on: cycles start with them off */
	/* Stores into registered roots are those of tern/barrier.h too: the last pause of a cycle need
	 * not scan them again. Only for TERN_GC_BARRIER. */
	bool watched_roots;
	bool no_lazy_sweep; /* a cycle ends with everything swept */
	/* In the stopped world, look at the whole heap before and after marking, mark once more, serially
	 * and simply, and compare; what is wrong panics. Slow: docs/gc.md. */
	bool check;
	/* With that, a word that a type says is a pointer, and that leads to memory of the heap which no
	 * object has, panics, though it does no harm: one past an object's end is nobody's either. */
	bool invalidptr;
	bool clobberfree;    /* what is swept is filled: TERN_HARDEN_SWEPT in tern/safety.h */
	bool stop_the_world; /* TERN_GC_BARRIER's cycles are one pause, as TERN_GC_STW's */
	bool spans;          /* small objects are scanned with others of their span: docs/gc.md */
	bool trace;          /* a line for each cycle, in the form of Go's gctrace */
};

/* What tern_gc_parse_options() could not read. */
struct tern_gc_bad_word {
	const char *at; /* in the text */
	size_t len;
	const char *why; /* for people, such as "want 0 or 1" */
};

/**
 * tern_gc_parse_options - options from a text, such as "gcpercent=50,limit=64M,mode=barrier,check"
 * @options: what the text does not name stays as it is
 * @text: words with commas or blanks between them; of the same word the last one counts
 * @bad: NULL, or where to say which is the first word that cannot be read
 *
 * gcpercent=N|off, min-heap=BYTES, limit=BYTES, mode=stw|barrier|pages, markers=N; and with =0, =1 or nothing:
 * watched-roots, no-lazy-sweep, gcstoptheworld, spans, trace, check, invalidptr, clobberfree. They are the fields
 * of the struct, but for what a kernel alone knows. TERN_EINVAL if anything cannot be read, and for
 * NULL: then no option has changed. Any context.
 */
enum tern_result tern_gc_parse_options(struct tern_gc_options *options, const char *text,
				       struct tern_gc_bad_word *bad);

/**
 * tern_gc_init - from now on unreachable objects are collected
 * @options: copied; NULL for the defaults
 *
 * Once, before or after the first allocation, when roots are known or about to be: tern_gc_add_root().
 * TERN_ENOMEM when there is no memory for its records. TERN_EINVAL when it was called before, and, with
 * nothing done, for TERN_GC_PAGES where the kernel cannot watch pages: another mode may be tried then.
 * A thread with interrupts on.
 */
enum tern_result tern_gc_init(const struct tern_gc_options *options);

/**
 * tern_gc - collect now: when it returns, what was unreachable is swept
 *
 * TERN_EINVAL before tern_gc_init(), with interrupts off and in interrupt handlers, where no cycle
 * can start. Threads, with no lock held that another CPU may be waiting for with interrupts off; and which may
 * be preempted: it may have to wait for a thread of this CPU that was, while it collected.
 */
enum tern_result tern_gc(void);

/**
 * tern_gc_step - some of the collector's work: for kernels without threads, from their main loop
 * @budget_ns: about so long; a little is done in any case
 *
 * Marks, if a cycle is marking, ends it, sweeps. True if there is more. Context as tern_gc().
 */
bool tern_gc_step(uint64_t budget_ns);

/**
 * tern_gc_hold, tern_gc_release - no cycle begins or ends in between; the pairs nest
 *
 * Allocations may fail for want of memory that a cycle would have found. Any context but NMIs.
 */
void tern_gc_hold(void);
void tern_gc_release(void);

/**
 * tern_gc_set_percent - as the option; returns what it was
 * tern_gc_set_limit - as the option; returns what it was
 */
int tern_gc_set_percent(int percent);
size_t tern_gc_set_limit(size_t limit);

/**
 * tern_gc_add_root - memory that may hold pointers to collected objects
 * @start, @size: multiples of 8
 *
 * Scanned conservatively, at every cycle: a kernel's data and bss, say. TERN_EINVAL for NULL, what is
 * not aligned, empty, wraps, or overlaps a range that was added; TERN_ENOMEM without room for the
 * record. Threads; also with interrupts off.
 */
enum tern_result tern_gc_add_root(const void *start, size_t size);
/**
 * tern_gc_add_root_typed - the same for an array of n of a type, of which no other words are looked at
 *
 * TERN_EINVAL also for a type that tern_type_check() refuses.
 */
enum tern_result tern_gc_add_root_typed(const void *start, const struct tern_type *type, size_t n);
/**
 * tern_gc_remove_root - the other half; TERN_EINVAL unless just that range was added
 */
enum tern_result tern_gc_remove_root(const void *start, size_t size);

/**
 * tern_gc_stop_here - what a CPU calls when tern_port_stop_cpus() asks it to stop
 *
 * In an interrupt handler with interrupts off, on any stack, once the registers of what was
 * interrupted are where tern_port_scan_stacks() will show them. The CPU gives its cached spans back,
 * helps to mark, and returns when the world runs on.
 */
void tern_gc_stop_here(void);

/**
 * tern_gc_background - a piece of the collector's work that may wait: sweeping, for a kernel thread
 *
 * Call it when tern_port_wake_background() says that there is work, until it returns false, and every
 * few seconds: it also starts the cycle that is due when there was none for two minutes. Threads.
 */
bool tern_gc_background(void);

/* A thread of its own on each CPU, for kernels that have those: instead of tern_gc_background(). All zero
 * at first. */
struct tern_gc_worker {
	uint64_t cycle_ns, spent_ns;
	unsigned mode;
};
/* When it calls again. */
struct tern_gc_turn {
	uint64_t
		wait_ns; /* after so long; 0: at once; UINT64_MAX: tern_port_wake_background() says so */
	bool or_idle; /* ... or as soon as its CPU has nothing else to do */
};
/**
 * tern_gc_work - a piece of the collector's work, by one CPU's thread for that
 * @idle: it was called as the CPU has nothing else to do
 *
 * While a cycle marks, all workers together take a quarter of the CPUs' time for it, and what is idle:
 * docs/pacer.md. Between cycles they sweep. One of them at least comes every few seconds, as it also
 * starts the cycle that is due when there was none for two minutes. Threads, each bound to its CPU.
 */
struct tern_gc_turn tern_gc_work(struct tern_gc_worker *worker, bool idle);

struct tern_gc_stats {
	uint64_t cycles;   /* that have ended */
	uint64_t forced;   /* of them, asked for by tern_gc() */
	uint64_t pause_ns; /* in all pauses together */
	uint64_t last_pause_ns, max_pause_ns;
	uint64_t live_bytes; /* that the last cycle found */
	uint64_t live_objects;
	uint64_t heap_bytes; /* of collected objects now, as the trigger sees them */
	uint64_t goal_bytes; /* the next cycle starts there */
	uint64_t swept_objects, swept_bytes; /* freed by sweeping, in all */
	uint64_t root_bytes; /* scanned by the last cycle: stacks, registered ranges */
	bool sweeping;       /* the last cycle's sweep is not done yet */
	/* What marking costs, by all of the last pause: for each object that was found alive, and how
	 * fast objects and roots were looked at */
	uint64_t pause_ns_per_object, pause_bytes_per_s;
	/* By the option check: marks that were compared, cycle by cycle, and objects that were marked and
	 * could not be reached any more when all was marked */
	uint64_t checks, floating;
};
void tern_gc_stats(struct tern_gc_stats *stats);

/* So many pauses are remembered. */
#define TERN_GC_PAUSES 256

struct tern_gc_pause {
	uint64_t ns;
	uint64_t end_ns; /* by tern_port_clock_ns() */
};
/**
 * tern_gc_pauses - the last pauses, the newest first
 *
 * Returns how many were written: at most max, and TERN_GC_PAUSES. Any context but NMIs.
 */
size_t tern_gc_pauses(struct tern_gc_pause *pauses, size_t max);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
