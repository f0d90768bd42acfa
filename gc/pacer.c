/* SPDX-License-Identifier: MIT */
/* pacer.c - when a cycle starts, how far the heap may grow, and who pays.
 *
 * Job      From what the last cycle found: a goal for the heap, and a trigger that lets a concurrent
 *          cycle end at the goal. While it marks: how much each allocated byte must pay. After it:
 *          how fast to sweep, so that all is swept when the next one starts.
 * Why      Growth in proportion to what lives makes the cost of marking a constant per allocated byte.
 *          A trigger too late makes assists, one too early makes cycles that never end.
 * Locks    none; pacer.h says who may call.   Context: any.
 * Holds    I-PAC-1 live at the last mark < goal, and trigger <= goal: a cycle leaves a runway, even
 *          at the limit.   I-PAC-2 stop the world: trigger = goal.   I-PAC-3 all sums saturate and
 *          nothing is divided by zero (fixed.h), whatever the inputs: they are racy, and may be
 *          wrong.   I-PAC-4 assist ratios are never 0.   I-PAC-5 sweep debt <= pages not swept.
 * Go       runtime/mgcpacer.go, gcPaceSweeper, deductSweepCredit; we differ: no floating point; the
 *          limit leaves a runway of a 64th of what lives, and counts for nothing while the CPU
 *          limiter limits, as a collector that stops the world has no assists to leave out. */
#include "gc/pacer.h"

#include "lib/string.h"
#include "mm/page.h"

/* A quarter of the CPUs marks. */
#define BACKGROUND          (TERN_FIXED_ONE / 4)
#define MIN_TRIGGER_PERCENT 70u
#define MAX_TRIGGER_PERCENT 95u
#define MIN_RUNWAY          ((uint64_t)64 << 10)
/* With the limit reached, marking costs at most so many bytes for each one that is allocated. */
#define LIMIT_RUNWAY_SHARE 64u
#define HEADROOM_PERCENT   3u
#define OVERSHOOT_PERCENT  110u
/* For the hard goal when the percent is off. */
#define PERCENT_WHEN_OFF 100000u
#define MIN_WORK_LEFT    1000u

