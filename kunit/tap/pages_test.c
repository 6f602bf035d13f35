// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the tap on the page allocator: while everything is sampled, the pages of each path are
 * counted exactly, once, from the caller of the allocator on; what slabs take is not among them;
 * blocks that are split and folios that move stay known; and what is free is not in use.
 */
#include "suite.h"

#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "base/lock.h"
#include "profile_helpers.h"

#define TAP	(&kspan_pages_tap)
#include "tap_helpers.h"
#include "tap_asks.h"

#define NR	32

#ifdef KSPAN_HAS_BULK_LIST
#define bulk_array(nr, array)	__alloc_pages_bulk(tap_gfp, numa_mem_id(), NULL, nr, NULL, array)
#else
#define bulk_array(nr, array)	alloc_pages_bulk(tap_gfp, nr, array)
#endif

static struct page *pages[NR];
static LIST_HEAD(listed);
static void *area;

static int pages_suite_init(struct kunit_suite *suite)
{
	tap_asks_begin();
	return tap_suite_init(suite);
}

static void pages_suite_exit(struct kunit_suite *suite)
{
	tap_suite_exit(suite);
	tap_asks_end();
}

static int pages_init(struct kunit *test)
{
	memset(pages, 0, sizeof(pages));
	area = NULL;
	return tap_test_init(test);
}

/* ------------------------------------------------------------------ what is counted */

static noinline void by_page(void)
{
	int i;

	for (i = 0; i < NR; i++)
		pages[i] = alloc_page(tap_gfp);
}

static noinline void by_movable_page(void)
{
	int i;

	for (i = 0; i < NR; i++)
		pages[i] = alloc_page(GFP_HIGHUSER_MOVABLE);
}

static noinline void by_reclaimable_page(void)
{
	int i;

	for (i = 0; i < NR; i++)
		pages[i] = alloc_page(tap_gfp | __GFP_RECLAIMABLE);
}

static noinline void by_page_that_may_not_wait(void)
{
	int i;

	for (i = 0; i < NR; i++)
		pages[i] = alloc_page(GFP_ATOMIC);
}

static noinline void by_page_of_node(void)
{
	int i;

	for (i = 0; i < NR; i++)
		pages[i] = alloc_pages_node(first_online_node, tap_gfp, 0);
}

/* Each order that there are so many of, from two pages to 256. */
static noinline void by_block(void)
{
	int i;

	for (i = 0; i < NR; i++)
		pages[i] = alloc_pages(tap_gfp, 1 + i % 8);
}

static noinline void by_compound(void)
{
	int i;

	for (i = 0; i < NR; i++)
		pages[i] = alloc_pages(tap_gfp | __GFP_COMP, 2);
}

static noinline void by_folio(void)
{
	int i;

	for (i = 0; i < NR; i++)
		pages[i] = folio_page(folio_alloc(tap_gfp, 2), 0);
}

static noinline void by_address(void)
{
	int i;

	for (i = 0; i < NR; i++)
		pages[i] = virt_to_page((void *)__get_free_page(tap_gfp));
}

static noinline void by_zeroed_address(void)
{
	int i;

	for (i = 0; i < NR; i++)
		pages[i] = virt_to_page((void *)get_zeroed_page(tap_gfp));
}

/* Until all are there: the first call may give a single one. */
static noinline void by_array(void)
{
	int nr = 0, tries;

	for (tries = 0; nr < NR && tries < NR; tries++)
		nr = bulk_array(NR, pages);
}

/* Into the gaps that others left: of eleven, the first of them at the beginning. */
static noinline void by_array_with_gaps(void)
{
	int nr = 0, tries, i;

	for (tries = 0; nr < NR && tries < NR; tries++)
		nr = bulk_array(NR, pages);
	for (i = 0; i < NR; i += 3) {
		__free_page(pages[i]);
		pages[i] = NULL;
	}
	for (nr = 0, tries = 0; nr < NR && tries < NR; tries++)
		nr = bulk_array(NR, pages);
}

