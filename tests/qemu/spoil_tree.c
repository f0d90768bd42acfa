/* SPDX-License-Identifier: MIT */
/* spoil_tree.c - make a device tree that a kernel must refuse, and the code that hands it over.
 *
 * usage: spoil-tree CHANGE TREE PACKAGE
 * QEMU mends and checks what it is given by -dtb; so the package is loaded into RAM as it is, at
 * PACKAGE_BASE: a few instructions that put the tree's address into x0 and jump to the image, and
 * behind them the tree, changed in one place. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PACKAGE_BASE 0x42000000u
#define TREE_OFFSET  0x1000u
#define IMAGE_BASE   0x40200000u
#define SIZE_MAX_    (4u << 20)

static unsigned char package[TREE_OFFSET + SIZE_MAX_];
static unsigned char *const tree = package + TREE_OFFSET;
static size_t size;

static void put32(size_t offset, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		tree[offset + i] = (unsigned char)(value >> (24 - 8 * i));
}

static uint32_t get32(size_t offset)
{
	return (uint32_t)tree[offset] << 24 | tree[offset + 1] << 16 | tree[offset + 2] << 8 |
	       tree[offset + 3];
}

/* Change every occurrence of a word by one letter. */
static void misspell(const char *word)
{
	size_t len = strlen(word);
	int found = 0;

	for (size_t i = 0; i + len <= size; i++) {
		if (memcmp(tree + i, word, len) != 0)
			continue;
		tree[i + len / 2] = 'X';
		found++;
	}
	if (!found) {
		fprintf(stderr, "spoil-tree: no %s in the tree\n", word);
		exit(1);
	}
}

static void spoil(const char *change)
{
	if (strcmp(change, "none") == 0)
		return;
	if (strcmp(change, "magic") == 0)
		put32(0, 0xdeadbeef);
	else if (strcmp(change, "truncated") == 0)
		put32(4, get32(8) + 64); /* total size ends within the structure block */
	else if (strcmp(change, "size-huge") == 0)
		put32(4, 0x7fffffff);
	else if (strcmp(change, "bad-token") == 0)
		put32(get32(8) + 8, 0x77777777); /* behind the root's begin token and name */
	else if (strcmp(change, "no-memory") == 0)
		misspell("memory");
	else if (strcmp(change, "no-cpus") == 0)
		misspell("cpus");
	else if (strcmp(change, "no-gic") == 0)
		misspell("arm,gic-v3");
	else {
		fprintf(stderr, "spoil-tree: %s: no such change\n", change);
		exit(2);
	}
}

static void put_code(void)
{
	static const uint32_t code[] = {
		0x58000080, /* ldr x0, tree */
		0x580000a4, /* ldr x4, image */
		0xd61f0080, /* br x4 */
		0xd503201f, /* nop */
		PACKAGE_BASE + TREE_OFFSET,
		0,
		IMAGE_BASE,
		0,
	};

	for (size_t i = 0; i < sizeof(code) / sizeof(code[0]); i++)
		for (int k = 0; k < 4; k++)
			package[4 * i + k] = (unsigned char)(code[i] >> (8 * k));
}

int main(int argc, char **argv)
{
	FILE *in, *out;

	if (argc != 4) {
		fprintf(stderr, "usage: spoil-tree CHANGE TREE PACKAGE\n");
		return 2;
	}
	in = fopen(argv[2], "rb");
	out = fopen(argv[3], "wb");
	if (!in || !out || !(size = fread(tree, 1, SIZE_MAX_, in))) {
		perror(in ? argv[3] : argv[2]);
		return 1;
	}
	spoil(argv[1]);
	put_code();
	fwrite(package, 1, TREE_OFFSET + size, out);
	return fclose(out) != 0;
}
