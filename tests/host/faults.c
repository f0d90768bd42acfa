/* SPDX-License-Identifier: MIT */
/* faults.c - a byte is read, and the signal that comes of it is the answer: see faults.h. */
#include "tests/host/faults.h"

#include <setjmp.h>
#include <signal.h>
#include <string.h>

static sigjmp_buf after_fault;

static void on_fault(int signal)
{
	(void)signal;
	siglongjmp(after_fault, 1);
}

bool host_faults(const volatile void *addr)
{
	struct sigaction act, segv, bus;
	volatile bool faulted = true;

	memset(&act, 0, sizeof(act));
	act.sa_handler = on_fault;
	sigaction(SIGSEGV, &act, &segv);
	sigaction(SIGBUS, &act, &bus);
	if (sigsetjmp(after_fault, 1) == 0) {
		(void)*(const volatile char *)addr;
		faulted = false;
	}
	sigaction(SIGSEGV, &segv, NULL);
	sigaction(SIGBUS, &bus, NULL);
	return faulted;
}
