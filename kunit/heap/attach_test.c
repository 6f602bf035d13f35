// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of records on the objects of a span: what is hung on an object is said in its state.
 * Sampling is off, so that an object has what the test hangs on it and nothing else.
 */
#include "suite.h"

#include "heap/attach.h"
#include "profile_helpers.h"

static struct kspan_cache *cache;

static int attach_init(struct kunit *test)
{
	cache = kspan_cache_create("attach", 64, 0, KSPAN_RED_ZONE, NULL);
	if (!cache || test_begin(test))
		return -ENOMEM;
	return kspan_profile_set_sample_bytes(HEAP, 0);
}

static void attach_exit(struct kunit *test)
{
	test_end(test);
	if (cache)
		kspan_cache_destroy(cache);
}

static void *new_object(struct kunit *test)
{
	void *obj = kspan_cache_alloc(cache, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	return obj;
}

static int attach(struct kunit *test, void *obj, enum kspan_special_kind kind)
{
	struct kspan_special *special = kspan_special_new(kind, GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, special);
	err = kspan_attach(span_of(obj), obj, special);
	if (err)
		kspan_special_delete(special);
	return err;
}

static void object_says_that_it_has_records(struct kunit *test)
{
	struct kspan_special *special;
	void *obj = new_object(test);

	KUNIT_EXPECT_EQ(test, state_of(obj), (int)KSPAN_STATE_ALLOCATED);
	KUNIT_EXPECT_EQ(test, attach(test, obj, KSPAN_SPECIAL_FINALIZER), 0);
	KUNIT_EXPECT_EQ(test, state_of(obj), (int)KSPAN_STATE_SPECIALS);
	KUNIT_EXPECT_EQ(test, attach(test, obj, KSPAN_SPECIAL_FINALIZER), -EEXIST);
	special = kspan_detach(span_of(obj), obj, KSPAN_SPECIAL_FINALIZER);
	KUNIT_ASSERT_NOT_NULL(test, special);
	kspan_special_delete(special);
	/* A free looks for more of them, and finds none. */
	KUNIT_EXPECT_EQ(test, state_of(obj), (int)KSPAN_STATE_SPECIALS);
	KUNIT_EXPECT_NULL(test, kspan_detach(span_of(obj), obj, KSPAN_SPECIAL_FINALIZER));
	kspan_cache_free(cache, obj);
}

static void neighbours_in_a_span_have_their_own(struct kunit *test)
{
	struct kspan_special *special;
	void *obj, *neighbour;

	/* On one CPU, so that both objects are of one span whatever the nodes. */
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	obj = new_object(test);
	neighbour = new_object(test);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	KUNIT_ASSERT_PTR_EQ(test, span_of(obj), span_of(neighbour));
	KUNIT_EXPECT_EQ(test, attach(test, obj, KSPAN_SPECIAL_FINALIZER), 0);
	KUNIT_EXPECT_EQ(test, state_of(neighbour), (int)KSPAN_STATE_ALLOCATED);
	KUNIT_EXPECT_NULL(test, kspan_detach(span_of(obj), neighbour, KSPAN_SPECIAL_FINALIZER));
	/* Of the same kind, of which each may have one. */
	KUNIT_EXPECT_EQ(test, attach(test, neighbour, KSPAN_SPECIAL_FINALIZER), 0);
	special = kspan_detach(span_of(obj), obj, KSPAN_SPECIAL_FINALIZER);
	KUNIT_ASSERT_NOT_NULL(test, special);
	KUNIT_EXPECT_EQ(test, special->offset, (u32)(obj - span_of(obj)->base));
	kspan_special_delete(special);
	KUNIT_EXPECT_NULL(test, kspan_detach(span_of(obj), obj, KSPAN_SPECIAL_FINALIZER));
	special = kspan_detach(span_of(obj), neighbour, KSPAN_SPECIAL_FINALIZER);
	KUNIT_ASSERT_NOT_NULL(test, special);
	kspan_special_delete(special);
	kspan_cache_free(cache, neighbour);
	kspan_cache_free(cache, obj);
}

static void nothing_hangs_on_what_is_not_an_allocated_object(struct kunit *test)
{
	void *keeps_the_span = new_object(test), *obj = new_object(test);
	unsigned long before = kspan_special_count();

	KUNIT_EXPECT_EQ(test, attach(test, obj + 8, KSPAN_SPECIAL_CLEANUP), -EINVAL);
	kspan_cache_free(cache, obj);
	KUNIT_EXPECT_EQ(test, attach(test, obj, KSPAN_SPECIAL_CLEANUP), -EINVAL);
	KUNIT_EXPECT_NULL(test, kspan_detach(span_of(obj), obj, KSPAN_SPECIAL_CLEANUP));
	KUNIT_EXPECT_EQ(test, kspan_special_count(), before);
	KUNIT_EXPECT_TRUE(test, kspan_special_set_empty(&span_of(obj)->specials));
	kspan_cache_free(cache, keeps_the_span);
}

/* Somebody frees it, and has not come to its records yet: they are his. */
static void records_of_an_object_that_is_being_freed_stay_on_it(struct kunit *test)
{
	struct kspan_special *special;
	void *obj = new_object(test);
	u8 *state = &span_of(obj)->state[kspan_span_index(span_of(obj), obj)];

	KUNIT_EXPECT_EQ(test, attach(test, obj, KSPAN_SPECIAL_FINALIZER), 0);
	WRITE_ONCE(*state, KSPAN_STATE_FREEING);
	KUNIT_EXPECT_NULL(test, kspan_detach(span_of(obj), obj, KSPAN_SPECIAL_FINALIZER));
	KUNIT_EXPECT_EQ(test, attach(test, obj, KSPAN_SPECIAL_CLEANUP), -EINVAL);
	WRITE_ONCE(*state, KSPAN_STATE_SPECIALS);
	special = kspan_detach(span_of(obj), obj, KSPAN_SPECIAL_FINALIZER);
	KUNIT_ASSERT_NOT_NULL(test, special);
	kspan_special_delete(special);
	kspan_cache_free(cache, obj);
}

static struct kunit_case attach_cases[] = {
	KUNIT_CASE(object_says_that_it_has_records),
	KUNIT_CASE(neighbours_in_a_span_have_their_own),
	KUNIT_CASE(nothing_hangs_on_what_is_not_an_allocated_object),
	KUNIT_CASE(records_of_an_object_that_is_being_freed_stay_on_it),
	{}
};

static struct kunit_suite attach_suite = {
	.name = "kspan_attach",
	.init = attach_init,
	.exit = attach_exit,
	.test_cases = attach_cases,
};

kunit_test_suite(attach_suite);
