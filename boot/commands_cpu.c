/* SPDX-License-Identifier: MIT */
/* commands_cpu.c - commands about processors and what runs on them.
 *
 * Job      cpus, threads, ping, fault, backtrace.
 * Rule     cpus and threads ask no other CPU for anything, so that they work while one hangs:
 *          counters and states are read as they are, and may be a moment old.
 * Locks    the thread list's, by thread_for_each(); nothing is printed while it is held.
 * Context  a thread; see include/tern/command.h. */
#include "boot/commands.h"

#include <tern/tern.h>

#include "boot/cpu.h"
#include "boot/fault.h"
#include "boot/ipi.h"
#include "boot/machine.h"
#include "boot/provoke.h"
#include "boot/report.h"
#include "lib/string.h"

/* cpus and threads ------------------------------------------------------------------------ */

#define THREADS_SHOWN 64

struct thread_row {
	unsigned id, cpu;
	char name[THREAD_NAME_MAX];
	enum thread_state state;
	uint64_t ran_ns, switches, moves;
	size_t stack_used, stack_size;
};

struct thread_table {
	unsigned count; /* of all threads, those that did not fit among them */
	struct thread_row row[THREADS_SHOWN];
};

static uint64_t peek_counter(const uint64_t *n)
{
	return __atomic_load_n(n, __ATOMIC_RELAXED);
}

/* How deep the stack ever was: pages come cleared, and a slot's later users find what the
 * earlier ones left. So this is the deepest of all of them. */
static size_t stack_depth(const struct stack *s)
{
	const volatile uint64_t *p = (const volatile uint64_t *)s->bottom;

	while ((uintptr_t)p < s->top && *p == 0)
		p++;
	return s->top - (uintptr_t)p;
}

static void note_thread(struct thread *t, void *arg)
{
	struct thread_table *table = arg;
	struct thread_row *row = &table->row[table->count];
	/* acquire: with runq_set_cpu() */
	struct cpu *c = atomic_load_explicit(&t->cpu, memory_order_acquire);

	if (table->count++ >= THREADS_SHOWN)
		return;
	row->id = t->id;
	row->cpu = c->id;
	tern_str_copy(row->name, sizeof(row->name), t->name);
	row->state = __atomic_load_n(&t->state, __ATOMIC_RELAXED);
	row->ran_ns = peek_counter(&t->ran_ns);
	row->switches = peek_counter(&t->switches);
	row->moves = peek_counter(&t->moves);
	row->stack_used = stack_depth(&t->stack);
	row->stack_size = t->stack.top - t->stack.bottom;
}

/* One caller at a time, as for all commands. */
static const struct thread_table *note_threads(void)
{
	static struct thread_table table;

	table.count = 0;
	thread_for_each(note_thread, &table);
	return &table;
}

static unsigned rows_in(const struct thread_table *table)
{
	return table->count < THREADS_SHOWN ? table->count : THREADS_SHOWN;
}

static const char *thread_state_name(enum thread_state state)
{
	static const char *const names[] = {
		[THREAD_READY] = "ready",     [THREAD_RUNNING] = "running",
		[THREAD_BLOCKED] = "blocked", [THREAD_SLEEPING] = "sleeping",
		[THREAD_DONE] = "done",
	};

	return names[state];
}

static enum tern_command_result run_threads(int argc, char **argv)
{
	const struct thread_table *table;

	(void)argv;
	if (argc > 1)
		return TERN_COMMAND_USAGE;
	table = note_threads();
	tern_printf(" id name             state    cpu     ran ms  switches  moves  stack\n");
	for (unsigned i = 0; i < rows_in(table); i++) {
		const struct thread_row *r = &table->row[i];

		tern_printf("%3u %-16s %-8s %3u %10llu %9llu %6llu  ", r->id, r->name,
			    thread_state_name(r->state), r->cpu,
			    (unsigned long long)(r->ran_ns / 1000000),
			    (unsigned long long)r->switches, (unsigned long long)r->moves);
		tern_printf("%s of ", size_text(r->stack_used).text);
		tern_printf("%s\n", size_text(r->stack_size).text);
	}
	if (table->count > THREADS_SHOWN)
		tern_printf("and %u more\n", table->count - THREADS_SHOWN);
	return TERN_COMMAND_OK;
}

static const char *cpu_state_name(enum cpu_state state)
{
	static const char *const names[] = {
		[CPU_ABSENT] = "absent", [CPU_STARTING] = "starting", [CPU_ONLINE] = "online",
		[CPU_FAILED] = "failed", [CPU_STOPPED] = "stopped",
	};

	return names[state];
}

static const char *running_on(const struct thread_table *table, unsigned cpu)
{
	for (unsigned i = 0; i < rows_in(table); i++)
		if (table->row[i].cpu == cpu && table->row[i].state == THREAD_RUNNING)
			return table->row[i].name;
	return "?";
}

static enum tern_command_result run_cpus(int argc, char **argv)
{
	const struct thread_table *table;

