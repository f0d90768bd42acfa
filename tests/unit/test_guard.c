/* SPDX-License-Identifier: MIT */
/* test_guard.c - sampled objects: they serve as all others do, and a fault beside or in one is told
 * for what it is. That pages fault is seen where faults can be: tests/kernel, tests/host. */
#include <tern/safety.h>
#include <tern/tern.h>

#include "lib/bits.h"
#include "mm/page.h"
#include "tests/test.h"
#include "tests/unit/guard.h"
#include "tests/unit/heap.h"
#include "tests/unit/objects.h"

uint8_t *sampled_object(size_t size)
{
	struct tern_sampling_stats before, now;
	uint8_t *p = NULL;

	if (!heap_for_tests() || !tern_start_sampling(SAMPLED_OBJECTS, 1))
		return NULL;
	tern_sampling_stats(&before);
	for (unsigned i = 0; i < 3000; i++) {
		p = tern_malloc(size);
		tern_sampling_stats(&now);
		if (!p || now.taken > before.taken)
			break;
		tern_free(p);
		tern_cpu_offline();
	}
	tern_start_sampling(0, 0);
	return p;
}

TEST(guard, sampled_objects_serve_as_others_do)
{
	uint8_t *p;

	for (size_t size = 8; size <= 8192; size = size * 5 / 2) {
		if (!(p = sampled_object(size)))
			SKIP(SAMPLING_SKIPPED);
		EXPECT(tern_usable_size(p) >= size && is_aligned((uintptr_t)p, 8));
		EXPECT(tern_base(p) == p && tern_base(p + tern_usable_size(p) - 1) == p);
		EXPECT(!tern_base(p - 1) && !tern_base(p + tern_usable_size(p)));
		EXPECT_EQ(tern_usable_size(p + 1), 0);
		memset(p, 1, tern_usable_size(p));
		tern_free_sized(p, size);
		EXPECT(!tern_base(p));
		EXPECT_EQ(tern_usable_size(p), 0);
	}
}

TEST(guard, sampled_objects_are_resized_by_moving)
{
	static const size_t sizes[] = { 1, 50, 100, 9000, 40000 };

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint8_t *p = sampled_object(100), *q;

		if (!p)
			SKIP(SAMPLING_SKIPPED);
		memset(p, 0x5a, 100);
		q = tern_realloc(p, sizes[i]);
		REQUIRE(q);
		for (size_t at = 0; at < sizes[i] && at < 100; at++)
			REQUIRE(q[at] == 0x5a);
		EXPECT(q == p || !tern_base(p));
		tern_free(q);
	}
}

TEST(guard, both_ends_of_a_page)
{
	uint8_t *p[2];
	unsigned right = 0;
	size_t size;

	for (unsigned i = 0; i < 2; i++) {
		if (!(p[i] = sampled_object(48)))
			SKIP(SAMPLING_SKIPPED);
		size = tern_usable_size(p[i]);
		right += is_aligned((uintptr_t)p[i] + size, TERN_PAGE_SIZE);
		EXPECT(is_aligned((uintptr_t)p[i], TERN_PAGE_SIZE) ||
		       is_aligned((uintptr_t)p[i] + size, TERN_PAGE_SIZE));
	}
	EXPECT_EQ(right, 1);
	tern_free(p[0]);
	tern_free(p[1]);
}

TEST(guard, a_full_pool_leaves_all_to_the_heap)
{
	void **held = (void **)test_scratch;
	const unsigned n = 1000;
	struct tern_sampling_stats before, s, end;
	uint8_t *p = sampled_object(8);

	if (!p)
		SKIP(SAMPLING_SKIPPED);
	tern_free(p);
	tern_sampling_stats(&before);
	tern_start_sampling(SAMPLED_OBJECTS, 1);
	for (unsigned i = 0; i < n; i++) {
		REQUIRE((held[i] = tern_calloc(1, 1000)));
		for (unsigned at = 0; at < 1000; at += 8)
			REQUIRE(*(uint64_t *)((char *)held[i] + at) == 0);
	}
	tern_sampling_stats(&s);
	EXPECT_EQ(s.live, s.objects);
	for (unsigned i = 0; i < n; i++)
		tern_free(held[i]);
	tern_start_sampling(0, 0);
	tern_sampling_stats(&end);
	EXPECT_EQ(end.live, before.live);
}

