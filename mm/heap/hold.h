/* SPDX-License-Identifier: GPL-2.0 */
/* References of kspan's own on the pages of its spans, and what they tell. */
#ifndef _KSPAN_HOLD_H
#define _KSPAN_HOLD_H

#include <linux/bits.h>
#include <linux/types.h>

#include "base/lock.h"

struct kspan_span;
struct page;

/* So many references are held on a page, besides that of who allocated it. */
#define KSPAN_HELD	((int)BIT(16))

/* Of @nr pages from @page on that were just allocated. Any context. */
void kspan_hold_pages(struct page *page, unsigned int nr);

/* Gives them back; false: some are missing, and the pages must not be freed. Any context. */
bool kspan_hold_end(struct page *page, unsigned int nr);

/* The pages of a span of @nr_pages that are held, from the first on. */
unsigned int kspan_hold_count(unsigned int nr_pages, unsigned int nr_objs);

/*
 * Reports what is missing of @span's since the last look. Any context but NMI; under
 * rcu_read_lock(), unless the caller keeps the span.
 */
void kspan_hold_look(struct kspan_span *span) kspan_no_lock;

/* As kspan_hold_look_at_all(), at some more spans with each call. */
void kspan_hold_look_at_some(void)
	kspan_no_lock;

#endif /* _KSPAN_HOLD_H */
