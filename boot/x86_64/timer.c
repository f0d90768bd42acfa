/* SPDX-License-Identifier: MIT */
/* timer.c - the clock (TSC) and each CPU's timer (local APIC).
 *
 * Ticks become nanoseconds by a multiplication with a 32.32 fixed point number; the product has
 * 128 bits, so that no uptime overflows it. Deadlines go the other way as distances from now, and
 * are rounded up: the timer is never early, unless the distance is more than it can count; then
 * timer_interrupt() finds nothing due and asks again. All CPUs' TSCs are taken to agree, as they
 * do where the TSC is invariant. Context: any; the timer itself with interrupts off. */
#include <tern/tern.h>

#include "arch/arch.h"
#include "boot/machine.h"
#include "boot/x86_64/apic.h"
#include "boot/x86_64/machine.h"
#include "boot/x86_64/regs.h"
#include "boot/x86_64/tsc.h"

#define NS_PER_S 1000000000ull

static struct {
	uint64_t ns_per_tick;  /* [const] 32.32; 0 until timer_discover() */
	uint64_t ticks_per_ns; /* [const] 32.32, for the timer: TSC's or APIC's */
	uint64_t start;        /* [const] the TSC at time 0 */
	bool deadline;         /* [const] the timer compares with the TSC */
} clock;

static uint64_t scale(uint64_t n, uint64_t factor)
{
	return (uint64_t)((unsigned __int128)n * factor >> 32);
}

static unsigned mhz(uint64_t hz)
{
	return (unsigned)(hz / 1000000);
}

static unsigned khz(uint64_t hz)
{
	return (unsigned)(hz / 1000 % 1000);
}

static void describe(const struct tsc_rate *rate)
{
	size_t used = tern_snprintf(machine.clock, sizeof(machine.clock), "TSC %u.%03u MHz, by %s",
				    mhz(rate->tsc_hz), khz(rate->tsc_hz), rate->from);

	if (rate->error_ppm)
		tern_snprintf(machine.clock + used, sizeof(machine.clock) - used, ", +-%u ppm",
			      rate->error_ppm);
	if (clock.deadline)
		tern_snprintf(machine.timer, sizeof(machine.timer), "local APIC, TSC deadline");
	else
		tern_snprintf(machine.timer, sizeof(machine.timer),
			      "local APIC, one-shot, %u.%03u MHz", mhz(rate->apic_hz),
			      khz(rate->apic_hz));
}

void timer_discover(const struct acpi_info *acpi)
{
	struct tsc_rate rate;

	tsc_measure(acpi, &rate);
	clock.deadline = cpuid(1).ecx & CPUID_1_ECX_TSC_DEADLINE;
	clock.ticks_per_ns = ((clock.deadline ? rate.tsc_hz : rate.apic_hz) << 32) / NS_PER_S + 1;
	clock.ns_per_tick = (NS_PER_S << 32) / rate.tsc_hz;
	clock.start = arch_ticks();
	describe(&rate);
}

void timer_init_cpu(void)
{
	if (clock.deadline)
		apic_timer_use_deadline();
}

uint64_t mach_ticks_to_ns(uint64_t ticks)
{
	return scale(ticks, clock.ns_per_tick);
}

uint64_t mach_clock_ns(void)
{
	return clock.ns_per_tick ? mach_ticks_to_ns(arch_ticks() - clock.start) : 0;
}

static void set_deadline(uint64_t ticks, uint64_t ns)
{
	write_msr(MSR_TSC_DEADLINE, ticks + scale(ns, clock.ticks_per_ns) + 1);
}

static void set_count(uint64_t ns)
{
	uint64_t count = scale(ns, clock.ticks_per_ns) + 1;

	apic_timer_set(count < UINT32_MAX ? (uint32_t)count : UINT32_MAX);
}

void mach_timer_set(uint64_t deadline_ns)
{
	uint64_t ticks = arch_ticks();
	uint64_t now = mach_ticks_to_ns(ticks - clock.start);
	uint64_t ns = deadline_ns > now ? deadline_ns - now : 0;

	if (deadline_ns == UINT64_MAX && clock.deadline)
		write_msr(MSR_TSC_DEADLINE, 0);
	else if (deadline_ns == UINT64_MAX)
		apic_timer_set(0);
	else if (clock.deadline)
		set_deadline(ticks, ns);
	else
		set_count(ns);
}
