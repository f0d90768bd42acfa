/* SPDX-License-Identifier: MIT */
/* timer.h - call a function later, on this CPU.
 *
 * A timer belongs to the CPU that armed it; its function runs there in the timer interrupt, with
 * interrupts off. Deadlines are mach_clock_ns() times. */
#ifndef BOOT_TIMER_H
#define BOOT_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/list.h"

struct timer {
	struct list link;
	uint64_t deadline_ns;
	void (*fn)(struct timer *t);
	struct cpu *cpu; /* where it is armed; NULL when it is not */
};

struct timer_queue {
	struct list armed; /* by deadline */
};

void timer_init(struct timer *t, void (*fn)(struct timer *t));
/* Arm, or move if this CPU had armed it. It must not be armed on another CPU. */
void timer_arm(struct timer *t, uint64_t deadline_ns);
/* True if it was armed and will not run now. Only on the CPU that armed it. */
bool timer_cancel(struct timer *t);

void timer_queue_init(struct timer_queue *q);
/* From boot/ARCH's interrupt: run what is due, arm the next. Interrupts off. */
void timer_interrupt(void);
/* Tell the machine the earliest deadline of this CPU, slice included. Interrupts off. */
void timer_reprogram(void);

#endif
