/* SPDX-License-Identifier: MIT */
/* test_virtio.c - the driver against a device of registers in a struct, honest or not. */
#include "boot/virtio.h"

#include "arch/arch.h"
#include "lib/log.h"
#include "tests/test.h"

#define QUEUES    3
#define FEATURES  (VIRTIO_F_VERSION_1 | 1u << 5)
#define STATUS_OK 15 /* acknowledged, driver, features, driver is ready */

enum manner {
	HONEST,
	SILENT,    /* does not give back what it is lent */
	JUMPS,     /* gives back more than it was lent */
	WRONG_ID,  /* gives back another buffer */
	REFUSES,   /* does not keep to the features that it offers */
	NO_RESET,  /* is never reset */
	NOT_READY, /* forgets that the driver is ready */
};

struct fake {
	struct virtio v;
	enum manner manner;
	uint64_t offers;
	uint32_t reg[VIRTIO_REGS];
	unsigned notified;
};

static struct fake *fake_of(struct virtio *v)
{
	return container_of(v, struct fake, v);
}

static uint32_t fake_read(struct virtio *v, enum virtio_reg reg)
{
	struct fake *f = fake_of(v);

	switch (reg) {
	case VIRTIO_DEVICE_FEATURES:
		return (uint32_t)(f->offers >> 32 * f->reg[VIRTIO_DEVICE_FEATURES_SEL]);
	case VIRTIO_QUEUE_MAX:
		return f->reg[VIRTIO_QUEUE_SEL] < QUEUES ? 128 : 0;
	case VIRTIO_STATUS:
		return f->manner == NO_RESET ? 64 : f->reg[reg];
	default:
		return f->reg[reg];
	}
}

static void *address(struct fake *f, enum virtio_reg reg)
{
	return (void *)(uintptr_t)((uint64_t)f->reg[reg + 1] << 32 | f->reg[reg]);
}

/* The device's side of a ring of one entry, by the offsets of the specification. */
static void take_and_give_back(struct fake *f)
{
	uint8_t *desc = address(f, VIRTIO_QUEUE_DESC);
	uint16_t *avail = address(f, VIRTIO_QUEUE_DRIVER);
	_Atomic(uint16_t) *used = address(f, VIRTIO_QUEUE_DEVICE);
	uint32_t *element = (uint32_t *)((char *)used + 4);

	memset((void *)(uintptr_t) * (uint64_t *)desc, 0xee, *(uint32_t *)(desc + 8));
	element[0] = f->manner == WRONG_ID ? 1 : avail[2];
	element[1] = 0;
	used[1] = avail[1] + (f->manner == JUMPS);
}

static void fake_write(struct virtio *v, enum virtio_reg reg, uint32_t value)
{
	struct fake *f = fake_of(v);

	if (reg == VIRTIO_STATUS && f->manner == REFUSES)
		value &= ~8u;
	if (reg == VIRTIO_STATUS && f->manner == NOT_READY)
		value &= ~4u;
	f->reg[reg] = value;
	if (reg == VIRTIO_QUEUE_NOTIFY) {
		f->notified++;
		if (f->manner != SILENT && f->reg[VIRTIO_STATUS] == STATUS_OK)
			take_and_give_back(f);
	}
}

static void make(struct fake *f, enum manner manner)
{
	static const struct virtio_ops ops = { fake_read, fake_write };

	*f = (struct fake){ .v = { .ops = &ops, .patience_ns = 1000000 },
			    .manner = manner,
			    .offers = FEATURES | 3 };
}

static bool begin(struct fake *f, struct virtq *q)
{
	return virtio_begin(&f->v, FEATURES) && virtq_begin(&f->v, q, QUEUES - 1) &&
	       virtio_go(&f->v);
}

/* What is said of bad devices is not wanted among test results. */
static bool quietly_begin(struct fake *f, struct virtq *q)
{
	enum tern_log_level level = tern_log_level();
	bool good;

	tern_log_set_level(TERN_LOG_ERROR);
	good = begin(f, q);
	tern_log_set_level(level);
	return good;
}

static bool quietly_lend(struct fake *f, struct virtq *q, void *buf, uint32_t len)
{
	enum tern_log_level level = tern_log_level();
	bool good;

	tern_log_set_level(TERN_LOG_ERROR);
	good = virtq_lend(&f->v, q, (uintptr_t)buf, len);
	tern_log_set_level(level);
	return good;
}

