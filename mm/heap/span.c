// SPDX-License-Identifier: GPL-2.0
/*
 * Making and freeing spans. Calls the page allocator, the slab allocator (for headers) and the
 * page map; takes no lock itself and is called under none, since pages are neither allocated
 * nor freed under a spinlock.
 */
#include <linux/kmemleak.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "base/compat.h"
#include "base/hooks.h"
#include "base/lock.h"
#include "base/stats.h"
#include "heap/bypass.h"
#include "heap/cache.h"
#include "heap/fence.h"
#include "heap/guard.h"
#include "heap/hold.h"
#include "heap/kasan.h"
#include "heap/node.h"
#include "heap/own.h"
#include "heap/pagemap_root.h"
#include "heap/pcpu.h"
#include "heap/retire.h"
#include "heap/span.h"

/* header_new() clears states as words. */
static_assert(KSPAN_STATE_FREE == 0);
/* A few states are written as one word. */
static_assert(IS_ALIGNED(offsetof(struct kspan_span, state), sizeof(long)));

static atomic_long_t span_bytes;
static atomic_long_t span_pages;

size_t kspan_span_bytes(void)
{
	return atomic_long_read(&span_bytes);
}

unsigned long kspan_span_pages(void)
{
	return atomic_long_read(&span_pages);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_span_pages);

u32 kspan_span_reciprocal(u32 slot_size, u32 nr_objs)
{
	if (nr_objs == 1)
		return 1;
	return DIV_ROUND_UP_ULL(1ULL << 32, slot_size);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_span_reciprocal);

/* Each round of Newton's has twice as many bits right; an odd number has three of its own. */
u64 kspan_slot_inverse(u32 slot_size, unsigned int *shift)
{
	unsigned int bits = 3;
	u64 odd, inverse;

	*shift = __ffs(slot_size);
	odd = slot_size >> *shift;
	for (inverse = odd; bits < 64; bits *= 2)
		inverse *= 2 - odd * inverse;
	return inverse;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_slot_inverse);

/*
 * Pages for spans of a named cache: the fewest, within the limit, with eight objects or more and
 * a tail of at most a sixteenth; else, with such a tail, as many as the limit allows; else those
 * with the smallest tail, in proportion.
 */
unsigned int kspan_span_pick_pages(u32 slot_size)
{
	unsigned int pages, best = DIV_ROUND_UP(slot_size, PAGE_SIZE);
	u32 best_tail = (best * PAGE_SIZE) % slot_size;

	for (pages = best; pages <= KSPAN_MAX_SPAN_PAGES; pages++) {
		u32 bytes = pages * PAGE_SIZE, tail = bytes % slot_size;

		if (bytes / slot_size >= 8 && tail <= bytes / 16)
			return pages;
		if (tail <= bytes / 16 || (u64)tail * best < (u64)best_tail * pages) {
			best = pages;
			best_tail = tail;
		}
	}
	return best;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_span_pick_pages);

/*
 * Pages for further spans of a node that has many: more than @pages, the next power of two that
 * leaves a tail of at most a sixteenth. What a span costs besides its objects is shared by more of
 * them then, and such pages need not be split. If there is none, @pages.
 */
unsigned int kspan_span_pick_many(u32 slot_size, unsigned int pages)
{
	unsigned int many;

	for (many = roundup_pow_of_two(pages + 1); many <= KSPAN_MANY_SPAN_PAGES; many *= 2)
		if ((many * PAGE_SIZE) % slot_size <= many * PAGE_SIZE / 16)
			return many;
	return pages;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_span_pick_many);

/*
 * Exactly @nr_pages pages. A power of two is a compound page, so that get_page() on any part of
 * it works; other numbers are cut from the next order, each page with a reference of its own.
 * Naturally aligned to the order in both cases.
 */
static struct page *pages_alloc(unsigned int nr_pages, gfp_t gfp, int node)
{
	unsigned int order = get_order((size_t)nr_pages << PAGE_SHIFT), i;
	bool whole = is_power_of_2(nr_pages);
	struct page *page;

