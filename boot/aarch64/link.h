/* SPDX-License-Identifier: MIT */
/* link.h - where the image lies, for linker.ld and entry.S.
 *
 * QEMU's virt board has its RAM at 0x40000000; an Image with text_offset 0 is loaded 2 MiB above
 * that, behind the loader's few instructions. The first tables map up to IMAGE_LIMIT, which is
 * where the RAM of the smallest machine, 16 MiB, ends. */
#ifndef BOOT_AARCH64_LINK_H
/* clang-format off */
#define BOOT_AARCH64_LINK_H

#define IMAGE_BASE    0x40200000
#define IMAGE_LIMIT   0x41000000
#define IMAGE_ENTRY   image_entry
#define IMAGE_MACHINE aarch64

#ifndef __ASSEMBLY__
ASSERT(image_end <= IMAGE_LIMIT, "the first page tables map no more than this")
#endif

#endif
