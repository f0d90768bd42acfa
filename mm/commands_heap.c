/* SPDX-License-Identifier: MIT */
/* commands_heap.c - what a person may ask about objects: heap, alloc, free.
 *
 * Uses the public calls only, as any kernel could. Context: threads. */
#include <tern/safety.h>
#include <tern/stats.h>
#include <tern/tern.h>

#include "lib/compiler.h"
#include "lib/string.h"
#include "mm/commands.h"

#define ADDRESSES_IN_ROW 4

/* As enum tern_objects, then NULL. */
static const char *const kinds[] = { "scan", "noscan", "typed", "manual", NULL };

const char *tern_commands_complete_heap(unsigned i)
{
	return i < TERN_OBJECTS_ALL ? kinds[i] : i == TERN_OBJECTS_ALL ? "check" : NULL;
}

static bool parse_kind(const char *word, enum tern_objects *kind)
{
	unsigned k = 0;

	while (k < TERN_OBJECTS_ALL && !tern_str_eq(word, kinds[k]))
		k++;
	*kind = (enum tern_objects)k;
	return k < TERN_OBJECTS_ALL;
}

static void print_classes(enum tern_objects kind)
{
	struct tern_class_stats s;

	tern_printf("%7s %12s %12s %10s %14s %8s\n", "size", "mallocs", "frees", "live", "bytes",
		    "spans");
	for (unsigned c = 0; tern_class_stats(c, kind, &s); c++) {
		if (!s.mallocs)
			continue;
		if (c)
			tern_printf("%7llu", (unsigned long long)s.size);
		else
			tern_printf("%7s", "large");
		tern_printf(" %12llu %12llu %10llu %14llu %8llu\n", (unsigned long long)s.mallocs,
			    (unsigned long long)s.frees, (unsigned long long)s.live,
			    (unsigned long long)s.live_bytes, (unsigned long long)s.spans);
	}
}

static void print_total(const struct tern_heap_stats *s)
{
	tern_printf("%7s %12llu %12llu %10llu %14llu; crumbs %llu\n", "all",
		    (unsigned long long)s->mallocs, (unsigned long long)s->frees,
		    (unsigned long long)s->live, (unsigned long long)s->live_bytes,
		    (unsigned long long)s->crumbs);
}

static void print_row(const char *what, uint64_t bytes, const char *text)
{
	tern_printf("  %-10s %12llu KiB  %s\n", what, (unsigned long long)(bytes / 1024), text);
}

static void print_memory(const struct tern_heap_stats *s)
{
	print_row("grown", s->grown, "which is:");
	print_row("small", s->small, "spans of slots");
	print_row("large", s->large, "objects with a span of their own");
	print_row("runs", s->runs, "pages alloc");
	print_row("stacks", s->stacks, "with those that are kept");
	print_row("cached", s->cached, "free, kept by CPUs");
	print_row("free", s->free, "of which:");
	print_row("- released", s->released, "not held by the machine beneath");
	print_row("records", s->records, "the heap's own, which is:");
	print_row("- spans", s->spans_all, "");
	print_row("- caches", s->caches, "of CPUs");
	print_row("- tables", s->tables, "");
	print_row("- left", s->records_left, "");
	print_row("slot free", s->slot_free, "in spans of slots");
	print_row("slot rest", s->slot_rest, "at their ends");
	print_row("waiting", s->waiting, "not grown into yet");
}

static void print_trace(const char *what, const struct tern_trace *trace)
{
	if (!trace->ret[0])
		return;
	tern_printf("%s", what);
	for (unsigned i = 0; i < TERN_TRACE_DEPTH && trace->ret[i]; i++)
		tern_printf(" 0x%lx", (unsigned long)trace->ret[i]);
	tern_printf("\n");
}

/* Without sites, as in release builds, what is in use is all that is known. */
static enum tern_command_result tell_object(uintptr_t addr)
{
	struct tern_object_sites o = { 0 };

	if (!tern_object_sites((void *)addr, &o)) {
		o.object = (uintptr_t)tern_base((void *)addr);
		o.size = tern_usable_size((void *)o.object);
		o.in_use = o.object;
	}
	if (!o.object) {
		tern_printf("no object is at 0x%lx\n", (unsigned long)addr);
		return TERN_COMMAND_FAILED;
	}
	tern_printf("0x%lx: %zu bytes, %s\n", (unsigned long)o.object, o.size,
		    o.in_use ? "in use" : "freed");
	print_trace("allocated at", &o.allocated);
	print_trace("freed at", &o.freed);
	return TERN_COMMAND_OK;
}

static enum tern_command_result check_all(void)
{
	struct tern_damage d;
	uint64_t n = tern_check_heap(&d);

	tern_printf("damaged: %llu objects\n", (unsigned long long)n);
	if (!n)
		return TERN_COMMAND_OK;
	tern_printf("written to 0x%lx: 0x%02x\n", (unsigned long)d.at, d.found[0]);
	tell_object(d.object.object);
	return TERN_COMMAND_FAILED;
}

enum tern_command_result tern_commands_heap(int argc, char **argv)
{
	enum tern_objects kind = TERN_OBJECTS_ALL;
	struct tern_heap_stats s;
	unsigned long long addr;

	if (argc == 2 && tern_str_eq(argv[1], "check"))
		return check_all();
	if (argc == 2 && tern_command_number(argv[1], &addr))
		return tell_object(addr);
	if (argc > 2 || (argc == 2 && !parse_kind(argv[1], &kind)))
		return TERN_COMMAND_USAGE;
	print_classes(kind);
	if (kind != TERN_OBJECTS_ALL)
		return TERN_COMMAND_OK;
	tern_heap_stats(&s);
	print_total(&s);
	print_memory(&s);
	return TERN_COMMAND_OK;
}

enum tern_command_result tern_commands_alloc(int argc, char **argv)
{
	unsigned long long size, count = 1;

	if (argc < 2 || argc > 3 || !tern_command_number(argv[1], &size) ||
	    (argc > 2 && !tern_command_number(argv[2], &count)))
		return TERN_COMMAND_USAGE;
	for (unsigned long long i = 0; i < count; i++) {
		void *p = tern_malloc(size);

		if (!p) {
			tern_printf("%sno memory after %llu\n", i % ADDRESSES_IN_ROW ? "\n" : "",
				    i);
			return TERN_COMMAND_FAILED;
		}
		tern_printf("%p%s", p,
			    i + 1 == count || (i + 1) % ADDRESSES_IN_ROW == 0 ? "\n" : " ");
	}
	return TERN_COMMAND_OK;
}

/* What is typed must not bring the kernel down, as tern_free() would. */
enum tern_command_result tern_commands_free(int argc, char **argv)
{
	unsigned long long addr;
	void *p;

	if (argc != 2 || !tern_command_number(argv[1], &addr))
		return TERN_COMMAND_USAGE;
	p = (void *)(uintptr_t)addr;
	if (!p || tern_base(p) != p) {
		tern_printf("no object in use begins at 0x%llx\n", addr);
		return TERN_COMMAND_FAILED;
	}
	tern_free(p);
	return TERN_COMMAND_OK;
}
