/* SPDX-License-Identifier: MIT */
/* uart.c - the console: the first serial port, a 16550, polled.
 *
 * No locks: boot/console.c has them. A port that takes no byte for a long time is given up, so
 * that a machine without one cannot hang. Context: any. */
#include <tern/tern.h>

#include "arch/arch.h"
#include "boot/machine.h"
#include "boot/x86_64/machine.h"
#include "boot/x86_64/regs.h"

#define REG_DATA         (SERIAL_PORT + 0)
#define REG_DIVISOR_LOW  (SERIAL_PORT + 0)
#define REG_INTERRUPTS   (SERIAL_PORT + 1)
#define REG_DIVISOR_HIGH (SERIAL_PORT + 1)
#define REG_FIFO         (SERIAL_PORT + 2)
#define REG_LINE         (SERIAL_PORT + 3)
#define REG_MODEM        (SERIAL_PORT + 4)
#define REG_STATUS       (SERIAL_PORT + 5)

#define LINE_8N1        0x03
#define LINE_DIVISOR    0x80
#define FIFO_ON         0x07 /* and empty it */
#define MODEM_READY     0x03
#define STATUS_RECEIVED 0x01
#define STATUS_ROOM     0x20
#define STATUS_ABSENT   0xff
#define DIVISOR_115200  1
#define FIFO_SIZE       16

/* A byte at 300 baud takes 33 ms, and reading a port hardly less than 100 ns. */
#define PATIENCE 400000u

static bool present;
static unsigned room; /* bytes that the FIFO surely has room for */

void uart_init(void)
{
	present = inb(REG_STATUS) != STATUS_ABSENT;
	outb(REG_INTERRUPTS, 0);
	outb(REG_LINE, LINE_DIVISOR);
	outb(REG_DIVISOR_LOW, DIVISOR_115200);
	outb(REG_DIVISOR_HIGH, 0);
	outb(REG_LINE, LINE_8N1);
	outb(REG_FIFO, FIFO_ON);
	outb(REG_MODEM, MODEM_READY);
	tern_snprintf(machine.console, sizeof(machine.console), "16550 at port 0x%x", SERIAL_PORT);
}

/* "Room" means that the whole FIFO is empty. */
static bool wait_for_room(void)
{
	for (unsigned i = 0; i < PATIENCE && room == 0; i++) {
		if (inb(REG_STATUS) & STATUS_ROOM)
			room = FIFO_SIZE;
		else
			arch_relax();
	}
	return room > 0;
}

void mach_console_write(const char *text, size_t len)
{
	for (size_t i = 0; i < len && present; i++) {
		present = wait_for_room();
		if (!present)
			return;
		outb(REG_DATA, (uint8_t)text[i]);
		room--;
	}
}

int mach_console_read(void)
{
	return present && inb(REG_STATUS) & STATUS_RECEIVED ? inb(REG_DATA) : -1;
}
