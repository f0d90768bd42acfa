# SPDX-License-Identifier: MIT
# Protocols without a lock under the C11 memory model, for Relacy; included by the Makefile.
# docs/testing.md says more.
#
#   make relacy [ITERATIONS=n]     each in so many schedules, and with each order weakened until it fails
#   make relacy P=stop             one of them

ITERATIONS ?= 100000
relacy_dir := $(O)/relacy
relacy_tests := $(patsubst tests/relacy/%.cpp,$(relacy_dir)/%,$(wildcard tests/relacy/*.cpp))
HOSTCXX ?= $(if $(llvm),clang++,g++)

# Of Relacy's own headers no warnings.
$(relacy_tests): $(relacy_dir)/%: tests/relacy/%.cpp $(wildcard tests/relacy/*.h) | $$(@D)/.dir
	$(call say,RELACY,$@)
	$(Q)$(HOSTCXX) -w -O2 -o $@ $<

relacy:
	@$(HOSTCXX) -E -include relacy/relacy.hpp -x c++ /dev/null >/dev/null 2>&1 || { \
		echo "relacy: no relacy/relacy.hpp here: install it (Debian: apt-get install relacy-dev g++)" >&2; \
		exit 2; }
	$(remake) $(filter $(relacy_dir)/$(or $(P),%),$(relacy_tests))
	@sh tests/relacy/run.sh $(ITERATIONS) $(filter $(relacy_dir)/$(or $(P),%),$(relacy_tests))
.PHONY: relacy
