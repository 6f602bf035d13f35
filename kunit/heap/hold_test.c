// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of what is left when the kernel frees memory of kspan's and it is not handed back: pages
 * that are in use stay in use, and the loss is counted and reported once.
 */
#include "suite.h"

#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmstat.h>

#include "heap/hold.h"
#include "allocator.h"

static unsigned long counted(enum kspan_counter what)
{
	return kspan_counter_sum(what);
}

static bool refuse(enum kspan_test_point point)
{
	return point == KSPAN_FAIL_HANDBACK && READ_ONCE(failing.task) == current;
}

/* As on a kernel whose functions cannot be probed. */
static void kernel_frees(void *obj)
{
	failing.task = current;
	kspan_set_test_hook(refuse);
	/* Fortified functions would stop what is to be tried. */
	OPTIMIZER_HIDE_VAR(obj);
	kfree(obj);
	kspan_set_test_hook(NULL);
}

/* A reference of @obj's page goes, by kfree() where that drops one, else by somebody's mistake. */
static void lose(void *obj)
{
	if (KSPAN_KFREE_DROPS)
		kernel_frees(obj);
	else
		page_ref_dec(virt_to_head_page(obj));
}

/*
 * Spans of pages of an order that kfree() does not warn of. The kernel's checkers know that a large
 * object begins with its page: it is given the first object of a span.
 */
#define WHOLE_SLOT	PAGE_SIZE
#define WHOLE_OBJS	8

struct whole {
	struct kspan_cache *cache;
	void *objs[WHOLE_OBJS];
	unsigned int nr;
	void *first;		/* of the span of all of them */
	struct page *page;
};

static void whole_new(struct kunit *test, struct whole *w)
{
	unsigned int i;

	catch_reports();
	w->cache = kspan_cache_create("kspan-lost", WHOLE_SLOT, PAGE_SIZE, 0, NULL);
	KUNIT_ASSERT_NOT_NULL(test, w->cache);
	w->nr = min_t(unsigned int, kspan_cache_own(w->cache)->span_pages, WHOLE_OBJS);
	if (w->nr < 2) {
		kspan_cache_destroy(w->cache);
		kunit_skip(test, "spans of one page only");
	}
	migrate_disable();
	KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(w->cache, GFP_KERNEL, w->nr, w->objs),
			(int)w->nr);
	migrate_enable();
	for (i = 0; i < w->nr; i++)
		fill(w->objs[i], i, WHOLE_SLOT);
	w->first = span_of(w->objs[0])->base;
	w->page = virt_to_head_page(w->first);
}

static void whole_free(struct kunit *test, struct whole *w)
{
	kspan_cache_free_bulk(w->cache, w->nr, w->objs);
	kspan_cache_destroy(w->cache);
}

static void what_is_not_handed_back_is_a_leak_at_worst(struct kunit *test)
{
	unsigned long lost = counted(KSPAN_CORE_FREES_LOST), slab;
	unsigned int i, order;
	struct whole w;
	void *other;
	int refs;

	whole_new(test, &w);
	order = compound_order(w.page);
	refs = page_ref_count(w.page);
	slab = global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B);

	lose(w.first);
	KUNIT_EXPECT_EQ(test, page_ref_count(w.page), refs - 1);
	KUNIT_EXPECT_TRUE(test, kspan_in_span(w.first));
	other = (void *)__get_free_pages(GFP_KERNEL, order);
	KUNIT_EXPECT_PTR_NE(test, other, w.first);
	free_pages((unsigned long)other, order);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);

	kspan_hold_look_at_all();
	expect_report(test, KSPAN_CORE_FREES_LOST, w.first,
		      "kfree() by the kernel itself of 1 of cache kspan-lost");
	KUNIT_EXPECT_EQ(test, counted(KSPAN_CORE_FREES_LOST), lost + 1);
	KUNIT_EXPECT_EQ(test, page_ref_count(w.page), refs);
	/* Each CPU keeps a part of it to itself, which is small. */
	KUNIT_EXPECT_LT(test, abs_diff(slab, global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B)),
			256UL);
	kspan_hold_look_at_all();
	KUNIT_EXPECT_EQ(test, caught.nr, 1U);
	for (i = 0; i < w.nr; i++)
		KUNIT_EXPECT_TRUE(test, filled_with(w.objs[i], i, WHOLE_SLOT));

	/* It leaks as long as nobody frees it, and no longer. */
	whole_free(test, &w);
	KUNIT_EXPECT_EQ(test, caught.nr, 1U);
}

