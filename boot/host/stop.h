/* SPDX-License-Identifier: MIT */
/* stop.h - threads that play CPUs stop for the collector, and show it their stacks. */
#ifndef BOOT_HOST_STOP_H
#define BOOT_HOST_STOP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* Interrupts a thread that plays a CPU. */
#define HOST_STOP_SIGNAL SIGUSR1

/* Start the collector with the process's data as roots, unless it is on already. Options, as on a
 * kernel's command line (boot/gc_options.h), are in the environment: TERN="gc=50 gc-check". Without
 * `gc` it collects only when told. False if it cannot be. */
bool host_gc_start(void);

/* From now on the calling thread plays CPU `cpu`: it can be stopped. Its stack counts from `top` on
 * downwards. */
void host_cpu_begin(unsigned cpu, uintptr_t top);
/* It ends. */
void host_cpu_end(void);
/* Run fn(arg), which waits for something: meanwhile the calling thread plays no CPU, and is not
 * waited for when others stop. fn and what it calls use nothing that is collected. */
void host_cpu_leave(void (*fn)(void *arg), void *arg);

/* The calling thread goes over to another stack; its own ends at left_sp, until host_stack_return().
 * Meanwhile interrupts come when it waits, and when it turns them on. */
struct host_stack_call {
	uintptr_t low, top; /* of where it goes */
	uintptr_t left_sp;
	struct host_stack_call *outer; /* host_stack_leave() sets it */
};
void host_stack_leave(struct host_stack_call *call);
void host_stack_return(const struct host_stack_call *call);

#endif
