// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of what KASAN is told: of each object, by each way of allocating it, the bytes that were
 * asked for may be touched and none behind them; after each way of freeing, none. What the
 * compiler's checks would say of a byte is read from the shadow, as they do, so that nothing is
 * reported; the hardening client has real overruns reported.
 */
#include "suite.h"

#include <linux/kasan.h>

#include "allocator.h"

/* Would an access to this byte pass? */
static bool open_at(const void *addr)
{
	s8 shadow = READ_ONCE(*(s8 *)kasan_mem_to_shadow(addr));

	return !shadow || (s8)((unsigned long)addr & 7) < shadow;
}

/* How many of @len bytes from @from on may be touched. */
static size_t open_bytes(const void *from, size_t len)
{
	size_t i, n = 0;

	for (i = 0; i < len; i++)
		n += open_at(from + i);
	return n;
}

/* Exactly the first @size bytes of the slot of @obj. */
static void expect_open(struct kunit *test, const void *obj, size_t size)
{
	size_t slot = span_of(obj)->slot_size;

	KUNIT_EXPECT_EQ(test, open_bytes(obj, size), size);
	KUNIT_EXPECT_EQ(test, open_bytes(obj + size, slot - size), (size_t)0);
}

static const size_t sizes[] = { 1, 7, 8, 9, 15, 16, 33, 100, 192, 1000, 1001, 4095, 4096, 8192,
				30000, 40001, 70000 };

static void size_desc(const size_t *size, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%zu bytes", *size);
}

KUNIT_ARRAY_PARAM(size, sizes, size_desc);

/* ------------------------------------------------------------------ allocating */

static void object_is_open_to_its_last_byte(struct kunit *test)
{
	size_t size = *(size_t *)test->param_value;
	void *objs[] = {
		kspan_alloc(size, GFP_KERNEL),
		kspan_alloc(size, GFP_ATOMIC | __GFP_ZERO),
		kspan_zalloc(size, GFP_KERNEL),
		kspan_calloc(1, size, GFP_KERNEL),
		kspan_alloc_node(size, GFP_KERNEL, numa_mem_id()),
		kspan_alloc_node(size, GFP_KERNEL | __GFP_ZERO, first_online_node),
		kspan_realloc(NULL, size, GFP_KERNEL),
	};
	unsigned int round, i;

	for (i = 0; i < ARRAY_SIZE(objs); i++) {
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		expect_open(test, objs[i], size);
	}
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		kspan_free(objs[i]);
	/* What was freed is handed out again, from a CPU's array if there is one. */
	for (round = 0; round < 3; round++) {
		void *obj = kspan_alloc(size, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, obj);
		expect_open(test, obj, size);
		kspan_free(obj);
	}
}

#define OBJ_SIZE	60
#define NR		90

/* The bytes behind the object's size belong to its slot, and so do those of its neighbours. */
static void object_of_a_cache_is_open_to_its_last_byte(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-kasan", OBJ_SIZE, 0, 0, NULL);
	void **objs = objs_new(test, NR);
	struct kspan_span *span;
	unsigned int i;
	void *obj;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	span = span_of(obj);
	/* Nobody else has any of this span, nor is what is left at its end anybody's. */
	KUNIT_EXPECT_EQ(test, open_bytes(span->base, (size_t)span->nr_pages << PAGE_SHIFT),
			(size_t)OBJ_SIZE);
	expect_open(test, obj, OBJ_SIZE);
	KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, NR, objs), NR);
	for (i = 0; i < NR; i++)
		expect_open(test, objs[i], OBJ_SIZE);
	kspan_cache_free_bulk(cache, NR, objs);
	for (i = 0; i < NR; i++)
		if (kspan_in_span(objs[i]))
			expect_open(test, objs[i], 0);
	KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL | __GFP_ZERO, NR, objs),
			NR);
	for (i = 0; i < NR; i++)
		expect_open(test, objs[i], OBJ_SIZE);
	kspan_cache_free_bulk(cache, NR, objs);
	kspan_cache_free(cache, obj);
	kspan_cache_destroy(cache);
}

static void asking_for_the_size_opens_what_may_be_used(struct kunit *test)
{
	void *obj = kspan_alloc(100, GFP_KERNEL);
	size_t size = kspan_size(obj);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_EXPECT_GT(test, size, (size_t)100);
	expect_open(test, obj, size);
	kspan_free(obj);
}

