/* SPDX-License-Identifier: MIT */
/* spill.S - the process has the registers of the processor that it runs on. */
#if defined(__x86_64__)
#include "arch/x86_64/spill.S"
#elif defined(__aarch64__)
#include "arch/aarch64/spill.S"
#endif
