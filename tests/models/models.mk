# SPDX-License-Identifier: MIT
# Models of what several CPUs agree on, for Spin; included by the Makefile. docs/testing.md says more.
#
#   make models               every state of each model, and each fault that it must find
#   make models MUCH=quick    without the larger ones, in a minute
#   make models MUCH=full     also the largest, which takes ten minutes and 4 GiB

models:
	@CC='$(HOSTCC)' sh tests/models/run.sh $(O)/models '$(MUCH)'
.PHONY: models