	if (kspan_test_point(KSPAN_FAIL_PAGES))
		return NULL;
	/* Where there is one node, memory policy has nothing to say, and asking it costs. */
	if (node == NUMA_NO_NODE && !static_branch_unlikely(&kspan_numa))
		node = numa_mem_id();
	if (whole && order)
		gfp |= __GFP_COMP;
	if (node == NUMA_NO_NODE)
		page = alloc_pages(gfp, order);
	else
		page = alloc_pages_node(node, gfp, order);
	if (page && !whole) {
		split_page(page, order);
		for (i = nr_pages; i < 1U << order; i++)
			__free_page(page + i);
	}
	return page;
}

static void pages_free(struct page *page, unsigned int nr_pages)
{
	unsigned int i;

	kspan_kasan_unpoison(page_address(page), (size_t)nr_pages << PAGE_SHIFT);
	if (is_power_of_2(nr_pages)) {
		__free_pages(page, ilog2(nr_pages));
		return;
	}
	for (i = 0; i < nr_pages; i++)
		__free_page(page + i);
}

/* Counted as slab in /proc/meminfo, where people look for it. */
static void account(const struct kspan_span *span, long sign)
{
	long bytes = (long)span->nr_pages << PAGE_SHIFT;

	mod_node_page_state(NODE_DATA(span->nid), NR_SLAB_UNRECLAIMABLE_B, sign * bytes);
	atomic_long_add(sign * span->nr_pages, &span_pages);
}

/* Do objects of @cache differ in what was asked for, and does it matter? */
static bool keeps_asked(const struct kspan_cache *cache)
{
	return cache->internal && cache->flags & KSPAN_RED_ZONE;
}

static __always_inline size_t header_bytes(u32 nr_objs, bool asked, bool single)
{
	struct kspan_span_own *own = NULL;
	size_t bytes = ALIGN(struct_size(own, span.state, nr_objs + 1), sizeof(long));

	bytes += BITS_TO_LONGS(nr_objs) * sizeof(long);
	if (asked)
		bytes += ALIGN(nr_objs * sizeof(u32), sizeof(long));
	return bytes + (single ? KSPAN_SINGLE_TAIL : 0);
}

size_t kspan_span_header_bytes(const struct kspan_span *span)
{
	return header_bytes(span->nr_objs, span->asked, kspan_span_single(span));
}

/*
 * Memory for a header. Nearly all are of a size that is known here, where the slab allocator need
 * not look for its cache; that is half of what it takes.
 */
static struct kspan_span_own *header_alloc(size_t bytes, gfp_t gfp, int nid)
{
	if (nid == numa_mem_id()) {
		if (bytes <= 192)
			return kmalloc(192, gfp);
		if (bytes <= 256)
			return kmalloc(256, gfp);
		if (bytes <= 512)
			return kmalloc(512, gfp);
	}
	return kmalloc_node(bytes, gfp, nid);
}

static void fill_free_map(struct kspan_span *span)
{
	unsigned int last = BITS_TO_LONGS(span->nr_objs) - 1;

	if (unlikely(last))
		memset(span->free_map, 0xff, last * sizeof(long));
	span->free_map[last] = BITMAP_LAST_WORD_MASK(span->nr_objs);
}

/*
 * A header for @nr_objs objects from @base on, every object free; not accounted yet. @kind is
 * that of a single, or 0.
 */
