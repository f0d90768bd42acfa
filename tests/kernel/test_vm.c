/* SPDX-License-Identifier: MIT */
/* test_vm.c - the address space: what may be done where, and that all CPUs agree on it. */
#include "boot/frames.h"
#include "boot/ipi.h"
#include "boot/vm.h"
#include "tests/kernel/kernel.h"
#include "tests/test.h"

extern char text_start[], text_end[], rodata_start[], rodata_end[], data_start[], image_end[];

/* Free addresses, away from everything. */
#define WINDOW 0x710000000000ull

static bool readable(uintptr_t addr)
{
	uint64_t value;

	return mach_probe_read(addr, 1, &value);
}

/* Writing back what is there changes nothing. */
static bool writable(uintptr_t addr)
{
	uint64_t value;

	return mach_probe_read(addr, 1, &value) && mach_probe_write(addr, 1, value);
}

static bool all_pages(char *start, char *end, unsigned prot)
{
	for (uintptr_t page = (uintptr_t)start; page < (uintptr_t)end; page += PAGE_SIZE) {
		unsigned is;

		if (!vm_query(page, NULL, &is) || is != prot)
			return false;
	}
	return true;
}

TEST(vm, image_is_protected_by_its_parts)
{
	EXPECT(all_pages(text_start, text_end, VM_READ | VM_EXEC));
	EXPECT(all_pages(rodata_start, rodata_end, VM_READ));
	EXPECT(all_pages(data_start, image_end, VM_READ | VM_WRITE));
	EXPECT(readable((uintptr_t)text_start) && !writable((uintptr_t)text_start));
	EXPECT(readable((uintptr_t)rodata_start) && !writable((uintptr_t)rodata_start));
	EXPECT(writable((uintptr_t)data_start));
}

TEST(vm, stacks_and_frames_are_not_executable)
{
	unsigned prot = VM_EXEC;
	void *frame = frames_alloc();

	REQUIRE(frame);
	EXPECT(vm_query((uintptr_t)&prot, NULL, &prot));
	EXPECT_EQ(prot, VM_READ | VM_WRITE);
	EXPECT(vm_query((uintptr_t)frame, NULL, &prot));
	EXPECT_EQ(prot, VM_READ | VM_WRITE);
	frames_free(frame);
}

TEST(vm, probes_tell_bad_addresses)
{
	static const uintptr_t bad[] = {
		0, 8, PAGE_SIZE - 1, WINDOW, VM_IDENTITY_END, 0x8000000000000000, UINTPTR_MAX,
	};
	uint64_t value;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT(!mach_probe_read(bad[i], 1, &value));
		EXPECT(!mach_probe_write(bad[i], 1, 0));
	}
	EXPECT(!readable(thread_self()->stack.bottom - 1));
	EXPECT(!mach_probe_write(thread_self()->stack.bottom - 8, 8, 1));
}

TEST(vm, probes_know_four_sizes)
{
	uint64_t word = 0, value = 0;

	EXPECT(mach_probe_write((uintptr_t)&word, 8, 0x1122334455667788));
	EXPECT_EQ(word, 0x1122334455667788);
	EXPECT(mach_probe_read((uintptr_t)&word, 8, &value));
	EXPECT_EQ(value, 0x1122334455667788);
	EXPECT(mach_probe_read((uintptr_t)&word, 4, &value));
	EXPECT_EQ(value, 0x55667788);
	EXPECT(mach_probe_read((uintptr_t)&word, 2, &value));
	EXPECT_EQ(value, 0x7788);
	EXPECT(mach_probe_read((uintptr_t)&word, 1, &value));
	EXPECT_EQ(value, 0x88);
	EXPECT(mach_probe_write((uintptr_t)&word, 4, 0xaabbccdd));
	EXPECT(mach_probe_write((uintptr_t)&word + 6, 2, 0xeeff));
	EXPECT(mach_probe_write((uintptr_t)&word + 5, 1, 0x99));
	EXPECT_EQ(word, 0xeeff9944aabbccdd);
}

/* What each CPU finds at an address. */
struct look {
	uintptr_t addr;
	atomic_uint reads, writes, wrong;
	uint64_t expect;
};

static void look(void *arg)
{
	struct look *l = arg;
	uint64_t value;

	if (!mach_probe_read(l->addr, 8, &value))
		return;
	atomic_fetch_add(&l->reads, 1);
	if (value != l->expect)
		atomic_fetch_add(&l->wrong, 1);
	if (mach_probe_write(l->addr, 8, value))
		atomic_fetch_add(&l->writes, 1);
}

/* True if all CPUs find `expect` at addr and may, or may not, read and write it. */
static bool all_see(uintptr_t addr, bool read, bool write, uint64_t expect)
{
	struct look l = { .addr = addr, .expect = expect };

	thread_preempt_disable();
	look(&l);
	ipi_call_others(look, &l);
	thread_preempt_enable();
	return atomic_load(&l.reads) == (read ? cpu_count() : 0) &&
	       atomic_load(&l.writes) == (write ? cpu_count() : 0) && atomic_load(&l.wrong) == 0;
}