/* A single page, which is taken by the way of all single pages. */
static noinline void by_arrays_of_one(void)
{
	int i;

	for (i = 0; i < NR; i++)
		bulk_array(1, &pages[i]);
}

#ifdef KSPAN_HAS_BULK_LIST
static noinline void by_list(void)
{
	int nr = 0, tries;

	for (tries = 0; nr < NR && tries < NR; tries++)
		nr += __alloc_pages_bulk(tap_gfp, numa_mem_id(), NULL, NR - nr, &listed, NULL);
}

static void free_list(void)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &listed, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
}
#endif

static noinline void by_split(void)
{
	struct page *block = alloc_pages(tap_gfp, ilog2(NR));
	int i;

	if (!block)
		return;
	split_page(block, ilog2(NR));
	for (i = 0; i < NR; i++)
		pages[i] = block + i;
}

#define EXACT	5			/* pages: of a block of eight */

static noinline void by_exact(void)
{
	area = alloc_pages_exact(EXACT * PAGE_SIZE, tap_gfp);
	barrier();
}

static noinline void by_vmalloc(void)
{
	area = vmalloc(NR * PAGE_SIZE);
	barrier();
}

/* Whose array of pages is an area itself. */
static noinline void by_large_vmalloc(void)
{
	area = vzalloc(4 * NR * PAGE_SIZE);
	barrier();
}

static noinline void by_vmalloc_user(void)
{
	area = vmalloc_user(NR * PAGE_SIZE);
	barrier();
}

static noinline void by_vmalloc_node(void)
{
	area = vmalloc_node(NR * PAGE_SIZE, first_online_node);
	barrier();
}

/* And none of them is taken for one that is there already. */
static void free_one_by_one(void)
{
	int i;

	for (i = 0; i < NR; i++) {
		__free_page(pages[i]);
		pages[i] = NULL;
	}
}

static void free_blocks(void)
{
	int i;

	for (i = 0; i < NR; i++)
		__free_pages(pages[i], 1 + i % 8);
}

static void free_compounds(void)
{
	int i;

	for (i = 0; i < NR; i++)
		__free_pages(pages[i], 2);
}

static void free_folios(void)
{
	int i;

	for (i = 0; i < NR; i++)
		folio_put(page_folio(pages[i]));
}

/* A batch, which goes back together. */
static void free_by_release(void)
{
	release_pages(pages, NR);
}

static void free_exact(void)
{
	free_pages_exact(area, EXACT * PAGE_SIZE);
}

static void free_area(void)
{
	vfree(area);
}

static void free_in(void *fn)
{
	((void (*)(void))fn)();
}

static void free_in_softirq(void)
{
	test_in_softirq(free_in, free_one_by_one);
}

static void free_in_hardirq(void)
{
	test_in_hardirq(free_in, free_one_by_one);
}

static void vfree_in_hardirq(void)
{
	test_in_hardirq(free_in, free_area);
}

/* Without memory cgroups nobody tells that a block is split for that. */
#define EXACT_COUNTED	(IS_ENABLED(CONFIG_MEMCG) ? EXACT : 8)
/* Of by_block(): four of each order. */
#define BLOCK_PAGES	(4 * (2 + 4 + 8 + 16 + 32 + 64 + 128 + 256))

