/* SPDX-License-Identifier: MIT */
/* standalone.c - runs a fuzz target without libFuzzer: on files, then on mutations of them.
 *
 *	TARGET [--seconds N] [--seed N] [--out FILE] [FILE or DIRECTORY...]
 *
 * Every mutation follows from the seed and the files, so the same call finds the same thing. When
 * a run crashes or takes longer than HANG_SECONDS, its input goes to FILE. What it lacks
 * against libFuzzer is the look at which branches an input takes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

#define INPUT_MAX    65536
#define FILES_MAX    256
#define HANG_SECONDS 10

struct input {
	size_t size;
	uint8_t bytes[INPUT_MAX];
};

static struct {
	uint8_t *bytes;
	size_t size;
} files[FILES_MAX];
static size_t nfiles;

static struct input now; /* what the target is running on */
static const char *out;  /* where an input goes that kills the target, or NULL */
static uint64_t rng;

/* Reports go through abort(), so that the handler below sees them. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "abort_on_error=1";
}

static void say(const char *text)
{
	if (write(2, text, strlen(text)) < 0)
		_exit(2);
}

static void on_death(int sig)
{
	int fd = out ? open(out, O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;

	say(sig == SIGALRM ? "fuzz: hang" : "fuzz: crash");
	if (fd >= 0 && write(fd, now.bytes, now.size) == (ssize_t)now.size) {
		say(", input is in ");
		say(out);
	}
	say("\n");
	_exit(1);
}

static uint64_t draw(uint64_t limit)
{
	uint64_t z = rng += 0x9e3779b97f4a7c15; /* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % limit;
}

static void run(void)
{
	alarm(HANG_SECONDS);
	LLVMFuzzerTestOneInput(now.bytes, now.size);
	alarm(0);
}

/* Mutations: each changes `now` and keeps it within INPUT_MAX. */

static void set_number(void)
{
	static const uint64_t edges[] = {
		0,      1,      4,          8,          0x7f,       0xff,       0xfff,     0x1000,
		0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffff8, UINT32_MAX, UINT64_MAX
	};
	uint64_t value = draw(4) ? edges[draw(ARRAY_SIZE(edges))] : draw(UINT64_MAX);
	size_t width = (size_t)1 << draw(4), at;
	bool big_endian = draw(2);

	if (now.size < width)
		return;
	at = draw(now.size - width + 1);
	for (size_t i = 0; i < width; i++)
		now.bytes[big_endian ? at + width - 1 - i : at + i] = (uint8_t)(value >> 8 * i);
}

static void flip_bit(void)
{
	if (now.size > 0)
		now.bytes[draw(now.size)] ^= (uint8_t)(1u << draw(8));
}

static void step_byte(void)
{
	if (now.size > 0)
		now.bytes[draw(now.size)] += draw(2) ? 1 : 0xff;
}

static void cut_tail(void)
{
	if (now.size > 0)
		now.size = draw(now.size);
}

static void remove_piece(void)
{
	size_t at, len;

	if (now.size == 0)
		return;
	at = draw(now.size);
	len = 1 + draw(now.size - at < 64 ? now.size - at : 64);
	if (len > now.size - at)
		len = now.size - at;
	memmove(now.bytes + at, now.bytes + at + len, now.size - at - len);
	now.size -= len;
}

/* Put a piece of a file, perhaps of this one, in between or on top. */
static void splice(void)
{
	size_t from = draw(nfiles), at = draw(now.size + 1), start, len;

	if (files[from].size == 0)
		return;
	start = draw(files[from].size);
	len = 1 + draw(64);
	if (len > files[from].size - start)
		len = files[from].size - start;
	if (draw(2) && now.size + len <= INPUT_MAX) {
		memmove(now.bytes + at + len, now.bytes + at, now.size - at);
		now.size += len;
	} else if (len > now.size - at) {
		len = now.size - at;
	}
	memcpy(now.bytes + at, files[from].bytes + start, len);
}

static void mutate(void)
{
	static void (*const mutations[])(void) = { set_number, set_number, flip_bit,    step_byte,
						   cut_tail,   splice,     remove_piece };
	size_t from = draw(nfiles);

	now.size = files[from].size;
	memcpy(now.bytes, files[from].bytes, now.size);
	for (uint64_t n = 1 + draw(6); n > 0; n--)
		mutations[draw(ARRAY_SIZE(mutations))]();
}

/* Files: what cannot be read ends the program, as a run on nothing would look like a pass. */

static void die(const char *what)
{
	fprintf(stderr, "fuzz: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void load_file(const char *path)
{
	FILE *in = fopen(path, "rb");

	if (!in)
		die(path);
	if (nfiles == FILES_MAX) {
		errno = E2BIG;
		die(path);
	}
	files[nfiles].bytes = malloc(INPUT_MAX);
	if (!files[nfiles].bytes)
		die(path);
	files[nfiles].size = fread(files[nfiles].bytes, 1, INPUT_MAX, in);
	nfiles++;
	fclose(in);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void load(const char *path)
{
	struct dirent **names;
	struct stat st;
	char file[1024];
	int n;

	if (stat(path, &st) != 0)
		die(path);
	if (!S_ISDIR(st.st_mode)) {
		load_file(path);
		return;
	}
	n = scandir(path, &names, NULL, by_name);
	if (n < 0)
		die(path);
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			load_file(file);
		free(names[i]);
	}
	free(names);
}

int main(int argc, char **argv)
{
	unsigned long seconds = 0, seed = 1, runs = 0;
	time_t end;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
			seconds = strtoul(argv[++i], NULL, 0);
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			seed = strtoul(argv[++i], NULL, 0);
		else if (strcmp(argv[i], "--out") == 0 && i + 1 < argc)
			out = argv[++i];
		else
			load(argv[i]);
	}
	signal(SIGABRT, on_death);
	signal(SIGALRM, on_death);
	for (size_t i = 0; i < nfiles; i++, runs++) {
		now.size = files[i].size;
		memcpy(now.bytes, files[i].bytes, now.size);
		run();
	}
	if (nfiles == 0)
		load_file("/dev/null");
	rng = seed;
	for (end = time(NULL) + (time_t)seconds; time(NULL) < end; runs++) {
		mutate();
		run();
	}
	printf("Done %lu runs in %lu second(s), seed %lu\n", runs, seconds, seed);
	return 0;
}
