/* SPDX-License-Identifier: MIT */
/* apic.h - this CPU's local APIC, by memory (xAPIC) or by MSR (x2APIC). */
#ifndef BOOT_X86_64_APIC_H
#define BOOT_X86_64_APIC_H

#include <stdbool.h>
#include <stdint.h>

#define APIC_INIT    0x4500u /* to ICR: INIT, level, assert */
#define APIC_STARTUP 0x4600u /* with the page number of the code */
#define APIC_NMI     0x4400u
#define APIC_FIXED   0x4000u /* with the vector */

/* Find the APIC of the CPU that runs. base: by the MADT, 0 if there is none. */
void apic_discover(uint64_t base);
/* Switch it on, nothing but our vectors let in. */
void apic_init_cpu(void);
uint32_t apic_id(void);
void apic_end_of_interrupt(void);
void apic_send(uint32_t id, uint32_t what);
void apic_send_others(uint32_t what);

/* The timer: counts down from count to an interrupt; 0 stops it. */
void apic_timer_set(uint32_t count);
uint32_t apic_timer_count(void);
/* Interrupt when the TSC reaches what MSR_TSC_DEADLINE says, instead of after a count. */
void apic_timer_use_deadline(void);

#endif
