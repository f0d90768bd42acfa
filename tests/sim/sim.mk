# SPDX-License-Identifier: MIT
# Simulation of allocator and collector; included by the Makefile. docs/testing.md says more.
#
#   make sim SEEDS=n [SEED=first]      so many schedules, from seed `first` (1) on
#   make sim FAULT=name SEEDS=n        the same with a fault planted (lib/fault.h), until it is found
#   make sim-faults [SEEDS=n]          every fault, each in at most n schedules
#
# The library's own sources are compiled with the calls of -fsanitize=thread, and tests/sim/tsan.c
# stands for the sanitizer's library. Three programs: as released, with all checks, which takes one
# seed in ten, and with faults. What tern may write to gets names, so that it can be put back.

SEEDS ?= 20000
sim_dir := $(O)/sim
sim_first = $(or $(SEED),1)
sim_sources := $(filter-out lib/memory.c,$(wildcard lib/*.c mm/*.c gc/*.c)) tests/sim/touch.c
sim_plain := $(filter-out tests/sim/touch.c,$(wildcard tests/sim/*.c)) tests/sim/switch.S \
	arch/host/spill.S
sim_headers := $(wildcard arch/*.h arch/sim/*.h lib/*.h mm/*.h gc/*.h include/tern/*.h tests/sim/*.h)
sim_clang := $(findstring clang,$(HOSTCC))
# No calls for entry and exit of functions: nobody goes on there.
sim_calls := -fsanitize=thread $(if $(sim_clang),-mllvm -tsan-instrument-func-entry-exit=0,--param \
	tsan-instrument-func-entry-exit=0)
sim_flags := -I. -Iinclude -DTERN_SIMULATED=1 -DTERN_HOSTED=1 -DTERN_BUILD='"sim"' \
	-DTERN_CONFIG='"tests/sim/tern_config.h"' -std=gnu11 -O2 -g $(WARN) -fno-common \
	-fno-strict-aliasing -fno-omit-frame-pointer -fno-pie -fvisibility=hidden -ffile-prefix-map=$(CURDIR)=.
sim_flags_release := -DTERN_CHECK_LEVEL=0
sim_flags_verify  := -DTERN_CHECK_LEVEL=2
sim_flags_faults  := -DTERN_CHECK_LEVEL=0 -DTERN_FAULTS=1

# $(call sim_objects,KIND)
sim_tern = $(patsubst %.c,$(sim_dir)/$(1)/%.o,$(sim_sources))
sim_own  = $(patsubst %,$(sim_dir)/$(1)/%.o,$(basename $(sim_plain)))

define sim_program
$(call sim_tern,$(1)): $(sim_dir)/$(1)/%.o: %.c $(sim_headers) tests/sim/sim.mk | $$$$(@D)/.dir
	$(Q)$(HOSTCC) $(sim_flags) $(sim_flags_$(1)) $(sim_calls) -c -o $$@ $$<
$(call sim_own,$(1)): $(sim_headers) tests/sim/sim.mk | $$$$(@D)/.dir
$(sim_dir)/$(1)/tests/sim/%.o: tests/sim/%.c
	$(Q)$(HOSTCC) $(sim_flags) $(sim_flags_$(1)) -c -o $$@ $$<
$(sim_dir)/$(1)/%.o: %.S
	$(Q)$(HOSTCC) $(sim_flags) -c -o $$@ $$<
$(sim_dir)/sim-$(1): $(call sim_tern,$(1)) $(call sim_own,$(1))
	$(call say,SIM,$$@)
	$(Q)ld -r -o $(sim_dir)/$(1)/tern.o $(call sim_tern,$(1))
	$(Q)objcopy --rename-section .data=tern_data --rename-section .bss=tern_bss \
		$(sim_dir)/$(1)/tern.o
	$(Q)$(HOSTCC) -no-pie -Wl,-z,now -o $$@ $(sim_dir)/$(1)/tern.o $(call sim_own,$(1))
endef
$(foreach kind,release verify faults,$(eval $(call sim_program,$(kind))))

ifeq ($(FAULT),)
sim: $(sim_dir)/sim-release $(sim_dir)/sim-verify
	@$(sim_dir)/sim-release $(sim_first) $(SEEDS)
	@$(sim_dir)/sim-verify --turn 0/10 $(sim_first) $(SEEDS)
else
sim: $(sim_dir)/sim-faults
	@$(sim_dir)/sim-faults --fault '$(FAULT)' $(sim_first) $(SEEDS)
endif
sim-faults: $(sim_dir)/sim-faults
	@sh tests/sim/faults.sh $(sim_dir)/sim-faults $(sim_first) $(SEEDS)
.PHONY: sim sim-faults
