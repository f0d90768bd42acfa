/* SPDX-License-Identifier: MIT */
/* board.h - what the files of boot/aarch64 tell each other. */
#ifndef BOOT_AARCH64_BOARD_H
#define BOOT_AARCH64_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/fdt_machine.h"

struct cpu;

/* What the device tree says, read once by start.c while the first tables are in force. */
extern struct fdt_machine board;

/* False if there is memory where the device tree says that a device is. */
bool board_is_device(uint64_t base);

/* entry.S */
extern uint64_t early_root[512];
void secondary_entry(void);

/* Drive the PL011 at base, which must be mapped. False, and no console, if nothing answers. */
bool uart_init(uint64_t base);

enum sgi { SGI_IPI, SGI_STOP };
#define GIC_SPURIOUS 1020 /* this id and above: nothing was pending */

/* Once; then on each CPU for itself. They stop with one line if the GIC is not as described. */
void gic_init(void);
void gic_cpu_init(struct cpu *c);
/* Take the pending interrupt: a token for gic_end(), and its id. */
uint32_t gic_begin(unsigned *id);
void gic_end(uint32_t token);
void gic_send(const struct cpu *c, enum sgi sgi);
void gic_send_others(enum sgi sgi);

/* The CPUs into `machine`. */
void smp_discover(void);

/* Find the clock's rate, by the CPU or the device tree. */
void timer_discover(void);
/* This CPU's timer, silent. */
void timer_cpu_init(void);

/* Firmware call by the method that the device tree names; -1 (not supported) if there is none. */
int64_t psci_call(uint32_t function, uint64_t a, uint64_t b, uint64_t c);

/* recover.S: false if there is no debugger that takes the call. */
bool semihosting_call(unsigned op, const void *block);

#endif
