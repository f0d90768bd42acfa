/* SPDX-License-Identifier: MIT */
/* test_print.c - what tern_snprintf() makes of each conversion, in any size of buffer.
 *
 * tests/host/test_print.c compares random formats with a C library; this table is what must hold
 * on every machine, and where a C library is free to differ. */
#include <stdbool.h>

#include <tern/tern.h>

#include "tests/test.h"

/* Formats that the compiler would not let pass. */
static size_t (*volatile unchecked)(char *, size_t, const char *, ...) = tern_snprintf;

#define EXPECT_TEXT(expected, ...)                                                                 \
	do {                                                                                       \
		char text_[96];                                                                    \
		size_t len_ = tern_snprintf(text_, sizeof(text_), __VA_ARGS__);                    \
		EXPECT_STR(text_, expected);                                                       \
		EXPECT_EQ(len_, tern_str_len(expected));                                           \
	} while (0)
#define EXPECT_UNCHECKED(expected, ...)                                                            \
	do {                                                                                       \
		char text_[96];                                                                    \
		size_t len_ = unchecked(text_, sizeof(text_), __VA_ARGS__);                        \
		EXPECT_STR(text_, expected);                                                       \
		EXPECT_EQ(len_, tern_str_len(expected));                                           \
	} while (0)

TEST(print, integers)
{
	EXPECT_TEXT("0", "%d", 0);
	EXPECT_TEXT("-2147483648", "%d", -2147483647 - 1);
	EXPECT_TEXT("4294967295", "%u", 4294967295u);
	EXPECT_TEXT("-9223372036854775808", "%lld", -9223372036854775807ll - 1);
	EXPECT_TEXT("18446744073709551615", "%llu", ~0ull);
	EXPECT_TEXT("1777777777777777777777", "%llo", ~0ull);
	EXPECT_TEXT("ffffffffffffffff", "%lx", ~0ul);
	EXPECT_TEXT("DEADBEEF", "%X", 0xdeadbeefu);
	EXPECT_TEXT("7 -7 +7", "%i %i %+i", 7, -7, 7);
	EXPECT_TEXT(" 7 -7", "% d % d", 7, -7);
}

TEST(print, lengths)
{
	EXPECT_TEXT("-1 255", "%hhd %hhu", (signed char)-1, (unsigned char)255);
	EXPECT_TEXT("-1 65535", "%hd %hu", (short)-1, (unsigned short)65535);
	EXPECT_TEXT("-1 18446744073709551615", "%zd %zu", (ptrdiff_t)-1, (size_t)-1);
	EXPECT_TEXT("-1", "%td", (ptrdiff_t)-1);
	EXPECT_TEXT("-1 18446744073709551615", "%jd %ju", (intmax_t)-1, (uintmax_t)-1);
	EXPECT_UNCHECKED("-128 0", "%hhd %hhu", 0x180, 0x100);
	EXPECT_UNCHECKED("-32768 0", "%hd %hu", 0x18000, 0x10000);
}

TEST(print, width_and_flags)
{
	EXPECT_TEXT("[   42][42   ][00042]", "[%5d][%-5d][%05d]", 42, 42, 42);
	EXPECT_TEXT("[  -42][-0042]", "[%5d][%05d]", -42, -42);
	EXPECT_TEXT("[+0042][   +42]", "[%+05d][%+6d]", 42, 42);
	EXPECT_TEXT("0x2a 0X2A 0", "%#x %#X %#x", 42, 42, 0);
	EXPECT_TEXT("[0x00002a][    0x2a]", "[%#08x][%#8x]", 42, 42);
	EXPECT_TEXT("052 0", "%#o %#o", 42, 0);
	EXPECT_TEXT("[   42][42   ]", "[%*d][%*d]", 5, 42, -5, 42);
}

TEST(print, precision)
{
	EXPECT_TEXT("[00042][  042][042  ]", "[%.5d][%5.3d][%-5.3d]", 42, 42, 42);
	EXPECT_TEXT("[]", "[%.0d]", 0);
	EXPECT_TEXT("[0][052]", "[%#.0o][%#.3o]", 0, 42);
	EXPECT_TEXT("[042][42]", "[%.*d][%.*d]", 3, 42, -3, 42);
	EXPECT_UNCHECKED("[  042]", "[%05.3d]", 42);
}

TEST(print, text)
{
	char unterminated[3] = { 'a', 'b', 'c' };

	EXPECT_TEXT("a string", "a %s", "string");
	EXPECT_TEXT("[  abc][abc  ]", "[%5s][%-5s]", "abc", "abc");
	EXPECT_TEXT("[ab][  ab]", "[%.2s][%4.2s]", "abc", "abc");
	EXPECT_TEXT("[abc]", "[%.3s]", unterminated);
	EXPECT_TEXT("[]", "[%.0s]", "abc");
	EXPECT_TEXT("x  y  z", "%c%3c%3c", 'x', 'y', 'z');
	EXPECT_TEXT("[x  ]", "[%-3c]", 'x');
	EXPECT_TEXT("100%", "%d%%", 100);
	EXPECT_UNCHECKED("[(null)][(nu]", "[%s][%.3s]", NULL, NULL);
}

TEST(print, pointers)
{
	EXPECT_TEXT("0x0", "%p", (void *)0);
	EXPECT_TEXT("0xdeadbeef", "%p", (void *)0xdeadbeeful);
	EXPECT_TEXT("[    0x10][0x10    ]", "[%8p][%-8p]", (void *)16, (void *)16);
}

TEST(print, an_unknown_conversion_is_shown)
{
	EXPECT_UNCHECKED("%y", "%y");
	EXPECT_UNCHECKED("a %f 1", "a %f %d", 1);
	EXPECT_UNCHECKED("50%", "50%");
	EXPECT_UNCHECKED("%-5", "%-5");
	EXPECT_UNCHECKED("%l", "%l");
	EXPECT_UNCHECKED("%h", "%h");
}

TEST(print, numbers_of_the_format_that_are_absurd)
{
	char text[8];
	int min = -2147483647 - 1, max = 2147483647;

	EXPECT_EQ(unchecked(text, sizeof(text), "%*d", min, 1), 1000000);
	EXPECT_STR(text, "1      ");
	EXPECT_EQ(unchecked(text, sizeof(text), "%*d", max, 1), 1000000);
	EXPECT_EQ(unchecked(text, sizeof(text), "%.*d", max, 1), 1000000);
	EXPECT_EQ(unchecked(text, sizeof(text), "%.*d", min, 1), 1);
	EXPECT(unchecked(text, sizeof(text), "%99999999999d", 1) <= 1000000);
}

TEST(print, a_text_that_does_not_fit_is_cut)
{
	static const char whole[] = "12345 abcdef";
	char text[sizeof(whole) + 2];

	for (size_t size = 0; size < sizeof(text); size++) {
		size_t fits = size < sizeof(whole) ? size : sizeof(whole);

		memset(text, '!', sizeof(text));
		EXPECT_EQ(tern_snprintf(text, size, "%d %s", 12345, "abcdef"), sizeof(whole) - 1);
		if (fits) {
			EXPECT_EQ(memcmp(text, whole, fits - 1), 0);
			EXPECT_EQ(text[fits - 1], '\0');
		}
		for (size_t i = fits; i < sizeof(text); i++)
			EXPECT_EQ(text[i], '!');
	}
	EXPECT_EQ(tern_snprintf(NULL, 0, "%s", whole), sizeof(whole) - 1);
}
