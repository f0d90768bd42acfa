/* SPDX-License-Identifier: MIT */
/* main.c - the hosted test program: hosted-tests [--quick] [--list] [--seed N] [PATTERN].
 *
 * Without --seed the seed is SEED of the environment, or else a new one each time; it is printed,
 * so that a run can be had again. Status 0: all passed; 1: one failed, or none matches; 2: usage.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tern/command.h>

#include "tests/test.h"

static int list(void)
{
	const char *group, *name;

	for (unsigned i = 0; (name = test_name(i, &group)); i++)
		printf("%s.%s\n", group, name);
	return 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: hosted-tests [--quick] [--list] [--seed N] [PATTERN]\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *pattern = NULL;
	const char *given = getenv("SEED");
	unsigned long long seed = (unsigned long long)time(NULL);
	bool quick = false;
	int failed;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--quick") == 0)
			quick = true;
		else if (strcmp(argv[i], "--list") == 0)
			return list();
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			given = argv[++i];
		else if (argv[i][0] == '-' || pattern)
			return usage();
		else
			pattern = argv[i];
	}
	/* make passes on an empty SEED */
	if (given && *given && !tern_command_number(given, &seed))
		return usage();
	setvbuf(stdout, NULL, _IOLBF, 0);
	failed = test_run(pattern, seed, quick);
	if (failed < 0)
		fprintf(stderr, "no test matches %s\n", pattern ? pattern : "");
	return failed != 0;
}
