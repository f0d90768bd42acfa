# SPDX-License-Identifier: MIT
# Fuzzing of the parsers of foreign bytes; included by the Makefile.
#
#   make fuzz [SECONDS=60] [SEED=n]  run every target, the time split between them
#   make fuzz-build                  only build them, in O/fuzz
#
# With clang and its run-time library the targets are libFuzzer's, and new inputs are kept in
# O/fuzz/corpus-NAME. Without, tests/fuzz/standalone.c mutates the seeds. FUZZ_ENGINE=libfuzzer or
# standalone chooses. An input that breaks a target is kept in O/fuzz as crash-NAME...; running the
# target with that file alone shows it again.

fuzz_names := fdt acpi pvh multiboot2 memmap
fuzz_dir := $(O)/fuzz
# bash has a SECONDS of its own, which may leak in through the environment
fuzz_seconds = $(if $(filter command%,$(origin SECONDS)),$(SECONDS),60)
fuzz_each = $$(( ($(fuzz_seconds) + $(words $(fuzz_names)) - 1) / $(words $(fuzz_names)) ))
fuzz_runtime = $(wildcard $(shell clang -print-runtime-dir 2>/dev/null)/libclang_rt.fuzzer*)
FUZZ_ENGINE ?= $(if $(fuzz_runtime),libfuzzer,standalone)

fuzz_common := $(pure_boot) $(filter-out lib/memory.c,$(wildcard lib/*.c arch/host/*.c)) \
	$(wildcard boot/host/*.c)
fuzz_headers := $(wildcard boot/*.h lib/*.h arch/*.h arch/host/*.h boot/host/*.h include/tern/*.h \
	tests/fuzz/*.h tests/unit/*.h)
fuzz_flags := -I. -Iinclude -DTERN_CHECK_LEVEL=2 -DTERN_BUILD='"fuzz"' -DTERN_HOSTED=1 -std=gnu11 \
	-O1 -g $(WARN) -fno-omit-frame-pointer -fvisibility=hidden -fno-sanitize-recover=all -pthread
fuzz_cc_libfuzzer := clang -fsanitize=fuzzer,address,undefined
fuzz_cc_standalone := $(HOSTCC) -fsanitize=address,undefined
fuzz_main_standalone := tests/fuzz/standalone.c

# $(call fuzz_run_ENGINE,NAME)
fuzz_run_libfuzzer = $(fuzz_dir)/$(1) -max_total_time=$(fuzz_each) -max_len=65536 -timeout=10 \
	-artifact_prefix=$(fuzz_dir)/crash-$(1)- $(if $(SEED),-seed=$(SEED)) $(fuzz_dir)/corpus-$(1) \
	tests/fuzz/corpus/$(1)
fuzz_run_standalone = $(fuzz_dir)/$(1) --seconds $(fuzz_each) $(if $(SEED),--seed $(SEED)) \
	--out $(fuzz_dir)/crash-$(1) tests/fuzz/corpus/$(1)

$(fuzz_dir)/engine: force | $(fuzz_dir)/.dir
	@echo '$(FUZZ_ENGINE)' | cmp -s - $@ || echo '$(FUZZ_ENGINE)' > $@
$(addprefix $(fuzz_dir)/,$(fuzz_names)): $(fuzz_dir)/%: tests/fuzz/fuzz_%.c $(fuzz_common) \
		$(fuzz_headers) tests/fuzz/standalone.c tests/fuzz/fuzz.mk $(fuzz_dir)/engine
	$(call say,FUZZ,$@)
	$(Q)$(fuzz_cc_$(FUZZ_ENGINE)) $(fuzz_flags) -o $@ $< $(fuzz_common) $(fuzz_main_$(FUZZ_ENGINE))

$(addprefix fuzz-run-,$(fuzz_names)): fuzz-run-%: $(fuzz_dir)/%
	@mkdir -p $(fuzz_dir)/corpus-$*
	$(Q)if $(call fuzz_run_$(FUZZ_ENGINE),$*) > $(fuzz_dir)/$*.log 2>&1; \
	then printf '  %-8s %-12s %s\n' FUZZ $* "$$(grep '^Done' $(fuzz_dir)/$*.log)"; \
	else tail -n 40 $(fuzz_dir)/$*.log; echo "fuzz: $* failed, see $(fuzz_dir)/$*.log"; exit 1; fi

fuzz-build: $(addprefix $(fuzz_dir)/,$(fuzz_names))
fuzz: $(addprefix fuzz-run-,$(fuzz_names))
.PHONY: fuzz fuzz-build $(addprefix fuzz-run-,$(fuzz_names))