static void store(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

void tern_pacer_count(_Atomic uint64_t *sum, uint64_t plus, uint64_t minus)
{
	uint64_t old = tern_pacer_load(sum), new;

	do
		new = tern_sub_sat(tern_add_sat(old, plus), minus);
	while (!atomic_compare_exchange_weak_explicit(sum, &old, new, memory_order_relaxed,
						      memory_order_relaxed));
}

/* --- goal and trigger ---------------------------------------------------------------------- */

/* 1 MiB, but less where the whole heap is small. */
static uint64_t margin(const struct tern_pacer *p)
{
	return tern_min(p->min_heap_bytes / 4, (uint64_t)1 << 20);
}

static uint64_t percent_goal(const struct tern_pacer *p)
{
	uint64_t base = tern_add_sat(tern_add_sat(p->marked_bytes, p->last_stack_scan_bytes),
				     p->globals_bytes);
	uint64_t percent = (uint64_t)p->percent;

	if (p->percent < 0)
		return TERN_PACER_NEVER;
	return tern_max(tern_add_sat(p->marked_bytes, tern_mul_div(base, percent, 100)),
			tern_mul_div(p->min_heap_bytes, percent, 100));
}

/* What the limit leaves for objects. What is over it already counts twice, and so comes down. */
static uint64_t limit_share(const struct tern_pacer *p)
{
	const struct tern_pacer_memory *m = &p->memory;
	uint64_t overhead =
		tern_sub_sat(m->total_bytes, tern_add_sat(m->free_bytes, m->object_bytes));
	uint64_t over = tern_sub_sat(m->total_bytes, p->limit_bytes);

	return tern_sub_sat(p->limit_bytes, tern_add_sat(overhead, over));
}

/* Some room is kept, as a cycle may end beyond its goal. */
static uint64_t limit_goal(const struct tern_pacer *p)
{
	uint64_t share = limit_share(p);
	uint64_t headroom = tern_max(share / 100 * HEADROOM_PERCENT, margin(p));
	uint64_t goal = tern_max(tern_sub_sat(share, headroom), headroom);
	uint64_t runway = tern_max(p->marked_bytes / LIMIT_RUNWAY_SHARE, MIN_RUNWAY);

	return tern_max(goal, tern_add_sat(p->marked_bytes, runway));
}

/* The percent's, moved up where sweeping or a cycle that runs needs room. */
static uint64_t free_goal(const struct tern_pacer *p)
{
	uint64_t goal = tern_max(percent_goal(p), p->sweep_min_trigger_bytes);

	if (p->marking)
		goal = tern_max(goal, tern_add_sat(p->triggered_bytes, MIN_RUNWAY));
	return tern_max(goal, tern_add_sat(p->marked_bytes, MIN_RUNWAY));
}

static uint64_t heap_goal(const struct tern_pacer *p, bool *by_limit)
{
	uint64_t goal = free_goal(p), limited;

	*by_limit = false;
	if (p->limit_bytes == 0 || p->limiting)
		return goal;
	limited = limit_goal(p);
	*by_limit = limited < goal;
	return tern_min(limited, goal);
}

/* The way from what lived to the goal. */
static uint64_t part_of_way(const struct tern_pacer *p, uint64_t goal, unsigned percent)
{
	return p->marked_bytes + tern_mul_div(tern_sub_sat(goal, p->marked_bytes), percent, 100);
}

/* Below: a program would allocate black nearly all the time, and sweep in too short a time. Above:
 * however fast marking is, it needs some time; of a large heap, a large part would be too long. */
static uint64_t concurrent_trigger(const struct tern_pacer *p, uint64_t goal, bool by_limit)
{
	uint64_t low = part_of_way(p, goal, MIN_TRIGGER_PERCENT);
	uint64_t high = part_of_way(p, goal, MAX_TRIGGER_PERCENT);

	if (!by_limit)
		low = tern_max(low, p->sweep_min_trigger_bytes);
	high = tern_max(high, tern_sub_sat(goal, p->min_heap_bytes));
	high = tern_max(high, low);
	return tern_min(tern_max(tern_sub_sat(goal, p->runway_bytes), low), high);
}

/* Whatever changed, goal and trigger follow. */
static void publish(struct tern_pacer *p)
{
	uint64_t goal = heap_goal(p, &p->by_limit), trigger = goal;

	if (p->concurrent && goal != TERN_PACER_NEVER)
		trigger = concurrent_trigger(p, goal, p->by_limit);
	store(&p->goal_bytes, goal);
	store(&p->trigger_bytes, trigger);
}

static bool period_is_over(const struct tern_pacer *p, uint64_t now_ns)
{
	return p->percent >= 0 && p->period_ns != 0 && p->last_end_ns != 0 &&
	       tern_sub_sat(now_ns, p->last_end_ns) > p->period_ns;
}

enum tern_pacer_why tern_pacer_should_start(const struct tern_pacer *p, uint64_t now_ns, bool asked)
{
	if (p->marking)
		return TERN_PACER_NONE;
	if (asked)
		return TERN_PACER_EXPLICIT;
	if (tern_pacer_reached(p))
		return p->by_limit ? TERN_PACER_LIMIT : TERN_PACER_HEAP;
	return period_is_over(p, now_ns) ? TERN_PACER_PERIODIC : TERN_PACER_NONE;
}

/* --- settings ------------------------------------------------------------------------------ */

void tern_pacer_init(struct tern_pacer *p, int32_t percent, uint64_t min_heap_bytes,
		     uint64_t limit_bytes)
{
	memset(p, 0, sizeof(*p));
	p->percent = percent;
	p->min_heap_bytes = min_heap_bytes ? min_heap_bytes : TERN_PACER_MIN_HEAP;
	p->limit_bytes = limit_bytes;
	p->period_ns = TERN_PACER_PERIOD_NS;
	p->ncpu = 1;
	publish(p);
	tern_pacer_revise(p);
}

void tern_pacer_set_percent(struct tern_pacer *p, int32_t percent)
{
	p->percent = percent;
	publish(p);
}

void tern_pacer_set_limit(struct tern_pacer *p, uint64_t limit_bytes)
{
	p->limit_bytes = limit_bytes;
	publish(p);
}

void tern_pacer_set_concurrent(struct tern_pacer *p, bool concurrent)
{
	p->concurrent = concurrent;
	publish(p);
}

void tern_pacer_set_limiting(struct tern_pacer *p, bool limiting)
{
	p->limiting = limiting;
	publish(p);
}

void tern_pacer_set_period(struct tern_pacer *p, uint64_t period_ns)
{
	p->period_ns = period_ns;
}

void tern_pacer_set_memory(struct tern_pacer *p, const struct tern_pacer_memory *memory)
{
	p->memory = *memory;
	publish(p);
}

void tern_pacer_set_roots(struct tern_pacer *p, uint64_t stack_bytes, uint64_t globals_bytes)
{
	p->stack_bytes = stack_bytes;
	p->globals_bytes = globals_bytes;
	publish(p);
}

/* --- who marks ----------------------------------------------------------------------------- */

/* A quarter in whole CPUs; where that misses by more than 30 percent, a fraction of each of the
 * others instead: on 1, 2, 3 and 6 CPUs. */
static struct tern_pacer_workers quarter_of(unsigned ncpu)
{
	uint64_t n = ncpu, dedicated = (n + 2) / 4, quarters = 4 * dedicated;
	uint64_t missed = quarters > n ? quarters - n : n - quarters;
	struct tern_pacer_workers w = { .dedicated = (unsigned)dedicated };

	if (missed * 10 <= n * 3)
		return w;
	w.dedicated -= quarters > n;
	w.fraction = tern_fixed_ratio(n - 4 * (uint64_t)w.dedicated, 4 * n);
	return w;
}

struct tern_pacer_workers tern_pacer_workers_of(unsigned ncpu, bool concurrent,
						enum tern_pacer_why why)
{
	struct tern_pacer_workers w = quarter_of(ncpu ? ncpu : 1);

	if (!concurrent)
		return (struct tern_pacer_workers){ .dedicated = ncpu ? ncpu : 1 };
	/* Who waits for two minutes need not be done at once. Somebody must mark, though, where only
	 * fractions do and all have had theirs. */
	if (why == TERN_PACER_PERIODIC)
		w.idle_max = w.dedicated == 0;
	else
		w.idle_max = (ncpu ? ncpu : 1) - w.dedicated;
	return w;
}

uint64_t tern_pacer_fraction_wait(const struct tern_pacer *p, uint64_t spent_ns, uint64_t now_ns)
{
	uint64_t passed_ns = tern_sub_sat(now_ns, p->start_ns);

	if (p->workers.fraction == 0)
		return UINT64_MAX;
	return tern_sub_sat(tern_mul_div(spent_ns, TERN_FIXED_ONE, p->workers.fraction), passed_ns);
}

/* --- a cycle ------------------------------------------------------------------------------- */

void tern_pacer_start_cycle(struct tern_pacer *p, uint64_t now_ns, unsigned ncpu,
			    enum tern_pacer_why why)
{
	for (unsigned kind = 0; kind < TERN_PACER_WORKS; kind++)
		store(&p->work_bytes[kind], 0);
	store(&p->credit_bytes, 0);
	p->ncpu = ncpu ? ncpu : 1;
	p->start_ns = now_ns;
	p->triggered_bytes = tern_pacer_live(p);
	p->marking = true;
	p->workers = tern_pacer_workers_of(ncpu, p->concurrent, why);
	publish(p);
	tern_pacer_revise(p);
}

static uint64_t work_done(const struct tern_pacer *p)
{
	uint64_t sum = 0;

	for (unsigned kind = 0; kind < TERN_PACER_WORKS; kind++)
		sum = tern_add_sat(sum, tern_pacer_load(&p->work_bytes[kind]));
	return sum;
}

/* If things are as they were. */
static uint64_t expected_work(const struct tern_pacer *p)
{
	return tern_add_sat(tern_add_sat(p->last_heap_scan_bytes, p->last_stack_scan_bytes),
			    p->globals_bytes);
}

/* If nothing is garbage. */
static uint64_t most_work(const struct tern_pacer *p)
{
	return tern_add_sat(tern_add_sat(tern_pacer_load(&p->heap_scan_bytes), p->stack_bytes),
			    p->globals_bytes);
}

/* There is more to mark than was expected, so the heap has grown and the next goal will be higher:
 * let it take the runway for all of it now, but no more memory than the next cycle may. */
static uint64_t stretched_goal(const struct tern_pacer *p, uint64_t goal)
{
	uint64_t percent = p->percent < 0 ? PERCENT_WHEN_OFF : (uint64_t)p->percent;
	uint64_t runway = tern_sub_sat(goal, p->triggered_bytes);
	uint64_t longer = tern_mul_div(runway, most_work(p), expected_work(p));
	uint64_t hard = tern_add_sat(goal, tern_mul_div(goal, percent, 100));

	return tern_min(tern_max(goal, tern_add_sat(p->triggered_bytes, longer)), hard);
}

/* work bytes are to be marked before the heap has grown by room bytes. */
static void set_assist(struct tern_pacer *p, uint64_t work, uint64_t room)
{
	work = tern_max(work, MIN_WORK_LEFT);
	room = tern_max(room, 1);
	store(&p->assist_work_per_byte, tern_max(tern_fixed_ratio(work, room), 1));
	store(&p->assist_bytes_per_work, tern_max(tern_fixed_ratio(room, work), 1));
}

void tern_pacer_revise(struct tern_pacer *p)
{
	uint64_t live = tern_pacer_live(p), goal = tern_pacer_goal(p);
	uint64_t done = work_done(p), expected = expected_work(p);

	if (done > expected) {
		goal = stretched_goal(p, goal);
		expected = most_work(p);
	}
	/* Too late: some more room, for the worst case. */
	if (live > goal) {
		goal = tern_mul_div(goal, OVERSHOOT_PERCENT, 100);
		expected = most_work(p);
	}
	set_assist(p, tern_sub_sat(expected, done), tern_sub_sat(goal, live));
}

static tern_fixed share_of_cpus(const struct tern_pacer *p, uint64_t cpu_ns, uint64_t now_ns)
{
	uint64_t all_ns = tern_mul_div(tern_sub_sat(now_ns, p->start_ns), p->ncpu, 1);

	return all_ns == 0 ? 0 : tern_min(tern_fixed_ratio(cpu_ns, all_ns), TERN_FIXED_ONE);
}

/* Bytes allocated for each byte scanned, if both had the same CPU time. */
static tern_fixed measure_cons_mark(struct tern_pacer *p, const struct tern_pacer_end *end)
{
	tern_fixed idle = share_of_cpus(p, end->idle_ns, end->now_ns);
	tern_fixed mutator = TERN_FIXED_ONE - p->utilization;
	uint64_t grown = tern_pacer_live(p) - p->triggered_bytes;
	uint64_t work = tern_max(work_done(p), 1);

	return tern_fixed_ratio(tern_fixed_mul(grown, p->utilization + idle),
				tern_max(tern_fixed_mul(work, mutator), 1));
}

/* The largest of some: what was measured varies, and a trigger too late is the worse mistake. */
static void learn(struct tern_pacer *p, tern_fixed measured)
{
	p->cons_mark = measured;
	for (unsigned i = 0; i < TERN_PACER_PAST; i++)
		p->cons_mark = tern_max(p->cons_mark, p->past_cons_mark[i]);
	memmove(p->past_cons_mark, p->past_cons_mark + 1,
		sizeof(p->past_cons_mark) - sizeof(p->past_cons_mark[0]));
	p->past_cons_mark[TERN_PACER_PAST - 1] = measured;
}

/* What the program allocates while a quarter of the CPUs marks what there is to mark. */
static uint64_t runway(const struct tern_pacer *p)
{
	tern_fixed per_byte = tern_mul_div(p->cons_mark, TERN_FIXED_ONE - BACKGROUND, BACKGROUND);

	return tern_fixed_mul(expected_work(p), per_byte);
}

static void keep_result(struct tern_pacer *p, const struct tern_pacer_end *end)
{
	uint64_t scanned = tern_pacer_load(&p->work_bytes[TERN_PACER_WORK_HEAP]);

	p->last_stack_scan_bytes = tern_pacer_load(&p->work_bytes[TERN_PACER_WORK_STACKS]);
	p->last_heap_scan_bytes = scanned;
	store(&p->heap_scan_bytes, scanned);
	p->marked_bytes = end->marked_bytes;
	store(&p->heap_live_bytes, end->marked_bytes);
	p->last_end_ns = tern_max(end->now_ns, 1);
}

void tern_pacer_end_cycle(struct tern_pacer *p, const struct tern_pacer_end *end)
{
	p->utilization = TERN_FIXED_ONE;
	if (p->concurrent)
		p->utilization = tern_min(
			BACKGROUND + share_of_cpus(p, end->assist_ns, end->now_ns), TERN_FIXED_ONE);
	/* A cycle in which nothing was allocated tells nothing. */
	if (p->concurrent && tern_pacer_live(p) > p->triggered_bytes)
		learn(p, measure_cons_mark(p, end));
	keep_result(p, end);
	p->marking = false;
	p->runway_bytes = runway(p);
	p->sweep_min_trigger_bytes = end->sweep_done ? 0 : tern_add_sat(p->marked_bytes, margin(p));
	publish(p);
}

/* --- assists ------------------------------------------------------------------------------- */

uint64_t tern_pacer_assist_work(const struct tern_pacer *p, uint64_t debt_bytes)
{
	return tern_max(tern_fixed_mul(debt_bytes, tern_pacer_load(&p->assist_work_per_byte)),
			TERN_PACER_ASSIST_MIN);
}

uint64_t tern_pacer_assist_bytes(const struct tern_pacer *p, uint64_t work_bytes)
{
	uint64_t bytes = tern_fixed_mul(work_bytes, tern_pacer_load(&p->assist_bytes_per_work));

	return tern_min(tern_add_sat(bytes, 1), INT64_MAX);
}

uint64_t tern_pacer_take_credit(struct tern_pacer *p, uint64_t want_bytes)
{
	uint64_t old = tern_pacer_load(&p->credit_bytes), taken;

	do
		taken = tern_min(old, want_bytes);
	while (!atomic_compare_exchange_weak_explicit(&p->credit_bytes, &old, old - taken,
						      memory_order_relaxed, memory_order_relaxed));
	return taken;
}

/* --- sweep --------------------------------------------------------------------------------- */

void tern_pacer_start_sweep(struct tern_pacer *p, uint64_t pages_in_use, uint64_t pages_swept)
{
	uint64_t live = tern_pacer_live(p), pages = tern_sub_sat(pages_in_use, pages_swept);
	uint64_t way = tern_sub_sat(tern_pacer_trigger(p), tern_add_sat(live, margin(p)));

	way = tern_max(way, TERN_PAGE_SIZE);
	store(&p->sweep_pages_per_byte, 0);
	store(&p->sweep_basis_bytes, live);
	store(&p->sweep_basis_pages, pages_swept);
	store(&p->sweep_pages, pages);
	/* One more, for what is rounded down. */
	if (pages != 0)
		store(&p->sweep_pages_per_byte, tern_add_sat(tern_fixed_ratio(pages, way), 1));
}

void tern_pacer_sweep_done(struct tern_pacer *p)
{
	store(&p->sweep_pages_per_byte, 0);
	p->sweep_min_trigger_bytes = 0;
	publish(p);
}

uint64_t tern_pacer_sweep_debt(const struct tern_pacer *p, uint64_t span_bytes,
			       uint64_t caller_pages, uint64_t pages_swept)
{
	uint64_t grown = tern_sub_sat(tern_pacer_live(p), tern_pacer_load(&p->sweep_basis_bytes));
	uint64_t pages = tern_fixed_mul(tern_add_sat(grown, span_bytes),
					tern_pacer_load(&p->sweep_pages_per_byte));
	uint64_t due = tern_min(pages, tern_pacer_load(&p->sweep_pages));
	uint64_t swept = tern_sub_sat(pages_swept, tern_pacer_load(&p->sweep_basis_pages));

	return tern_sub_sat(due, tern_add_sat(swept, caller_pages));
}
