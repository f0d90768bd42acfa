/* SPDX-License-Identifier: MIT */
/* asm.h - how an assembly file begins and ends a function. */
#ifndef BOOT_X86_64_ASM_H
/* clang-format off */
#define BOOT_X86_64_ASM_H

/* What this image defines, C finds; its names reach no further. */
.macro func name, section = .text.\name
	.pushsection \section, "ax", @progbits
	.global	\name
	.hidden	\name
	.type	\name, @function
\name:
.endm

.macro endfunc name
	.size	\name, . - \name
	.popsection
.endm

#endif
