/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BCACHE_INFLIGHT_H
#define _BCACHE_INFLIGHT_H

/*
 * Writes on their way to the backing device.
 *
 * A read miss must not put into the cache what it reads from the backing device
 * while a write to the same range is under way: the write's invalidation may
 * have come before the read's placeholder, and its data may land after the read
 * has got the old ones. So:
 *
 * - every write is recorded before it can touch the btree or find that there is
 *   no cache, and cleared once, when both its backing write and its index
 *   update are done;
 * - a read miss looks here after it has planted its placeholder and before it
 *   submits its backing read.
 *
 * A placeholder that survives was planted after the invalidation. Both take the
 * write lock of the same btree leaf, so the record made before the invalidation
 * is visible after the placeholder.
 *
 * Only "there is none" has to be true; a needless "there may be one" costs a
 * fill. No call but bch_inflight_alloc() sleeps or fails, and all others may be
 * made with interrupts off.
 */

#include <linux/types.h>

struct bch_inflight;

/**
 * struct bch_inflight_write - what a write keeps of its record
 * @sector:	first sector on the backing device
 * @sectors:	length, 0 when nothing is recorded
 * @place:	the tracker's own
 *
 * Plain data, may be copied; a zeroed one is not recorded.
 */
struct bch_inflight_write {
	u64	sector;
	u32	sectors;
	u16	place[2];
};

/**
 * enum bch_inflight_overlap - what a check has found
 * @BCH_INFLIGHT_NONE:		no write in flight overlaps
 * @BCH_INFLIGHT_EXACT:		one does
 * @BCH_INFLIGHT_POSSIBLE:	one may: the tracker is too coarse, or too full,
 *				to tell
 */
enum bch_inflight_overlap {
	BCH_INFLIGHT_NONE,
	BCH_INFLIGHT_EXACT,
	BCH_INFLIGHT_POSSIBLE,
};

/* For a backing device of that many sectors; NULL when there is no memory. */
struct bch_inflight *bch_inflight_alloc(u64 sectors);

/* @t may be NULL. */
void bch_inflight_free(struct bch_inflight *t);

/*
 * Record a write of @sectors, which may be none. What follows is fully ordered
 * after the record.
 */
void bch_inflight_record(struct bch_inflight *t, struct bch_inflight_write *w,
			 u64 sector, u32 sectors);

/* End a record, if there is one. What precedes is ordered before its end. */
void bch_inflight_clear(struct bch_inflight *t, struct bch_inflight_write *w);

/*
 * Look for writes in flight that overlap. What follows is ordered after the end
 * of those that are not found any more.
 */
enum bch_inflight_overlap bch_inflight_check(struct bch_inflight *t,
					     u64 sector, u32 sectors);

#endif
