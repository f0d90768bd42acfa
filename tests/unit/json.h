/* SPDX-License-Identifier: MIT */
/* json.h - is a text JSON, and nothing else? Says no more of it. */
#ifndef TESTS_UNIT_JSON_H
#define TESTS_UNIT_JSON_H

#include <stdbool.h>
#include <stddef.h>

bool json_is_valid(const char *text, size_t n);

#endif