static struct kspan_span *header_new(struct kspan_cache *cache, void *base, size_t slot_size,
				     u32 nr_objs, int kind, int nid, gfp_t gfp)
{
	bool asked = kind || keeps_asked(cache);
	struct kspan_span_own *own;
	struct kspan_span *span;
	u8 *state;

	if (kspan_test_point(KSPAN_FAIL_HEADER))
		return NULL;
	own = header_alloc(header_bytes(nr_objs, asked, kind), gfp, nid);
	if (!own)
		return NULL;
	span = &own->span;
	*own = (struct kspan_span_own) {
		.nr_free = nr_objs,
		.span = {
			.base = base,
			.cache = cache,
			.reciprocal = kspan_span_reciprocal(slot_size, nr_objs),
			.nid = nid,
			.slot_size = slot_size,
			.nr_objs = nr_objs,
			.free_map = PTR_ALIGN((unsigned long *)&span->state[nr_objs + 1],
					      sizeof(long)),
		},
	};
	kspan_special_set_init(&span->specials);
	INIT_LIST_HEAD(&own->list);
	INIT_LIST_HEAD(&own->all);
	/* Up to the bitmap; of few objects that is one word. */
	state = span->state;	/* nobody else's yet */
	if (nr_objs < sizeof(long))
		*(unsigned long *)state = 0;
	else
		memset(state, KSPAN_STATE_FREE, nr_objs + 1);
	fill_free_map(span);
	/* All pointers but base, which would make the first object reachable for ever. */
	kmemleak_scan_area(own, offsetof(struct kspan_span_own, span), gfp);
	kmemleak_scan_area(&span->specials, offsetof(struct kspan_span, free_map) -
					    offsetof(struct kspan_span, specials), gfp);
	if (asked) {
		span->asked = (u32 *)(span->free_map + BITS_TO_LONGS(nr_objs));
		memset(span->asked, 0, nr_objs * sizeof(*span->asked));
	}
	if (kind) {
		__set_bit(kind, &span->flags);
		memset(kspan_span_tail(span), 0, KSPAN_SINGLE_TAIL);
	}
	return span;
}

/* @span is in the page map, or wherever it is found: from here on it counts. */
static void count_new(const struct kspan_span *span)
{
	atomic_long_add(header_bytes(span->nr_objs, span->asked, kspan_span_single(span)),
			&span_bytes);
	kspan_count(KSPAN_SPANS_CREATED);
}

/* As many pages as spans of @cache on @node are to have from now on. */
static unsigned int wanted_pages(const struct kspan_cache *cache, int node)
{
	const struct kspan_cache_own *own = kspan_cache_own(cache);
	const struct kspan_node *of;

	if (own->many_pages == own->span_pages)
		return own->span_pages;
	of = kspan_cache_node(cache, node == NUMA_NO_NODE ? numa_mem_id() : node);
	/* From afar: one more or less does not matter. */
	return of && READ_ONCE(of->nr_spans) >= KSPAN_MANY_SPANS ? own->many_pages
								: own->span_pages;
}

/*
 * Pages for @cache. First as many as the cache wants, then as it usually has, without insisting,
 * then just enough for one object. For one page or two the page allocator takes __GFP_NOFAIL as it
 * is, with all that comes of it; of more it warns, and the request is repeated here until it
 * succeeds.
 */
static struct page *span_pages_alloc(struct kspan_cache *cache, size_t slot_size, gfp_t gfp,
				     int node, unsigned int *nr_pages)
{
	unsigned int least = DIV_ROUND_UP(slot_size, PAGE_SIZE);
	unsigned int usual = kspan_cache_own(cache)->span_pages;
	gfp_t plain = gfp & KSPAN_GFP_PAGES;
	struct page *page = NULL;

	*nr_pages = wanted_pages(cache, node);
	while (*nr_pages > least) {
		page = pages_alloc(*nr_pages, kspan_gfp_optional(plain), node);
		if (page)
			return page;
		*nr_pages = *nr_pages > usual ? usual : least;
	}
	*nr_pages = least;
	if (least > 2)
		plain &= ~__GFP_NOFAIL;
	do {
		page = pages_alloc(least, plain, node);
		if (page || !(gfp & __GFP_NOFAIL))
			return page;
		memalloc_retry_wait(gfp);
	} while (true);
}

static noinline void construct_all(struct kspan_span *span)
{
	unsigned int i;

	for (i = 0; i < span->nr_objs; i++) {
		void *obj = kspan_span_object(span, i);

		kspan_guard_init(span, obj);
		if (span->cache->ctor)
			span->cache->ctor(obj);
	}
}

/*
 * A new span for @cache, every object free, in the page map but on no list. @slot_size is the
 * cache's own, or that of one large object. Any context but NMI, no lock held; sleeps only if
 * @gfp lets it. NULL when there is no memory.
 */
