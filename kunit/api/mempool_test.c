// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of kspan as the allocator of a mempool: where elements come from, the reserve when there
 * is no memory, and that nothing is left.
 */
#include "suite.h"

#include <linux/slab.h>

#include <kspan/mempool.h>

#include "allocator.h"

#define RESERVE		4
#define ELEMENT_SIZE	200

static struct kspan_cache *cache;

static int mempool_test_init(struct kunit *test)
{
	cache = kspan_cache_create("kspan-mempool", ELEMENT_SIZE, 0, 0, NULL);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	catch_reports();
	return 0;
}

static void mempool_test_exit(struct kunit *test)
{
	allocator_test_exit(test);
	kspan_cache_destroy(cache);
}

static const struct pool_case {
	const char *desc;
	bool sized;
} pool_cases[] = {
	{ "a cache", false },
	{ "a size", true },
};

static void pool_desc(const struct pool_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(pool, pool_cases, pool_desc);

static mempool_t *pool_new(struct kunit *test)
{
	const struct pool_case *c = test->param_value;
	mempool_t *pool = c->sized ? kspan_mempool_create_size(RESERVE, ELEMENT_SIZE) :
				     kspan_mempool_create(RESERVE, cache);

	KUNIT_ASSERT_NOT_NULL(test, pool);
	return pool;
}

static void elements_are_kspan_objects_of_the_size(struct kunit *test)
{
	mempool_t *pool = pool_new(test);
	void *element = mempool_alloc(pool, GFP_KERNEL);

	KUNIT_EXPECT_NOT_NULL(test, element);
	KUNIT_EXPECT_TRUE(test, kspan_owns(element));
	KUNIT_EXPECT_GE(test, kspan_size(element), (size_t)ELEMENT_SIZE);
	if (element)
		fill(element, 0xff, ELEMENT_SIZE);
	mempool_free(element, pool);
	KUNIT_EXPECT_FALSE(test, kspan_owns(element));
	mempool_destroy(pool);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
}

/* More than kspan can have ready for a CPU and in depots: it has to ask for pages. */
#define MANY	5000

static void reserve_is_there_when_there_is_no_memory(struct kunit *test)
{
	mempool_t *pool = pool_new(test);
	void **taken = objs_new(test, MANY);
	unsigned int i, nr;

	fail_all(KSPAN_FAIL_PAGES);
	for (nr = 0; nr < MANY && pool->curr_nr == RESERVE; nr++) {
		taken[nr] = mempool_alloc(pool, GFP_NOWAIT);
		if (!taken[nr])
			break;
	}
	/* The last was the first out of the reserve. */
	KUNIT_EXPECT_EQ(test, pool->curr_nr, RESERVE - 1);
	for (i = 1; i < RESERVE && nr < MANY; i++, nr++) {
		taken[nr] = mempool_alloc(pool, GFP_NOWAIT);
		KUNIT_EXPECT_NOT_NULL(test, taken[nr]);
	}
	KUNIT_EXPECT_EQ(test, pool->curr_nr, 0);
	KUNIT_EXPECT_NULL(test, mempool_alloc(pool, GFP_NOWAIT));
	fail_nothing();

	/* What is freed fills the reserve first. */
	while (nr--)
		mempool_free(taken[nr], pool);
	KUNIT_EXPECT_EQ(test, pool->curr_nr, RESERVE);
	mempool_destroy(pool);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
}

static void pool_that_cannot_fill_its_reserve_is_not_made(struct kunit *test)
{
	const struct pool_case *c = test->param_value;
	mempool_t *pool;

	fail_all(KSPAN_FAIL_PAGES);
	/* As many bytes as no span has left. */
	pool = c->sized ? kspan_mempool_create_size(MANY, ELEMENT_SIZE) :
			  kspan_mempool_create(MANY, cache);
	fail_nothing();
	KUNIT_EXPECT_NULL(test, pool);
	mempool_destroy(pool);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
}

static void destroyed_pool_leaves_its_cache_empty(struct kunit *test)
{
	unsigned long left = kspan_counter_sum(KSPAN_CACHES_LEFT);
	struct kspan_cache *own = kspan_cache_create("kspan-mempool-own", 64, 0, 0, NULL);
	mempool_t *pool;

	KUNIT_ASSERT_NOT_NULL(test, own);
	pool = kspan_mempool_create(RESERVE, own);
	KUNIT_EXPECT_NOT_NULL(test, pool);
	mempool_destroy(pool);
	kspan_cache_destroy(own);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_CACHES_LEFT), left);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
}

static struct kunit_case mempool_cases[] = {
	KUNIT_CASE_PARAM(elements_are_kspan_objects_of_the_size, pool_gen_params),
	KUNIT_CASE_PARAM(reserve_is_there_when_there_is_no_memory, pool_gen_params),
	KUNIT_CASE_PARAM(pool_that_cannot_fill_its_reserve_is_not_made, pool_gen_params),
	KUNIT_CASE(destroyed_pool_leaves_its_cache_empty),
	{}
};

static struct kunit_suite mempool_suite = {
	.name = "kspan_mempool",
	.init = mempool_test_init,
	.exit = mempool_test_exit,
	.test_cases = mempool_cases,
};

kunit_test_suite(mempool_suite);
