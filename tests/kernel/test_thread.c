/* SPDX-License-Identifier: MIT */
/* test_thread.c - threads begin, end, and give back what they took. */
#include "boot/frames.h"
#include "boot/start.h"
#include "boot/vm.h"
#include "tests/kernel/kernel.h"
#include "tests/test.h"

#define CROWD_MAX 400

static struct thread *crowd[CROWD_MAX];
static atomic_uint done;
static atomic_bool gate;

static void add_arg(void *arg)
{
	atomic_fetch_add(&done, (uintptr_t)arg);
}

TEST(thread, runs_its_function_with_its_argument)
{
	struct thread *a, *b;

	atomic_store(&done, 0);
	a = thread_create("a", add_arg, (void *)3);
	b = thread_create("b", add_arg, (void *)40);
	REQUIRE(a && b);
	thread_join(a);
	thread_join(b);
	EXPECT_EQ(atomic_load(&done), 43);
}

static struct thread *seen_self;
static char seen_name[THREAD_NAME_MAX];
static enum thread_state seen_state;

static void look_at_self(void *arg)
{
	(void)arg;
	seen_self = thread_self();
	seen_state = seen_self->state;
	tern_str_copy(seen_name, sizeof(seen_name), seen_self->name);
}

TEST(thread, knows_itself)
{
	struct thread *a = thread_create("a name that is longer than fits", look_at_self, NULL);
	unsigned id;

	REQUIRE(a);
	id = a->id;
	EXPECT(id != thread_self()->id);
	thread_join(a);
	EXPECT(seen_self == a);
	EXPECT_EQ(seen_state, THREAD_RUNNING);
	EXPECT_STR(seen_name, "a name that is longer t");
}

static TERN_NOINLINE void leave(void)
{
	atomic_fetch_add(&done, 1);
	thread_exit();
}

static void leave_early(void *arg)
{
	(void)arg;
	leave();
	atomic_fetch_add(&done, 100);
}

TEST(thread, exit_does_not_return)
{
	struct thread *a;

	atomic_store(&done, 0);
	a = thread_create("leaver", leave_early, NULL);
	REQUIRE(a);
	thread_join(a);
	EXPECT_EQ(atomic_load(&done), 1);
}

TEST(thread, can_be_joined_long_after_its_end)
{
	struct thread *a;

	atomic_store(&done, 0);
	a = thread_create("early", add_arg, (void *)1);
	REQUIRE(a);
	EXPECT(WAIT_FOR(a->state == THREAD_DONE));
	thread_join(a);
	EXPECT_EQ(atomic_load(&done), 1);
}

static void count_thread(struct thread *t, void *arg)
{
	(void)t;
	++*(unsigned *)arg;
}

static unsigned count_threads(void)
{
	unsigned n = 0;

	thread_for_each(count_thread, &n);
	return n;
}

static void wait_at_gate(void *arg)
{
	(void)arg;
	while (!atomic_load(&gate))
		thread_sleep(MS);
	atomic_fetch_add(&done, 1);
}

TEST(thread, detached_goes_away_by_itself)
{
	unsigned before = count_threads();
	struct thread *early, *late;

	atomic_store(&done, 0);
	atomic_store(&gate, false);
	early = thread_create("detached early", wait_at_gate, NULL);
	late = thread_create("detached late", add_arg, (void *)1);
	REQUIRE(early && late);
	EXPECT_EQ(count_threads(), before + 2);
	thread_detach(early);
	EXPECT(WAIT_FOR(late->state == THREAD_DONE));
	thread_detach(late);
	EXPECT_EQ(count_threads(), before + 1);
	atomic_store(&gate, true);
	EXPECT(WAIT_FOR(count_threads() == before));
	EXPECT_EQ(atomic_load(&done), 2);
}

static void detach_self(void *arg)
{
	(void)arg;
	thread_detach(thread_self());
	atomic_fetch_add(&done, 1);
}

