/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BCACHE_INFLIGHT_H
#define _BCACHE_INFLIGHT_H

/*
 * Writes on their way to the backing device.
 *
 * A read miss must not put into the cache what it reads from the backing device
 * while a write to the same range is under way: the write's invalidation may
 * have come before the read's placeholder, and its data may land after the read
 * has got the old ones. So every write is recorded here from before it can
 * touch the btree until it is done with both the btree and the backing device,
 * and a read miss looks here after it has planted its placeholder.
 *
 * Only "there is none" has to be true; a needless "there is one" costs a fill.
 */

#include <linux/types.h>

struct bch_inflight;

/**
 * struct bch_inflight_write - what a write keeps of its record
 * @sector:	first sector on the backing device
 * @sectors:	length, 0 when nothing is recorded
 *
 * Plain data, may be copied. A zeroed one is not recorded.
 */
struct bch_inflight_write {
	u64	sector;
	u32	sectors;
};

#ifdef CONFIG_BCACHE_INFLIGHT_RUST

struct bch_inflight *bch_inflight_alloc(u64 sectors);
void bch_inflight_free(struct bch_inflight *t);
void bch_inflight_record(struct bch_inflight *t, struct bch_inflight_write *w,
			 u64 sector, u32 sectors);
void bch_inflight_clear(struct bch_inflight *t, struct bch_inflight_write *w);
bool bch_inflight_overlaps(struct bch_inflight *t, u64 sector, u32 sectors);

#else
#error "no tracker is configured: this arm needs CONFIG_BCACHE_INFLIGHT_RUST"
#endif

#endif
