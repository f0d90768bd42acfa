/* SPDX-License-Identifier: MIT */
/* test_check_host.c - the option check in cycles as they run: a program that forgets the barrier loses an
 * object, and is told so with the numbers. In a process of its own, which ends with it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tern/barrier.h>
#include <tern/gc.h>
#include <tern/tern.h>

#include "boot/host/host.h"
#include "gc/check.h"
#include "gc/gc.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/hidden.h"
#include "tests/unit/marking.h"

static void **volatile white, **volatile black; /* roots */
static uintptr_t hidden;
static bool by_barrier;

static void make_white(void *arg)
{
	void **p = tern_alloc(64);

	(void)arg;
	white = p;
	if (p)
		tern_init_store(&p[2], tern_alloc_noscan(64));
	hidden = p ? hide(p[2]) : 0;
}

/* The new object is black; what it is given is white, and nothing else leads there. */
static void move_to_black(void *arg)
{
	(void)arg;
	black = tern_alloc(64);
	if (by_barrier) {
		tern_store(&black[3], white[2]);
		tern_store(&white[2], NULL);
	} else {
		black[3] = white[2];
		white[2] = NULL;
	}
}

static void run_cycle(void *arg)
{
	(void)arg;
	in_deep_frame(make_white, NULL);
	change_options(TERN_GC_BARRIER, false, true);
	start_marking();
	in_deep_frame(move_to_black, NULL);
	finish_marking();
}

/* 0: no panic, and the object is there; 1: the panic that is due, in words and numbers. */
static int run_alone(void)
{
	char text[256];

	if (!host_panics(run_cycle, NULL, text, sizeof(text)))
		return show(hidden) == tern_base(show(hidden)) ? 0 : 2;
	return strstr(text, "1 objects can be reached, and the collector has not marked them") ? 1
											       : 3;
}

static int status_of_child(bool barrier)
{
	int status = -1;
	pid_t child;

	by_barrier = barrier;
	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(run_alone());
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

TEST(check_host, a_store_without_barrier_is_found)
{
	REQUIRE(collector_for_tests() && tern_gc() == TERN_OK);
	EXPECT_EQ(status_of_child(true), 0);
	EXPECT_EQ(status_of_child(false), 1);
}

/* --- verdicts ---------------------------------------------------------------------------------- */

static void judge_marks(void *c)
{
	tern_check_judge(c);
}

static void judge_heap(void *v)
{
	tern_verify_judge(v);
}

TEST(check_host, a_verdict_says_what_is_wrong)
{
	struct tern_check good = { .reached = 10, .floating = 3 }, lost = { .lost = 2 },
			  dangling = { .dangling = 5 };
	struct tern_verify right = { 0 }, wrong = { "bits", 0x5000, 1, 2 };
	char text[256];

	EXPECT(!host_panics(judge_marks, &good, text, sizeof(text)));
	EXPECT(!host_panics(judge_heap, &right, text, sizeof(text)));
	EXPECT(host_panics(judge_marks, &lost, text, sizeof(text)));
	EXPECT(strstr(text, "2 objects can be reached"));
	EXPECT(host_panics(judge_marks, &dangling, text, sizeof(text)));
	EXPECT(strstr(text, "5 pointers in typed memory"));
	EXPECT(host_panics(judge_heap, &wrong, text, sizeof(text)));
	EXPECT_STR(text, "check: bits: at 0x5000: 0x1, should be 0x2");
}
