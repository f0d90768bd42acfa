/* SPDX-License-Identifier: MIT */
/* limiter.h - has the collector had more than its half of the CPUs? docs/pacer.md explains.
 *
 * All state is in a struct tern_limiter that the caller owns; no function takes a lock or asks for
 * the time. One call at a time. */
#ifndef GC_LIMITER_H
#define GC_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

/* For each CPU; so long may a collector take all of the machine. */
#define TERN_LIMITER_CAPACITY_NS 1000000000ull
#define TERN_LIMITER_PERIOD_NS   10000000ull

/* Whose the CPUs are. */
enum tern_limiter_phase {
	TERN_LIMITER_OFF,     /* the program's; assists pay for nothing */
	TERN_LIMITER_MARKING, /* a quarter, and assists, the collector's */
	TERN_LIMITER_STOPPED, /* the collector's, whether it uses them or not */
};

struct tern_limiter {
	enum tern_limiter_phase phase;
	unsigned ncpu;
	uint64_t last_ns;
	uint64_t fill_ns, capacity_ns;
	uint64_t excess_ns; /* of this cycle or the last: what found no room */
	uint64_t debt_ns;   /* what is left of that to be paid */
};

void tern_limiter_init(struct tern_limiter *l, uint64_t now_ns, unsigned ncpu);
void tern_limiter_set_cpus(struct tern_limiter *l, uint64_t now_ns, unsigned ncpu);
/* CPU time of assists, and of CPUs that idled or marked in idle time, since the last call of this or
 * of tern_limiter_enter(). */
void tern_limiter_update(struct tern_limiter *l, uint64_t now_ns, uint64_t assist_ns,
			 uint64_t idle_ns);
/* Update, then another phase begins. A cycle is from one TERN_LIMITER_OFF to the next. */
void tern_limiter_enter(struct tern_limiter *l, enum tern_limiter_phase phase, uint64_t now_ns,
			uint64_t assist_ns, uint64_t idle_ns);
/* Whoever looks at the limiter should do so at least that often. */
static inline bool tern_limiter_need_update(const struct tern_limiter *l, uint64_t now_ns)
{
	return now_ns > l->last_ns && now_ns - l->last_ns > TERN_LIMITER_PERIOD_NS;
}

/* No assist now, and no cycle because of the memory limit: tern_pacer_set_limiting(). */
static inline bool tern_limiter_limiting(const struct tern_limiter *l)
{
	return l->fill_ns == l->capacity_ns || l->debt_ns != 0;
}

#endif
