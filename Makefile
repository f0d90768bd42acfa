# SPDX-License-Identifier: MIT
# tern: one Makefile for the library, the images and the tests.
#
## tern: the Go runtime's memory system for machines without an operating system.
##
##   make run            boot samples/monitor in QEMU and talk to it
##   make test           everything that is tested, on x86_64, aarch64 and hosted
##
## Building
##   make lib            libtern.a                    make image     a bootable image
##   make install        headers, library, tern.pc    (DESTDIR= PREFIX=/usr/local LIBDIR=lib)
##   make uninstall      take them away again
##   make iso            a CD that boots by GRUB      (x86_64; CMDLINE=)
##   make clean          remove O=
##
## Running a guest       (ARCH= MEM=512M SMP=2 MACHINE=q35|pc|microvm GIC=2|3 EL=1|2 CPU= QEMU_ARGS=)
##                       BALLOON=1 adds a device that takes free memory back for the host
##   make boot           boot, print a report, end with a verdict; asks nothing
##   make boot SAMPLE=hello       the smallest port, built as a stranger's kernel is
##   make gdb            boot, wait for a debugger on port 1234, and start it
##   make bench          count instructions under -icount; table in O=/bench-ARCH.tsv
##   make bench-hosted   time this machine's heaps beside tern's; table in O=/bench-hosted.tsv
##                       (B=PATTERN of rows, ROUNDS=5, PEERS="mimalloc NAME=FILE.so")
##   make bench-report   docs/performance.md, with pictures, from the tables of these
##
## Testing
##   make check          the quick part, under a minute
##   make test T=REGEX   the jobs whose line matches; `sh tests/jobs.sh test` lists them
##   make test-host      hosted only                  make test-qemu   one machine's (ARCH=)
##   make test-matrix    boot over all of memory x CPUs x machine x loader x compiler
##   make fuzz           the parsers of foreign bytes (SECONDS=60)
##   make soak           the heap on several threads, for MINUTES=10 (SEED=)
##   make stress         the collector in guests of all kinds, for MINUTES=10 (SEED=)
##   make sim            allocator and collector on virtual CPUs, SEEDS=20000 schedules (SEED= FAULT=)
##   make sim-faults     the same with each planted fault, until it is found
##   make models         Spin on every state of models of the collector (MUCH=quick|full)
##   make relacy         protocols without a lock under the C11 memory model, ITERATIONS=100000 (P=)
##   make cover          branches that the hosted tests take, by file
##   make lint           layers, format, and what checkers are installed say
##   make format         clang-format, in place
##   make picture        O=/tools/picture: maps of the heap and timelines (docs/observing.md)
##   make tables         mm/sizeclass_table.h anew, from the rules in tools/sizeclass.c
##   make compile_commands.json   for editors
##
## Settings              ARCH=x86_64|aarch64|host  BUILD=release|debug|verify  LLVM=1 (clang, lld)
##                       O=build  V=1 (show commands)  CROSS_COMPILE=  SEED=  JOBS=

ARCH   ?= x86_64
BUILD  ?= release
O      ?= build
SAMPLE ?= monitor
PREFIX ?= /usr/local
LIBDIR ?= lib
SECONDS ?= 60

ifeq ($(filter $(ARCH),x86_64 aarch64 host),)
$(error ARCH=$(ARCH): want x86_64, aarch64 or host)
endif
ifeq ($(filter $(BUILD),release debug verify),)
$(error BUILD=$(BUILD): want release, debug or verify)
endif

.DEFAULT_GOAL := help
.SECONDEXPANSION:
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

Q   := $(if $(filter 1,$(V)),,@)
say  = $(if $(filter 1,$(V)),,@printf '  %-8s %s\n' '$(1)' '$(patsubst $(O)/%,%,$(2))')

