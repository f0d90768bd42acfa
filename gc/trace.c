/* SPDX-License-Identifier: MIT */
/* trace.c - what was traced, as JSON that Perfetto and chrome://tracing open.
 *
 * Job      Write events in the trace event format: "X" is a stretch of time on a CPU, "C" a sample,
 *          "M" a name. A CPU is a thread of one process. One event a line.
 * Below    event.c (the events), out.c (pieces).
 * Locks    none held while the caller's function runs.   Context: threads. */
#include <tern/observe.h>

#include "gc/event.h"
#include "gc/out.h"

/* How an event is written: its name, and what a and b are. */
static const struct {
	const char *name, *a, *b;
} event_names[TERN_EVENT_KINDS] = {
	[TERN_EVENT_PAUSE] = { "pause", "cycle", "reason" },
	[TERN_EVENT_STOP] = { "stop", "others", "cycle" },
	[TERN_EVENT_STOPPED] = { "stopped", "stop", "helped" },
	[TERN_EVENT_MARK] = { "mark", "objects", "bytes" },
	[TERN_EVENT_SETTLE] = { "settle", "live_objects", "live_bytes" },
	[TERN_EVENT_SWEEP] = { "sweep", "pages", "dead_only" },
	[TERN_EVENT_HEAP] = { "heap", "live", "goal" },
};

/* Microseconds with three digits behind the point, as the format counts. */
#define US_FORMAT "%llu.%03llu"
#define US(ns)    (unsigned long long)((ns) / 1000), (unsigned long long)((ns) % 1000)

static void write_place(struct tern_out *o, const char *phase, unsigned cpu,
			const struct tern_event *e)
{
	tern_out_printf(o, ",\n{\"ph\":\"%s\",\"pid\":1,\"tid\":%u,\"ts\":" US_FORMAT, phase, cpu,
			US(e->start_ns));
}

/* A goal that is never reached is none. */
static void write_sample(struct tern_out *o, unsigned cpu, const struct tern_event *e)
{
	write_place(o, "C", cpu, e);
	tern_out_printf(o, ",\"name\":\"heap\",\"args\":{\"live\":%llu", (unsigned long long)e->a);
	if (e->b != UINT64_MAX)
		tern_out_printf(o, ",\"goal\":%llu", (unsigned long long)e->b);
	tern_out_printf(o, "}}");
}

static void write_stretch(struct tern_out *o, unsigned cpu, const struct tern_event *e)
{
	write_place(o, "X", cpu, e);
	tern_out_printf(
		o, ",\"dur\":" US_FORMAT ",\"name\":\"%s\",\"args\":{\"%s\":%llu,\"%s\":%llu}}",
		US(e->ns), event_names[e->kind].name, event_names[e->kind].a,
		(unsigned long long)e->a, event_names[e->kind].b, (unsigned long long)e->b);
}

static void write_name(struct tern_out *o, unsigned cpu)
{
	tern_out_printf(o,
			",\n{\"ph\":\"M\",\"pid\":1,\"tid\":%u,\"name\":\"thread_name\","
			"\"args\":{\"name\":\"CPU %u\"}}",
			cpu, cpu);
}

static void write_chunk(struct tern_out *o, const struct tern_event_chunk *c, uint64_t since_ns,
			uint64_t *named)
{
	unsigned n = atomic_load_explicit(&c->n, memory_order_acquire);

	for (unsigned i = 0; i < n; i++) {
		const struct tern_event *e = &c->event[i];

		if (e->start_ns < since_ns)
			continue;
		if (!(named[c->cpu / 64] >> c->cpu % 64 & 1))
			write_name(o, c->cpu);
		named[c->cpu / 64] |= 1ull << c->cpu % 64;
		if (e->kind == TERN_EVENT_HEAP)
			write_sample(o, c->cpu, e);
		else
			write_stretch(o, c->cpu, e);
	}
}

bool tern_trace_write(tern_write *write, void *arg)
{
	uint64_t named[(TERN_MAX_CPUS + 63) / 64] = { 0 };
	uint64_t since_ns = tern_events_hold();
	const struct tern_event_chunk *c;
	bool any = tern_events_chunk(0);
	struct tern_out o;

	tern_out_init(&o, write, arg);
	tern_out_printf(&o, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n"
			    "{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\","
			    "\"args\":{\"name\":\"tern\"}}");
	for (unsigned i = 0; (c = tern_events_chunk(i)); i++)
		write_chunk(&o, c, since_ns, named);
	tern_events_release();
	tern_out_printf(&o, "\n],\"otherData\":{\"lost\":\"%llu\"}}\n",
			(unsigned long long)tern_events_lost());
	return tern_out_end(&o) && any;
}
