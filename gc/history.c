/* SPDX-License-Identifier: MIT */
/* history.c - cycles in numbers: the last pauses, and a line for each cycle.
 *
 * Job      Keep how long the last 256 pauses were and when they ended; say of each cycle what Go's
 *          gctrace says, so that what reads those lines reads these.
 * Owns     the ring of pauses.
 * Locks    none. Pauses are added in the stopped world, which does not stop while a reader has his
 *          interrupts off.   Context: history.h; reading anywhere but in NMIs.
 * Go       runtime/mgc.go gcMarkTermination, fmtNSAsMS. Marking in the stopped world counts as that of
 *          CPUs that do nothing else; nobody marks because he idles. */
#include "gc/history.h"

#include <tern/gc.h>
#include <tern/port.h>
#include <tern/tern.h>

#include "lib/irq.h"

#define MS 1000000u

struct tern_history tern_history;

void tern_history_start(uint64_t now_ns)
{
	tern_history.first_ns = now_ns;
}

void tern_history_add_pause(const struct tern_cycle *c)
{
	struct tern_history *h = &tern_history;
	uint64_t ns = c->end_ns - c->asked_ns;

	h->pause[h->npauses++ % TERN_GC_PAUSES] = (struct tern_gc_pause){ ns, c->end_ns };
	h->taken_ns = tern_add_sat(h->taken_ns, c->ncpu * ns);
}

void tern_history_add(const struct tern_cycle *c)
{
	tern_history.ncycles++;
	tern_history.taken_ns = tern_add_sat(tern_history.taken_ns, c->mark_ns);
}

size_t tern_gc_pauses(struct tern_gc_pause *to, size_t max)
{
	const struct tern_history *h = &tern_history;
	unsigned long irq = tern_irq_save();
	size_t n = h->npauses < TERN_GC_PAUSES ? h->npauses : TERN_GC_PAUSES;

	if (n > max)
		n = max;
	for (size_t i = 0; i < n; i++)
		to[i] = h->pause[(h->npauses - 1 - i) % TERN_GC_PAUSES];
	tern_irq_restore(irq);
	return n;
}

/* --- a line ---------------------------------------------------------------------------------- */

/* Milliseconds with two digits that count and at most three behind the point; whole ones from ten on. */
struct ms {
	char text[24];
};

static TERN_NOINLINE struct ms ms(uint64_t ns)
{
	uint64_t us = ns / 1000;
	unsigned digits = us < 100 ? 3 : us < 1000 ? 2 : 1, unit = 1000;
	struct ms m = { 0 };

	for (unsigned i = 0; i < digits; i++)
		unit /= 10;
	if (us == 0)
		tern_snprintf(m.text, sizeof(m.text), "0");
	else if (us >= 10000)
		tern_snprintf(m.text, sizeof(m.text), "%llu", (unsigned long long)(ns / MS));
	else
		tern_snprintf(m.text, sizeof(m.text), "%llu.%0*llu",
			      (unsigned long long)(us / 1000), (int)digits,
			      (unsigned long long)(us % 1000 / unit));
	return m;
}

static unsigned long long mib(uint64_t bytes)
{
	return bytes >> 20;
}

static unsigned percent_of_cpus(const struct tern_cycle *c)
{
	const struct tern_history *h = &tern_history;

	return (unsigned)tern_mul_div(h->taken_ns, 100, c->ncpu * (c->end_ns - h->first_ns));
}

/* What stands between the pluses: before marking, while marking, after it. */
struct phases {
	uint64_t start_ns, before_ns, mark_ns, after_ns;
	uint64_t mark_cpu_ns, heap_bytes;
};

static struct phases phases_of(const struct tern_cycle *c)
{
	if (c->first_asked_ns)
		return (struct phases){
			.start_ns = c->first_asked_ns,
			.before_ns = c->first_end_ns - c->first_asked_ns,
			.mark_ns = c->asked_ns - c->first_end_ns,
			.after_ns = c->end_ns - c->asked_ns,
			.mark_cpu_ns = tern_sub_sat(c->mark_ns, c->assist_ns + c->idle_ns),
			.heap_bytes = c->first_heap_bytes,
		};
	return (struct phases){
		.start_ns = c->asked_ns,
		.before_ns = c->stopped_ns - c->asked_ns,
		.mark_ns = c->marked_ns - c->stopped_ns,
		.after_ns = c->end_ns - c->marked_ns,
		.mark_cpu_ns = (c->marked_ns - c->stopped_ns) * c->nmarkers,
		.heap_bytes = c->heap_bytes,
	};
}

void tern_history_print(const struct tern_cycle *c)
{
	struct phases p = phases_of(c);
	uint64_t since_ms = (p.start_ns - tern_history.first_ns) / MS;
	char line[320];
	size_t n;

	n = tern_snprintf(
		line, sizeof(line),
		"gc %llu @%llu.%03llus %u%%: %s+%s+%s ms clock, %s+%s/%s/%s+%s ms cpu, "
		"%llu->%llu->%llu MB, %llu MB goal, %llu MB stacks, %llu MB globals, "
		"%u P%s\n",
		(unsigned long long)tern_history.ncycles, (unsigned long long)(since_ms / 1000),
		(unsigned long long)(since_ms % 1000), percent_of_cpus(c), ms(p.before_ns).text,
		ms(p.mark_ns).text, ms(p.after_ns).text, ms(p.before_ns * c->ncpu).text,
		ms(c->assist_ns).text, ms(p.mark_cpu_ns).text, ms(c->idle_ns).text,
		ms(p.after_ns * c->ncpu).text, mib(p.heap_bytes), mib(c->heap_bytes),
		mib(c->marked_bytes), mib(c->goal_bytes), mib(c->stack_bytes),
		mib(c->globals_bytes), c->ncpu, c->why == TERN_PACER_EXPLICIT ? " (forced)" : "");
	/* In one piece: it is one line whatever other CPUs print. */
	tern_port_write(line, n < sizeof(line) ? n : sizeof(line) - 1);
}
