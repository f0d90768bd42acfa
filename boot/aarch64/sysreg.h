/* SPDX-License-Identifier: MIT */
/* sysreg.h - system registers: access from C, and the bits that more than one file knows. */
#ifndef BOOT_AARCH64_SYSREG_H
#define BOOT_AARCH64_SYSREG_H

/* Memory types in MAIR_EL1, by the index that a page table entry names. */
#define MAIR_NORMAL 0 /* cached, write-back */
#define MAIR_DEVICE 1 /* nGnRE: not gathered, not reordered, early acknowledgement */
#define MAIR_VALUE  0x04ff

/* GICv3's CPU interface, by the names of the encoding: older assemblers know no others. */
#define ICC_PMR_EL1     S3_0_C4_C6_0
#define ICC_SGI1R_EL1   S3_0_C12_C11_5
#define ICC_IAR1_EL1    S3_0_C12_C12_0
#define ICC_EOIR1_EL1   S3_0_C12_C12_1
#define ICC_BPR1_EL1    S3_0_C12_C12_3
#define ICC_CTLR_EL1    S3_0_C12_C12_4
#define ICC_SRE_EL1     S3_0_C12_C12_5
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7
#define ICC_SRE_EL2     S3_4_C12_C9_5
#define ICH_HCR_EL2     S3_4_C12_C11_0

/* The affinity fields of MPIDR_EL1. */
#define MPIDR_AFFINITY 0xff00ffffff

#ifndef __ASSEMBLY__
#include <stdint.h>

#define SYSREG_NAME(reg) #reg
#define read_sysreg(reg)                                                                           \
	({                                                                                         \
		uint64_t v_;                                                                       \
		asm volatile("mrs %0, " SYSREG_NAME(reg) : "=r"(v_) : : "memory");                 \
		v_;                                                                                \
	})
#define write_sysreg(reg, value)                                                                   \
	asm volatile("msr " SYSREG_NAME(reg) ", %0" : : "r"((uint64_t)(value)) : "memory")

static inline void isb(void)
{
	asm volatile("isb" : : : "memory");
}

static inline uint32_t mmio_read32(uintptr_t addr)
{
	return *(volatile uint32_t *)addr;
}

static inline uint64_t mmio_read64(uintptr_t addr)
{
	return *(volatile uint64_t *)addr;
}

static inline void mmio_write32(uintptr_t addr, uint32_t value)
{
	*(volatile uint32_t *)addr = value;
}
#endif

#endif
