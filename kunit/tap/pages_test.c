// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the tap on the page allocator: while everything is sampled, the pages of each path are
 * counted exactly, once, from the caller of the allocator on; what slabs take is not among them; and
 * what is free is not in use.
 */
#include "suite.h"

#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/version.h>
#include <linux/vmalloc.h>

#include "profile_helpers.h"
#include "tap_helpers.h"

#define TAP	(&kspan_page_tap)
#define NR	32

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
#define bulk_array(nr, array)	alloc_pages_bulk(GFP_KERNEL, nr, array)
#else
#define bulk_array(nr, array)	alloc_pages_bulk_array(GFP_KERNEL, nr, array)
#define HAVE_BULK_LIST
#endif

static struct page *pages[NR];
#ifdef HAVE_BULK_LIST
static LIST_HEAD(listed);
#endif
static void *area;
static u64 saved_rate;

static int pages_init(struct kunit *test)
{
	saved_rate = kspan_profile_sample_bytes(TAP->profile);
	memset(pages, 0, sizeof(pages));
	area = NULL;
	return kspan_profile_set_sample_bytes(TAP->profile, 1) ?:
	       kspan_tap_enable(TAP, 1);
}

static void pages_exit(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, kspan_tap_enable(TAP, 0), 0);
	kspan_profile_set_sample_bytes(TAP->profile, saved_rate);
}

static struct tap_counts counts_of(struct kunit *test, void *fn)
{
	return tap_counts(test, TAP, fn);
}

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
			    strstr(row->symbols[j]->name, "kasan_"))
				break;
			if (row->symbols[j]->start == (unsigned long)fn)
				sum += row->alloc_objects;
		}
	}
	kspan_snapshot_free(snap);
	return sum;
}

/* ------------------------------------------------------------------ what is counted */

static noinline void by_page(void)
{
	int i;

	for (i = 0; i < NR; i++)
		pages[i] = alloc_page(GFP_KERNEL);
}

static noinline void by_movable_page(void)
{
	int i;

	for (i = 0; i < NR; i++)
		pages[i] = alloc_page(GFP_HIGHUSER_MOVABLE);
}

static noinline void by_block(void)
{
	int i;

	for (i = 0; i < NR; i++)
		pages[i] = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);
}

static noinline void by_address(void)
{
	int i;

	for (i = 0; i < NR; i++)
		pages[i] = virt_to_page(__get_free_page(GFP_KERNEL));
}

static noinline void by_zeroed_address(void)
{
	int i;

	for (i = 0; i < NR; i++)
		pages[i] = virt_to_page(get_zeroed_page(GFP_KERNEL));
}

/* Until all are there: the first call may give a single one. */
static noinline void by_array(void)
{
	int nr = 0, tries;

	for (tries = 0; nr < NR && tries < NR; tries++)
		nr = bulk_array(NR, pages);
}

/* Into the gaps that others left. */
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

/* A single page, which the bulk allocator takes by the way of all single pages. */
static noinline void by_arrays_of_one(void)
{
	int i;

	for (i = 0; i < NR; i++)
		bulk_array(1, &pages[i]);
}

#ifdef HAVE_BULK_LIST
static noinline void by_list(void)
{
	int nr = 0, tries;

	for (tries = 0; nr < NR && tries < NR; tries++)
		nr += alloc_pages_bulk_list(GFP_KERNEL, NR - nr, &listed);
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
	struct page *block = alloc_pages(GFP_KERNEL, ilog2(NR));
	int i;

	if (!block)
		return;
	split_page(block, ilog2(NR));
	for (i = 0; i < NR; i++)
		pages[i] = block + i;
}

static noinline void by_vmalloc(void)
{
	area = vmalloc(NR * PAGE_SIZE);
}

static void free_pages_one_by_one(void)
{
	int i;

	for (i = 0; i < NR; i++)
		__free_page(pages[i]);
}

static void free_blocks(void)
{
	int i;

	for (i = 0; i < NR; i++)
		__free_pages(pages[i], 2);
}

static void free_area(void)
{
	vfree(area);
}

