// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the page map: every page of a span leads to it, nothing else leads anywhere, and memory
 * may come at any time and anywhere, under readers too, and takes no more map than it needs.
 */
#include "suite.h"

#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "allocator.h"

/* An entry page of the root covers so many bytes, and so does each of its entries. */
#define LEAF_BYTES	((unsigned long)KSPAN_LEAF_PAGES << PAGE_SHIFT)
#define ROOT_BYTES	(LEAF_BYTES * (PAGE_SIZE / sizeof(void *)))

/* The first address that has a place in the map, and the first behind it that has none. */
static unsigned long map_start(void)
{
	unsigned long start;

	rcu_read_lock();
	start = rcu_dereference(kspan_pagemap)->start;
	rcu_read_unlock();
	return start;
}

static unsigned long map_end(void)
{
	unsigned long end;

	rcu_read_lock();
	end = rcu_dereference(kspan_pagemap)->start +
	      kspan_pagemap_leaves(rcu_dereference(kspan_pagemap)) * LEAF_BYTES;
	rcu_read_unlock();
	return end;
}

static int in_data;

/* Whether every question about @addr is answered with no. */
static bool is_foreign(const void *addr)
{
	return !kspan_in_span(addr) && !kspan_owns(addr) && !kspan_size(addr);
}

static const struct value_case {
	const char *desc;
	unsigned long addr;
} value_cases[] = {
	{ "NULL", 0 },
	{ "ZERO_SIZE_PTR", (unsigned long)ZERO_SIZE_PTR },
	{ "first page", PAGE_SIZE },
	{ "user", 0x400000 },
	{ "largest positive", LONG_MAX },
	{ "smallest negative", LONG_MIN },
	{ "just below the direct map", (unsigned long)-1 },	/* made below, as the next */
	{ "just below all memory", (unsigned long)-1 },
	{ "error", (unsigned long)-ENOMEM },
	{ "all ones", ULONG_MAX },
};

