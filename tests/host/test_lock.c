/* SPDX-License-Identifier: MIT */
/* test_lock.c - locks between threads, for TSan to watch, and what debug builds refuse. */
#include "lib/lock.h"

#include "arch/arch.h"
#include "boot/host/host.h"
#include "tests/test.h"

#define CPUS   4
#define ROUNDS 2000

static const struct tern_lock_class low_class = { .name = "low", .rank = 930 };
static struct tern_lock low = TERN_LOCK_INIT(&low_class);

static unsigned long counter; /* [low] */

static void count_up(unsigned cpu, void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		if ((i + cpu) % 4 == 0)
			while (!tern_lock_try(&low))
				arch_relax();
		else
			tern_lock(&low);
		counter++;
		tern_unlock(&low);
	}
}

TEST(lock, excludes_other_cpus)
{
	counter = 0;
	host_on_cpus(CPUS, count_up, NULL);
	EXPECT_EQ(counter, CPUS * ROUNDS);
}

#if TERN_CHECK_LEVEL >= 1

static const struct tern_lock_class high_class = { .name = "high", .rank = 940 };
static const struct tern_lock_class irq_class = { .name = "irq", .rank = 950, .irq = true };
static struct tern_lock high = TERN_LOCK_INIT(&high_class);

static char text[256];

static bool panics(void (*fn)(void *arg), void *arg)
{
	return host_panics(fn, arg, text, sizeof(text));
}

static void take(void *lock)
{
	tern_lock(lock);
}

static void release(void *lock)
{
	tern_unlock(lock);
}

TEST(lock, ranks_must_rise)
{
	tern_lock(&high);
	EXPECT(panics(take, &low));
	EXPECT_STR(text, "lock low (rank 930) taken while high (rank 940) is held");
	EXPECT(panics(take, &high));
	EXPECT_STR(text, "lock high (rank 940) taken while high (rank 940) is held");
	tern_unlock(&high);
	EXPECT_EQ(tern_lock_depth(), 0);
}

/* The first lock of a stack binds as well as the last one. */
TEST(lock, a_lock_that_was_tried_binds_too)
{
	struct tern_lock other = TERN_LOCK_INIT(&low_class);

	tern_lock(&high);
	EXPECT(tern_lock_try(&low));
	EXPECT(panics(take, &other));
	tern_unlock(&high);
	EXPECT(panics(take, &other));
	EXPECT_STR(text, "lock low (rank 930) taken while low (rank 930) is held");
	tern_unlock(&low);
	tern_lock(&other);
	tern_unlock(&other);
}

static void may_take_low(void *arg)
{
	(void)arg;
	tern_lock_may_take(&low_class);
}

TEST(lock, what_may_be_taken_is_checked_when_it_is_not)
{
	EXPECT(!panics(may_take_low, NULL));
	tern_lock(&high);
	EXPECT(panics(may_take_low, NULL));
	tern_unlock(&high);
}

static void take_on_cpu_1(unsigned cpu, void *lock)
{
	if (cpu == 1)
		tern_lock(lock);
}

static void release_on_cpu_1(unsigned cpu, void *lock)
{
	if (cpu == 1)
		tern_unlock(lock);
}

TEST(lock, only_the_holder_releases)
{
	struct tern_lock lock = TERN_LOCK_INIT(&low_class);

	EXPECT(panics(release, &lock));
	EXPECT_STR(text, "lock low released, which nobody holds");
	host_on_cpus(2, take_on_cpu_1, &lock);
	EXPECT(!tern_lock_held(&lock));
	EXPECT(panics(release, &lock));
	EXPECT_STR(text, "lock low released by CPU 0; CPU 1 holds it");
	host_on_cpus(2, release_on_cpu_1, &lock);
	tern_lock(&lock);
	EXPECT(tern_lock_held(&lock));
	tern_unlock(&lock);
	EXPECT(!tern_lock_held(&lock));
}

static void try_once(void *lock)
{
	tern_lock_try(lock);
}

TEST(lock, an_irq_lock_wants_interrupts_off)
{
	struct tern_lock lock = TERN_LOCK_INIT(&irq_class);
	unsigned long irq;

	EXPECT(panics(take, &lock));
	EXPECT_STR(text, "lock irq taken with interrupts on");
	EXPECT(panics(try_once, &lock));
	irq = tern_lock_irqsave(&lock);
	arch_irq_enable();
	EXPECT(panics(release, &lock));
	EXPECT_STR(text, "lock irq released with interrupts on");
	arch_irq_disable();
	tern_unlock_irqrestore(&lock, irq);
	EXPECT(arch_irq_enabled());
}

#define MANY 17

static struct tern_lock_class many_classes[MANY];
static struct tern_lock many_locks[MANY];

static void take_many(void *arg)
{
	unsigned *taken = arg;

	for (*taken = 0; *taken < MANY; ++*taken)
		tern_lock(&many_locks[*taken]);
}

TEST(lock, too_many_locks_are_told)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < MANY; i++) {
		many_classes[i] = (struct tern_lock_class){ .name = "one of many", .rank = i + 1 };
		tern_lock_init(&many_locks[i], &many_classes[i]);
	}
	EXPECT(panics(take_many, &taken));
	EXPECT_STR(text, "lock one of many: 16 locks are held already");
	EXPECT_EQ(taken, 16);
	while (taken--)
		tern_unlock(&many_locks[taken]);
	EXPECT_EQ(tern_lock_depth(), 0);
}

#endif
