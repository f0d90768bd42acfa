# SPDX-License-Identifier: MIT
# tern: one Makefile for the library, the images, the tests. `make help` lists what it does.

ARCH  ?= x86_64
BUILD ?= release
O     ?= build
SAMPLE ?= monitor
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-8s %s\n' '$(1)' '$(patsubst $(O)/%,%,$(2))')

ifeq ($(filter $(ARCH),x86_64 aarch64 host),)
$(error ARCH=$(ARCH): want x86_64, aarch64 or host)
endif
ifeq ($(filter $(BUILD),release debug verify),)
$(error BUILD=$(BUILD): want release, debug or verify)
endif

.DEFAULT_GOAL := help
.SECONDEXPANSION:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# --- tools -----------------------------------------------------------------------------------
native := $(shell uname -m)
ifeq ($(LLVM),1)
  CC_x86_64  := clang --target=x86_64-elf
  CC_aarch64 := clang --target=aarch64-elf
  CC_host    := clang
  LD := ld.lld
  AR := llvm-ar
  NM := llvm-nm
  OBJCOPY := llvm-objcopy
  tag := -llvm
else
  ifneq ($(ARCH),host)
    ifneq ($(ARCH),$(native))
      CROSS_COMPILE ?= $(ARCH)-linux-gnu-
    endif
  endif
  CC_x86_64  := $(CROSS_COMPILE)gcc
  CC_aarch64 := $(CROSS_COMPILE)gcc
  CC_host    := gcc
  LD := $(CROSS_COMPILE)ld
  AR := $(CROSS_COMPILE)ar
  NM := $(CROSS_COMPILE)nm
  OBJCOPY := $(CROSS_COMPILE)objcopy
endif
CC := $(CC_$(ARCH))
SAN ?=
D := $(O)/$(ARCH)-$(BUILD)$(tag)$(if $(SAN),-$(SAN))

# --- flags -----------------------------------------------------------------------------------
level_release := 0
level_debug   := 1
level_verify  := 2
opt_release := -O2
opt_debug   := -O1
opt_verify  := -O1

CPPFLAGS := -I. -Iinclude -DTERN_CHECK_LEVEL=$(level_$(BUILD)) -DTERN_BUILD='"$(BUILD)"' $(EXTRA_CPPFLAGS)
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla \
	-Wwrite-strings -Wpointer-arith -Wformat=2 -Wimplicit-fallthrough -Wold-style-definition
CFLAGS := -std=gnu11 $(opt_$(BUILD)) -g $(WARN) -fno-common -fno-strict-aliasing \
	-fno-omit-frame-pointer -ffile-prefix-map=$(CURDIR)=. $(EXTRA_CFLAGS)

bare := -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables -fno-builtin \
	-fvisibility=hidden -fPIE -ffunction-sections -fdata-sections
bare_x86_64  := $(bare) -m64 -mno-red-zone -mgeneral-regs-only -mno-mmx -mno-sse -fcf-protection=none
bare_aarch64 := $(bare) -mgeneral-regs-only -mno-outline-atomics -mstrict-align -mbranch-protection=none
bare_host    := -fvisibility=hidden -DTERN_HOSTED=1
san_asan := -fsanitize=address,undefined -fno-sanitize-recover=all
san_tsan := -fsanitize=thread
san_cov  := --coverage
CFLAGS += $(bare_$(ARCH)) $(san_$(SAN))
ASFLAGS := -g $(CPPFLAGS) $(bare_$(ARCH)) -ffile-prefix-map=$(CURDIR)=. -D__ASSEMBLY__
LDFLAGS_IMAGE := -nostdlib -static -no-pie --gc-sections -z max-page-size=4096 -z noexecstack \
	--build-id=none --no-dynamic-linker $(if $(filter 1,$(LLVM)),,--no-warn-rwx-segments)

# --- sources ---------------------------------------------------------------------------------
pure_boot := $(addprefix boot/,error.c memmap.c cmdline.c acpi.c fdt.c fdt_machine.c pvh.c multiboot2.c)
lib_src  := $(wildcard lib/*.c mm/*.c gc/*.c arch/$(ARCH)/*.c arch/$(ARCH)/*.S)
test_src := $(wildcard tests/lib/*.c tests/unit/*.c samples/monitor/lineedit.c)
boot_src_x86_64  := $(wildcard boot/*.c boot/$(ARCH)/*.c boot/$(ARCH)/*.S)
boot_src_aarch64 := $(boot_src_x86_64)
boot_src_host    := $(pure_boot) $(wildcard boot/host/*.c)
image_src := $(lib_src) $(boot_src_$(ARCH)) $(test_src) $(wildcard tests/kernel/*.c tests/bench/*.c) \
	$(wildcard samples/$(SAMPLE)/*.c)
host_src  := $(filter-out lib/memory.c,$(lib_src)) $(boot_src_host) $(test_src) $(wildcard tests/host/*.c)

obj = $(patsubst %,$(D)/%.o,$(basename $(sort $(1))))

# --- objects: rebuilt when a header or a flag changes -----------------------------------------
flags_now := $(CC) $(CPPFLAGS) $(CFLAGS) $(ASFLAGS) $(LDFLAGS_IMAGE)
$(D)/flags: force | $$(@D)/.dir
	@printf '%s\n' '$(subst ','\'',$(flags_now))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(flags_now))' > $@

$(D)/%.o: %.c $(D)/flags | $$(@D)/.dir
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(D)/%.o: %.S $(D)/flags | $$(@D)/.dir
	$(call say,AS,$@)
	$(Q)$(CC) $(ASFLAGS) -MMD -MP -c -o $@ $<
%/.dir:
	@mkdir -p $(@D) && touch $@
.PRECIOUS: %/.dir
.SECONDARY:

# --- bootable image: linked twice, the second time with the names of its functions -----------
image := $(D)/$(SAMPLE).elf
kernel_x86_64  := $(image)
kernel_aarch64 := $(D)/$(SAMPLE).img
kernel := $(kernel_$(ARCH))

$(D)/linker.ld: linker.ld boot/$(ARCH)/link.h $(D)/flags
	$(Q)$(CC) -E -P -x c -Iboot/$(ARCH) -o $@ $<
$(D)/%.pass1: $(D)/linker.ld $$(call obj,$$(image_src))
	$(Q)$(LD) $(LDFLAGS_IMAGE) -T $< -o $@ $(filter %.o,$^)
$(D)/%.syms.S: $(D)/%.pass1 tools/syms.awk
	$(Q)$(NM) -n $< | awk -f tools/syms.awk > $@
$(D)/%.syms.o: $(D)/%.syms.S
	$(Q)$(CC) $(ASFLAGS) -c -o $@ $<
$(D)/%.elf: $(D)/linker.ld $(D)/%.syms.o $$(call obj,$$(image_src))
	$(call say,LD,$@)
	$(Q)$(LD) $(LDFLAGS_IMAGE) -T $< -o $@ $(filter %.o,$^)
$(D)/%.img: $(D)/%.elf
	$(call say,IMG,$@)
	$(Q)$(OBJCOPY) -O binary $< $@

# --- hosted tests ------------------------------------------------------------------------------
$(D)/hosted-tests: $$(call obj,$$(host_src))
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) -o $@ $^ -pthread

image: $(kernel)
force:
.PHONY: force image help

help:
	@sed -n 's/^## //p' Makefile

-include $(shell find $(D) -name '*.d' 2>/dev/null)
