/* SPDX-License-Identifier: MIT */
/* recover.S - instructions that are allowed to fault.
 *
 * An exception between recover_start and recover_end makes the function return 0
 * (trap_exception()). So what stands there are leaves that keep x30 and use no stack, and that
 * touch nothing but what they try. */
#include "boot/aarch64/asm.h"

	.section .text.recover, "ax", %progbits
	.global	recover_start, recover_end, recover_failed
	.hidden	recover_start, recover_end, recover_failed
recover_start:

/* bool mach_probe_read(uintptr_t addr, unsigned size, uint64_t *value) */
func mach_probe_read, .text.recover
	tbnz	w1, #0, 1f
	tbnz	w1, #1, 2f
	tbnz	w1, #2, 3f
	ldr	x3, [x0]
	b	probe_value
1:	ldrb	w3, [x0]
	b	probe_value
2:	ldrh	w3, [x0]
	b	probe_value
3:	ldr	w3, [x0]
	b	probe_value
endfunc mach_probe_read

/* bool mach_probe_write(uintptr_t addr, unsigned size, uint64_t value) */
func mach_probe_write, .text.recover
	tbnz	w1, #0, 1f
	tbnz	w1, #1, 2f
	tbnz	w1, #2, 3f
	str	x2, [x0]
	b	recover_good
1:	strb	w2, [x0]
	b	recover_good
2:	strh	w2, [x0]
	b	recover_good
3:	str	w2, [x0]
	b	recover_good
endfunc mach_probe_write

/* bool semihosting_call(unsigned op, const void *block): an undefined instruction where no
 * debugger takes it. */
func semihosting_call, .text.recover
	hlt	#0xf000
	b	recover_good
endfunc semihosting_call

recover_end:

func probe_value, .text.recover
	str	x3, [x2]
endfunc probe_value
func recover_good, .text.recover
	mov	w0, #1
	ret
endfunc recover_good
func recover_failed, .text.recover
	mov	w0, #0
	ret
endfunc recover_failed