static void object_that_stays_where_it_is_is_as_large_as_asked_for(struct kunit *test)
{
	void *obj = kspan_alloc(100, GFP_KERNEL), *same;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	same = kspan_realloc(obj, 43, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, same, obj);
	expect_open(test, obj, 43);
	same = kspan_realloc(obj, 109, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, same, obj);
	expect_open(test, obj, 109);
	obj = kspan_realloc(same, 1001, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	expect_open(test, obj, 1001);
	if (kspan_in_span(same))
		expect_open(test, same, 0);
	kspan_free(obj);
}

/* ------------------------------------------------------------------ freeing */

/* Objects of one cache, so that one of them keeps the span of the other. */
static struct kspan_cache *cache;
static void *keeper;

static void *begin(struct kunit *test, unsigned int flags)
{
	void *obj;

	cache = kspan_cache_create("kspan-kasan", OBJ_SIZE, 0, flags, NULL);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	migrate_disable();
	keeper = kspan_cache_alloc(cache, GFP_KERNEL);
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	migrate_enable();
	KUNIT_ASSERT_NOT_NULL(test, keeper);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_ASSERT_PTR_EQ(test, span_of(obj), span_of(keeper));
	return obj;
}

static void end(struct kunit *test)
{
	expect_open(test, keeper, OBJ_SIZE);
	kspan_cache_free(cache, keeper);
	kspan_cache_destroy(cache);
}

static void free_plain(void *obj)
{
	kspan_free(obj);
}

static void free_to_cache(void *obj)
{
	kspan_cache_free(cache, obj);
}

static void free_in_bulk(void *obj)
{
	kspan_cache_free_bulk(cache, 1, &obj);
}

static void free_in_bulk_of_any(void *obj)
{
	kspan_cache_free_bulk(NULL, 1, &obj);
}

static void free_after_grace_period(void *obj)
{
	kspan_free_rcu(obj);
	kspan_rcu_flush();
}

static void write_first(void *obj)
{
	WRITE_ONCE(*(u8 *)obj, 1);
}

static void finalize(void *obj, void *arg)
{
	write_first(obj);
}

static void free_with_finalizer(void *obj)
{
	if (kspan_set_finalizer(obj, finalize, NULL, GFP_KERNEL))
		return;
	kspan_free(obj);
	kspan_flush_finalizers();
}

static const struct free_case {
	const char *desc;
	unsigned int flags;
	void (*free)(void *obj);
} free_cases[] = {
	{ "kspan_free", 0, free_plain },
	{ "kspan_cache_free", 0, free_to_cache },
	{ "kspan_cache_free_bulk", 0, free_in_bulk },
	{ "kspan_cache_free_bulk of any cache", 0, free_in_bulk_of_any },
	{ "kspan_free_rcu", 0, free_after_grace_period },
	{ "finalizer", 0, free_with_finalizer },
	{ "poisoned", KSPAN_POISON, free_plain },
	{ "with a red zone", KSPAN_RED_ZONE, free_plain },
};

static void free_desc(const struct free_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(free, free_cases, free_desc);

static void freed_object_is_closed(struct kunit *test)
{
	const struct free_case *c = test->param_value;
	void *obj = begin(test, c->flags);

	expect_open(test, obj, OBJ_SIZE);
	c->free(obj);
	expect_open(test, obj, 0);
	end(test);
}

static void object_is_open_until_its_grace_period_ends(struct kunit *test)
{
	void *obj = begin(test, 0);
	size_t open;

	rcu_read_lock();
	kspan_free_rcu(obj);
	open = open_bytes(obj, OBJ_SIZE);
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, open, (size_t)OBJ_SIZE);
	kspan_rcu_flush();
	expect_open(test, obj, 0);
	end(test);
}

/* Who found one may look at it until he knows that it is not his. */
static void stable_object_stays_open(struct kunit *test)
{
	void *obj = begin(test, KSPAN_TYPESAFE_BY_RCU);

	kspan_cache_free(cache, obj);
	expect_open(test, obj, OBJ_SIZE);
	end(test);
}

static void wrong_free_closes_nothing(struct kunit *test)
{
	struct kspan_cache *other = kspan_cache_create("other", 100, 0, 0, NULL);
	void *obj = begin(test, 0);

	KUNIT_ASSERT_NOT_NULL(test, other);
	catch_reports();
	kspan_free(obj + 8);
	kspan_cache_free(other, obj);
	KUNIT_EXPECT_EQ(test, caught.nr, 2U);
	kspan_report_set_filter(NULL);
	expect_open(test, obj, OBJ_SIZE);
	kspan_free(obj);
	kspan_cache_destroy(other);
	end(test);
}

static void constructor_may_write_and_nobody_after_it(struct kunit *test)
{
	void *obj, *again;

	cache = kspan_cache_create("kspan-kasan", OBJ_SIZE, 0, 0, write_first);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	again = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_ASSERT_NOT_NULL(test, again);
	expect_open(test, obj, OBJ_SIZE);
	kspan_cache_free(cache, obj);
	if (kspan_in_span(obj))
		expect_open(test, obj, 0);
	kspan_cache_free(cache, again);
	kspan_cache_destroy(cache);
}

static struct kunit_case kasan_cases[] = {
	KUNIT_CASE_PARAM(object_is_open_to_its_last_byte, size_gen_params),
	KUNIT_CASE(object_of_a_cache_is_open_to_its_last_byte),
	KUNIT_CASE(asking_for_the_size_opens_what_may_be_used),
	KUNIT_CASE(object_that_stays_where_it_is_is_as_large_as_asked_for),
	KUNIT_CASE_PARAM(freed_object_is_closed, free_gen_params),
	KUNIT_CASE(object_is_open_until_its_grace_period_ends),
	KUNIT_CASE(stable_object_stays_open),
	KUNIT_CASE(wrong_free_closes_nothing),
	KUNIT_CASE(constructor_may_write_and_nobody_after_it),
	{}
};

static struct kunit_suite kasan_suite = {
	.name = "kspan_kasan",
	.exit = allocator_test_exit,
	.test_cases = kasan_cases,
};

kunit_test_suite(kasan_suite);