static const struct page_path {
	const char *name;
	void (*alloc)(void);
	void (*free)(void);
	unsigned int allocs;		/* 0: as many as the kernel likes */
	unsigned int pages;		/* all of those that are in use then */
	const char *label;
} paths[] = {
	{ "alloc_page", by_page, free_one_by_one, NR, NR, "unmovable" },
	{ "movable", by_movable_page, free_one_by_one, NR, NR, "movable" },
	{ "reclaimable", by_reclaimable_page, free_one_by_one, NR, NR, "reclaimable" },
	{ "atomic", by_page_that_may_not_wait, free_one_by_one, NR, NR, "unmovable" },
	{ "alloc_pages_node", by_page_of_node, free_one_by_one, NR, NR, "unmovable" },
	{ "alloc_pages", by_block, free_blocks, NR, BLOCK_PAGES, "unmovable" },
	{ "compound", by_compound, free_compounds, NR, 4 * NR, "unmovable" },
	{ "folio_alloc", by_folio, free_folios, NR, 4 * NR, "unmovable" },
	{ "__get_free_page", by_address, free_one_by_one, NR, NR, "unmovable" },
	{ "get_zeroed_page", by_zeroed_address, free_one_by_one, NR, NR, "unmovable" },
	{ "release_pages", by_page, free_by_release, NR, NR, "unmovable" },
	{ "free_in_softirq", by_page, free_in_softirq, NR, NR, "unmovable" },
	{ "free_in_hardirq", by_page, free_in_hardirq, NR, NR, "unmovable" },
	{ "bulk_array", by_array, free_one_by_one, NR, NR, "unmovable" },
	{ "bulk_array_with_gaps", by_array_with_gaps, free_one_by_one, NR + 11, NR, "unmovable" },
	{ "bulk_array_of_one", by_arrays_of_one, free_one_by_one, NR, NR, "unmovable" },
#ifdef KSPAN_HAS_BULK_LIST
	{ "bulk_list", by_list, free_list, NR, NR, "unmovable" },
#endif
	{ "split_page", by_split, free_one_by_one, 1, NR, "unmovable" },
	{ "alloc_pages_exact", by_exact, free_exact, 1, EXACT_COUNTED, "unmovable" },
	{ "vmalloc", by_vmalloc, free_area, 0, NR, "vmalloc" },
	{ "large_vmalloc", by_large_vmalloc, free_area, 0, 4 * NR, "vmalloc" },
	{ "vmalloc_user", by_vmalloc_user, free_area, 0, NR, "vmalloc" },
	{ "vmalloc_node", by_vmalloc_node, free_area, 0, NR, "vmalloc" },
	{ "vfree_in_hardirq", by_vmalloc, vfree_in_hardirq, 0, NR, "vmalloc" },
};

static void path_desc(const struct page_path *path, char *desc)
{
	strscpy(desc, path->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(path, paths, path_desc);

/* What an interrupt has freed of an area is freed by a worker. */
static void wait_for_none(struct kunit *test, void *fn)
{
	struct test_limit limit = {};

	while (counts_of(test, fn).bytes)
		KUNIT_ASSERT_FALSE(test, test_sleeps_too_long(&limit, 20));
}

static void every_path_is_counted(struct kunit *test)
{
	const struct page_path *path = test->param_value;
	struct tap_counts counts;
	u64 allocs;

	path->alloc();
	counts = counts_of(test, path->alloc);
	allocs = counts.allocs;
	KUNIT_EXPECT_EQ(test, allocs, path->allocs ?: allocs);
	KUNIT_EXPECT_EQ(test, counts.bytes, path->pages * PAGE_SIZE);
	KUNIT_EXPECT_STREQ(test, counts.label, path->label);
	path->free();
	wait_for_none(test, path->alloc);
	counts = counts_of(test, path->alloc);
	KUNIT_EXPECT_EQ(test, counts.allocs, allocs);
	KUNIT_EXPECT_EQ(test, counts.live, 0ULL);
	KUNIT_EXPECT_EQ(test, counted(KSPAN_TAP_MISSED_FREES), 0UL);
	KUNIT_EXPECT_EQ(test, counted(KSPAN_TAP_BUSY), 0UL);
}

static const struct {
	void (*alloc)(void);
	void (*free)(void);
} asking[] = {
	{ by_page, free_one_by_one }, { by_page_of_node, free_one_by_one },
	{ by_compound, free_compounds }, { by_folio, free_folios },
	{ by_address, free_one_by_one }, { by_array, free_one_by_one },
	{ by_array_with_gaps, free_one_by_one }, { by_arrays_of_one, free_one_by_one },
#ifdef KSPAN_HAS_BULK_LIST
	{ by_list, free_list },
#endif
	{ by_split, free_one_by_one }, { by_exact, free_exact },
};

/* Of those who let nothing be looked for: with other flags, of which some are none of that. */
static void no_more_is_asked_for_than_the_caller_lets(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(asking); i++)
		expect_asks_as_told(test, asking[i].alloc, asking[i].free,
				    __GFP_NOWARN | __GFP_ZERO);
}

/* ------------------------------------------------------------------ blocks in parts */

static void each_part_of_a_block_that_was_split_counts(struct kunit *test)
{
	int i;

	by_split();
	KUNIT_ASSERT_NOT_NULL(test, pages[0]);
	for (i = 0; i < NR; i++) {
		KUNIT_EXPECT_EQ(test, counts_of(test, by_split).bytes, (NR - i) * PAGE_SIZE);
		__free_page(pages[(i + 7) % NR]);
	}
	KUNIT_EXPECT_EQ(test, counts_of(test, by_split).bytes, 0ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, by_split).live, 0ULL);
}