/* More often than there are objects. */
static void no_number_of_frees_gives_the_page_away(struct kunit *test)
{
	unsigned long lost = counted(KSPAN_CORE_FREES_LOST), slab;
	struct whole w;
	int i;

	slab = global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B);

	whole_new(test, &w);
	for (i = 0; i < 1000; i++)
		lose(w.first);
	KUNIT_EXPECT_GT(test, page_ref_count(w.page), 0);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
	/* Freed by kspan too, it is the span's end that finds it. */
	whole_free(test, &w);
	expect_report(test, KSPAN_CORE_FREES_LOST, w.first, "of 1000 of cache kspan-lost");
	/* The kernel has counted each of them out, as pages of slab memory. */
	KUNIT_EXPECT_LT(test, abs_diff(slab, global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B)),
			256UL);
	KUNIT_EXPECT_EQ(test, counted(KSPAN_CORE_FREES_LOST), lost + 1000);
}

/* Little by little, the shrinker's way, every span is looked at. */
static void looking_at_some_comes_round(struct kunit *test)
{
	struct whole w;
	int i;

	whole_new(test, &w);
	lose(w.first);
	for (i = 0; i < 100000 && !caught.nr; i++)
		kspan_hold_look_at_some();
	expect_report(test, KSPAN_CORE_FREES_LOST, w.first, "of 1 of cache kspan-lost");
	whole_free(test, &w);
}

/* Where kfree() knows large objects by their page. */
#ifdef kunit_warning_suppress
static void what_kfree_refuses_stays(struct kunit *test)
{
	unsigned long slab;
	struct whole w;
	int refs, i;

	if (KSPAN_KFREE_DROPS)
		kunit_skip(test, "this kernel's kfree() refuses nothing");
	whole_new(test, &w);
	refs = page_ref_count(w.page);
	slab = global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B);
	kunit_warning_suppress(test) {
		for (i = 0; i < 1000; i++)
			kernel_frees(w.first);
		KUNIT_EXPECT_GE(test, KUNIT_SUPPRESSED_WARNING_COUNT(), 1);
	}
	KUNIT_EXPECT_EQ(test, page_ref_count(w.page), refs);
	KUNIT_EXPECT_LT(test, abs_diff(slab, global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B)),
			256UL);
	for (i = 0; i < w.nr; i++)
		KUNIT_EXPECT_TRUE(test, filled_with(w.objs[i], i, WHOLE_SLOT));
	kspan_hold_look_at_all();
	whole_free(test, &w);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
}
#endif

/* A page that somebody else holds outlives its span, as it always did. */
static void a_held_page_goes_with_its_last_holder(struct kunit *test)
{
	static const size_t sizes[] = { 64, 3 * PAGE_SIZE, 4 * PAGE_SIZE };
	struct kspan_cache *cache;
	struct page *page;
	void *obj;
	int i;

	catch_reports();
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		cache = kspan_cache_create("kspan-held", sizes[i], 0, 0, NULL);
		KUNIT_ASSERT_NOT_NULL(test, cache);
		obj = kspan_cache_alloc(cache, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, obj);
		page = virt_to_page(obj);
		get_page(page);
		kspan_cache_free(cache, obj);
		kspan_cache_destroy(cache);
		KUNIT_EXPECT_EQ(test, page_count(page), 1);
		put_page(page);
	}
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
}

/* ------------------------------------------------------------------ suite */

static struct kunit_case hold_cases[] = {
	KUNIT_CASE(what_is_not_handed_back_is_a_leak_at_worst),
	KUNIT_CASE(no_number_of_frees_gives_the_page_away),
	KUNIT_CASE(looking_at_some_comes_round),
#ifdef kunit_warning_suppress
	KUNIT_CASE(what_kfree_refuses_stays),
#endif
	KUNIT_CASE(a_held_page_goes_with_its_last_holder),
	{}
};

static struct kunit_suite hold_suite = {
	.name = "kspan_hold",
	.exit = allocator_test_exit,
	.test_cases = hold_cases,
};

kunit_test_suite(hold_suite);
