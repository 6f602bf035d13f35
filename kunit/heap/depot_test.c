// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the depot: objects that overflow an array wait in magazines and come back from there,
 * what waits is bounded, counts as free, and is given back when memory is wanted.
 */
#include "suite.h"

#include <linux/sched.h>
#include <linux/slab.h>

#include "heap/node.h"
#include "heap/pcpu.h"
#include "heap/retire.h"
#include "allocator.h"

#define OBJ_SIZE	64
#define NR		500

struct depot_test {
	struct kspan_cache *cache;
	struct kspan_node *node;	/* of the CPU that all of it runs on */
	unsigned long in_use_before;
	void *objs[NR];
};

/* Objects in use since the test began, by the account that the stats file gives. */
static unsigned long in_use(struct depot_test *t)
{
	return kspan_counter_sum(KSPAN_ALLOCS) - kspan_counter_sum(KSPAN_FREES) - t->in_use_before;
}

static int depot_test_init(struct kunit *test)
{
	struct depot_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	t->cache = kspan_cache_create("kspan-depot", OBJ_SIZE, 0, 0, NULL);
	if (!t->cache)
		return -ENOMEM;
	/* The thread of one test: the next one has a thread of its own. */
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	t->node = kspan_cache_node(t->cache, numa_mem_id());
	t->in_use_before = in_use(t);
	return 0;
}

/* Also says whether anything was lost: destruction reports objects that are left. */
static void depot_test_exit(struct kunit *test)
{
	struct depot_test *t = test->priv;

	allocator_test_exit(test);
	if (t)
		kspan_cache_destroy(t->cache);
}

static unsigned int alloc_all(struct depot_test *t)
{
	unsigned int i, failed = 0;

	for (i = 0; i < NR; i++) {
		t->objs[i] = kspan_cache_alloc(t->cache, GFP_KERNEL);
		failed += !t->objs[i];
	}
	return failed;
}

static void free_all(struct depot_test *t)
{
	unsigned int i;

	for (i = 0; i < NR; i++)
		kspan_cache_free(t->cache, t->objs[i]);
}

static void overflow_waits_in_the_depot_and_comes_back(struct kunit *test)
{
	struct depot_test *t = test->priv;
	unsigned long out, ready, i;
	unsigned int nr, failed = 0;

	KUNIT_ASSERT_EQ(test, alloc_all(t), 0U);
	free_all(t);
	nr = t->node->nr_magazines;
	KUNIT_ASSERT_GT(test, nr, 0U);

	/* All that the array and the depot hold is had without a look at a span. */
	out = t->node->nr_out;
	ready = kspan_pcpu_cached(t->cache) + nr * kspan_cache_own(t->cache)->batch;
	for (i = 0; i < ready; i++) {
		t->objs[i] = kspan_cache_alloc(t->cache, GFP_KERNEL);
		failed += !t->objs[i];
		fill(t->objs[i], i, OBJ_SIZE);
	}
	KUNIT_EXPECT_EQ(test, failed, 0U);
	KUNIT_EXPECT_EQ(test, t->node->nr_magazines, 0U);
	KUNIT_EXPECT_EQ(test, t->node->nr_out, out);
	while (i--) {
		failed += !filled_with(t->objs[i], i, OBJ_SIZE);
		kspan_cache_free(t->cache, t->objs[i]);
	}
	/* Each was handed out once. */
	KUNIT_EXPECT_EQ(test, failed, 0U);
}

static void depot_is_bounded(struct kunit *test)
{
	struct depot_test *t = test->priv;
	struct kspan_cache_own *own = kspan_cache_own(t->cache);
	unsigned int round, max = 2 * own->depot_max;

	KUNIT_ASSERT_GT(test, max, 0U);
	own->depot_most = max;
	for (round = 0; round < 20; round++) {
		KUNIT_ASSERT_EQ(test, alloc_all(t), 0U);
		free_all(t);
		KUNIT_EXPECT_LE(test, t->node->nr_magazines, max);
		KUNIT_EXPECT_LE(test, t->node->nr_spares, max);
	}
	KUNIT_EXPECT_EQ(test, t->node->nr_magazines, max);
	/* What is freed beyond it went to the spans, which went home. */
	KUNIT_EXPECT_LE(test, t->node->nr_out,
			(unsigned long)max * kspan_cache_own(t->cache)->batch +
			kspan_pcpu_cached(t->cache));
}

