// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the tracker of writes in flight, through its C face: the same
 * for the tracker in Rust and for the one in C.
 */

#include "inflight.h"

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>

/* Sectors of 32 MB */
#define CHUNK		65536U
/* 100 TB */
#define DEVICE		(100ULL << 31)
/* The longest bio: its length in bytes has 32 bits */
#define LONGEST		(U32_MAX >> 9)

static bool found(struct bch_inflight *t, u64 sector, u32 sectors)
{
	return bch_inflight_check(t, sector, sectors) != BCH_INFLIGHT_NONE;
}

static int inflight_init(struct kunit *test)
{
	test->priv = bch_inflight_alloc(DEVICE);
	return test->priv ? 0 : -ENOMEM;
}

static void inflight_exit(struct kunit *test)
{
	bch_inflight_free(test->priv);
}

static void inflight_edges(struct kunit *test)
{
	static const u32 length[] = {
		1, 8, 511, 512, 513, CHUNK - 1, CHUNK, CHUNK + 1, LONGEST,
	};
	static const u64 border[] = { 0, 512, CHUNK, DEVICE / 2, DEVICE };
	struct bch_inflight *t = test->priv;
	unsigned int i, j, k;

	for (i = 0; i < ARRAY_SIZE(length); i++)
		for (j = 0; j < ARRAY_SIZE(border); j++)
			for (k = 0; k < 3; k++) {
				/* Ends at the border, crosses it, begins there */
				u64 before = k * (u64)length[i] / 2;
				u64 start = border[j] - before;
				u64 end = start + length[i];
				struct bch_inflight_write w = {};

				if (before > border[j] || end > DEVICE)
					continue;

				bch_inflight_record(t, &w, start, length[i]);
				KUNIT_EXPECT_TRUE(test, found(t, start, 1));
				KUNIT_EXPECT_TRUE(test, found(t, end - 1, 1));
				KUNIT_EXPECT_TRUE(test, found(t, start, length[i]));
				if (start)
					KUNIT_EXPECT_TRUE(test, found(t, start - 1, 2));
				KUNIT_EXPECT_FALSE(test, found(t, end + CHUNK, 1));
				bch_inflight_clear(t, &w);
				KUNIT_EXPECT_FALSE(test, found(t, start, length[i]));
				KUNIT_EXPECT_EQ(test, bch_inflight_count(t), 0);
			}
}

static void inflight_exact(struct kunit *test)
{
	struct bch_inflight *t = test->priv;
	struct bch_inflight_write w = {};

	if (!IS_ENABLED(CONFIG_BCACHE_INFLIGHT_RUST))
		kunit_skip(test, "chunks are not exact");

	bch_inflight_record(t, &w, 1000, 100);
	KUNIT_EXPECT_EQ(test, bch_inflight_check(t, 992, 8), BCH_INFLIGHT_NONE);
	KUNIT_EXPECT_EQ(test, bch_inflight_check(t, 993, 8), BCH_INFLIGHT_EXACT);
	KUNIT_EXPECT_EQ(test, bch_inflight_check(t, 1099, 8), BCH_INFLIGHT_EXACT);
	KUNIT_EXPECT_EQ(test, bch_inflight_check(t, 1100, 8), BCH_INFLIGHT_NONE);
	bch_inflight_clear(t, &w);
}

/* One length for each level of the tracker in Rust */
static const u32 inflight_length[] = { 8, 256, 2048, 20000, LONGEST };
/* A border of all of its granules, and of chunks */
#define BORDER		(4ULL << 23)

/* A read finds a write in the last, or in the middle, of the units it touches */
static void inflight_last(struct kunit *test)
{
	static const u32 before[] = { 1, 8, 33, 513, 8193, CHUNK + 1, LONGEST / 2 };
	struct bch_inflight *t = test->priv;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(inflight_length); i++)
		for (j = 0; j < ARRAY_SIZE(before); j++) {
			struct bch_inflight_write w = {};
			u32 n = before[j];

			bch_inflight_record(t, &w, BORDER, inflight_length[i]);
			KUNIT_EXPECT_TRUE(test, found(t, BORDER - n, n + 1));
			KUNIT_EXPECT_TRUE(test, found(t, BORDER - n, 2 * n));
			bch_inflight_clear(t, &w);
			KUNIT_EXPECT_FALSE(test, found(t, BORDER - n, 2 * n));
		}
}

/* More writes of a length than there are slots for it: none is lost */
static void inflight_full(struct kunit *test)
{
	const unsigned int nr = 200;
	struct bch_inflight *t = test->priv;
	struct bch_inflight_write *w;
	unsigned int i, j;

	w = kunit_kcalloc(test, nr, sizeof(*w), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, w);

	for (i = 0; i < ARRAY_SIZE(inflight_length); i++) {
		u32 sectors = inflight_length[i];
		u64 start = BORDER - sectors / 2;

		for (j = 0; j < nr; j++)
			bch_inflight_record(t, &w[j], start, sectors);
		KUNIT_EXPECT_GE(test, bch_inflight_count(t), nr);
		/* The last has come when all slots were taken: leave only it */
		for (j = 0; j < nr; j++) {
			KUNIT_EXPECT_TRUE(test, found(t, start, 1));
			KUNIT_EXPECT_TRUE(test, found(t, start + sectors - 1, 1));
			KUNIT_EXPECT_TRUE(test, found(t, start - CHUNK, CHUNK + 1));
			KUNIT_EXPECT_TRUE(test, found(t, start + sectors - 1, CHUNK));
			bch_inflight_clear(t, &w[j]);
		}
		KUNIT_EXPECT_FALSE(test, found(t, start, sectors));
		KUNIT_EXPECT_EQ(test, bch_inflight_count(t), 0);
	}
}