TEST(vm, every_cpu_sees_a_page_come_change_and_go)
{
	uint64_t *one = frames_alloc(), *two = frames_alloc();
	uint64_t pa;

	REQUIRE(one && two);
	*one = 1;
	*two = 2;
	EXPECT(all_see(WINDOW, false, false, 0));
	EXPECT(vm_map(WINDOW, (uintptr_t)one, PAGE_SIZE, VM_READ | VM_WRITE));
	EXPECT(all_see(WINDOW, true, true, 1));
	EXPECT(vm_query(WINDOW + 8, &pa, NULL) && pa == (uintptr_t)one + 8);
	EXPECT(vm_map(WINDOW, (uintptr_t)one, PAGE_SIZE, VM_READ));
	EXPECT(all_see(WINDOW, true, false, 1));
	vm_unmap(WINDOW, PAGE_SIZE);
	EXPECT(all_see(WINDOW, false, false, 0));
	EXPECT(!vm_query(WINDOW, NULL, NULL));
	EXPECT(vm_map(WINDOW, (uintptr_t)two, PAGE_SIZE, VM_READ | VM_WRITE));
	EXPECT(all_see(WINDOW, true, true, 2));
	vm_unmap(WINDOW, PAGE_SIZE);
	EXPECT(all_see(WINDOW, false, false, 0));
	frames_free(one);
	frames_free(two);
}

/* A block is cut in pieces when a page in its middle goes. The image's data serves as memory
 * whose contents are known. */
TEST(vm, block_is_split_when_a_part_goes)
{
	uintptr_t pa = (uintptr_t)image_end & ~(uintptr_t)(2 * 1024 * 1024 - 1);
	uintptr_t va = WINDOW + 0x40000000, hole = va + 7 * PAGE_SIZE;
	uint64_t size = 2 * 1024 * 1024, to = 0;

	REQUIRE(vm_map(va, pa, size, VM_READ));
	vm_unmap(hole, PAGE_SIZE);
	EXPECT(!vm_query(hole, NULL, NULL));
	EXPECT(vm_query(hole - 1, &to, NULL) && to == pa + 7 * PAGE_SIZE - 1);
	EXPECT(vm_query(hole + PAGE_SIZE, &to, NULL) && to == pa + 8 * PAGE_SIZE);
	EXPECT(!readable(hole) && readable(hole - 1) && readable(hole + PAGE_SIZE));
	vm_unmap(va, size);
	EXPECT(!vm_query(va, NULL, NULL) && !vm_query(va + size - 1, NULL, NULL));
}

/* Threads that read, on all CPUs, while the page changes under them: they see what it is mapped
 * to, or nothing; never a frame that was unmapped. More than the CPUs can run, so that the one
 * that changes it is preempted and moved. */
#define MAPPED   0x600d
#define UNMAPPED 0xbad

static atomic_bool stop;
static atomic_ulong reads, wrong;

static void read_on(void *arg)
{
	uint64_t value;

	(void)arg;
	while (!atomic_load(&stop)) {
		if (!mach_probe_read(WINDOW, 8, &value))
			continue;
		atomic_fetch_add(&reads, 1);
		if (value != MAPPED)
			atomic_fetch_add(&wrong, 1);
	}
}

TEST_SLOW(vm, page_changes_under_readers)
{
	static struct thread *readers[TERN_MAX_CPUS];
	_Atomic uint64_t *frame[2] = { frames_alloc(), frames_alloc() };
	uint64_t end_ns = mach_clock_ns() + 3 * RACE_NS;

	REQUIRE(frame[0] && frame[1]);
	atomic_store(&stop, false);
	atomic_store(&wrong, 0);
	for (unsigned i = 0; i < cpu_count(); i++)
		REQUIRE(readers[i] = thread_create("reader", read_on, NULL));
	for (unsigned i = 0; mach_clock_ns() < end_ns; i++) {
		atomic_store(frame[i % 2], MAPPED);
		EXPECT(vm_map(WINDOW, (uintptr_t)frame[i % 2], PAGE_SIZE, VM_READ));
		thread_yield();
		vm_unmap(WINDOW, PAGE_SIZE);
		atomic_store(frame[i % 2], UNMAPPED);
		thread_yield();
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < cpu_count(); i++)
		thread_join(readers[i]);
	EXPECT_EQ(atomic_load(&wrong), 0);
	frames_free((void *)frame[0]);
	frames_free((void *)frame[1]);
}

TEST(vm, addresses_in_words)
{
	static int data = 1;
	char words[96];

	vm_describe(8, words, sizeof(words));
	EXPECT_STR(words, "null page");
	vm_describe((uintptr_t)text_start, words, sizeof(words));
	EXPECT_STR(words, "kernel text, read-only");
	vm_describe((uintptr_t)&data, words, sizeof(words));
	EXPECT_STR(words, "kernel data");
	vm_describe(0x8000000000000000, words, sizeof(words));
	EXPECT_STR(words, "no address of this machine");
}
