/* SPDX-License-Identifier: MIT */
/* timer.c - the clock and each CPU's timer: the generic timer, its virtual half.
 *
 * One counter serves all CPUs. Ticks become nanoseconds by a multiplication with a 32.32 fixed
 * point number; the product has 128 bits, so that no uptime overflows it. Deadlines go the other
 * way as distances from now, where the rounding stays under a tick for seconds, and always up:
 * the timer is never early. Context: any; the timer itself with interrupts off. */
#include <tern/tern.h>

#include "arch/arch.h"
#include "boot/aarch64/board.h"
#include "boot/aarch64/sysreg.h"
#include "boot/machine.h"
#include "boot/start.h"

#define NS_PER_S   1000000000ull
#define CTL_ENABLE 1
/* The counter runs at 1 MHz at least and 1 GHz at most; else the number is no frequency. */
#define HZ_MIN 1000000u
#define HZ_MAX 1000000000u

static struct {
	uint64_t hz;
	uint64_t ns_per_tick, ticks_per_ns; /* [const] 32.32; 0 until timer_discover() */
	uint64_t start;                     /* [const] the counter at time 0 */
} clock;

static uint64_t scale(uint64_t n, uint64_t factor)
{
	return (unsigned __int128)n * factor >> 32;
}

static void describe(const char *from)
{
	unsigned mhz = clock.hz / 1000000, khz = clock.hz / 1000 % 1000;

	tern_snprintf(machine.clock, sizeof(machine.clock), "CNTVCT %u.%03u MHz, by %s", mhz, khz,
		      from);
	tern_snprintf(machine.timer, sizeof(machine.timer),
		      "generic timer (virtual), interrupt %u, %u.%03u MHz", board.timer_ppi_virt,
		      mhz, khz);
}

void timer_discover(void)
{
	const char *from = "CNTFRQ";

	clock.hz = read_sysreg(cntfrq_el0);
	if (clock.hz == 0) {
		clock.hz = board.timer_hz;
		from = "the device tree";
	}
	if (clock.hz < HZ_MIN || clock.hz > HZ_MAX)
		boot_fail("the generic timer has no usable frequency: %llu Hz",
			  (unsigned long long)clock.hz);
	clock.ns_per_tick = (NS_PER_S << 32) / clock.hz;
	clock.ticks_per_ns = (clock.hz << 32) / NS_PER_S + 1;
	clock.start = arch_ticks();
	describe(from);
}

void timer_cpu_init(void)
{
	write_sysreg(cntv_ctl_el0, 0);
	isb();
}

uint64_t mach_ticks_to_ns(uint64_t ticks)
{
	return scale(ticks, clock.ns_per_tick);
}

uint64_t mach_clock_ns(void)
{
	return clock.hz ? mach_ticks_to_ns(arch_ticks() - clock.start) : 0;
}

void mach_timer_set(uint64_t deadline_ns)
{
	uint64_t ticks = arch_ticks();
	uint64_t now = mach_ticks_to_ns(ticks - clock.start);

	if (deadline_ns == UINT64_MAX) {
		write_sysreg(cntv_ctl_el0, 0);
		isb();
		return;
	}
	if (deadline_ns > now)
		ticks += scale(deadline_ns - now, clock.ticks_per_ns) + 1;
	write_sysreg(cntv_cval_el0, ticks);
	write_sysreg(cntv_ctl_el0, CTL_ENABLE);
	isb();
}