/* A burst that comes again and again finds everything there; one that came once leaves little. */
static void depot_follows_the_load(struct kunit *test)
{
	struct depot_test *t = test->priv;
	const struct kspan_cache_own *own = kspan_cache_own(t->cache);
	unsigned long out, created;
	unsigned int round, before;

	KUNIT_ASSERT_EQ(test, alloc_all(t), 0U);
	free_all(t);
	KUNIT_EXPECT_EQ(test, t->node->depot_limit, own->depot_max);
	KUNIT_EXPECT_EQ(test, t->node->nr_magazines, own->depot_max);
	for (round = 0; round < 8; round++) {
		before = t->node->depot_limit;
		KUNIT_ASSERT_EQ(test, alloc_all(t), 0U);
		KUNIT_EXPECT_LE(test, t->node->depot_limit, 2 * before);
		free_all(t);
	}
	/* Spans are not asked any more, either way. */
	out = t->node->nr_out;
	created = kspan_counter_sum(KSPAN_SPANS_CREATED);
	KUNIT_EXPECT_GE(test, out, (unsigned long)NR);
	before = t->node->depot_limit;
	KUNIT_EXPECT_LT(test, before, own->depot_most);
	KUNIT_ASSERT_EQ(test, alloc_all(t), 0U);
	free_all(t);
	KUNIT_EXPECT_EQ(test, t->node->nr_out, out);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_SPANS_CREATED), created);
	KUNIT_EXPECT_EQ(test, t->node->depot_limit, before);

	/* Memory pressure has it begin anew. */
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(t->cache), 0);
	KUNIT_EXPECT_EQ(test, t->node->depot_limit, own->depot_max);
}

static void objects_in_the_depot_are_not_in_use(struct kunit *test)
{
	struct depot_test *t = test->priv;
	void *obj;

	KUNIT_ASSERT_EQ(test, alloc_all(t), 0U);
	KUNIT_EXPECT_EQ(test, in_use(t), (unsigned long)NR);
	free_all(t);
	KUNIT_EXPECT_GT(test, t->node->nr_magazines, 0U);
	KUNIT_EXPECT_EQ(test, in_use(t), 0UL);

	/* Freed is freed, wherever it waits. */
	catch_reports();
	obj = t->node->magazines->slot[0].obj;
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
	kspan_cache_free(t->cache, obj);
	expect_report(test, KSPAN_DOUBLE_FREES, obj, "double free");
}

static void shrinking_empties_the_depot(struct kunit *test)
{
	struct depot_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, alloc_all(t), 0U);
	free_all(t);
	KUNIT_EXPECT_GT(test, t->node->nr_magazines, 0U);
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(t->cache), 0);
	KUNIT_EXPECT_EQ(test, t->node->nr_magazines, 0U);
	KUNIT_EXPECT_EQ(test, t->node->nr_spares, 0U);
	KUNIT_EXPECT_EQ(test, t->node->nr_out, 0UL);
	KUNIT_EXPECT_EQ(test, t->node->nr_pages, 0UL);
}

/* Without memory for a magazine an object goes to its span, one by one. */
static void overflow_needs_no_memory(struct kunit *test)
{
	struct depot_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, alloc_all(t), 0U);
	fail_all(KSPAN_FAIL_MAGAZINE);
	free_all(t);
	fail_nothing();
	KUNIT_EXPECT_GT(test, failing.calls, 0U);
	KUNIT_EXPECT_EQ(test, t->node->nr_magazines, 0U);
	KUNIT_EXPECT_EQ(test, in_use(t), 0UL);
	KUNIT_EXPECT_LE(test, t->node->nr_out, kspan_pcpu_cached(t->cache));
}

/* ------------------------------------------------------------------ walks */

/* The objects of the next magazine begin with this one; NULL at the end. */
static void *next_of_walk(struct depot_test *t)
{
	struct kspan_slot slots[KSPAN_BATCH_MAX];
	u8 mark;

	return kspan_depot_walk_next(t->cache, t->node, slots, &mark) ? slots[0].obj : NULL;
}