static void value_desc(const struct value_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(value, value_cases, value_desc);

static void value_that_is_no_address_is_foreign(struct kunit *test)
{
	const struct value_case *c = test->param_value;
	unsigned long addr = c->addr;

	if (!strcmp(c->desc, "just below the direct map"))
		addr = PAGE_OFFSET - 1;
	else if (!strcmp(c->desc, "just below all memory"))
		addr = map_start() - 1;
	KUNIT_EXPECT_TRUE(test, is_foreign((void *)addr));
}

/* Where the direct map begins at zero, as on s390x, a power of two is memory like any other. */
static bool may_be_an_object(unsigned long addr)
{
	return addr >= PAGE_OFFSET && addr < (unsigned long)high_memory;
}

/* One bit, all bits but one, and what lies next to them: each level's bounds are among these. */
static void any_power_of_two_may_be_asked_about(struct kunit *test)
{
	unsigned int bit, wrong = 0;
	long off;

	for (bit = 0; bit < BITS_PER_LONG; bit++) {
		for (off = -1; off <= 1; off++) {
			if (!may_be_an_object(BIT(bit) + off))
				wrong += !is_foreign((void *)(BIT(bit) + off));
			wrong += !is_foreign((void *)(~BIT(bit) + off));
			/* Beyond all memory of this machine, in the direct map or not. */
			if (BIT(bit) > __pa(high_memory))
				wrong += !is_foreign((void *)(PAGE_OFFSET + BIT(bit) + off));
		}
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
}

static void memory_of_others_is_foreign(struct kunit *test)
{
	void *slab = kmalloc(64, GFP_KERNEL), *area = vmalloc(PAGE_SIZE);
	void *page = (void *)__get_free_page(GFP_KERNEL);
	int on_stack;

	KUNIT_EXPECT_TRUE(test, is_foreign(slab));
	KUNIT_EXPECT_TRUE(test, is_foreign(area));
	KUNIT_EXPECT_TRUE(test, is_foreign(page));
	KUNIT_EXPECT_TRUE(test, is_foreign(&on_stack));
	KUNIT_EXPECT_TRUE(test, is_foreign(&in_data));
	KUNIT_EXPECT_TRUE(test, is_foreign(memory_of_others_is_foreign));
	KUNIT_EXPECT_TRUE(test, is_foreign(vfree));
	KUNIT_EXPECT_TRUE(test, is_foreign(high_memory));
	KUNIT_EXPECT_TRUE(test, is_foreign(high_memory - 1));
	free_page((unsigned long)page);
	vfree(area);
	kfree(slab);
}

/* ------------------------------------------------------------------ pages of a span */

static const struct size_case {
	const char *desc;
	size_t size;
} size_cases[] = {
	{ "one page of small objects", 64 },
	{ "objects across pages", 2560 },
	{ "one object of a page", PAGE_SIZE },
	{ "large, not a power of two", 5 * PAGE_SIZE + KSPAN_MAX_CLASS_SIZE },
	{ "a leaf", KSPAN_LEAF_PAGES << PAGE_SHIFT },
	{ "several leaves", KMALLOC_MAX_SIZE },
};

static void size_desc(const struct size_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(size, size_cases, size_desc);

static void every_page_of_a_span_leads_to_it(struct kunit *test)
{
	const struct size_case *c = test->param_value;
	void *obj = kspan_alloc(c->size, GFP_KERNEL), *base, *at;
	struct kspan_span *span;
	unsigned int wrong = 0;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	span = span_of(obj);
	KUNIT_ASSERT_NOT_NULL(test, span);
	KUNIT_EXPECT_LT(test, kspan_span_index(span, obj), (int)span->nr_objs);
	base = span->base;
	for (at = base; at < base + span->nr_pages * PAGE_SIZE; at += PAGE_SIZE) {
		wrong += kspan_pagemap_find(at) != span;
		wrong += kspan_pagemap_find(at + PAGE_SIZE - 1) != span;
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	rcu_read_lock();
	KUNIT_EXPECT_PTR_NE(test, kspan_pagemap_find(base - 1), span);
	KUNIT_EXPECT_PTR_NE(test, kspan_pagemap_find(at), span);
	rcu_read_unlock();
	kspan_free(obj);
}

static void pages_given_back_lead_nowhere(struct kunit *test)
{
	size_t size = KSPAN_MAX_CLASS_SIZE + 3 * PAGE_SIZE, at;
	void *obj = kspan_alloc(size, GFP_KERNEL);
	unsigned int wrong = 0;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	kspan_free(obj);
	for (at = 0; at < size; at += PAGE_SIZE)
		wrong += !is_foreign(obj + at);
	KUNIT_EXPECT_EQ(test, wrong, 0U);
}

/* ------------------------------------------------------------------ growing */

static int cover(unsigned long first, unsigned long bytes)
{
	return kspan_pagemap_cover((void *)first, (void *)(first + bytes - 1));
}

/* A page at @addr, where there is no memory, is entered and is found; or there is no room. */
static int enter(struct kunit *test, unsigned long addr)
{
	static struct kspan_span span;
	void *page = (void *)addr;
	int err = kspan_pagemap_set(page, 1, &span, GFP_KERNEL);

	if (err) {
		KUNIT_EXPECT_TRUE(test, is_foreign(page));
		return err;
	}
	KUNIT_EXPECT_PTR_EQ(test, span_of(page), &span);
	KUNIT_EXPECT_TRUE(test, is_foreign(page - 1));
	KUNIT_EXPECT_TRUE(test, is_foreign(page + PAGE_SIZE));
	kspan_pagemap_clear(page, 1);
	KUNIT_EXPECT_TRUE(test, is_foreign(page));
	return 0;
}

static void map_covers_all_memory_from_the_start(struct kunit *test)
{
	unsigned long first, last;
	int nid;

	for_each_online_node(nid) {
		if (!node_present_pages(nid))
			continue;
		first = (unsigned long)__va(PFN_PHYS(node_start_pfn(nid)));
		last = (unsigned long)__va(PFN_PHYS(node_end_pfn(nid))) - 1;
		KUNIT_EXPECT_GE(test, first, map_start());
		KUNIT_EXPECT_LT(test, last, map_end());
	}
}

static const struct growth_case {
	const char *desc;
	long leaves;		/* from the end, or from the start if below zero */
} growth_cases[] = {
	{ "behind the last", 0 },
	{ "behind a hole", 5000 },
	{ "before the first", -1 },
	{ "before a hole", -5000 },
};

static void growth_desc(const struct growth_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(growth, growth_cases, growth_desc);

/* Memory may come anywhere: what there was is found as before, and so is what is new. */
static void memory_that_comes_has_a_place(struct kunit *test)
{
	const struct growth_case *c = test->param_value;
	void *small = kspan_alloc(64, GFP_KERNEL), *large = kspan_alloc(SZ_1M, GFP_KERNEL);
	struct kspan_span *span = span_of(small), *large_span = span_of(large);
	unsigned long at = c->leaves < 0 ? map_start() : map_end();

	KUNIT_ASSERT_NOT_NULL(test, span);
	KUNIT_ASSERT_NOT_NULL(test, large_span);
	if (c->leaves < 0 && at < -c->leaves * LEAF_BYTES + ROOT_BYTES)
		kunit_skip(test, "memory begins at 0");
	at += c->leaves * LEAF_BYTES;
	KUNIT_EXPECT_EQ(test, enter(test, at), -ENOMEM);
	KUNIT_EXPECT_EQ(test, cover(at, LEAF_BYTES), 0);
	KUNIT_EXPECT_EQ(test, enter(test, at), 0);
	KUNIT_EXPECT_EQ(test, enter(test, at + LEAF_BYTES - PAGE_SIZE), 0);
	KUNIT_EXPECT_PTR_EQ(test, span_of(small), span);
	KUNIT_EXPECT_PTR_EQ(test, span_of(large), large_span);
	KUNIT_EXPECT_PTR_EQ(test, span_of(large + SZ_1M - 1), large_span);
	kspan_free(large);
	kspan_free(small);
}

static void map_that_covers_it_stays(struct kunit *test)
{
	unsigned long start = map_start(), end = map_end();
	const void *map = rcu_access_pointer(kspan_pagemap);
	void *obj = kspan_alloc(64, GFP_KERNEL);

	KUNIT_EXPECT_EQ(test, cover((unsigned long)obj, 1), 0);
	KUNIT_EXPECT_EQ(test, cover((unsigned long)obj & PAGE_MASK, PAGE_SIZE), 0);
	KUNIT_EXPECT_PTR_EQ(test, (const void *)rcu_access_pointer(kspan_pagemap), map);
	KUNIT_EXPECT_EQ(test, map_start(), start);
	KUNIT_EXPECT_EQ(test, map_end(), end);
	kspan_free(obj);
}

/*
 * A node that is far away takes a map for its memory, not for all that lies between; and what lies
 * between has no place until memory comes there.
 */
static void far_node_takes_map_for_its_memory_alone(struct kunit *test)
{
	unsigned long pages = clamp_t(unsigned long, 8 * SZ_1T / ROOT_BYTES, 16, 8192);
	unsigned long hole = pages * ROOT_BYTES;
	unsigned long far = map_end() + hole, between = far - hole / 2;
	size_t before = kspan_pagemap_bytes();

	KUNIT_ASSERT_EQ(test, cover(far, ROOT_BYTES), 0);
	/* A pointer for each page of the root that is not there, and two pages and a leaf. */
	KUNIT_EXPECT_LE(test, kspan_pagemap_bytes(), before + (pages + 2) * sizeof(void *) +
			3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, enter(test, far), 0);
	KUNIT_EXPECT_EQ(test, enter(test, far + ROOT_BYTES - PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, enter(test, between), -ENOMEM);
	KUNIT_EXPECT_EQ(test, cover(between, LEAF_BYTES), 0);
	KUNIT_EXPECT_EQ(test, enter(test, between), 0);
	KUNIT_EXPECT_EQ(test, enter(test, between - ROOT_BYTES), -ENOMEM);
	KUNIT_EXPECT_EQ(test, enter(test, far), 0);
}

static struct kspan_span sought;
static const void *sought_page;
static unsigned int seen;

static void see(struct kspan_span *span, const void *page)
{
	seen += span == &sought && page == sought_page;
}

/* Whoever looks at all leaves does not look at each place of a hole. */
static void walk_steps_over_holes(struct kunit *test)
{
	unsigned long far = map_end() + 64 * ROOT_BYTES, place = 0, steps = 0;

	KUNIT_ASSERT_EQ(test, cover(far, LEAF_BYTES), 0);
	sought_page = (void *)far + PAGE_SIZE;
	KUNIT_ASSERT_EQ(test, kspan_pagemap_set(sought_page, 1, &sought, GFP_KERNEL), 0);
	seen = 0;
	while (kspan_pagemap_visit(&place, see) != KSPAN_LEAF_BEYOND)
		steps++;
	KUNIT_EXPECT_EQ(test, seen, 1U);
	KUNIT_EXPECT_LT(test, steps, (map_end() - map_start()) / LEAF_BYTES / 2);

	/* Nor does one who comes to be in the middle of a hole step over what is behind it. */
	place = (far - map_start()) / LEAF_BYTES - ROOT_BYTES / LEAF_BYTES / 2;
	seen = 0;
	while (kspan_pagemap_visit(&place, see) != KSPAN_LEAF_BEYOND)
		;
	KUNIT_EXPECT_EQ(test, seen, 1U);
	kspan_pagemap_clear(sought_page, 1);
}

/* The map has been replaced by a longer one while a leaf was made for a place in it. */
static bool cover_meanwhile(enum kspan_test_point point)
{
	if (point == KSPAN_AT_LEAF && in_task() && current == failing.task) {
		fail_nothing();
		cover(map_start() - LEAF_BYTES, LEAF_BYTES);
	}
	return false;
}

static void leaf_is_installed_where_the_map_has_come_to_lie(struct kunit *test)
{
	unsigned long end = map_end(), start = map_start();

	if (start < ROOT_BYTES)
		kunit_skip(test, "memory begins at 0");
	KUNIT_ASSERT_EQ(test, cover(end, LEAF_BYTES), 0);
	failing.task = current;
	kspan_set_test_hook(cover_meanwhile);
	KUNIT_EXPECT_EQ(test, enter(test, end), 0);
	fail_nothing();
	KUNIT_EXPECT_LT(test, map_start(), start);
}

/* The page behind the one that is being entered is entered meanwhile. */
static struct {
	void *base;
	struct kspan_span span[2];
	bool came;
} late;

static bool enter_meanwhile(enum kspan_test_point point)
{
	if (point == KSPAN_AT_LEAF && in_task() && current == failing.task && !late.came) {
		late.came = true;
		kspan_pagemap_set(late.base + PAGE_SIZE, 1, &late.span[1], GFP_KERNEL);
	}
	return false;
}

static void two_who_install_a_leaf_keep_both_entries(struct kunit *test)
{
	memset(&late, 0, sizeof(late));
	/* Where there is no memory, so that nobody else has entries. */
	late.base = (void *)map_end();
	KUNIT_ASSERT_EQ(test, cover(map_end(), LEAF_BYTES), 0);
	failing.task = current;
	kspan_set_test_hook(enter_meanwhile);
	KUNIT_EXPECT_EQ(test, kspan_pagemap_set(late.base, 1, &late.span[0], GFP_KERNEL), 0);
	fail_nothing();
	KUNIT_EXPECT_TRUE(test, late.came);
	KUNIT_EXPECT_PTR_EQ(test, span_of(late.base), &late.span[0]);
	KUNIT_EXPECT_PTR_EQ(test, span_of(late.base + PAGE_SIZE), &late.span[1]);
	kspan_pagemap_clear(late.base, 2);
	KUNIT_EXPECT_TRUE(test, is_foreign(late.base));
}

/* One asks whose an address is, the other is the owner of an object, and holds nothing else. */
struct lookups {
	void *obj;
	struct kspan_span *span;
	unsigned int wrong, done;
};

static int look_up(void *data)
{
	struct lookups *lookups = data;

	while (!kthread_should_stop()) {
		lookups->wrong += !kspan_owns(lookups->obj);
		lookups->wrong += span_of(lookups->obj) != lookups->span;
		WRITE_ONCE(lookups->done, lookups->done + 1);
		cpu_relax();
		cond_resched();
	}
	return 0;
}

static void lookups_go_on_while_the_map_grows(struct kunit *test)
{
	struct lookups lookups = { .obj = kspan_alloc(64, GFP_KERNEL) };
	struct task_struct *task;
	unsigned int i, failed = 0;

	KUNIT_ASSERT_NOT_NULL(test, lookups.obj);
	lookups.span = span_of(lookups.obj);
	task = kthread_run(look_up, &lookups, "kspan-lookups");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	while (!READ_ONCE(lookups.done))
		schedule_timeout_uninterruptible(1);
	for (i = 0; i < 20; i++) {
		bool before = i % 2 && map_start() >= ROOT_BYTES;

		failed += cover(before ? map_start() - LEAF_BYTES : map_end(), LEAF_BYTES) != 0;
	}
	kthread_stop(task);
	KUNIT_EXPECT_EQ(test, failed, 0U);
	KUNIT_EXPECT_EQ(test, lookups.wrong, 0U);
	kspan_free(lookups.obj);
}

/* ------------------------------------------------------------------ suite */

static struct kunit_case pagemap_cases[] = {
	KUNIT_CASE_PARAM(value_that_is_no_address_is_foreign, value_gen_params),
	KUNIT_CASE(any_power_of_two_may_be_asked_about),
	KUNIT_CASE(memory_of_others_is_foreign),
	KUNIT_CASE_PARAM(every_page_of_a_span_leads_to_it, size_gen_params),
	KUNIT_CASE(pages_given_back_lead_nowhere),
	KUNIT_CASE(map_covers_all_memory_from_the_start),
	KUNIT_CASE_PARAM(memory_that_comes_has_a_place, growth_gen_params),
	KUNIT_CASE(map_that_covers_it_stays),
	KUNIT_CASE(leaf_is_installed_where_the_map_has_come_to_lie),
	KUNIT_CASE(two_who_install_a_leaf_keep_both_entries),
	KUNIT_CASE(lookups_go_on_while_the_map_grows),
	KUNIT_CASE(far_node_takes_map_for_its_memory_alone),
	KUNIT_CASE(walk_steps_over_holes),
	{}
};

static struct kunit_suite pagemap_suite = {
	.name = "kspan_pagemap",
	.exit = allocator_test_exit,
	.test_cases = pagemap_cases,
};

kunit_test_suite(pagemap_suite);
