/* SPDX-License-Identifier: MIT */
/* ipi.h - run a function on another CPU and wait for it.
 *
 * fn runs in an interrupt handler there: interrupts off, must not block. A CPU that waits here
 * serves requests of others meanwhile, so that two CPUs may call each other. Callers hold no
 * lock that fn, or any other CPU's handler, may want. Callable with interrupts on or off. */
#ifndef BOOT_IPI_H
#define BOOT_IPI_H

/* On the caller's own CPU: a plain call with interrupts off. */
void ipi_call(unsigned cpu, void (*fn)(void *arg), void *arg);
/* On every online CPU but the caller's, at the same time; returns when all are done. */
void ipi_call_others(void (*fn)(void *arg), void *arg);
/* Make the CPU look at its run queue; does not wait. */
void ipi_kick(unsigned cpu);

/* From boot/ARCH's interrupt handler, and by CPUs that wait. Interrupts off. */
void ipi_interrupt(void);

#endif
