// SPDX-License-Identifier: GPL-2.0
/*
 * References that kspan holds on the pages of its spans, so that nobody else can free them. The
 * kernel's kfree() takes a page that is no slab's for a large object, and drops the one reference
 * that such an object has: of memory that a driver has from kspan and the kernel frees, that
 * would give the whole page away, whoever else lives in it. With these references the worst is
 * that one is missing afterwards. Each that is says that one object was freed so, and stays
 * allocated for ever (shim/handback.c is there to keep that from happening). It is looked for when
 * a span is freed, under memory pressure, when a cache is destroyed with objects left, and when
 * the stats are read, and made up for.
 *
 * A page that somebody else holds, for a moment, hides what is missing until he lets go of it.
 * Since 6.15 kfree() warns and drops nothing; the references are for whoever else does.
 *
 * Locks: none. The spans are found in the page map, under RCU.
 */
#include <linux/atomic.h>
#include <linux/mm.h>
#include <linux/page_ref.h>
#include <linux/sched.h>
#include <linux/vmstat.h>

#include "base/compat.h"
#include "base/report.h"
#include "heap/heap.h"
#include "heap/hold.h"
#include "heap/pagemap_root.h"
#include "heap/span.h"

/* What the shrinker looks at in one call: so many leaves of the page map, and empty places. */
#define SOME_LEAVES	2
#define SOME_PLACES	1024

bool kspan_hold_end(struct page *page, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (page_ref_count(page + i) <= KSPAN_HELD)
			return false;
	/* That the page map has forgotten the span is seen first: pairs with make_up(). */
	smp_mb();
	for (i = 0; i < nr; i++)
		page_ref_sub(page + i, KSPAN_HELD);
	return true;
}

/* The kernel has counted out @nr large objects, of @page's size, that it had not counted in. */
static void account_again(struct page *page, unsigned int nr)
{
	long bytes = compound_nr(page) << PAGE_SHIFT;

	if (!KSPAN_KFREE_DROPS)
		return;
	mod_node_page_state(page_pgdat(page), NR_SLAB_UNRECLAIMABLE_B, nr * bytes);
}

/* Makes up for the references that are missing of @page, one of @span's; how many. */
static unsigned int make_up(struct kspan_span *span, struct page *page)
{
	int refs = page_ref_count(page);

	if (likely(refs > KSPAN_HELD))
		return 0;
	/* Pairs with kspan_hold_end(): a span that is still in the map had its pages. */
	smp_rmb();
	if (kspan_pagemap_find(span->base) != span)
		return 0;
	/* Another may have been faster, or somebody holds the page: then the next look. */
	if (atomic_cmpxchg(&page->_refcount, refs, KSPAN_HELD + 1) != refs)
		return 0;
	account_again(page, KSPAN_HELD + 1 - refs);
	return KSPAN_HELD + 1 - refs;
}

void kspan_hold_look(struct kspan_span *span)
{
	unsigned int nr = kspan_hold_count(span->nr_pages, span->nr_objs), lost = 0, i;
	struct page *page = virt_to_page(span->base);

	for (i = 0; i < nr; i++)
		lost += make_up(span, page + i);
	if (likely(!lost))
		return;
	kspan_count_n(KSPAN_CORE_FREES_LOST, lost - 1);
	kspan_report(KSPAN_CORE_FREES_LOST, span->base,
		     "kfree() by the kernel itself of %u of cache %s, not handed back: a leak",
		     lost, kspan_cache_name(span->cache));
}

void kspan_hold_expect(const void *obj)
{
	struct page *page = virt_to_head_page(obj);

	if (!KSPAN_KFREE_DROPS)
		return;
	page_ref_inc(page);
	account_again(page, 1);
}

static void look_at_page(struct kspan_span *span, const void *page)
{
	if (page == (void *)((unsigned long)span->base & PAGE_MASK))
		kspan_hold_look(span);
}

void kspan_hold_look_at_all(void)
{
	unsigned long place = 0;

	while (kspan_pagemap_visit(&place, look_at_page) != KSPAN_LEAF_BEYOND)
		cond_resched();
}
EXPORT_SYMBOL_FOR_TESTS(kspan_hold_look_at_all);

/* Two callers at a time would look at some spans twice, which does no harm. */
void kspan_hold_look_at_some(void)
{
	static unsigned long next kspan_marked;
	unsigned long place = READ_ONCE(next);
	unsigned int leaves = 0, places;

	for (places = 0; places < SOME_PLACES && leaves < SOME_LEAVES; places++) {
		switch (kspan_pagemap_visit(&place, look_at_page)) {
		case KSPAN_LEAF_BEYOND:
			WRITE_ONCE(next, 0);
			return;
		case KSPAN_LEAF_VISITED:
			leaves++;
			break;
		case KSPAN_LEAF_NONE:
			break;
		}
	}
	WRITE_ONCE(next, place);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_hold_look_at_some);