static const struct page_path {
	const char *name;
	void (*alloc)(void);
	void (*free)(void);
	unsigned int allocs, live, pages;	/* pages: of one */
	const char *label;
} paths[] = {
	{ "alloc_page", by_page, free_pages_one_by_one, NR, NR, 1, "unmovable" },
	{ "movable", by_movable_page, free_pages_one_by_one, NR, NR, 1, "movable" },
	{ "alloc_pages", by_block, free_blocks, NR, NR, 4, "unmovable" },
	{ "__get_free_page", by_address, free_pages_one_by_one, NR, NR, 1, "unmovable" },
	{ "get_zeroed_page", by_zeroed_address, free_pages_one_by_one, NR, NR, 1, "unmovable" },
	{ "bulk_array", by_array, free_pages_one_by_one, NR, NR, 1, "unmovable" },
	{ "bulk_array_with_gaps", by_array_with_gaps, free_pages_one_by_one,
	  NR + DIV_ROUND_UP(NR, 3), NR, 1, "unmovable" },
	{ "bulk_array_of_one", by_arrays_of_one, free_pages_one_by_one, NR, NR, 1, "unmovable" },
#ifdef HAVE_BULK_LIST
	{ "bulk_list", by_list, free_list, NR, NR, 1, "unmovable" },
#endif
	{ "split_page", by_split, free_pages_one_by_one, NR, NR, 1, "unmovable" },
	{ "vmalloc", by_vmalloc, free_area, NR, NR, 1, "vmalloc" },
};

static void path_desc(const struct page_path *path, char *desc)
{
	strscpy(desc, path->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(path, paths, path_desc);

static void every_path_is_counted(struct kunit *test)
{
	unsigned long missed = kspan_tap_counter(TAP, KSPAN_TAP_MISSED_FREES);
	const struct page_path *path = test->param_value;
	struct tap_counts counts;

	path->alloc();
	counts = counts_of(test, path->alloc);
	KUNIT_EXPECT_EQ(test, counts.allocs, (u64)path->allocs);
	KUNIT_EXPECT_EQ(test, counts.live, (u64)path->live);
	KUNIT_EXPECT_EQ(test, counts.bytes, (u64)path->live * path->pages * PAGE_SIZE);
	KUNIT_EXPECT_STREQ(test, counts.label, path->label);
	path->free();
	counts = counts_of(test, path->alloc);
	KUNIT_EXPECT_EQ(test, counts.allocs, (u64)path->allocs);
	KUNIT_EXPECT_EQ(test, counts.live, 0ULL);
	KUNIT_EXPECT_EQ(test, counts.bytes, 0ULL);
	KUNIT_EXPECT_EQ(test, kspan_tap_counter(TAP, KSPAN_TAP_MISSED_FREES),
			missed);
}

static noinline struct page *block(void)
{
	return test_keep(alloc_pages(GFP_KERNEL, ilog2(NR)));
}

/* What a reset has forgotten of a block is not taken out of what came after. */
static void split_after_a_reset_takes_nothing_out(struct kunit *test)
{
	struct page *blocks[2];
	int nr = 2, i;

	/* From one call, not from two of a loop that was unrolled: so that they have one stack. */
	OPTIMIZER_HIDE_VAR(nr);
	for (i = 0; i < nr; i++) {
		kspan_profile_reset(TAP->profile);
		blocks[i] = block();
		KUNIT_ASSERT_NOT_NULL(test, blocks[i]);
	}
	KUNIT_EXPECT_EQ(test, counts_of(test, block).live, 2ULL);
	split_page(blocks[0], ilog2(NR));
	KUNIT_EXPECT_EQ(test, counts_of(test, block).allocs, 1ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, block).live, 1ULL);
	split_page(blocks[1], ilog2(NR));
	KUNIT_EXPECT_EQ(test, counts_of(test, block).allocs, 0ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, block).live, 0ULL);
	for (i = 0; i < NR; i++) {
		__free_page(blocks[0] + i);
		__free_page(blocks[1] + i);
	}
	KUNIT_EXPECT_EQ(test, counts_of(test, split_after_a_reset_takes_nothing_out).live, 0ULL);
}

/* ------------------------------------------------------------------ beside the other tap */

static void construct(void *obj)
{
}

/* Slabs, of which each is a new one; what is too large for one; and what is larger than that. */
static noinline void by_slab(void *objs[NR])
{
	struct kmem_cache *cache = kmem_cache_create("kspan_pages_test", 2000, 0, 0, construct);
	int i;

	for (i = 0; cache && i < NR; i++)
		objs[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (i = 0; cache && i < NR; i++)
		kmem_cache_free(cache, objs[i]);
	kmem_cache_destroy(cache);
}

static noinline void by_large_kmalloc(void *objs[NR])
{
	size_t size = 2 * KMALLOC_MAX_CACHE_SIZE;
	int i;

	OPTIMIZER_HIDE_VAR(size);
	for (i = 0; i < NR; i++)
		objs[i] = kmalloc(size, GFP_KERNEL);
	for (i = 0; i < NR; i++)
		kfree(objs[i]);
}

static noinline void by_kvmalloc(void *objs[NR])
{
	objs[0] = kvmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL);
	kvfree(objs[0]);
}

