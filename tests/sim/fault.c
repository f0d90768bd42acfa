/* SPDX-License-Identifier: MIT */
/* fault.c - which of the faults of lib/fault.h is planted: one for the whole run, or none. */
#include "tests/sim/fault.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "lib/fault.h"

#if defined(TERN_FAULTS)

#define NAME(name) #name,
static const char *const names[] = { TERN_FAULTS_ALL(NAME) };

enum tern_fault tern_fault_planted;

bool fault_plant(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (strcasecmp(names[i], name) == 0)
			tern_fault_planted = (enum tern_fault)(i + 1);
	return tern_fault_planted != TERN_FAULT_NONE;
}

static void print_small(const char *name)
{
	for (; *name; name++)
		putchar(tolower((unsigned char)*name));
	putchar('\n');
}

void fault_list(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		print_small(names[i]);
}

#else

bool fault_plant(const char *name)
{
	(void)name;
	return false;
}

void fault_list(void)
{
}

#endif