# --- tools -----------------------------------------------------------------------------------
native := $(shell uname -m)
llvm   := $(filter 1,$(LLVM))
ifeq ($(llvm),)
  ifeq ($(filter host $(native),$(ARCH)),)
    prefixes := $(ARCH)-linux-gnu- $(ARCH)-elf- $(ARCH)-none-elf-
    ifeq ($(origin CROSS_COMPILE),undefined)
      CROSS_COMPILE := $(firstword $(foreach p,$(prefixes),$(if $(shell command -v $(p)gcc),$(p))) \
	$(prefixes))
    endif
  endif
  CC      := $(CROSS_COMPILE)gcc
  LD      := $(CROSS_COMPILE)ld
  AR      := $(CROSS_COMPILE)ar
  NM      := $(CROSS_COMPILE)nm
  OBJCOPY := $(CROSS_COMPILE)objcopy
else
  CC      := clang $(if $(filter host,$(ARCH)),,--target=$(ARCH)-elf)
  LD      := ld.lld
  AR      := llvm-ar
  NM      := llvm-nm
  OBJCOPY := llvm-objcopy
endif
HOSTCC ?= $(if $(llvm),clang,gcc)

# SAN=asan|tsan|cov: hosted only
D := $(O)/$(ARCH)-$(BUILD)$(if $(llvm),-llvm)$(if $(SAN),-$(SAN))

# --- flags -----------------------------------------------------------------------------------
level_release := 0
level_debug   := 1
level_verify  := 2
opt_release := -O2
opt_debug   := -O1
opt_verify  := -O1

CPPFLAGS := -I. -Iinclude -DTERN_CHECK_LEVEL=$(level_$(BUILD)) -DTERN_BUILD='"$(BUILD)"' \
	$(EXTRA_CPPFLAGS)
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla \
	-Wwrite-strings -Wpointer-arith -Wformat=2 -Wimplicit-fallthrough -Wold-style-definition
CFLAGS := -std=gnu11 $(opt_$(BUILD)) -g $(WARN) -fno-common -fno-strict-aliasing \
	-fno-omit-frame-pointer -ffile-prefix-map=$(CURDIR)=.

bare := -ffreestanding -fno-builtin -fno-stack-protector -fno-asynchronous-unwind-tables \
	-fvisibility=hidden -fPIE -ffunction-sections -fdata-sections -mgeneral-regs-only
bare_x86_64  := $(bare) -mno-omit-leaf-frame-pointer -mno-red-zone -fcf-protection=none
# A leaf's return address is in a register: a frame would cost each allocation three instructions.
bare_aarch64 := $(bare) -momit-leaf-frame-pointer -mno-outline-atomics -mstrict-align \
	-mbranch-protection=none
bare_host    := -fvisibility=hidden -DTERN_HOSTED=1 -pthread
san_asan := -fsanitize=address,undefined -fno-sanitize-recover=all
san_tsan := -fsanitize=thread
san_cov  := --coverage
CFLAGS  += $(bare_$(ARCH)) $(san_$(SAN)) $(EXTRA_CFLAGS)
# clang maps no path in assembler, but can be told the directory.
ASFLAGS := $(CPPFLAGS) $(bare_$(ARCH)) -ffile-prefix-map=$(CURDIR)=. \
	$(if $(llvm),-fdebug-compilation-dir=.) -D__ASSEMBLY__
LDFLAGS := -nostdlib -static -no-pie --gc-sections -z max-page-size=4096 -z noexecstack \
	--build-id=none --no-dynamic-linker --orphan-handling=error

# --- sources ---------------------------------------------------------------------------------
# What reads foreign bytes: pure, so it runs hosted too.
pure_boot := $(addprefix boot/,error.c memmap.c cmdline.c gc_options.c acpi.c fdt.c fdt_machine.c \
	pvh.c multiboot2.c virtio.c)