static void what_the_slab_tap_shows_is_not_shown_twice(struct kunit *test)
{
	void **objs = kunit_kcalloc(test, NR, sizeof(*objs), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, objs);
	by_slab(objs);
	by_large_kmalloc(objs);
	by_kvmalloc(objs);
	KUNIT_EXPECT_EQ(test, counts_of(test, by_slab).allocs, 0ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, by_large_kmalloc).allocs, 0ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, by_kvmalloc).allocs, 0ULL);
	/* Nor under the name of a function of the allocator's. */
	KUNIT_EXPECT_EQ(test, allocs_within(test, by_slab), 0ULL);
	KUNIT_EXPECT_EQ(test, allocs_within(test, by_large_kmalloc), 0ULL);
	KUNIT_EXPECT_EQ(test, allocs_within(test, by_kvmalloc), 0ULL);
}

/* Slabs are pages, and what one tap allocates for itself the other does not see. */
static void both_taps_may_be_on(struct kunit *test)
{
	u64 slab_rate = kspan_profile_sample_bytes(kspan_slab_tap.profile);
	static void *objs[4 * NR];
	int i;

	KUNIT_ASSERT_EQ(test, kspan_profile_set_sample_bytes(kspan_slab_tap.profile, 1), 0);
	KUNIT_EXPECT_EQ(test, kspan_tap_enable(&kspan_slab_tap, 1), 0);
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		objs[i] = kmalloc(1024, GFP_KERNEL);
	by_page();
	KUNIT_EXPECT_EQ(test, tap_counts(test, &kspan_slab_tap, both_taps_may_be_on).live,
			(u64)ARRAY_SIZE(objs));
	KUNIT_EXPECT_EQ(test, counts_of(test, by_page).live, (u64)NR);
	/* No page's record is an object of whoever wanted the page. */
	KUNIT_EXPECT_EQ(test, tap_counts(test, &kspan_slab_tap, by_page).allocs, 0ULL);
	free_pages_one_by_one();
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		kfree(objs[i]);
	KUNIT_EXPECT_EQ(test, tap_counts(test, &kspan_slab_tap, both_taps_may_be_on).live, 0ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, by_page).live, 0ULL);
	KUNIT_EXPECT_EQ(test, kspan_tap_enable(&kspan_slab_tap, 0), 0);
	kspan_profile_set_sample_bytes(kspan_slab_tap.profile, slab_rate);
}

/* ------------------------------------------------------------------ switching, contexts */

static void what_was_off_is_not_known(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, kspan_tap_enable(TAP, 0), 0);
	by_page();
	KUNIT_EXPECT_EQ(test, kspan_tap_enable(TAP, 1), 0);
	free_pages_one_by_one();
	KUNIT_EXPECT_EQ(test, counts_of(test, by_page).allocs, 0ULL);
	KUNIT_EXPECT_TRUE(test, kspan_tap_enabled(TAP));
	KUNIT_EXPECT_FALSE(test, kspan_tap_enabled(&kspan_slab_tap));
}

static void nothing_is_seen_at_rate_0(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(TAP->profile, 0), 0);
	by_page();
	KUNIT_EXPECT_EQ(test, counts_of(test, by_page).allocs, 0ULL);
	free_pages_one_by_one();
}

static struct kunit_case pages_cases[] = {
	KUNIT_CASE_PARAM(every_path_is_counted, path_gen_params),
	KUNIT_CASE(split_after_a_reset_takes_nothing_out),
	KUNIT_CASE(what_the_slab_tap_shows_is_not_shown_twice),
	KUNIT_CASE(both_taps_may_be_on),
	KUNIT_CASE(what_was_off_is_not_known),
	KUNIT_CASE(nothing_is_seen_at_rate_0),
	{}
};

static struct kunit_suite pages_suite = {
	.name = "kspan_pages",
	.init = pages_init,
	.exit = pages_exit,
	.test_cases = pages_cases,
};

kunit_test_suite(pages_suite);
