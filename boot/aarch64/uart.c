/* SPDX-License-Identifier: MIT */
/* uart.c - the console: a PL011, polled.
 *
 * Speed and format stay as the firmware set them. No locks: boot/console.c has them. A UART that
 * takes no byte for a long time is given up, so that a wrong address in the device tree cannot
 * hang the machine. Context: any. */
#include "boot/aarch64/board.h"
#include "boot/aarch64/sysreg.h"
#include "boot/machine.h"

#define REG_DR   0x00
#define REG_FR   0x18
#define REG_CR   0x30
#define REG_IMSC 0x38

#define FR_RXFE (1u << 4)
#define FR_TXFF (1u << 5)
#define CR_ON   (1u << 0 | 1u << 8 | 1u << 9) /* UART, transmitter, receiver */

/* A byte at 300 baud takes 33 ms, and reading a device register hardly less than 10 ns. */
#define PATIENCE 4000000u

static uintptr_t uart; /* 0: no console */

bool uart_init(uint64_t base)
{
	uint64_t flags;

	uart = 0;
	if (!mach_probe_read(base + REG_FR, 4, &flags))
		return false;
	mmio_write32(base + REG_IMSC, 0);
	mmio_write32(base + REG_CR, mmio_read32(base + REG_CR) | CR_ON);
	uart = base;
	return true;
}

static bool wait_for_room(void)
{
	for (unsigned i = 0; i < PATIENCE; i++)
		if (!(mmio_read32(uart + REG_FR) & FR_TXFF))
			return true;
	return false;
}

void mach_console_write(const char *text, size_t len)
{
	for (size_t i = 0; i < len && uart; i++) {
		if (wait_for_room())
			mmio_write32(uart + REG_DR, (uint8_t)text[i]);
		else
			uart = 0;
	}
}

int mach_console_read(void)
{
	if (!uart || mmio_read32(uart + REG_FR) & FR_RXFE)
		return -1;
	return mmio_read32(uart + REG_DR) & 0xff;
}
