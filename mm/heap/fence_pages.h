/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pages of the direct map that can be taken out of it, and put back, from any context. What is
 * different on each machine of guard mode is here and in fence_pages.c.
 */
#ifndef _KSPAN_FENCE_PAGES_H
#define _KSPAN_FENCE_PAGES_H

#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/types.h>

struct kspan_fence_page {
	pte_t *entry;		/* the page's entry in the kernel's page table */
	pte_t there;		/* what it is while the page can be reached */
};

/*
 * Finds the entry of the page at @addr, after splitting a larger mapping if it has to. Process
 * context. 0; -EOPNOTSUPP where this cannot be done.
 */
int kspan_fence_page_init(void *addr, struct kspan_fence_page *page);

/* Any context but NMI. */
void kspan_fence_page_show(const struct kspan_fence_page *page);
void kspan_fence_page_hide(const struct kspan_fence_page *page);

/*
 * Every access to a hidden page faults; @report is told the address of one that faulted, with
 * interrupts off and the oops half printed. Process context; 0 or an error.
 */
int kspan_fence_pages_start(void (*report)(unsigned long addr, bool write));
/* All pages are shown again. Process context. */
void kspan_fence_pages_stop(void);

#endif /* _KSPAN_FENCE_PAGES_H */