/* As many as may be in flight at once on 64 MB: what is between them is free */
static void inflight_deep(struct kunit *test)
{
	const unsigned int nr = 4096;
	struct bch_inflight *t = test->priv;
	unsigned int i, missed = 0, invented = 0;
	struct bch_inflight_write *w;

	if (!IS_ENABLED(CONFIG_BCACHE_INFLIGHT_RUST))
		kunit_skip(test, "chunks are not exact");

	w = kvcalloc(nr, sizeof(*w), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, w);

	for (i = 0; i < nr; i++)
		bch_inflight_record(t, &w[i], i * 32, 8);
	for (i = 0; i < nr; i++) {
		missed += !found(t, i * 32 + 7, 1);
		invented += found(t, i * 32 + 8, 8);
	}
	KUNIT_EXPECT_EQ(test, missed, 0);
	KUNIT_EXPECT_EQ(test, invented, 0);
	KUNIT_EXPECT_LE(test, bch_inflight_bytes(t), 65536);
	for (i = 0; i < nr; i++)
		bch_inflight_clear(t, &w[i]);
	KUNIT_EXPECT_EQ(test, bch_inflight_count(t), 0);
	kvfree(w);
}

static void inflight_none(struct kunit *test)
{
	struct bch_inflight *t = test->priv;
	struct bch_inflight_write w = {};

	/* Never recorded, of no length, and cleared once too often */
	bch_inflight_clear(t, &w);
	bch_inflight_record(t, &w, 8, 0);
	KUNIT_EXPECT_FALSE(test, found(t, 0, CHUNK));
	bch_inflight_clear(t, &w);
	bch_inflight_record(t, &w, 8, 8);
	bch_inflight_clear(t, &w);
	bch_inflight_clear(t, &w);
	KUNIT_EXPECT_EQ(test, bch_inflight_count(t), 0);
	KUNIT_EXPECT_FALSE(test, found(t, 0, 0));
}

/* More than 16 bits can count, all in one chunk */
static void inflight_many(struct kunit *test)
{
	const unsigned int nr = 70000;
	struct bch_inflight *t = test->priv;
	struct bch_inflight_write *w;
	unsigned int i, missed = 0;

	w = kvcalloc(nr, sizeof(*w), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, w);

	for (i = 0; i < nr; i++)
		bch_inflight_record(t, &w[i], i % 1000 * 8, 8);
	KUNIT_EXPECT_EQ(test, bch_inflight_count(t), nr);
	KUNIT_EXPECT_LE(test, bch_inflight_bytes(t), 256 * 1024);
	for (i = 0; i < nr; i++) {
		missed += !found(t, i % 1000 * 8, 8);
		bch_inflight_clear(t, &w[i]);
	}
	KUNIT_EXPECT_EQ(test, missed, 0);
	KUNIT_EXPECT_EQ(test, bch_inflight_count(t), 0);
	KUNIT_EXPECT_FALSE(test, found(t, 0, CHUNK));
	kvfree(w);
}

/* A thread that writes without end, and how often it did not find its write */
struct inflight_writer {
	struct bch_inflight	*t;
	struct completion	started;
	unsigned int		missed;
};

/* Writes of every kind around a border of chunks; whether one was not found */
static unsigned int write_once(struct bch_inflight *t, unsigned int round)
{
	static const u32 length[] = { 8, 8, 512, CHUNK, CHUNK + 8, LONGEST };
	struct bch_inflight_write w = {};
	u64 start = CHUNK - 8 + round % 3 * 4;
	u32 sectors = length[round % ARRAY_SIZE(length)];
	bool missed;

	bch_inflight_record(t, &w, start, sectors);
	missed = !found(t, start, 1) || !found(t, start + sectors - 1, 1);
	bch_inflight_clear(t, &w);

	return missed;
}

static int write_on(void *data)
{
	struct inflight_writer *other = data;
	unsigned int round = 0;

	complete(&other->started);
	while (!kthread_should_stop()) {
		other->missed += write_once(other->t, round++);
		if (!(round % 64)) {
			/* As sysfs may at any time; KCSAN looks on */
			bch_inflight_count(other->t);
			bch_inflight_bytes(other->t);
		}
		cond_resched();
	}

	return 0;
}

/* Two at once on the same sectors: the one's end must not end the other's */
static void inflight_two(struct kunit *test)
{
	const unsigned int rounds = 30000;
	struct bch_inflight *t = test->priv;
	struct inflight_writer other = { .t = t };
	struct task_struct *thread;
	unsigned int i, missed = 0;

	init_completion(&other.started);
	thread = kthread_run(write_on, &other, "inflight_two");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	wait_for_completion(&other.started);
	for (i = 0; i < rounds; i++) {
		missed += write_once(t, i);
		cond_resched();
	}
	kthread_stop(thread);

	KUNIT_EXPECT_EQ(test, missed, 0);
	KUNIT_EXPECT_EQ(test, other.missed, 0);
	KUNIT_EXPECT_EQ(test, bch_inflight_count(t), 0);
	KUNIT_EXPECT_FALSE(test, found(t, 0, LONGEST));
}

static struct kunit_case inflight_cases[] = {
	KUNIT_CASE(inflight_edges),
	KUNIT_CASE(inflight_exact),
	KUNIT_CASE(inflight_last),
	KUNIT_CASE(inflight_full),
	KUNIT_CASE(inflight_deep),
	KUNIT_CASE(inflight_none),
	KUNIT_CASE(inflight_many),
	KUNIT_CASE(inflight_two),
	{}
};

static struct kunit_suite inflight_suite = {
	.name = "bcache_inflight",
	.init = inflight_init,
	.exit = inflight_exit,
	.test_cases = inflight_cases,
};

kunit_test_suite(inflight_suite);
