/* SPDX-License-Identifier: MIT */
/* link.h - where the image lies, for linker.ld: at 1 MiB, above what belongs to the firmware. */
#ifndef BOOT_X86_64_LINK_H
/* clang-format off */
#define BOOT_X86_64_LINK_H

#define IMAGE_BASE    0x100000
#define IMAGE_ENTRY   multiboot2_entry
#define IMAGE_MACHINE i386:x86-64

#endif
