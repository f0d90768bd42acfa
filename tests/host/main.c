/* SPDX-License-Identifier: MIT */
/* main.c - the hosted test program: tests [--quick] [--list] [--seed N] [PATTERN]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
	fprintf(stderr, "usage: tests [--quick] [--list] [--seed N] [PATTERN]\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *pattern = NULL;
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	bool quick = false;
	int failed;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--quick") == 0)
			quick = true;
		else if (strcmp(argv[i], "--list") == 0)
			return list();
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			seed = strtoull(argv[++i], NULL, 0);
		else if (argv[i][0] == '-' || pattern)
			return usage();
		else
			pattern = argv[i];
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	failed = test_run(pattern, seed, quick);
	if (failed < 0)
		fprintf(stderr, "no test matches %s\n", pattern ? pattern : "");
	return failed != 0;
}
