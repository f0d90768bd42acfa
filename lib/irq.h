/* SPDX-License-Identifier: MIT */
/* irq.h - interrupts off for a few instructions, where a call would cost more than what it guards.
 *
 * The same as tern_port_irq_save() and tern_port_irq_restore(), but inline: the CPU's own mask,
 * unless the library is configured to ask the kernel (TERN_PORT_IRQ in tern/config.h). */
#ifndef LIB_IRQ_H
#define LIB_IRQ_H

#include <tern/config.h>
#include <tern/port.h>

#include "arch/arch.h"

static inline unsigned long tern_irq_save(void)
{
	return TERN_PORT_IRQ ? tern_port_irq_save() : arch_irq_save();
}

static inline void tern_irq_restore(unsigned long state)
{
	if (TERN_PORT_IRQ)
		tern_port_irq_restore(state);
	else
		arch_irq_restore(state);
}

#endif
