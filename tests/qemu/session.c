/* SPDX-License-Identifier: MIT */
/* session.c - type at a guest's prompt and check what it answers.
 *
 * usage: session FILE ARCH COMMAND...     COMMAND: a guest whose console is its standard streams
 * FILE's lines: "> text" is typed with Enter (\t and \xNN stand for characters); "< regex" must
 * match the output that follows what was matched last; "<ARCH regex" only on that machine; "#" is
 * a comment. Prints KTAP, one test for each "<" and one for the exit status. */
#include <poll.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT_MAX (1 << 20)
#define LINE_MAX_  512
/* Hang detector for one answer. */
#define PATIENCE_S 60

static char output[OUTPUT_MAX]; /* without carriage returns and escape sequences */
static size_t used, matched;
static int to_guest, from_guest;
static bool ended;

static pid_t start(char **argv)
{
	int in[2], out[2];
	pid_t pid;

	if (pipe(in) != 0 || pipe(out) != 0 || (pid = fork()) < 0) {
		perror("session");
		exit(1);
	}
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		close(in[1]);
		close(out[0]);
		execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	to_guest = in[1];
	from_guest = out[0];
	return pid;
}

/* Keep what a person would see: an escape sequence ends with a letter. */
static void keep(char c)
{
	static enum { TEXT, ESCAPE, SEQUENCE } state;

	if (state == ESCAPE) {
		state = c == '[' ? SEQUENCE : TEXT;
	} else if (state == SEQUENCE) {
		if (c >= '@' && c <= '~')
			state = TEXT;
	} else if (c == '\x1b') {
		state = ESCAPE;
	} else if (c != '\r' && used < OUTPUT_MAX - 1) {
		output[used++] = c;
		output[used] = '\0';
	}
}

/* False when nothing came for as long as wait_ms. */
static bool read_some(int wait_ms)
{
	struct pollfd p = { .fd = from_guest, .events = POLLIN };
	char buf[4096];
	ssize_t n;

	if (ended || poll(&p, 1, wait_ms) <= 0)
		return false;
	n = read(from_guest, buf, sizeof(buf));
	if (n <= 0)
		ended = true;
	for (ssize_t i = 0; i < n; i++)
		keep(buf[i]);
	return true;
}

static bool find(const regex_t *re)
{
	bool line_start = matched == 0 || output[matched - 1] == '\n';
	regmatch_t m;

	if (regexec(re, output + matched, 1, &m, line_start ? 0 : REG_NOTBOL) != 0)
		return false;
	matched += (size_t)m.rm_eo;
	return true;
}

static bool expect(const char *pattern)
{
	time_t give_up = time(NULL) + PATIENCE_S;
	regex_t re;
	bool found;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NEWLINE) != 0) {
		fprintf(stderr, "session: bad expression: %s\n", pattern);
		exit(2);
	}
	while (!(found = find(&re)) && !ended && time(NULL) < give_up)
		read_some(1000);
	regfree(&re);
	return found;
}

static void type(const char *text)
{
	char line[LINE_MAX_];
	size_t n = 0;

	for (const char *p = text; *p && n < sizeof(line) - 1;) {
		unsigned value;
		int length;

		if (p[0] == '\\' && p[1] == 't') {
			line[n++] = '\t';
			p += 2;
		} else if (sscanf(p, "\\x%2x%n", &value, &length) == 1) {
			line[n++] = (char)value;
			p += length;
		} else {
			line[n++] = *p++;
		}
	}
	line[n++] = '\r';
	if (write(to_guest, line, n) != (ssize_t)n)
		ended = true;
}

/* The rest of an expectation line if it holds on this machine, else NULL. */
static const char *pattern_of(const char *line, const char *arch)
{
	size_t len = strlen(arch);

	if (line[1] == ' ')
		return line + 2;
	return strncmp(line + 1, arch, len) == 0 && line[1 + len] == ' ' ? line + len + 2 : NULL;
}

static unsigned play(FILE *session, const char *arch, unsigned *count)
{
	char line[LINE_MAX_];
	unsigned failed = 0;

	while (fgets(line, sizeof(line), session)) {
		const char *pattern;

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '>')
			type(line[1] ? line + 2 : "");
		if (line[0] != '<' || !(pattern = pattern_of(line, arch)))
			continue;
		++*count;
		if (expect(pattern)) {
			printf("ok %u %s\n", *count, pattern);
			continue;
		}
		failed++;
		printf("not ok %u %s\n# instead:\n%s\n# end\n", *count, pattern, output + matched);
		if (ended)
			break;
	}
	return failed;
}

int main(int argc, char **argv)
{
	unsigned count = 0, failed;
	FILE *session;
	pid_t guest;
	int status;

	if (argc < 4 || !(session = fopen(argv[1], "r"))) {
		fprintf(stderr, "usage: session FILE ARCH COMMAND...\n");
		return 2;
	}
	guest = start(argv + 3);
	printf("KTAP version 1\n");
	failed = play(session, argv[2], &count);
	close(to_guest);
	while (!ended && read_some(PATIENCE_S * 1000))
		;
	waitpid(guest, &status, 0);
	count++;
	failed += status != 0;
	printf("%s %u the guest leaves with pass\n1..%u\n", status ? "not ok" : "ok", count, count);
	return failed != 0;
}
