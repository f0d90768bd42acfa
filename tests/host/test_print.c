/* SPDX-License-Identifier: MIT */
/* test_print.c - random formats: tern_snprintf() against the C library's snprintf().
 *
 * Only what C defines is drawn: flags that a conversion knows, and no pointers, whose form is
 * left open. Cut buffers are part of it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <tern/tern.h>

#include "boot/host/host.h"
#include "tests/test.h"

#define ROUNDS 20000

/* Formats that no compiler has seen. */
static int (*volatile libc_format)(char *, size_t, const char *, ...) = snprintf;
static size_t (*volatile tern_format)(char *, size_t, const char *, ...) = tern_snprintf;

/* A drawn conversion. Arguments: an int for each *, then value or text. */
struct conversion {
	char format[48];
	unsigned stars;
	int star[2];
	bool is_text, is_wide; /* wide: 8 bytes */
	uint64_t value;
	char text[24];
};

static char *append(char *p, const char *what)
{
	size_t len = strlen(what);

	memcpy(p, what, len + 1);
	return p + len;
}

static bool coin(struct test *t)
{
	return test_random_below(t, 2);
}

static char *draw_flags(struct test *t, char *p, char kind)
{
	const char *known = "-";

	if (strchr("di", kind))
		known = "-0+ ";
	else if (strchr("oxX", kind))
		known = "-0#";
	else if (kind == 'u')
		known = "-0";

	while (test_random_below(t, 3)) {
		char flag[2] = { known[test_random_below(t, strlen(known))], '\0' };

		p = append(p, flag);
	}
	return p;
}

/* Nothing, digits, or a * with its argument. */
static char *draw_number(struct test *t, struct conversion *c, char *p)
{
	int n = (int)test_random_below(t, 40);

	switch (test_random_below(t, 4)) {
	case 0:
		c->star[c->stars++] = coin(t) ? n : -n;
		return append(p, "*");
	case 1:
		return p;
	default:
		return p + sprintf(p, "%d", n ? n : 1);
	}
}

static void draw_argument(struct test *t, struct conversion *c)
{
	size_t len = test_random_below(t, sizeof(c->text));

	c->value = test_random(t) >> test_random_below(t, 64);
	if (coin(t))
		c->value = -c->value;
	for (size_t i = 0; i < len; i++)
		c->text[i] = (char)('a' + test_random_below(t, 26));
}

static struct conversion draw(struct test *t)
{
	static const char kinds[] = "diuoxXcs";
	static const char *const lengths[] = { "hh", "h", "", "l", "ll", "z", "t", "j" };
	struct conversion c = { .format = "a%" };
	char kind[2] = { kinds[test_random_below(t, sizeof(kinds) - 1)], '\0' };
	char *p = draw_number(t, &c, draw_flags(t, c.format + 2, kind[0]));

	c.is_text = kind[0] == 's';
	if (kind[0] != 'c' && coin(t))
		p = draw_number(t, &c, append(p, "."));
	if (!strchr("cs", kind[0])) {
		unsigned i = (unsigned)test_random_below(t, ARRAY_SIZE(lengths));

		p = append(p, lengths[i]);
		c.is_wide = i > 2;
	}
	append(append(p, kind), "%%z");
	draw_argument(t, &c);
	if (kind[0] == 'c')
		c.value = 'a' + c.value % 26;
	return c;
}

/* One call of either function, by what its arguments are. */
#define CALL(fn, buf, size, c)                                                                     \
	((c)->is_text   ? CALL_WITH(fn, buf, size, c, (c)->text)                                   \
	 : (c)->is_wide ? CALL_WITH(fn, buf, size, c, (c)->value)                                  \
			: CALL_WITH(fn, buf, size, c, (unsigned)(c)->value))
#define CALL_WITH(fn, buf, size, c, arg)                                                           \
	((c)->stars == 0   ? fn(buf, size, (c)->format, arg)                                       \
	 : (c)->stars == 1 ? fn(buf, size, (c)->format, (c)->star[0], arg)                         \
			   : fn(buf, size, (c)->format, (c)->star[0], (c)->star[1], arg))

TEST(print, agrees_with_a_c_library)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		char ours[128], theirs[128];
		struct conversion c = draw(t);
		size_t size = coin(t) ? sizeof(ours) : test_random_below(t, 48);
		size_t our_len, their_len;

		ours[0] = theirs[0] = '\0';
		our_len = CALL(tern_format, ours, size, &c);
		their_len = (size_t)CALL(libc_format, theirs, size, &c);
		if (our_len != their_len || strcmp(ours, theirs) != 0) {
			test_note(t, "format \"%s\", * %d %d, value %#llx, \"%s\", size %zu",
				  c.format, c.star[0], c.star[1], (unsigned long long)c.value,
				  c.text, size);
			EXPECT_STR(ours, theirs);
			EXPECT_EQ(our_len, their_len);
			return;
		}
	}
}

/* tern_printf() hands text on in pieces; none is lost, doubled or empty. */
TEST(print, goes_to_the_port_in_full)
{
	char want[600], got[600];

	for (int width = 1; width < 500; width++) {
		snprintf(want, sizeof(want), "<%*d>%s\n", width, width, "end");
		host_capture(got, sizeof(got));
		tern_printf("<%*d>%s\n", width, width, "end");
		host_capture(NULL, 0);
		if (!EXPECT_STR(got, want))
			return;
	}
}