static noinline struct page *block(unsigned int order)
{
	return test_keep(alloc_pages(GFP_KERNEL, order));
}

static void split_to(struct page *page, unsigned int order)
{
	kspan_tap_known_split(TAP, (unsigned long)page, sizeof(*page) << order, PAGE_SIZE << order,
			      GFP_NOWAIT);
}

/* As huge pages are: into halves, of which one goes on to be split. */
static void block_may_be_split_by_and_by(struct kunit *test)
{
	struct page *page = block(3);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, page);
	split_to(page, 2);
	split_to(page + 4, 1);
	KUNIT_EXPECT_EQ(test, counts_of(test, block).bytes, 8 * PAGE_SIZE);
	kspan_tap_freed(TAP, (unsigned long)(page + 6));
	KUNIT_EXPECT_EQ(test, counts_of(test, block).bytes, 6 * PAGE_SIZE);
	kspan_tap_freed(TAP, (unsigned long)page);
	KUNIT_EXPECT_EQ(test, counts_of(test, block).bytes, 2 * PAGE_SIZE);
	/* Into parts as large as it is, or larger: nothing changes. */
	split_to(page + 4, 1);
	split_to(page + 4, 3);
	KUNIT_EXPECT_EQ(test, counts_of(test, block).bytes, 2 * PAGE_SIZE);
	kspan_tap_freed(TAP, (unsigned long)(page + 4));
	KUNIT_EXPECT_EQ(test, counts_of(test, block).bytes, 0ULL);
	/* Nothing is known of it any more. */
	for (i = 0; i < 8; i++)
		kspan_tap_freed(TAP, (unsigned long)(page + i));
	KUNIT_EXPECT_EQ(test, counts_of(test, block).live, 0ULL);
	__free_pages(page, 3);
}

/* What is at hand on this CPU for records, as a list by the first word of each. */
static void *take_what_is_at_hand(void)
{
	void *all = NULL, **obj;

	while ((obj = kspan_pool_get(&TAP->pool, 0))) {
		*obj = all;
		all = obj;
	}
	return all;
}

static void put_back(void **all)
{
	void **next;

	for (; all; all = next) {
		next = *all;
		kspan_pool_put(&TAP->pool, all);
	}
}

/* The worker brings more, but not as many at once as there are parts. */
static void parts_without_memory_count_as_free(struct kunit *test)
{
	unsigned long dropped = kspan_profile_counter(TAP->profile, KSPAN_SAMPLES_DROPPED);
	struct page *page = block(8);
	void *at_hand;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, page);
	preempt_disable();
	at_hand = take_what_is_at_hand();
	kspan_tap_known_split(TAP, (unsigned long)page, sizeof(*page), PAGE_SIZE, 0);
	put_back(at_hand);
	preempt_enable();
	dropped = kspan_profile_counter(TAP->profile, KSPAN_SAMPLES_DROPPED) - dropped;
	KUNIT_EXPECT_GT(test, dropped, 0UL);
	KUNIT_EXPECT_EQ(test, counts_of(test, block).bytes, (256 - dropped) * PAGE_SIZE);
	for (i = 0; i < 256; i++)
		kspan_tap_freed(TAP, (unsigned long)(page + i));
	KUNIT_EXPECT_EQ(test, counts_of(test, block).bytes, 0ULL);
	__free_pages(page, 8);
}

