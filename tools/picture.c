/* SPDX-License-Identifier: MIT */
/* picture.c - make pictures (SVG) of what a kernel wrote by include/tern/observe.h.
 *
 *   picture heap < DUMP > MAP.svg      from tern_heap_dump(): what each part of memory holds
 *   picture time < TRACE > TIME.svg    from tern_trace_write(): what each CPU did, and the heap's size
 *
 * Lines that are not of the form are passed over, so that a console's log will do. docs/observing.md
 * explains the pictures. Runs on the build machine, with a C library alone. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX 1024

static void fail(const char *what)
{
	fprintf(stderr, "picture: %s\n", what);
	exit(1);
}

/* An array that grows. */
struct list {
	char *items;
	size_t n, room, size;
};

static void *add(struct list *l)
{
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 1024;
		l->items = realloc(l->items, l->room * l->size);
		if (!l->items)
			fail("no memory");
	}
	return memset(l->items + l->n++ * l->size, 0, l->size);
}

static void begin_svg(unsigned width, unsigned height)
{
	printf("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
	       "font-family=\"monospace\" font-size=\"11\">\n"
	       "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
	       width, height);
}

static void box(double x, double y, double width, double height, const char *color)
{
	printf("<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"/>\n", x, y,
	       width, height, color);
}

/* --- the heap -------------------------------------------------------------------------------- */

enum what { LIVE, GARBAGE, MANUAL, SLOT_FREE, RUN, STACK, RECORDS, CACHED, FREE, WHATS };

static const struct {
	const char *name, *color;
} whats[WHATS] = {
	[LIVE] = { "live", "#2e7d32" },         [GARBAGE] = { "garbage", "#c62828" },
	[MANUAL] = { "manual", "#1565c0" },     [SLOT_FREE] = { "free slots", "#e8d9a0" },
	[RUN] = { "runs of pages", "#6a1b9a" }, [STACK] = { "stacks", "#00838f" },
	[RECORDS] = { "records", "#5d4037" },   [CACHED] = { "cached", "#cfd8dc" },
	[FREE] = { "free", "#eceff1" },
};

#define CELLS    128u
#define ROWS_MAX 96u
#define CELL     8u
#define LEFT     150u

/* One after another, by address or not. */
struct stretch {
	uint64_t start, size;
	enum what what;
};

struct cell {
	uint64_t number;
	uint64_t bytes[WHATS];
};

static struct list stretches = { .size = sizeof(struct stretch) };

static void add_stretch(uint64_t start, uint64_t size, enum what what)
{
	if (size)
		*(struct stretch *)add(&stretches) = (struct stretch){ start, size, what };
}

/* The span whose bits follow. */
static struct {
	uint64_t start, size, slot;
	unsigned nslots, next;
	bool manual;
} span;

static void end_span(void)
{
	uint64_t used = span.slot * span.nslots;

	if (span.size > used)
		add_stretch(span.start + used, span.size - used, SLOT_FREE);
	span.size = 0;
}

static void add_slots(uint64_t used, uint64_t seen)
{
	for (unsigned i = 0; i < 64 && span.next < span.nslots; i++, span.next++) {
		enum what what = !(used >> i & 1) ? SLOT_FREE
				 : span.manual    ? MANUAL
				 : seen >> i & 1  ? LIVE
						  : GARBAGE;

		add_stretch(span.start + span.next * span.slot, span.slot, what);
	}
}

static void add_pages(uint64_t start, uint64_t size, const char *state)
{
	static const char *const names[] = { "run", "stack", "records", "cached", "free" };

	/* Small and large ones are told by spans. */
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(state, names[i]) == 0)
			add_stretch(start, size, RUN + i);
}

