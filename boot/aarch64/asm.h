/* SPDX-License-Identifier: MIT */
/* asm.h - how an assembly file begins and ends a function. */
#ifndef BOOT_AARCH64_ASM_H
/* clang-format off */
#define BOOT_AARCH64_ASM_H

/* What this image defines, C finds; its names reach no further. */
.macro func name, section = .text.\name
	.pushsection \section, "ax", %progbits
	.balign	4
	.global	\name
	.hidden	\name
	.type	\name, %function
\name:
.endm

.macro endfunc name
	.size	\name, . - \name
	.popsection
.endm

/* The address of a symbol within 4 GiB, wherever the code runs. */
.macro addr_of reg, symbol
	adrp	\reg, \symbol
	add	\reg, \reg, :lo12:\symbol
.endm

#endif
