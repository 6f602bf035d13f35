// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the page map: every page of a span leads to it, nothing else leads anywhere, and the
 * map may grow at any time, under readers too.
 */
#include "suite.h"

#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "allocator.h"

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
		addr = kspan_pagemap_start - 1;
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
	KUNIT_EXPECT_EQ(test, span->magic, (u32)KSPAN_SPAN_MAGIC);
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

static unsigned long nr_leaves(void)
{
	unsigned long nr;

	rcu_read_lock();
	nr = rcu_dereference(kspan_pagemap)->nr_leaves;
	rcu_read_unlock();
	return nr;
}

static void map_covers_all_memory_from_the_start(struct kunit *test)
{
	unsigned long last = ((unsigned long)high_memory - 1 - kspan_pagemap_start) >> PAGE_SHIFT;
	unsigned long first = (unsigned long)__va(PFN_PHYS(node_start_pfn(first_online_node)));

	KUNIT_EXPECT_GT(test, nr_leaves(), last >> KSPAN_LEAF_SHIFT);
	KUNIT_EXPECT_GE(test, first, kspan_pagemap_start);
	KUNIT_EXPECT_LT(test, first - kspan_pagemap_start, KSPAN_LEAF_PAGES << PAGE_SHIFT);
}

static void growing_keeps_entries(struct kunit *test)
{
	void *small = kspan_alloc(64, GFP_KERNEL), *large = kspan_alloc(SZ_1M, GFP_KERNEL);
	struct kspan_span *span = span_of(small), *large_span = span_of(large);
	unsigned long nr = nr_leaves();

	KUNIT_ASSERT_NOT_NULL(test, span);
	KUNIT_ASSERT_NOT_NULL(test, large_span);
	KUNIT_EXPECT_EQ(test, kspan_pagemap_grow(nr + 1), 0);
	KUNIT_EXPECT_EQ(test, nr_leaves(), nr + 1);
	KUNIT_EXPECT_PTR_EQ(test, span_of(small), span);
	KUNIT_EXPECT_PTR_EQ(test, span_of(large), large_span);
	KUNIT_EXPECT_PTR_EQ(test, span_of(large + SZ_1M - 1), large_span);
	/* The new part is empty. */
	KUNIT_EXPECT_TRUE(test, is_foreign((void *)kspan_pagemap_start +
					   ((nr * KSPAN_LEAF_PAGES + 1) << PAGE_SHIFT)));
	kspan_free(large);
	kspan_free(small);
}

static void map_does_not_shrink(struct kunit *test)
{
	unsigned long nr = nr_leaves();

	KUNIT_EXPECT_EQ(test, kspan_pagemap_grow(1), 0);
	KUNIT_EXPECT_EQ(test, kspan_pagemap_grow(nr), 0);
	KUNIT_EXPECT_EQ(test, nr_leaves(), nr);
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
	unsigned long nr = nr_leaves();

	memset(&late, 0, sizeof(late));
	/* Where there is no memory, so that nobody else has entries. */
	KUNIT_ASSERT_EQ(test, kspan_pagemap_grow(nr + 1), 0);
	late.base = (void *)kspan_pagemap_start + ((nr * KSPAN_LEAF_PAGES) << PAGE_SHIFT);
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

struct lookups {
	const void *obj;
	unsigned int wrong, done;
};

static int look_up(void *data)
{
	struct lookups *lookups = data;

	while (!kthread_should_stop()) {
		lookups->wrong += !kspan_owns(lookups->obj);
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
	task = kthread_run(look_up, &lookups, "kspan-lookups");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	while (!READ_ONCE(lookups.done))
		schedule_timeout_uninterruptible(1);
	for (i = 0; i < 20; i++) {
		failed += kspan_pagemap_grow(nr_leaves() + 1) != 0;
		/* The old root is freed after a grace period: let some of them end. */
		if (i % 5 == 4)
			synchronize_rcu();
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
	KUNIT_CASE(growing_keeps_entries),
	KUNIT_CASE(map_does_not_shrink),
	KUNIT_CASE(two_who_install_a_leaf_keep_both_entries),
	KUNIT_CASE(lookups_go_on_while_the_map_grows),
	{}
};

static struct kunit_suite pagemap_suite = {
	.name = "kspan_pagemap",
	.exit = allocator_test_exit,
	.test_cases = pagemap_cases,
};

kunit_test_suite(pagemap_suite);