TEST(virtio, a_buffer_goes_to_the_device_and_comes_back)
{
	struct virtq q;
	struct fake f;
	uint8_t buf[3] = { 1, 2, 3 };

	make(&f, HONEST);
	REQUIRE(begin(&f, &q));
	EXPECT_EQ(f.reg[VIRTIO_STATUS], STATUS_OK);
	EXPECT_EQ(f.reg[VIRTIO_QUEUE_SEL], QUEUES - 1);
	EXPECT_EQ(f.reg[VIRTIO_QUEUE_SIZE], 1);
	EXPECT_EQ(f.reg[VIRTIO_QUEUE_ENABLE], 1);
	EXPECT(virtq_lend(&f.v, &q, (uintptr_t)buf, 2));
	EXPECT_EQ(f.reg[VIRTIO_QUEUE_NOTIFY], QUEUES - 1);
	EXPECT(buf[0] == 0xee && buf[1] == 0xee && buf[2] == 3);
}

/* The ring's counters have 16 bits. */
TEST(virtio, counters_wrap)
{
	struct virtq q;
	struct fake f;
	uint8_t byte;
	unsigned good = 0;

	make(&f, HONEST);
	REQUIRE(begin(&f, &q));
	for (unsigned i = 0; i < 70000; i++)
		good += virtq_lend(&f.v, &q, (uintptr_t)&byte, 1);
	EXPECT_EQ(good, 70000);
}

TEST(virtio, only_what_was_asked_for_is_accepted)
{
	struct virtq q;
	struct fake f;

	make(&f, HONEST);
	REQUIRE(begin(&f, &q));
	EXPECT_EQ(f.reg[VIRTIO_DRIVER_FEATURES_SEL], 1);
	EXPECT_EQ(f.reg[VIRTIO_DRIVER_FEATURES], 1);
	make(&f, HONEST);
	f.offers = VIRTIO_F_VERSION_1;
	EXPECT(!quietly_begin(&f, &q));
	EXPECT(f.v.given_up && f.reg[VIRTIO_STATUS] == 0);
}

TEST(virtio, a_device_that_does_not_begin_is_given_up)
{
	static const enum manner manners[] = { REFUSES, NO_RESET, NOT_READY };

	for (unsigned i = 0; i < ARRAY_SIZE(manners); i++) {
		struct virtq q;
		struct fake f;

		make(&f, manners[i]);
		EXPECT(!quietly_begin(&f, &q));
		EXPECT(f.v.given_up);
		EXPECT_EQ(f.notified, 0);
	}
}

TEST(virtio, a_queue_that_is_not_there_is_not_used)
{
	enum tern_log_level level = tern_log_level();
	struct virtq q;
	struct fake f;

	make(&f, HONEST);
	REQUIRE(virtio_begin(&f.v, FEATURES));
	EXPECT(virtio_has_queue(&f.v, QUEUES - 1));
	EXPECT(!virtio_has_queue(&f.v, QUEUES));
	tern_log_set_level(TERN_LOG_ERROR);
	EXPECT(!virtq_begin(&f.v, &q, QUEUES));
	tern_log_set_level(level);
	EXPECT(f.v.given_up);
}

/* It is reset, so that it cannot come back to the memory later, and not asked again. */
TEST(virtio, an_answer_that_makes_no_sense_ends_it)
{
	static const enum manner manners[] = { SILENT, JUMPS, WRONG_ID };

	for (unsigned i = 0; i < ARRAY_SIZE(manners); i++) {
		struct virtq q;
		struct fake f;
		uint8_t byte;

		make(&f, HONEST);
		REQUIRE(begin(&f, &q));
		EXPECT(virtq_lend(&f.v, &q, (uintptr_t)&byte, 1));
		f.manner = manners[i];
		EXPECT(!quietly_lend(&f, &q, &byte, 1));
		EXPECT(f.v.given_up);
		EXPECT_EQ(f.reg[VIRTIO_STATUS], 0);
		EXPECT_EQ(f.notified, 2);
		f.manner = HONEST;
		EXPECT(!quietly_lend(&f, &q, &byte, 1));
		EXPECT(!quietly_begin(&f, &q));
		EXPECT_EQ(f.notified, 2);
	}
}