static void read_dump_line(const char *line)
{
	uint64_t a, b, slot;
	char word[16];
	unsigned n;

	if (sscanf(line, "pages 0x%" SCNx64 " %" SCNu64 " %15s", &a, &b, word) == 3) {
		add_pages(a, b, word);
	} else if (sscanf(line, "span 0x%" SCNx64 " %" SCNu64 " %15s %" SCNu64 " %u", &a, &b, word,
			  &slot, &n) == 5) {
		end_span();
		span.start = a;
		span.size = b;
		span.slot = slot;
		span.nslots = n;
		span.next = 0;
		span.manual = strcmp(word, "manual") == 0;
	} else if (sscanf(line, "bits %" SCNx64 " %" SCNx64, &a, &b) == 2) {
		add_slots(a, b);
	} else if (strncmp(line, "end", 3) == 0) {
		end_span();
	}
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static size_t count_rows(uint64_t cell)
{
	struct list rows = { .size = sizeof(uint64_t) };
	uint64_t *row, last = UINT64_MAX;
	size_t n = 0;

	for (size_t i = 0; i < stretches.n; i++) {
		struct stretch *s = (struct stretch *)stretches.items + i;

		for (uint64_t r = s->start / cell / CELLS;
		     r <= (s->start + (s->size - 1)) / cell / CELLS; r++)
			if (r != last || !rows.n)
				*(uint64_t *)add(&rows) = last = r;
	}
	row = (uint64_t *)rows.items;
	if (row)
		qsort(row, rows.n, sizeof(*row), by_number);
	for (size_t i = 0; i < rows.n; i++)
		n += i == 0 || row[i] != row[i - 1];
	free(row);
	return n;
}

static void cut_into(struct list *cells, const struct stretch *s, uint64_t size)
{
	for (uint64_t at = s->start, left = s->size; left;) {
		uint64_t part = size - at % size;
		struct cell *c = cells->n ? (struct cell *)cells->items + (cells->n - 1) : NULL;

		part = part < left ? part : left;
		if (!c || c->number != at / size) {
			c = add(cells);
			c->number = at / size;
		}
		c->bytes[s->what] += part;
		at += part;
		left -= part;
	}
}

/* From the top: what stands first in the legend. */
static void draw_cell(const struct cell *c, unsigned row, uint64_t size)
{
	double x = LEFT + c->number % CELLS * CELL, y = 40 + row * (CELL + 2);

	for (unsigned w = 0; w < WHATS; w++) {
		double height = (double)c->bytes[w] / (double)size * CELL;

		if (c->bytes[w])
			box(x, y, CELL - 0.5, height, whats[w].color);
		y += height;
	}
}

static void merge(struct list *cells)
{
	struct cell *c = (struct cell *)cells->items;
	size_t n = 0;

	qsort(c, cells->n, sizeof(*c), by_number);
	for (size_t i = 1; i < cells->n; i++) {
		if (c[i].number != c[n].number) {
			c[++n] = c[i];
			continue;
		}
		for (unsigned w = 0; w < WHATS; w++)
			c[n].bytes[w] += c[i].bytes[w];
	}
	cells->n = n + 1;
}

static void draw_legend(uint64_t size)
{
	uint64_t bytes[WHATS] = { 0 };
	double x = 8;

	for (size_t i = 0; i < stretches.n; i++) {
		struct stretch *s = (struct stretch *)stretches.items + i;

		bytes[s->what] += s->size;
	}
	for (unsigned w = 0; w < WHATS; w++) {
		char text[64];
		int n = snprintf(text, sizeof(text), "%s %" PRIu64 " KiB", whats[w].name,
				 bytes[w] / 1024);

		box(x, 6, 10, 10, whats[w].color);
		printf("<text x=\"%.0f\" y=\"15\">%s</text>\n", x + 14, text);
		x += 26 + n * 6.7;
	}
	printf("<text x=\"8\" y=\"32\">each cell is %" PRIu64 " KiB</text>\n", size / 1024);
}

static void draw_heap(void)
{
	struct list cells = { .size = sizeof(struct cell) };
	uint64_t size = 8192, last = UINT64_MAX;
	unsigned row = 0;
	size_t rows;

	if (!stretches.n)
		fail("no heap dump");
	while ((rows = count_rows(size)) > ROWS_MAX)
		size *= 2;
	for (size_t i = 0; i < stretches.n; i++)
		cut_into(&cells, (struct stretch *)stretches.items + i, size);
	merge(&cells);
	begin_svg(LEFT + CELLS * CELL + 8, 48 + (unsigned)rows * (CELL + 2));
	draw_legend(size);
	for (size_t i = 0; i < cells.n; i++) {
		struct cell *c = (struct cell *)cells.items + i;

		if (c->number / CELLS != last) {
			row += i != 0;
			last = c->number / CELLS;
			printf("<text x=\"8\" y=\"%u\">0x%" PRIx64 "</text>\n",
			       40 + row * (CELL + 2) + CELL, last * CELLS * size);
		}
		draw_cell(c, row, size);
	}
	printf("</svg>\n");
	free(cells.items);
}

/* --- time ------------------------------------------------------------------------------------ */

#define WIDTH    1200.0
#define LANE     26u
#define CHART    160u
#define CPUS_MAX 256u

static const struct {
	const char *name, *color;
} kinds[] = {
	{ "pause", "#ef9a9a" }, { "stopped", "#ffcdd2" }, { "stop", "#b71c1c" },
	{ "mark", "#1565c0" },  { "settle", "#6a1b9a" },  { "sweep", "#2e7d32" },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct event {
	double start, length; /* us */
	unsigned cpu, kind;
};

struct sample {
	double at;
	double live, goal; /* goal 0: none */
};

static struct list events = { .size = sizeof(struct event) };
static struct list samples = { .size = sizeof(struct sample) };

/* The number behind a name in a line of JSON; 0 if it is not there. */
static double number_of(const char *line, const char *name)
{
	char key[32];
	const char *at;

	snprintf(key, sizeof(key), "\"%s\":", name);
	at = strstr(line, key);
	return at ? strtod(at + strlen(key), NULL) : 0;
}

static void read_trace_line(const char *line)
{
	char name[32];

	if (strstr(line, "\"ph\":\"C\"")) {
		*(struct sample *)add(&samples) =
			(struct sample){ number_of(line, "ts"), number_of(line, "live"),
					 number_of(line, "goal") };
		return;
	}
	if (!strstr(line, "\"ph\":\"X\"") || number_of(line, "tid") >= CPUS_MAX)
		return;
	for (unsigned k = 0; k < KINDS; k++) {
		snprintf(name, sizeof(name), "\"name\":\"%s\"", kinds[k].name);
		if (strstr(line, name))
			*(struct event *)add(&events) =
				(struct event){ number_of(line, "ts"), number_of(line, "dur"),
						(unsigned)number_of(line, "tid"), k };
	}
}

static int by_kind(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	return x->kind < y->kind ? -1 : x->kind > y->kind;
}

static int by_time(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* What the whole picture spans. */
static double first_us = -1, last_us, most_bytes = 1;
static unsigned ncpus;

static void see_time(double start, double end)
{
	if (first_us < 0 || start < first_us)
		first_us = start;
	if (end > last_us)
		last_us = end;
}

static void see_all(void)
{
	for (size_t i = 0; i < events.n; i++) {
		const struct event *e = (struct event *)events.items + i;

		see_time(e->start, e->start + e->length);
		if (e->cpu >= ncpus)
			ncpus = e->cpu + 1;
	}
	for (size_t i = 0; i < samples.n; i++) {
		const struct sample *s = (struct sample *)samples.items + i;

		see_time(s->at, s->at);
		most_bytes = s->live > most_bytes ? s->live : most_bytes;
		most_bytes = s->goal > most_bytes ? s->goal : most_bytes;
	}
	if (last_us <= first_us)
		last_us = first_us + 1;
}

static double x_of(double us)
{
	return 60 + (us - first_us) / (last_us - first_us) * WIDTH;
}

static double y_of(double bytes)
{
	return 40 + ncpus * LANE + CHART - bytes / most_bytes * (CHART - 12);
}

static void draw_events(void)
{
	qsort(events.items, events.n, sizeof(struct event), by_kind);
	for (size_t i = 0; i < events.n; i++) {
		const struct event *e = (struct event *)events.items + i;
		double width = x_of(e->start + e->length) - x_of(e->start);
		bool around = e->kind < 2; /* others lie within it */

		printf("<g><title>%s %.3f us at %.3f us</title>", kinds[e->kind].name, e->length,
		       e->start - first_us);
		box(x_of(e->start), 30 + e->cpu * LANE + (around ? 0 : 4),
		    width < 0.4 ? 0.4 : width, around ? LANE - 4 : LANE - 12, kinds[e->kind].color);
		printf("</g>\n");
	}
}

static void draw_line(const char *color, bool goal)
{
	bool any = false;

	for (size_t i = 0; i < samples.n; i++) {
		const struct sample *s = (struct sample *)samples.items + i;
		double bytes = goal ? s->goal : s->live;

		if (goal && bytes == 0)
			continue;
		printf("%s%.2f,%.2f", any ? " " : "<polyline points=\"", x_of(s->at), y_of(bytes));
		any = true;
	}
	if (any)
		printf("\" fill=\"none\" stroke=\"%s\"/>\n", color);
}

static void draw_frame(void)
{
	double x = 60;

	for (unsigned k = 0; k < KINDS; k++, x += 90) {
		box(x, 6, 10, 10, kinds[k].color);
		printf("<text x=\"%.0f\" y=\"15\">%s</text>\n", x + 14, kinds[k].name);
	}
	printf("<text x=\"%.0f\" y=\"15\">heap: live, goal (orange), up to %.1f MiB; %.3f ms in all</text>\n",
	       x, most_bytes / 1048576, (last_us - first_us) / 1000);
	for (unsigned cpu = 0; cpu < ncpus; cpu++)
		printf("<text x=\"8\" y=\"%u\">CPU %u</text>\n", 30 + cpu * LANE + 15, cpu);
	for (unsigned i = 0; i <= 10; i++) {
		double at = first_us + (last_us - first_us) * i / 10;

		printf("<line x1=\"%.1f\" x2=\"%.1f\" y1=\"24\" y2=\"%u\" stroke=\"#ddd\"/>\n",
		       x_of(at), x_of(at), 40 + ncpus * LANE + CHART);
		printf("<text x=\"%.1f\" y=\"%u\">%.2f ms</text>\n", x_of(at),
		       54 + ncpus * LANE + CHART, (at - first_us) / 1000);
	}
}

static void draw_time(void)
{
	if (!events.n)
		fail("no trace");
	see_all();
	begin_svg((unsigned)WIDTH + 140, 64 + ncpus * LANE + CHART);
	draw_frame();
	draw_events();
	qsort(samples.items, samples.n, sizeof(struct sample), by_time);
	draw_line("#ef6c00", true);
	draw_line("#000", false);
	printf("</svg>\n");
}

int main(int argc, char **argv)
{
	bool heap = argc == 2 && strcmp(argv[1], "heap") == 0;
	char line[LINE_MAX];

	if (!heap && !(argc == 2 && strcmp(argv[1], "time") == 0))
		fail("usage: picture heap|time < WHAT WAS WRITTEN > SVG");
	while (fgets(line, sizeof(line), stdin))
		(heap ? read_dump_line : read_trace_line)(line);
	(heap ? draw_heap : draw_time)();
	free(stretches.items);
	free(events.items);
	free(samples.items);
	return 0;
}
