/* SPDX-License-Identifier: GPL-2.0 */
/* References of kspan's own on the pages of its spans, and what they tell. */
#ifndef _KSPAN_HOLD_H
#define _KSPAN_HOLD_H

#include <linux/bits.h>
#include <linux/log2.h>
#include <linux/page_ref.h>
#include <linux/types.h>

#include "base/lock.h"

struct kspan_span;

/* So many references are held on a page, besides that of who allocated it. */
#define KSPAN_HELD	((int)BIT(16))

/*
 * The pages of a span of @nr_pages that are held, from the first on. A compound page has one count;
 * of one object kfree() can be told its first page alone.
 */
static inline unsigned int kspan_hold_count(unsigned int nr_pages, unsigned int nr_objs)
{
	return nr_objs == 1 || is_power_of_2(nr_pages) ? 1 : nr_pages;
}

/* Of @nr pages from @page on that were just allocated. Any context. */
static inline void kspan_hold_pages(struct page *page, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		page_ref_add(page + i, KSPAN_HELD);
}

/* Gives them back; false: some are missing, and the pages must not be freed. Any context. */
bool kspan_hold_end(struct page *page, unsigned int nr);

/*
 * Reports what is missing of @span's since the last look. Any context but NMI; under
 * rcu_read_lock(), unless the caller keeps the span.
 */
void kspan_hold_look(struct kspan_span *span) kspan_no_lock;

/* As kspan_hold_look_at_all(), at some more spans with each call. */
void kspan_hold_look_at_some(void)
	kspan_no_lock;

#endif /* _KSPAN_HOLD_H */