static void weight_that_does_not_divide_is_not_lost(struct kunit *test)
{
	struct page *page;
	int i;

	/* Each is as good as a sample, and counts a little more than once. */
	KUNIT_ASSERT_EQ(test, kspan_profile_set_sample_bytes(TAP->profile, PAGE_SIZE / 3), 0);
	page = block(3);
	KUNIT_ASSERT_EQ(test, kspan_profile_set_sample_bytes(TAP->profile, 1), 0);
	KUNIT_ASSERT_NOT_NULL(test, page);
	split_to(page, 0);
	for (i = 0; i < 8; i++)
		kspan_tap_freed(TAP, (unsigned long)(page + i));
	KUNIT_EXPECT_EQ(test, counts_of(test, block).live, 0ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, block).bytes, 0ULL);
	__free_pages(page, 3);
}

static noinline struct folio *one_folio(void)
{
	return test_keep(folio_alloc(GFP_KERNEL, 0));
}

static noinline struct folio *another_folio(void)
{
	return test_keep(folio_alloc(GFP_KERNEL | __GFP_NOWARN, 0));
}

/* What is known of it goes with it, and nothing of where it has gone. */
static void what_moves_stays_known(struct kunit *test)
{
	struct folio *from = one_folio(), *to = another_folio();

	KUNIT_ASSERT_NOT_NULL(test, from);
	KUNIT_ASSERT_NOT_NULL(test, to);
	folio_lock(from);
	folio_lock(to);
	folio_migrate_flags(to, from);
	folio_unlock(from);
	folio_unlock(to);
	folio_put(from);
	KUNIT_EXPECT_EQ(test, counts_of(test, one_folio).live, 1ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, another_folio).live, 0ULL);
	folio_put(to);
	KUNIT_EXPECT_EQ(test, counts_of(test, one_folio).live, 0ULL);
	KUNIT_EXPECT_EQ(test, counted(KSPAN_TAP_MISSED_FREES), 0UL);
}

/* No lock may be waited for there: nothing is done about a block, and that is counted. */
static void middle_of_kspan_changes_nothing(struct kunit *test)
{
	raw_spinlock_t *lock = &TAP->live.shards[0].lock;
	struct folio *from = one_folio(), *to = another_folio();
	struct page *page = block(1);
	unsigned long flags;

	KUNIT_ASSERT_NOT_NULL(test, from);
	KUNIT_ASSERT_NOT_NULL(test, to);
	KUNIT_ASSERT_NOT_NULL(test, page);
	kspan_raw_lock(lock, flags);
	kspan_tap_known_moved(TAP, (unsigned long)from, (unsigned long)to);
	kspan_raw_unlock(lock, flags);
	KUNIT_EXPECT_EQ(test, counted(KSPAN_TAP_NESTED), 1UL);
	kspan_raw_lock(lock, flags);
	split_to(page, 0);
	kspan_raw_unlock(lock, flags);
	KUNIT_EXPECT_EQ(test, counted(KSPAN_TAP_NESTED), 2UL);
	KUNIT_EXPECT_EQ(test, counts_of(test, one_folio).live, 1ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, another_folio).live, 1ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, block).live, 1ULL);
	folio_put(from);
	folio_put(to);
	__free_pages(page, 1);
	KUNIT_EXPECT_EQ(test, counts_of(test, block).live, 0ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, one_folio).live, 0ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, another_folio).live, 0ULL);
}

/* ------------------------------------------------------------------ beside the other tap */