TEST(thread, can_detach_itself)
{
	unsigned before = count_threads();

	atomic_store(&done, 0);
	REQUIRE(thread_create("independent", detach_self, NULL));
	EXPECT(WAIT_FOR(atomic_load(&done) == 1 && count_threads() == before));
}

TEST(thread, memory_of_the_joined_is_used_again)
{
	size_t used = 0;

	atomic_store(&done, 0);
	for (unsigned i = 0; i < 100; i++) {
		struct thread *a = thread_create("short", add_arg, (void *)1);

		REQUIRE(a);
		thread_join(a);
		if (i == 0)
			used = frames_used();
	}
	EXPECT_EQ(atomic_load(&done), 100);
	EXPECT_EQ(frames_used(), used);
}

/* Threads that wait at the gate, until there are `max` or memory ends. */
static unsigned gather(unsigned max)
{
	unsigned n = 0;

	atomic_store(&done, 0);
	atomic_store(&gate, false);
	while (n < max && (crowd[n] = thread_create("crowd", wait_at_gate, NULL)))
		n++;
	return n;
}

static void dismiss(unsigned n)
{
	atomic_store(&gate, true);
	while (n--)
		thread_join(crowd[n]);
}

TEST_SLOW(thread, hundreds_at_once)
{
	unsigned before = count_threads();
	unsigned n = gather(200);

	/* Their stacks take 6.4 MiB; the smallest machine has about that much to give. */
	EXPECT(n >= 100);
	EXPECT_EQ(count_threads(), before + n);
	dismiss(n);
	EXPECT_EQ(atomic_load(&done), n);
	EXPECT_EQ(count_threads(), before);
}

TEST_SLOW(thread, create_is_null_when_memory_ends)
{
	unsigned before = count_threads();
	unsigned n;
	struct thread *a;

	frames_init(NULL); /* no more from the memory map */
	n = gather(CROWD_MAX);
	frames_init(&boot_info.map);
	EXPECT(n < CROWD_MAX);
	EXPECT_EQ(count_threads(), before + n);
	dismiss(n);
	EXPECT_EQ(atomic_load(&done), n);
	a = thread_create("after", add_arg, (void *)1);
	REQUIRE(a);
	thread_join(a);
	EXPECT_EQ(atomic_load(&done), n + 1);
}

TEST(thread, stack_has_a_guard_page)
{
	struct stack *s = &thread_self()->stack;
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	char words[96];
	bool guard = false;

	EXPECT(s->bottom < here && here < s->top);
	EXPECT(vm_query(s->bottom, NULL, NULL));
	EXPECT(!vm_query(s->bottom - 1, NULL, NULL));
	EXPECT(stack_at(s->bottom - 1, words, sizeof(words), &guard) && guard);
	EXPECT(stack_at(s->bottom, words, sizeof(words), &guard) && !guard);
	vm_describe(s->bottom - 1, words, sizeof(words));
	EXPECT(tern_str_match("guard page of thread *'s stack", words));
}

/* Threads that start and join threads, on all CPUs at once. */
static void start_and_join(void *arg)
{
	uint64_t end_ns = mach_clock_ns() + RACE_NS;

	do {
		struct thread *a = thread_create("child", add_arg, (void *)1);

		if (!a) {
			atomic_store((atomic_bool *)arg, true);
			return;
		}
		if (mach_clock_ns() & 64)
			thread_yield();
		thread_join(a);
	} while (mach_clock_ns() < end_ns);
}

TEST_SLOW(thread, families_on_all_cpus)
{
	static atomic_bool failed;
	unsigned before = count_threads();
	unsigned n = 2 * cpu_count();

	for (unsigned i = 0; i < n; i++)
		REQUIRE(crowd[i] = thread_create("parent", start_and_join, &failed));
	while (n--)
		thread_join(crowd[n]);
	EXPECT(!atomic_load(&failed));
	EXPECT_EQ(count_threads(), before);
}
