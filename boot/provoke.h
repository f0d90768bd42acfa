/* SPDX-License-Identifier: MIT */
/* provoke.h - faults on purpose, one of each kind, for the monitor and the tests. */
#ifndef BOOT_PROVOKE_H
#define BOOT_PROVOKE_H

struct fault_kind {
	const char *name, *help;
	void (*fn)(void); /* should not return */
};

/* boot/ARCH: those that only this machine has; the last has no name. */
extern const struct fault_kind mach_fault_kinds[];

/* Kind i of all, or NULL past the last. */
const struct fault_kind *fault_kind(unsigned i);

#endif