/* Allocations from stacks that have the function @fn anywhere, but for those of page tables. */
static u64 allocs_within(struct kunit *test, void *fn)
{
	struct kspan_snapshot *snap = kspan_snapshot_take(TAP->profile);
	u64 sum = 0;
	size_t i, j;

	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	for (i = 0; i < snap->nr_rows; i++) {
		const struct kspan_row *row = &snap->rows[i];

		for (j = 0; j < row->nr_frames; j++) {
			if (strstr(row->symbols[j]->name, "pte_alloc") ||
			    strstr(row->symbols[j]->name, "kasan_") ||
			    strstr(row->symbols[j]->name, "stack_depot"))
				break;
			if (row->symbols[j]->start != (unsigned long)fn)
				continue;
			sum += row->alloc_objects;
			kunit_info(test, "%llu objects of %u bytes from %s\n", row->alloc_objects,
				   row->slot_size, row->symbols[0]->name);
		}
	}
	kspan_snapshot_free(snap);
	return sum;
}

static void construct(void *obj)
{
}

/* A cache whose objects are all new slabs' at first. */
static struct kmem_cache *new_cache(struct kunit *test)
{
	struct kmem_cache *cache = kmem_cache_create("kspan_pages_test", 2000, 0, 0, construct);

	KUNIT_ASSERT_NOT_NULL(test, cache);
	return cache;
}

static void *objs[4 * NR];

static noinline void by_cache(struct kmem_cache *cache)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(objs); i++)
		objs[i] = kmem_cache_alloc(cache, GFP_KERNEL);
}

static noinline void by_cache_node(struct kmem_cache *cache)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(objs); i++)
		objs[i] = kmem_cache_alloc_node(cache, GFP_KERNEL, first_online_node);
}

static noinline void by_cache_bulk(struct kmem_cache *cache)
{
	if (!kmem_cache_alloc_bulk(cache, GFP_KERNEL, ARRAY_SIZE(objs), objs))
		pr_err("no memory\n");
}

static noinline void by_cache_atomic(struct kmem_cache *cache)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(objs); i++)
		objs[i] = kmem_cache_alloc(cache, GFP_ATOMIC);
}

static void (*const slab_paths[])(struct kmem_cache *cache) = {
	by_cache, by_cache_node, by_cache_bulk, by_cache_atomic,
};

static void slabs_are_not_counted(struct kunit *test)
{
	struct kmem_cache *cache;
	int i;

	for (i = 0; i < ARRAY_SIZE(slab_paths); i++) {
		cache = new_cache(test);
		slab_paths[i](cache);
		kmem_cache_free_bulk(cache, ARRAY_SIZE(objs), objs);
		kmem_cache_destroy(cache);
		KUNIT_EXPECT_EQ(test, allocs_within(test, slab_paths[i]), 0ULL);
	}
}

static noinline void by_large_kmalloc(void)
{
	size_t size = 2 * KMALLOC_MAX_CACHE_SIZE;

	objs[0] = kmalloc(2 * KMALLOC_MAX_CACHE_SIZE, GFP_KERNEL);
	objs[1] = kmalloc_node(2 * KMALLOC_MAX_CACHE_SIZE, GFP_KERNEL, first_online_node);
	OPTIMIZER_HIDE_VAR(size);
	objs[2] = kmalloc(size, GFP_KERNEL);
	objs[3] = kmalloc_node(size, GFP_KERNEL, first_online_node);
	objs[4] = kzalloc(size, GFP_ATOMIC);
	objs[5] = kmalloc_track_caller(size, GFP_KERNEL);
	objs[6] = krealloc(NULL, size, GFP_KERNEL);
	objs[7] = kvmalloc(size, GFP_KERNEL);
}

static noinline void by_kvmalloc(void)
{
	objs[0] = kvmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL);
	barrier();
}

static void large_objects_are_not_counted(struct kunit *test)
{
	int i;

	by_large_kmalloc();
	for (i = 0; i < 8; i++)
		kvfree(objs[i]);
	KUNIT_EXPECT_EQ(test, allocs_within(test, by_large_kmalloc), 0ULL);
	by_kvmalloc();
	kvfree(objs[0]);
	KUNIT_EXPECT_EQ(test, allocs_within(test, by_kvmalloc), 0ULL);
}