/* Magazines may come and go between any two steps, since the lock is dropped there. */
static void walk_sees_each_magazine_that_stays(struct kunit *test)
{
	struct kspan_magazine *first, *second, *third;
	struct depot_test *t = test->priv;
	int nid = numa_mem_id();
	unsigned int seen = 2, nr;

	t->node->depot_limit = 8;
	KUNIT_ASSERT_EQ(test, alloc_all(t), 0U);
	free_all(t);
	/* There is one who walks, and he is done. */
	kspan_retire_flush();
	nr = t->node->nr_magazines;
	KUNIT_ASSERT_GE(test, nr, 4U);

	kspan_depot_walk_start(t->node);
	third = t->node->magazines->next->next;
	KUNIT_EXPECT_PTR_EQ(test, next_of_walk(t), t->node->magazines->slot[0].obj);
	/* The second goes, with which it would have gone on; the first goes and comes again. */
	first = kspan_depot_get(t->cache, nid, 1, NULL);
	second = kspan_depot_get(t->cache, nid, 1, NULL);
	kfree(kspan_depot_put(t->cache, nid, first));
	KUNIT_EXPECT_PTR_EQ(test, next_of_walk(t), third->slot[0].obj);
	while (next_of_walk(t))
		seen++;
	KUNIT_EXPECT_EQ(test, seen, nr - 1);
	kfree(kspan_depot_put(t->cache, nid, second));
	KUNIT_EXPECT_EQ(test, t->node->nr_magazines, nr);

	/* All go. */
	kspan_depot_walk_start(t->node);
	KUNIT_EXPECT_NOT_NULL(test, next_of_walk(t));
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(t->cache), 0);
	KUNIT_EXPECT_NULL(test, next_of_walk(t));
}

/* What checks each object as it is freed and handed out keeps none ready. */
static void guarded_cache_has_no_depot(struct kunit *test)
{
	struct depot_test *t = test->priv;
	struct kspan_cache *plain = t->cache;

	t->cache = kspan_cache_create("kspan-depot-guard", OBJ_SIZE, 0, KSPAN_POISON, NULL);
	if (t->cache) {
		KUNIT_EXPECT_EQ(test, alloc_all(t), 0U);
		free_all(t);
		KUNIT_EXPECT_EQ(test, kspan_cache_node(t->cache, numa_mem_id())->nr_out, 0UL);
		kspan_cache_destroy(t->cache);
	} else {
		KUNIT_FAIL(test, "no cache");
	}
	t->cache = plain;
}

/* ------------------------------------------------------------------ bulk */

/* Larger than an array and than all that waits, in one call each. */
static void bulk_passes_through_array_and_depot(struct kunit *test)
{
	struct depot_test *t = test->priv;
	unsigned int i, round, wrong = 0;

	for (round = 0; round < 4; round++) {
		KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(t->cache, GFP_KERNEL, NR, t->objs),
				NR);
		KUNIT_EXPECT_EQ(test, in_use(t), (unsigned long)NR);
		for (i = 0; i < NR; i++)
			fill(t->objs[i], i * 7 + round, OBJ_SIZE);
		for (i = 0; i < NR; i++)
			wrong += !filled_with(t->objs[i], i * 7 + round, OBJ_SIZE) ||
				 !kspan_owns(t->objs[i]);
		kspan_cache_free_bulk(round % 2 ? t->cache : NULL, NR, t->objs);
		KUNIT_EXPECT_EQ(test, in_use(t), 0UL);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	KUNIT_EXPECT_GT(test, t->node->nr_magazines, 0U);
}

static struct kunit_case depot_cases[] = {
	KUNIT_CASE(overflow_waits_in_the_depot_and_comes_back),
	KUNIT_CASE(depot_is_bounded),
	KUNIT_CASE(depot_follows_the_load),
	KUNIT_CASE(objects_in_the_depot_are_not_in_use),
	KUNIT_CASE(shrinking_empties_the_depot),
	KUNIT_CASE(overflow_needs_no_memory),
	KUNIT_CASE(walk_sees_each_magazine_that_stays),
	KUNIT_CASE(guarded_cache_has_no_depot),
	KUNIT_CASE(bulk_passes_through_array_and_depot),
	{}
};

static struct kunit_suite depot_suite = {
	.name = "kspan_depot",
	.init = depot_test_init,
	.exit = depot_test_exit,
	.test_cases = depot_cases,
};

kunit_test_suite(depot_suite);