	(void)argv;
	if (argc > 1)
		return TERN_COMMAND_USAGE;
	table = note_threads();
	tern_printf("cpu hw id      state         irqs      ipis     ticks  switches  runs\n");
	for (unsigned i = 0; i < TERN_MAX_CPUS; i++) {
		const struct cpu *c = &cpus[i];
		/* acquire: with the CPU's own store when it came up */
		enum cpu_state state = atomic_load_explicit(&c->state, memory_order_acquire);

		if (state == CPU_ABSENT)
			continue;
		tern_printf("%3u 0x%08llx %-8s %9llu %9llu %9llu %9llu  %s\n", i,
			    (unsigned long long)c->hw_id, cpu_state_name(state),
			    (unsigned long long)peek_counter(&c->irqs),
			    (unsigned long long)peek_counter(&c->ipis),
			    (unsigned long long)peek_counter(&c->ticks),
			    (unsigned long long)peek_counter(&c->switches),
			    state == CPU_ONLINE ? running_on(table, i) : "-");
	}
	return TERN_COMMAND_OK;
}

/* ping ------------------------------------------------------------------------------------ */

#define PING_ROUNDS 63u

struct ping_target {
	unsigned cpu;
	bool all_others; /* instead of cpu */
};

static void answer(void *arg)
{
	(void)arg;
}

/* Not preempted, so that the time is the call's and not another thread's. */
static uint64_t ping_once(const struct ping_target *to)
{
	uint64_t start_ns, took_ns;

	thread_preempt_disable();
	start_ns = mach_clock_ns();
	if (to->all_others)
		ipi_call_others(answer, NULL);
	else
		ipi_call(to->cpu, answer, NULL);
	took_ns = mach_clock_ns() - start_ns;
	thread_preempt_enable();
	return took_ns;
}

static unsigned current_cpu(void)
{
	unsigned id;

	thread_preempt_disable();
	id = cpu_self()->id;
	thread_preempt_enable();
	return id;
}

static void insert_sorted(uint64_t *sorted, unsigned count, uint64_t value)
{
	for (; count > 0 && sorted[count - 1] > value; count--)
		sorted[count] = sorted[count - 1];
	sorted[count] = value;
}

static void ping(const struct ping_target *to)
{
	uint64_t ns[PING_ROUNDS];

	for (unsigned i = 0; i < PING_ROUNDS; i++)
		insert_sorted(ns, i, ping_once(to));
	if (to->all_others)
		tern_printf("all others:");
	else
		tern_printf("cpu %u%s:", to->cpu, to->cpu == cpu_self()->id ? " (itself)" : "");
	tern_printf(" min %llu ns, median %llu ns, max %llu ns of %u rounds\n",
		    (unsigned long long)ns[0], (unsigned long long)ns[PING_ROUNDS / 2],
		    (unsigned long long)ns[PING_ROUNDS - 1], PING_ROUNDS);
}

static void ping_all(void)
{
	for (unsigned i = 0; i < cpu_count(); i++)
		ping(&(struct ping_target){ .cpu = i });
	if (cpu_count() > 2)
		ping(&(struct ping_target){ .all_others = true });
}

static enum tern_command_result run_ping(int argc, char **argv)
{
	unsigned long long cpu = 0;

	if (argc > 2 || (argc == 2 && !tern_command_number(argv[1], &cpu)))
		return TERN_COMMAND_USAGE;
	if (cpu >= cpu_count()) {
		tern_printf("no CPU %llu is online\n", cpu);
		return TERN_COMMAND_FAILED;
	}
	/* From one CPU, whichever it is. */
	thread_pin(current_cpu());
	if (argc == 2)
		ping(&(struct ping_target){ .cpu = (unsigned)cpu });
	else
		ping_all();
	thread_pin(THREAD_ANY_CPU);
	return TERN_COMMAND_OK;
}

/* fault and backtrace --------------------------------------------------------------------- */

static enum tern_command_result list_faults(void)
{
	const struct fault_kind *k;

	for (unsigned i = 0; (k = fault_kind(i)); i++)
		tern_printf("  %-16s %s\n", k->name, k->help);
	return TERN_COMMAND_OK;
}

static const char *fault_word(unsigned index)
{
	const struct fault_kind *k = index == 0 ? NULL : fault_kind(index - 1);

	return index == 0 ? "list" : k ? k->name : NULL;
}

static enum tern_command_result run_fault(int argc, char **argv)
{
	const struct fault_kind *k;

	if (argc > 2)
		return TERN_COMMAND_USAGE;
	if (argc == 1 || tern_str_eq(argv[1], "list"))
		return list_faults();
	for (unsigned i = 0; (k = fault_kind(i)); i++) {
		if (!tern_str_eq(k->name, argv[1]))
			continue;
		k->fn();
		tern_printf("%s: the machine let it pass\n", k->name);
		return TERN_COMMAND_FAILED;
	}
	tern_printf("%s: no such fault; fault list shows them\n", argv[1]);
	return TERN_COMMAND_USAGE;
}

static enum tern_command_result run_backtrace(int argc, char **argv)
{
	const uintptr_t *frame = __builtin_frame_address(0);

	(void)argv;
	if (argc > 1)
		return TERN_COMMAND_USAGE;
	backtrace_print(frame[1] - 1, frame[0], 0);
	return TERN_COMMAND_OK;
}

const struct tern_command boot_cpu_commands[] = {
	{ "cpus", "", "each CPU's state and counters", run_cpus, NULL },
	{ "threads", "", "each thread's state, times and stack depth", run_threads, NULL },
	{ "ping", "[CPU]", "time a call to a CPU, or to each", run_ping, NULL },
	{ "fault", "[list|KIND]", "make an exception; it ends the machine", run_fault, fault_word },
	{ "backtrace", "", "the functions that led to this command", run_backtrace, NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};