/* Each shows what is its own, and what one allocates for itself the other does not see. */
static void both_taps_may_be_on(struct kunit *test)
{
	u64 slab_rate = kspan_profile_sample_bytes(kspan_slab_tap.profile);
	struct kmem_cache *cache = new_cache(test);
	int i;

	KUNIT_ASSERT_EQ(test, kspan_profile_set_sample_bytes(kspan_slab_tap.profile, 1), 0);
	KUNIT_EXPECT_EQ(test, kspan_tap_enable(&kspan_slab_tap, 1), 0);
	by_cache(cache);
	by_page();
	KUNIT_EXPECT_EQ(test, tap_counts(test, &kspan_slab_tap, by_cache).live,
			(u64)ARRAY_SIZE(objs));
	KUNIT_EXPECT_EQ(test, allocs_within(test, by_cache), 0ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, by_page).live, (u64)NR);
	/* No page's record is an object of whoever wanted the page. */
	KUNIT_EXPECT_EQ(test, tap_counts(test, &kspan_slab_tap, by_page).allocs, 0ULL);
	free_one_by_one();
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		kmem_cache_free(cache, objs[i]);
	KUNIT_EXPECT_EQ(test, tap_counts(test, &kspan_slab_tap, by_cache).live, 0ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, by_page).live, 0ULL);
	KUNIT_EXPECT_EQ(test, kspan_tap_enable(&kspan_slab_tap, 0), 0);
	kspan_profile_set_sample_bytes(kspan_slab_tap.profile, slab_rate);
	kmem_cache_destroy(cache);
}

/* ------------------------------------------------------------------ switching, contexts */

static noinline struct page *from_anywhere(void)
{
	return test_keep(alloc_page(__GFP_NOWARN));
}

static void what_may_come_from_anywhere_is_counted(struct kunit *test)
{
	struct page *page = from_anywhere();

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, counts_of(test, from_anywhere).live, 1ULL);
	__free_page(page);
	KUNIT_EXPECT_EQ(test, counts_of(test, from_anywhere).live, 0ULL);
}

static void what_was_off_is_not_known(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, kspan_tap_enable(TAP, 0), 0);
	by_page();
	KUNIT_EXPECT_EQ(test, kspan_tap_enable(TAP, 1), 0);
	free_one_by_one();
	KUNIT_EXPECT_EQ(test, counts_of(test, by_page).allocs, 0ULL);
	KUNIT_EXPECT_TRUE(test, kspan_tap_enabled(TAP));
	KUNIT_EXPECT_FALSE(test, kspan_tap_enabled(&kspan_slab_tap));
}

static void nothing_is_seen_at_rate_0(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(TAP->profile, 0), 0);
	by_page();
	KUNIT_EXPECT_EQ(test, counts_of(test, by_page).allocs, 0ULL);
	free_one_by_one();
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(TAP->profile, 1), 0);
}

static struct kunit_case pages_cases[] = {
	KUNIT_CASE_PARAM(every_path_is_counted, path_gen_params),
	KUNIT_CASE(no_more_is_asked_for_than_the_caller_lets),
	KUNIT_CASE(each_part_of_a_block_that_was_split_counts),
	KUNIT_CASE(block_may_be_split_by_and_by),
	KUNIT_CASE(parts_without_memory_count_as_free),
	KUNIT_CASE(weight_that_does_not_divide_is_not_lost),
	KUNIT_CASE(what_moves_stays_known),
	KUNIT_CASE(middle_of_kspan_changes_nothing),
	KUNIT_CASE(slabs_are_not_counted),
	KUNIT_CASE(large_objects_are_not_counted),
	KUNIT_CASE(both_taps_may_be_on),
	KUNIT_CASE(what_may_come_from_anywhere_is_counted),
	KUNIT_CASE(nothing_is_seen_at_rate_0),
	KUNIT_CASE(what_was_off_is_not_known),
	{}
};

static struct kunit_suite pages_suite = {
	.name = "kspan_pages",
	.suite_init = pages_suite_init,
	.suite_exit = pages_suite_exit,
	.init = pages_init,
	.test_cases = pages_cases,
};

kunit_test_suite(pages_suite);