TEST(guard, faults_are_told_for_what_they_are)
{
	struct tern_guard_report r;
	uint8_t *p = sampled_object(48);
	size_t size = tern_usable_size(p); /* debug builds take a larger class */
	bool right;

	if (!p)
		SKIP(SAMPLING_SKIPPED);
	right = !is_aligned((uintptr_t)p, TERN_PAGE_SIZE);
	REQUIRE(tern_guard_fault(right ? (uintptr_t)p + size + 2 : (uintptr_t)p - 2, &r));
	EXPECT_EQ(r.object, (uintptr_t)p);
	EXPECT_EQ(r.size, size);
	EXPECT_EQ(r.error, right ? TERN_GUARD_BEHIND : TERN_GUARD_BEFORE);
	EXPECT_EQ(r.distance, 2);
	EXPECT(r.allocated.ret[0] != 0 && r.freed.ret[0] == 0);
	tern_free(p);
	REQUIRE(tern_guard_fault((uintptr_t)p + 5, &r));
	EXPECT_EQ(r.error, TERN_GUARD_AFTER_FREE);
	EXPECT(r.object == (uintptr_t)p && r.size == size && r.distance == 5);
	EXPECT(r.allocated.ret[0] != 0 && r.freed.ret[0] != 0);
	EXPECT(!tern_guard_fault(0, &r) && !tern_guard_fault((uintptr_t)&r, &r) &&
	       !tern_guard_fault(UINTPTR_MAX, &r));
}

TEST(guard, a_large_objects_guards_are_known)
{
	const size_t size = 5 * TERN_HEAP_PAGE;
	struct tern_guard_report r;
	uint8_t *p;

	REQUIRE(heap_for_tests());
	tern_set_hardening(TERN_HARDEN_GUARDS);
	p = tern_malloc(size);
	tern_set_hardening(0);
	REQUIRE(p);
	EXPECT(tern_guard_fault((uintptr_t)p - 8, &r) && r.error == TERN_GUARD_BEFORE &&
	       r.distance == 8);
	EXPECT(tern_guard_fault((uintptr_t)p + size, &r) && r.error == TERN_GUARD_BEHIND &&
	       r.distance == 0);
	EXPECT(r.object == (uintptr_t)p && r.size == size && r.allocated.ret[0] == 0);
	tern_free(p);
	/* Debug builds keep it until then. */
	tern_set_quarantine(TERN_QUARANTINE_OBJECTS, TERN_QUARANTINE_BYTES);
	EXPECT(!tern_guard_fault((uintptr_t)p - 8, &r));
}

static atomic_uint wrong;

static void churn(unsigned cpu, void *arg)
{
	struct object *held[64] = { 0 };
	uint64_t rng = (cpu + 1) * 77777;

	(void)arg;
	for (unsigned i = 0; i < 3000; i++) {
		struct object **o = &held[rng % 64];

		if (*o)
			wrong += !object_end(*o, &rng);
		*o = object_make(&rng);
	}
	for (unsigned i = 0; i < 64; i++)
		if (held[i])
			wrong += !object_end(held[i], &rng);
}

/* The pool is taken from by all CPUs, with all of hardening too. */
TEST(guard, all_cpus_at_once)
{
	struct tern_sampling_stats before, after;

	REQUIRE(heap_for_tests());
	if (!tern_start_sampling(SAMPLED_OBJECTS, 2))
		SKIP(SAMPLING_SKIPPED);
	tern_sampling_stats(&before);
	wrong = 0;
	run_on_cpus(cpus_for_tests(), churn, NULL);
	tern_set_hardening(15);
	run_on_cpus(cpus_for_tests(), churn, NULL);
	tern_set_hardening(0);
	tern_start_sampling(0, 0);
	tern_sampling_stats(&after);
	EXPECT_EQ(wrong, 0);
	EXPECT_EQ(after.live, before.live);
	EXPECT(after.taken > before.taken + 100);
}
