/* SPDX-License-Identifier: MIT */
/* console.c - the serial console, for many writers and for the last one.
 *
 * Job      Keep one writer's text in one piece; add the "\r" that terminals want; give typed
 *          bytes to whoever asks.
 * Owns     the UART, which boot/ARCH/uart.c drives by polling: it works with interrupts broken.
 * Locks    console(190), a leaf, taken with interrupts off. Not taken in an emergency: the CPU
 *          that tells of a fault may have interrupted the holder.
 * Context  any, also NMI once console_emergency() was called. */
#include "boot/console.h"

#include <stdatomic.h>

#include "boot/cpu.h"
#include "boot/machine.h"
#include "boot/thread.h"
#include "lib/lock.h"

#define NOBODY UINT32_MAX
/* How long a reader sleeps between looks: shorter than a person notices. */
#define POLL_NS 2000000

static const struct tern_lock_class console_class = {
	.name = "console", .rank = 190, .irq = true, .protects = "that lines stay whole"
};
static struct tern_lock console_lock = TERN_LOCK_INIT(&console_class);
/* The CPU that has the console to itself, without the lock. [atomic: set once, by exchange] */
static _Atomic uint32_t emergency_cpu = NOBODY;

static void write_lines(const char *text, size_t len)
{
	size_t start = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] != '\n')
			continue;
		mach_console_write(text + start, i - start);
		mach_console_write("\r\n", 2);
		start = i + 1;
	}
	mach_console_write(text + start, len - start);
}

void console_write(const char *text, size_t len)
{
	uint32_t sole = atomic_load_explicit(&emergency_cpu, memory_order_relaxed);
	unsigned long irq;

	if (sole != NOBODY) {
		if (sole == cpu_self()->id)
			write_lines(text, len);
		return;
	}
	irq = tern_lock_irqsave(&console_lock);
	write_lines(text, len);
	tern_unlock_irqrestore(&console_lock, irq);
}

bool console_emergency(void)
{
	uint32_t nobody = NOBODY;

	return atomic_compare_exchange_strong_explicit(&emergency_cpu, &nobody, cpu_self()->id,
						       memory_order_relaxed, memory_order_relaxed);
}

bool console_emergency_here(void)
{
	return atomic_load_explicit(&emergency_cpu, memory_order_relaxed) == cpu_self()->id;
}

int console_poll(void)
{
	unsigned long irq = tern_lock_irqsave(&console_lock);
	int byte = mach_console_read();

	tern_unlock_irqrestore(&console_lock, irq);
	return byte;
}

int console_getc(void)
{
	int byte;

	while ((byte = console_poll()) < 0)
		thread_sleep(POLL_NS);
	return byte;
}
