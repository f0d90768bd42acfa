/* SPDX-License-Identifier: MIT */
/* growing.c - growing stacks in a process: a handler for SIGSEGV.
 *
 * Faults are handled on a stack of their own for each thread that is inside host_call_on_stack().
 * Locks: none. Context: threads. */
#include "boot/host/growing.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>

#include <tern/stack.h>

#include "arch/arch.h"
#include "boot/host/stop.h"
#include "boot/host/watch.h"

#define FAULT_STACK (256ul << 10)

/* Inside host_call_on_stack(); the handler reads it. */
struct call {
	void (*fn)(void *);
	void **arg; /* on the stack that is left, where it is seen */
	struct host_stack_call stack;
	unsigned long irq;
	ucontext_t caller, callee;
	sigjmp_buf refused;
	uintptr_t addr;
};

static _Thread_local struct call *current;
static struct sigaction before;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* On a stack that nobody scans: so no interrupt is taken here. */
static void on_fault(int signal, siginfo_t *info, void *context)
{
	uintptr_t addr = (uintptr_t)info->si_addr;
	bool off = arch_host_irq.off, grown;

	(void)context;
	if (host_watch_fault(addr))
		return;
	arch_host_irq_set(true);
	grown = tern_stack_fault(addr);
	if (!grown && current) {
		current->addr = addr;
		siglongjmp(current->refused, 1);
	}
	arch_host_irq_set(off);
	/* Nobody's of ours: it comes again, to whoever was there before. */
	if (!grown)
		sigaction(signal, &before, NULL);
}

static void install(void)
{
	struct sigaction act = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	/* A thread is not stopped in the middle of it. */
	sigemptyset(&act.sa_mask);
	sigaddset(&act.sa_mask, HOST_STOP_SIGNAL);
	if (sigaction(SIGSEGV, &act, &before) != 0)
		abort();
}

void host_catch_faults(void)
{
	pthread_once(&once, install);
}

static void begin(void)
{
	current->fn(*current->arg);
}

/* The registers of the caller are stored at sp or above. */
static void run(uintptr_t sp, void *arg)
{
	struct call *c = arg;

	c->stack.left_sp = sp;
	host_stack_leave(&c->stack);
	if (getcontext(&c->callee) != 0)
		abort();
	c->callee.uc_stack.ss_sp = (void *)c->stack.low;
	c->callee.uc_stack.ss_size = c->stack.top - c->stack.low;
	c->callee.uc_link = &c->caller;
	makecontext(&c->callee, begin, 0);
	if (swapcontext(&c->caller, &c->callee) != 0)
		abort();
}

bool host_call_on_stack(uintptr_t top, uintptr_t low, void (*fn)(void *), void *arg,
			uintptr_t *addr)
{
	struct call *volatile c = calloc(1, sizeof(*c));
	stack_t fault = { .ss_sp = malloc(FAULT_STACK), .ss_size = FAULT_STACK }, old;
	volatile bool done = false;

	host_catch_faults();
	if (!c || !fault.ss_sp || sigaltstack(&fault, &old) != 0)
		abort();
	c->fn = fn;
	c->arg = &arg;
	c->stack.low = low;
	c->stack.top = top;
	c->irq = arch_host_irq.off;
	current = c;
	if (sigsetjmp(c->refused, 1) == 0) {
		arch_spill(run, c);
		done = true;
	}
	current = NULL;
	host_stack_return(&c->stack);
	arch_irq_restore(c->irq);
	*addr = c->addr;
	sigaltstack(&old, NULL);
	free(fault.ss_sp);
	free(c);
	return done;
}