struct kspan_span *kspan_span_new(struct kspan_cache *cache, size_t slot_size, gfp_t gfp, int node)
{
	gfp_t header_gfp = gfp & (KSPAN_GFP_METADATA | __GFP_NOFAIL);
	struct kspan_span *span;
	unsigned int nr_pages;
	struct page *page;
	u32 nr_objs;

	page = span_pages_alloc(cache, slot_size, gfp, node, &nr_pages);
	if (!page)
		return NULL;
	nr_objs = ((size_t)nr_pages << PAGE_SHIFT) / slot_size;

	span = header_new(cache, page_address(page), slot_size, nr_objs, 0, page_to_nid(page),
			  header_gfp);
	if (!span)
		goto free_pages;
	span->nr_pages = nr_pages;
	kspan_hold_pages(page, kspan_hold_count(nr_pages, nr_objs));

	if (kspan_checked(cache) || cache->ctor)
		construct_all(span);
	kspan_kasan_poison_pages(span->base, (size_t)nr_pages << PAGE_SHIFT);
	if (kspan_pagemap_set(span->base, nr_pages, span, header_gfp))
		goto free_span;

	account(span, 1);
	count_new(span);
	return span;

free_span:
	kspan_hold_end(page, kspan_hold_count(nr_pages, nr_objs));
	kfree(kspan_span_own(span));
free_pages:
	pages_free(page, nr_pages);
	return NULL;
}

/*
 * A span for one object of @size bytes at @obj, whose memory is another file's, as @kind (a bit of
 * span->flags) says. @room bytes from @obj on are its slot. Constructed, but nobody finds it yet.
 * Any context but NMI, no lock held; sleeps only if @gfp lets it. NULL when there is no memory.
 */
struct kspan_span *kspan_span_new_single(struct kspan_cache *cache, void *obj, size_t room,
					 size_t size, int kind, int nid, gfp_t gfp)
{
	struct kspan_span *span = header_new(cache, obj, room, 1, kind, nid,
					     (gfp & KSPAN_GFP_METADATA) | __GFP_NOWARN);

	if (!span)
		return NULL;
	span->asked[0] = size;
	if (cache->ctor)
		cache->ctor(obj);
	count_new(span);
	return span;
}

static void memory_free(struct kspan_span *span)
{
	struct page *page;

	if (test_bit(KSPAN_SPAN_BYPASSED, &span->flags)) {
		kspan_bypass_free(span);
		return;
	}
	page = virt_to_page(span->base);
	/* Freed by others too, it may be anybody's by now: better lost. */
	if (likely(kspan_hold_end(page, kspan_hold_count(span->nr_pages, span->nr_objs))))
		pages_free(page, span->nr_pages);
}

void kspan_span_drop(struct kspan_span *span)
{
	kfree(kspan_span_own(span));
}

/* Nobody looks at @span any more. */
void kspan_span_free_retired(struct kspan_span *span)
{
	if (span->cache->flags & KSPAN_TYPESAFE_BY_RCU)
		memory_free(span);
	/* Whoever has come upon a stray may still be looking at its state. */
	kfree_rcu(kspan_span_own(span), rcu);
}

/*
 * Gives a span back that is on no list and has every object free. Any context, no lock held.
 * The header stays until nobody can be looking at it (retire.c); the pages stay as long only where
 * the cache promises that.
 */
void kspan_span_free(struct kspan_span *span)
{
	WARN_ON_ONCE(!kspan_special_set_empty(&span->specials));
	if (!test_bit(KSPAN_SPAN_BYPASSED, &span->flags))
		kspan_hold_look(span);
	atomic_long_sub(kspan_span_header_bytes(span), &span_bytes);
	kspan_count(KSPAN_SPANS_FREED);
	if (test_bit(KSPAN_SPAN_FENCED, &span->flags)) {
		kspan_fence_put(span);
		kfree_rcu(kspan_span_own(span), rcu);
		return;
	}
	if (test_bit(KSPAN_SPAN_BYPASSED, &span->flags)) {
		kspan_bypass_forget(span);
	} else {
		kspan_pagemap_clear(span->base, span->nr_pages);
		account(span, -1);
	}

	if (!(span->cache->flags & KSPAN_TYPESAFE_BY_RCU))
		memory_free(span);
	kspan_retire(span);
}
