// SPDX-License-Identifier: GPL-2.0
/*
 * Writes on their way to the backing device, counted per chunk of 32 MB.
 *
 * The counters come in pages that are allocated when they are needed and go
 * when all of their counters are zero, each page under its own lock. Where
 * there is no memory for a page, writes count for all of its range at once:
 * coarser, but never lost.
 *
 * Counters have 32 bits. Each write in flight has hundreds of bytes of memory of
 * its own, so memory ends long before a counter does.
 */

#include "inflight.h"

#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

/* Sectors of a chunk, as a shift */
#define CHUNK_SHIFT		16
#define CHUNKS_PER_PAGE		(PAGE_SIZE / sizeof(u32))

struct counter_page {
	/* Protects the others; @count is also read without */
	spinlock_t		lock;
	/* Writes counted here, in @count or not */
	u32			writes;
	/* Those among them that count for the whole page */
	u32			coarse;
	u32			*count;
};

struct bch_inflight {
	/* An empty page, so that a lonely write need not allocate and free */
	u32			*spare;
	u32			nr_pages;
	struct counter_page	pages[] __counted_by(nr_pages);
};

/* The part of a range that lies in one page */
struct part {
	struct counter_page	*page;
	u32			first, last;
};

/* Part @i of a range; false when there is none. A bio has two at most. */
static bool part_of(struct bch_inflight *t, u64 sector, u32 sectors,
		    unsigned int i, struct part *p)
{
	u64 first = sector >> CHUNK_SHIFT;
	u64 last = (sector + sectors - 1) >> CHUNK_SHIFT;
	u64 nr = div_u64(first, CHUNKS_PER_PAGE) + i;
	u64 base = nr * CHUNKS_PER_PAGE;

	if (!sectors || base > last)
		return false;

	/* The end of the device is checked before we are called, but cheaply */
	p->page = &t->pages[min_t(u64, nr, t->nr_pages - 1)];
	p->first = max(first, base) - base;
	p->last = min_t(u64, last - base, CHUNKS_PER_PAGE - 1);
	return true;
}

struct bch_inflight *bch_inflight_alloc(u64 sectors)
{
	/* One more: chunks count from the start of the disk, not of our data */
	u64 nr = div_u64(sectors >> CHUNK_SHIFT, CHUNKS_PER_PAGE) + 2;
	struct bch_inflight *t;
	u32 i;

	if (nr > U32_MAX)
		return NULL;

	t = kvzalloc(struct_size(t, pages, nr), GFP_KERNEL);
	if (!t)
		return NULL;

	t->nr_pages = nr;
	for (i = 0; i < t->nr_pages; i++)
		spin_lock_init(&t->pages[i].lock);

	return t;
}

void bch_inflight_free(struct bch_inflight *t)
{
	u32 i;

	if (!t)
		return;

	for (i = 0; i < t->nr_pages; i++)
		kfree(t->pages[i].count);
	kfree(t->spare);
	kvfree(t);
}

/* Returns whether the write had to count for the whole page. */
static bool record_part(struct bch_inflight *t, struct part *p)
{
	struct counter_page *page = p->page;
	u32 *spare = NULL;
	unsigned long flags;
	bool coarse;
	u32 i;

	/* Allocated outside the lock; somebody may be faster */
	if (!READ_ONCE(page->count)) {
		spare = xchg(&t->spare, NULL);
		if (!spare)
			spare = kzalloc(PAGE_SIZE, GFP_NOWAIT | __GFP_NOWARN);
	}

	spin_lock_irqsave(&page->lock, flags);
	if (!page->count && spare) {
		WRITE_ONCE(page->count, spare);
		spare = NULL;
	}
	coarse = !page->count;
	page->writes++;
	if (coarse)
		page->coarse++;
	else
		for (i = p->first; i <= p->last; i++)
			page->count[i]++;
	spin_unlock_irqrestore(&page->lock, flags);

	if (spare)
		kfree(xchg(&t->spare, spare));
	return coarse;
}

static void clear_part(struct bch_inflight *t, struct part *p, bool coarse)
{
	struct counter_page *page = p->page;
	u32 *spare = NULL;
	unsigned long flags;
	u32 i;

	spin_lock_irqsave(&page->lock, flags);
	if (coarse)
		page->coarse--;
	else
		for (i = p->first; i <= p->last; i++)
			page->count[i]--;
	if (!--page->writes) {
		spare = page->count;
		WRITE_ONCE(page->count, NULL);
	}
	spin_unlock_irqrestore(&page->lock, flags);

	if (spare)
		kfree(xchg(&t->spare, spare));
}

void bch_inflight_record(struct bch_inflight *t, struct bch_inflight_write *w,
			 u64 sector, u32 sectors)
{
	unsigned int i;
	struct part p;

	w->sector = sector;
	w->sectors = sectors;
	for (i = 0; part_of(t, sector, sectors, i, &p); i++)
		w->place[i] = record_part(t, &p);

	/*
	 * For the reader of a cache that is being attached: the record must be
	 * seen before the write sees that there is no cache. Pairs with the
	 * barrier in cached_dev_get().
	 */
	smp_mb();
}

void bch_inflight_clear(struct bch_inflight *t, struct bch_inflight_write *w)
{
	unsigned int i;
	struct part p;

	for (i = 0; part_of(t, w->sector, w->sectors, i, &p); i++)
		clear_part(t, &p, w->place[i]);
	w->sectors = 0;
}

/* Whether a write that is counted in the part may be in flight */
static bool counted(struct part *p)
{
	struct counter_page *page = p->page;
	unsigned long flags;
	bool found;
	u32 i;

	spin_lock_irqsave(&page->lock, flags);
	found = page->coarse;
	for (i = p->first; !found && page->count && i <= p->last; i++)
		found = page->count[i];
	spin_unlock_irqrestore(&page->lock, flags);

	return found;
}

enum bch_inflight_overlap bch_inflight_check(struct bch_inflight *t,
					     u64 sector, u32 sectors)
{
	unsigned int i;
	struct part p;

	for (i = 0; part_of(t, sector, sectors, i, &p); i++)
		if (counted(&p))
			return BCH_INFLIGHT_POSSIBLE;

	return BCH_INFLIGHT_NONE;
}