lib_src   := $(wildcard lib/*.c mm/*.c gc/*.c arch/$(ARCH)/*.c arch/$(ARCH)/*.S)
test_src  := $(wildcard tests/lib/*.c tests/unit/*.c) samples/monitor/lineedit.c
# A sample with a Makefile of its own is not a program of the guest kernel but another kernel.
stranger  := $(wildcard samples/$(SAMPLE)/Makefile)
image_src := $(lib_src) $(test_src) $(wildcard boot/*.c boot/$(ARCH)/*.c boot/$(ARCH)/*.S \
	tests/kernel/*.c tests/bench/*.c $(if $(stranger),,samples/$(SAMPLE)/*.c))
bench_src := $(wildcard tests/bench/hosted/*.c)
host_src  := $(filter-out lib/memory.c,$(lib_src)) $(pure_boot) $(test_src) \
	$(wildcard boot/host/*.c tests/host/*.c)

obj = $(patsubst %,$(D)/%.o,$(basename $(sort $(1))))
# A program that has all the sources compiles allocator and collector with its kernel's settings.
owned   = $(patsubst $(D)/gc/%,$(D)/own/gc/%,$(patsubst $(D)/mm/%,$(D)/own/mm/%,$(1)))
own_obj = $(call owned,$(call obj,$(1)))
lib_obj   := $(call obj,$(filter-out lib/memory.c,$(lib_src)))
image_obj := $(call own_obj,$(image_src))
host_obj  := $(call own_obj,$(host_src))
bench_obj := $(call owned,$(lib_obj)) $(call obj,$(wildcard boot/host/*.c) \
	boot/cmdline.c boot/gc_options.c $(bench_src))

# --- objects: made again when a header, a flag or a compiler changes ---------------------------
flags_now := $(subst ','\'',$(shell $(CC) --version 2>/dev/null | sed q) $(CC) $(CPPFLAGS) \
	$(CFLAGS) $(ASFLAGS) $(LDFLAGS) $(LD) $(OBJCOPY))
$(D)/flags: force | $$(@D)/.dir
	@echo '$(flags_now)' | cmp -s - $@ || echo '$(flags_now)' > $@
# What is linked changes when a source comes or goes.
$(D)/sources: force | $$(@D)/.dir
	@echo '$(image_src) $(host_src) $(bench_src)' | cmp -s - $@ || \
		echo '$(image_src) $(host_src) $(bench_src)' > $@

# Text is not printed in a hurry, nor is a heap checked in one: the largest files of which that can be said.
$(addprefix $(D)/,lib/print.o gc/verify.o own/gc/verify.o): CFLAGS += $(if $(filter release,$(BUILD)),-Os)
$(D)/%.o: %.c $(D)/flags | $$(@D)/.dir
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(D)/own/%.o: %.c $(D)/flags | $$(@D)/.dir
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) -DTERN_CONFIG='"boot/$(ARCH)/tern_config.h"' $(CFLAGS) -MMD -MP -c -o $@ $<
$(D)/%.o: %.S $(D)/flags | $$(@D)/.dir
	$(call say,AS,$@)
	$(Q)$(CC) -g $(ASFLAGS) -MMD -MP -c -o $@ $<
# What this test embeds, which no compiler lists.
$(D)/tests/unit/test_fdt_machine.o: $(wildcard tests/fuzz/corpus/fdt/*.dtb)
%/.dir:
	@mkdir -p $(@D) && touch $@

# --- the library: one object that shows only public names, and weak memcpy and sisters ---------
$(D)/tern.o: $(lib_obj) $(D)/sources
	$(call say,LD,$@)
	$(Q)$(LD) -r -o $@ $(lib_obj)
	$(Q)$(OBJCOPY) --localize-hidden $@
# A kernel may lack the second member's names; a process has its C library's.
$(D)/libtern.a: $(D)/tern.o $(if $(filter host,$(ARCH)),,$(D)/lib/memory.o)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

ifneq ($(stranger),)
# --- another kernel: of tern it gets what make install leaves, by pkg-config ----------------------
image := $(D)/$(SAMPLE)/$(SAMPLE).elf
elf   := $(image)
installed := $(abspath $(D))/installed

$(image): $(D)/libtern.a tools/tern.pc.in $(wildcard include/tern/*.h samples/$(SAMPLE)/*) | $$(@D)/.dir
	$(call say,IMAGE,$@)
	$(Q)+$(MAKE) -s install DESTDIR= PREFIX='$(installed)' LIBDIR=lib
	$(Q)+PKG_CONFIG_PATH='$(installed)/lib/pkgconfig' $(MAKE) -B $(if $(Q),-s) -C samples/$(SAMPLE) \
		ARCH=$(ARCH) CC='$(CC)' LD='$(LD)' O='$(abspath $(@D))'
else
# --- a bootable image: linked twice, the second time with the names of its functions -----------
image_x86_64  := $(D)/$(SAMPLE).elf
image_aarch64 := $(D)/$(SAMPLE).img
image := $(image_$(ARCH))
elf   := $(D)/$(SAMPLE).elf

$(D)/linker.ld: linker.ld boot/$(ARCH)/link.h $(D)/flags
	$(Q)$(CC) -E -P -x c -Iboot/$(ARCH) -o $@ $<
$(D)/$(SAMPLE).pass1: $(D)/linker.ld $(image_obj) $(D)/sources
	$(Q)$(LD) $(LDFLAGS) -T $< -o $@ $(image_obj)
$(D)/$(SAMPLE).syms.S: $(D)/$(SAMPLE).pass1 tools/syms.awk
	$(Q)$(NM) -n $< | awk -f tools/syms.awk > $@
# Without -g: it would tell the directory of a file that is generated.
$(D)/$(SAMPLE).syms.o: $(D)/$(SAMPLE).syms.S
	$(Q)$(CC) $(ASFLAGS) -c -o $@ $<
$(D)/$(SAMPLE).elf: $(D)/linker.ld $(image_obj) $(D)/$(SAMPLE).syms.o
	$(call say,LD,$@)
	$(Q)$(LD) $(LDFLAGS) -T $< -o $@ $(image_obj) $(D)/$(SAMPLE).syms.o
$(D)/$(SAMPLE).img: $(D)/$(SAMPLE).elf
	$(call say,IMAGE,$@)
	$(Q)$(OBJCOPY) -O binary $< $@
$(D)/$(SAMPLE).iso: $(D)/$(SAMPLE).elf tools/iso.sh force
	$(call say,ISO,$@)
	$(Q)tools/iso.sh $< $@ '$(CMDLINE)'
endif

# --- hosted programs ---------------------------------------------------------------------------
$(D)/hosted-tests: $(host_obj) $(D)/sources
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) -o $@ $(host_obj)
$(D)/bench-child: $(bench_obj) $(D)/sources
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) -o $@ $(bench_obj) -ldl
$(O)/tools/spoil-tree: tests/qemu/spoil_tree.c | $$(@D)/.dir
	$(Q)$(HOSTCC) -O2 -Wall -Wextra -o $@ $<
$(O)/tools/sizeclass: tools/sizeclass.c | $$(@D)/.dir
	$(Q)$(HOSTCC) -O2 -Wall -Wextra -o $@ $<
$(O)/tools/picture: tools/picture.c | $$(@D)/.dir
	$(Q)$(HOSTCC) -O2 -Wall -Wextra -o $@ $<
$(O)/tools/session: tests/qemu/session.c | $$(@D)/.dir
	$(Q)$(HOSTCC) -O2 -Wall -Wextra -o $@ $<

# --- what people type ----------------------------------------------------------------------------
setup = @LLVM='$(llvm)' $(if $(filter-out $(ARCH)-%,$(CROSS_COMPILE)),CROSS_COMPILE='$(CROSS_COMPILE)') \
	tools/setup.sh $(1) $(if $(llvm),llvm)
# The tests take both toolchains, whichever is asked for.
test_setup = @LLVM= tools/setup.sh $(1)
guest_setup = $(call setup,$(ARCH) $(if $(stranger),pkg-config)$(1))
remake = $(Q)+$(MAKE) --no-print-directory
guest = ARCH=$(ARCH) MEM='$(MEM)' SMP='$(SMP)' MACHINE='$(MACHINE)' GIC='$(GIC)' EL='$(EL)' \
	CPU='$(CPU)' BALLOON='$(BALLOON)' QEMU_ARGS='$(QEMU_ARGS)'
for_guests = $(if $(filter host,$(ARCH)),$(error $@: ARCH=host has no guest; want x86_64 or aarch64))

help:
	@sed -n 's/^## \{0,1\}//p' Makefile
lib: $(D)/libtern.a
image: $(image)
	$(for_guests)
# What tests/job.sh runs for one way of building.
test-program: $(if $(filter host,$(ARCH)),$(D)/hosted-tests,$(image))
test-tools: $(O)/tools/spoil-tree $(O)/tools/session

run:
	$(for_guests)
	$(call guest_setup)
	$(remake) image
	@echo "QEMU: ctrl-a x leaves, or type power"
	@$(guest) CMDLINE='$(CMDLINE)' tools/qemu.sh $(image)
boot:
	$(for_guests)
	$(call guest_setup)
	$(remake) image
	@$(guest) TIMEOUT=$(or $(TIMEOUT),120) CMDLINE='$(CMDLINE) -- report' tools/qemu.sh $(image)
gdb:
	$(for_guests)
	$(call guest_setup, gdb)
	$(remake) image
	@$(guest) tools/gdb.sh $(image) $(elf)
bench:
	$(for_guests)
	$(call setup,$(ARCH))
	$(remake) image BUILD=release
	@ARCH=$(ARCH) tools/bench.sh $(O)/$(ARCH)-release$(if $(llvm),-llvm)/$(notdir $(image)) \
		$(O)/bench-$(ARCH).tsv '$(B)'
	$(remake) bench-sizes BUILD=release
bench-sizes: lib
	@SIZE='$(if $(llvm),llvm-size,$(CROSS_COMPILE)size)' tools/sizes.sh $(O)/bench-$(ARCH).tsv '$(B)' $(lib_obj)
# A peer that cannot be had is left out.
bench-hosted:
	@tools/setup.sh host
	@$(if $(PEERS),,tools/setup.sh peers || true)
	$(remake) ARCH=host BUILD=release SAN= $(O)/host-release$(if $(llvm),-llvm)/bench-child
	@ROUNDS='$(ROUNDS)' PEERS='$(PEERS)' DIVISOR='$(DIVISOR)' GOCHILD='$(O)/tools/bench-go' \
		sh tests/bench/hosted/run.sh \
		$(O)/host-release$(if $(llvm),-llvm)/bench-child $(O)/bench-hosted.tsv '$(B)'
bench-report:
	@sh tools/performance.sh $(O) docs/performance.md tests/bench/targets.tsv
iso:
	$(call setup,x86_64 iso)
	$(remake) ARCH=x86_64 $(O)/x86_64-$(BUILD)$(if $(llvm),-llvm)/$(SAMPLE).iso

tests = @O='$(O)' MAKE='$(MAKE)' JOBS='$(JOBS)' SEED='$(SEED)' T='$(T)' ONLY='$(2)' \
	sh tests/run.sh $(1)
test:
	$(call test_setup,host x86_64 aarch64 iso llvm sanitizers pkg-config)
	$(call tests,test)
test-host:
	$(call test_setup,host x86_64 aarch64 llvm sanitizers pkg-config)
	$(call tests,test,^(hosted|script))
test-qemu:
	$(call test_setup,host x86_64 aarch64 iso llvm)
	$(call tests,test,arch=$(filter-out host,$(if $(filter command line environment,$(origin ARCH)),$(ARCH),)))
test-matrix:
	$(call test_setup,host x86_64 aarch64 iso llvm sanitizers)
	$(call tests,matrix)
check:
	$(call test_setup,host x86_64 aarch64)
	@QUICK=1 O='$(O)' MAKE='$(MAKE)' JOBS='$(JOBS)' SEED='$(SEED)' T='$(T)' sh tests/run.sh check

-include tests/fuzz/fuzz.mk
-include tests/sim/sim.mk
-include tests/models/models.mk
-include tests/relacy/relacy.mk

MINUTES ?= 10
soak:
	@tools/setup.sh host
	$(remake) ARCH=host SAN=asan BUILD=verify $(O)/host-verify$(if $(llvm),-llvm)-asan/hosted-tests
	@SEED='$(SEED)' SOAK_SECONDS=$$(($(MINUTES) * 60)) \
		$(O)/host-verify$(if $(llvm),-llvm)-asan/hosted-tests soak
stress:
	@tools/setup.sh x86_64 aarch64
	$(remake) ARCH=x86_64 image
	$(remake) ARCH=aarch64 image
	@SEED='$(SEED)' O='$(O)' sh tests/stress.sh $(MINUTES)
cover:
	@tools/setup.sh host
	$(remake) ARCH=host SAN=cov BUILD=debug $(O)/host-debug-cov/hosted-tests
	@tools/cover.sh $(O)/host-debug-cov
lint:
	@tools/lint.sh
format:
	clang-format -i $(sources_c)
tables: $(O)/tools/sizeclass
	$(call say,TABLE,mm/sizeclass_table.h)
	$(Q)$< > $<.h && mv $<.h mm/sizeclass_table.h
picture: $(O)/tools/picture
compile_commands.json: $(D)/sources $(D)/flags
	@printf '%s\n' $(filter %.c,$(if $(filter host,$(ARCH)),$(host_src),$(image_src))) | \
		DIR='$(CURDIR)' COMMAND='$(subst ','\'',$(CC) $(CPPFLAGS) $(CFLAGS))' awk -f tools/compdb.awk > $@
sources_c = $(shell find arch boot gc include lib mm samples tests tools -name '*.[ch]' 2>/dev/null)

# The pkg-config file finds the rest from where it lies, so that a tree may be moved.
up := $(shell echo '$(LIBDIR)' | sed 's|[^/][^/]*|..|g')
install: lib
	install -d '$(DESTDIR)$(PREFIX)/include/tern' '$(DESTDIR)$(PREFIX)/$(LIBDIR)/pkgconfig'
	install -m 644 include/tern/*.h '$(DESTDIR)$(PREFIX)/include/tern'
	install -m 644 $(D)/libtern.a '$(DESTDIR)$(PREFIX)/$(LIBDIR)'
	sed -e 's|@up@|../$(up)|' -e 's|@version@|$(version)|' tools/tern.pc.in \
		> '$(DESTDIR)$(PREFIX)/$(LIBDIR)/pkgconfig/tern.pc'
uninstall:
	rm -rf '$(DESTDIR)$(PREFIX)/include/tern'
	rm -f '$(DESTDIR)$(PREFIX)/$(LIBDIR)/libtern.a' \
		'$(DESTDIR)$(PREFIX)/$(LIBDIR)/pkgconfig/tern.pc'
version = $(shell awk '/define TERN_VERSION_(MAJOR|MINOR|PATCH)/ { v = v s $$3; s = "." } END { print v }' \
	include/tern/tern.h)

clean:
	rm -rf '$(O)' compile_commands.json
force:
.PHONY: force help lib image test-program test-tools run boot gdb bench bench-sizes bench-hosted bench-report iso test \
	test-host test-qemu test-matrix check fuzz soak stress cover lint format tables picture install uninstall clean

-include $(shell find $(D) -name '*.d' 2>/dev/null)
