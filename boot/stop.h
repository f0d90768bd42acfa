/* SPDX-License-Identifier: MIT */
/* stop.h - stop this CPU for the collector. */
#ifndef BOOT_STOP_H
#define BOOT_STOP_H

/* If tern_port_stop_cpus() asked: stop here until the world runs on. In interrupt handlers, and by
 * CPUs that wait for others with interrupts off. A handler gives the interrupt's frame if nothing below it
 * leads to an object; else NULL. */
void stop_if_asked(const void *frame);

#endif
