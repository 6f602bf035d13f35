// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the records and of the tree that a span keeps them in, below what the kinds of them
 * mean. Sampling is off, so that an object has what the test hangs on it and nothing else.
 */
#include "suite.h"

#include "special/special.h"
#include "profile_helpers.h"

static struct kspan_cache *cache;

static int special_init(struct kunit *test)
{
	cache = kspan_cache_create("special", 64, 0, KSPAN_RED_ZONE, NULL);
	if (!cache || test_begin(test))
		return -ENOMEM;
	return kspan_profile_set_sample_bytes(HEAP, 0);
}

static void special_exit(struct kunit *test)
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

/* Hangs a new record on @obj: 0, or the error, and then it is gone again. */
static int add(struct kunit *test, void *obj, enum kspan_special_kind kind, void *mark)
{
	struct kspan_special *special = kspan_special_new(kind, GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, special);
	/* Where the test knows it by; each kind keeps something else there. */
	special->cleanup.arg = mark;
	err = kspan_special_add(span_of(obj), obj, special);
	if (err)
		kspan_special_delete(special);
	return err;
}

static struct kspan_special *unlink_kinds(void *obj, unsigned int kinds)
{
	struct kspan_span *span = span_of(obj);

	return kspan_special_unlink(span, obj - span->base, kinds);
}

/* The next of a list is of this kind and mark; deletes it and returns the rest. */
static struct kspan_special *expect_next(struct kunit *test, struct kspan_special *list,
					 enum kspan_special_kind kind, void *mark)
{
	struct kspan_special *rest;

	KUNIT_EXPECT_NOT_NULL(test, list);
	if (!list)
		return NULL;
	KUNIT_EXPECT_EQ(test, (int)list->kind, (int)kind);
	KUNIT_EXPECT_PTR_EQ(test, list->cleanup.arg, mark);
	rest = list->next;
	kspan_special_delete(list);
	return rest;
}

/* ------------------------------------------------------------------ records */

static void record_is_counted_while_it_exists(struct kunit *test)
{
	unsigned long before = kspan_special_count();
	struct kspan_special *special = kspan_special_new(KSPAN_SPECIAL_WEAK, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, special);
	KUNIT_EXPECT_EQ(test, kspan_special_count(), before + 1);
	kspan_special_delete(special);
	KUNIT_EXPECT_EQ(test, kspan_special_count(), before);
}

static void no_memory_gives_no_record(struct kunit *test)
{
	unsigned long before = kspan_special_count();

	fail_all(KSPAN_FAIL_SPECIAL);
	KUNIT_EXPECT_NULL(test, kspan_special_new(KSPAN_SPECIAL_PROFILE, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, kspan_special_count(), before);
}

/* What an object is asked for may be nothing that a record can be asked for: slab would warn. */
static void request_for_the_object_is_not_one_for_the_record(struct kunit *test)
{
	gfp_t gfp = GFP_ATOMIC | __GFP_DMA | __GFP_ZERO | __GFP_ACCOUNT | __GFP_COMP |
		    __GFP_THISNODE;
	struct kspan_special *special;

	/* Nobody may sleep in here, and PREEMPT_RT excludes no more than that. */
	rcu_read_lock();
	special = kspan_special_new(KSPAN_SPECIAL_PROFILE, gfp);
	rcu_read_unlock();
	KUNIT_ASSERT_NOT_NULL(test, special);
	kspan_special_delete(special);
}

/* ------------------------------------------------------------------ the tree */

static void records_leave_by_kind_and_cleanups_as_they_came(struct kunit *test)
{
	void *obj = new_object(test);
	struct kspan_special *list;
	char marks[7];

	KUNIT_EXPECT_EQ(test, add(test, obj, KSPAN_SPECIAL_CLEANUP, &marks[2]), 0);
	KUNIT_EXPECT_EQ(test, add(test, obj, KSPAN_SPECIAL_WEAK, &marks[6]), 0);
	KUNIT_EXPECT_EQ(test, add(test, obj, KSPAN_SPECIAL_CLEANUP, &marks[3]), 0);
	KUNIT_EXPECT_EQ(test, add(test, obj, KSPAN_SPECIAL_PROFILE, &marks[0]), 0);
	KUNIT_EXPECT_EQ(test, add(test, obj, KSPAN_SPECIAL_CLEANUP, &marks[4]), 0);
	KUNIT_EXPECT_EQ(test, add(test, obj, KSPAN_SPECIAL_FINALIZER, &marks[1]), 0);
	KUNIT_EXPECT_EQ(test, add(test, obj, KSPAN_SPECIAL_CLEANUP, &marks[5]), 0);

	list = unlink_kinds(obj, KSPAN_KINDS_ALL);
	list = expect_next(test, list, KSPAN_SPECIAL_PROFILE, &marks[0]);
	list = expect_next(test, list, KSPAN_SPECIAL_FINALIZER, &marks[1]);
	list = expect_next(test, list, KSPAN_SPECIAL_CLEANUP, &marks[2]);
	list = expect_next(test, list, KSPAN_SPECIAL_CLEANUP, &marks[3]);
	list = expect_next(test, list, KSPAN_SPECIAL_CLEANUP, &marks[4]);
	list = expect_next(test, list, KSPAN_SPECIAL_CLEANUP, &marks[5]);
	list = expect_next(test, list, KSPAN_SPECIAL_WEAK, &marks[6]);
	KUNIT_EXPECT_NULL(test, list);
	KUNIT_EXPECT_TRUE(test, RB_EMPTY_ROOT(&span_of(obj)->specials));
	kspan_cache_free(cache, obj);
}

static void only_the_kinds_asked_for_leave(struct kunit *test)
{
	void *obj = new_object(test);
	struct kspan_special *list;
	char marks[3];

	KUNIT_EXPECT_EQ(test, add(test, obj, KSPAN_SPECIAL_PROFILE, &marks[0]), 0);
	KUNIT_EXPECT_EQ(test, add(test, obj, KSPAN_SPECIAL_CLEANUP, &marks[1]), 0);
	KUNIT_EXPECT_EQ(test, add(test, obj, KSPAN_SPECIAL_WEAK, &marks[2]), 0);

	list = unlink_kinds(obj, KSPAN_KIND(KSPAN_SPECIAL_WEAK));
	KUNIT_EXPECT_NULL(test, expect_next(test, list, KSPAN_SPECIAL_WEAK, &marks[2]));
	KUNIT_EXPECT_NULL(test, unlink_kinds(obj, KSPAN_KIND(KSPAN_SPECIAL_FINALIZER)));
	list = unlink_kinds(obj, KSPAN_KINDS_ALL);
	list = expect_next(test, list, KSPAN_SPECIAL_PROFILE, &marks[0]);
	KUNIT_EXPECT_NULL(test, expect_next(test, list, KSPAN_SPECIAL_CLEANUP, &marks[1]));
	kspan_cache_free(cache, obj);
}

#define NEIGHBOURS	9

static void neighbours_keep_their_records(struct kunit *test)
{
	void *objs[NEIGHBOURS];
	unsigned int i;

	/* As they come to lie in the span, whatever the order, every second leaves first. */
	for (i = 0; i < NEIGHBOURS; i++) {
		objs[i] = new_object(test);
		KUNIT_EXPECT_EQ(test, add(test, objs[i], KSPAN_SPECIAL_CLEANUP, objs[i]), 0);
		KUNIT_EXPECT_EQ(test, add(test, objs[i], KSPAN_SPECIAL_WEAK, objs[i]), 0);
	}
	for (i = 0; i < NEIGHBOURS; i++) {
		void *obj = objs[i * 2 % NEIGHBOURS];
		struct kspan_special *list = unlink_kinds(obj, KSPAN_KINDS_ALL);

		list = expect_next(test, list, KSPAN_SPECIAL_CLEANUP, obj);
		KUNIT_EXPECT_NULL(test, expect_next(test, list, KSPAN_SPECIAL_WEAK, obj));
		kspan_cache_free(cache, obj);
	}
}

static const struct kind_case {
	const char *desc;
	enum kspan_special_kind kind;
	int second;		/* what a second one on the same object gives */
} kind_cases[] = {
	{ "profile", KSPAN_SPECIAL_PROFILE, -EEXIST },
	{ "finalizer", KSPAN_SPECIAL_FINALIZER, -EEXIST },
	{ "cleanup", KSPAN_SPECIAL_CLEANUP, 0 },
	{ "weak", KSPAN_SPECIAL_WEAK, -EEXIST },
};

static void kind_desc(const struct kind_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(kind, kind_cases, kind_desc);

static void only_of_cleanups_are_there_many(struct kunit *test)
{
	const struct kind_case *c = test->param_value;
	void *obj = new_object(test);
	struct kspan_special *list;
	char marks[2];

	KUNIT_EXPECT_EQ(test, add(test, obj, c->kind, &marks[0]), 0);
	KUNIT_EXPECT_EQ(test, add(test, obj, c->kind, &marks[1]), c->second);
	list = expect_next(test, unlink_kinds(obj, KSPAN_KINDS_ALL), c->kind, &marks[0]);
	if (!c->second)
		list = expect_next(test, list, c->kind, &marks[1]);
	KUNIT_EXPECT_NULL(test, list);
	kspan_cache_free(cache, obj);
}

static void one_is_removed_and_the_others_stay(struct kunit *test)
{
	const struct kind_case *c = test->param_value;
	struct kspan_special *special;
	void *obj = new_object(test);
	int kind;

	for (kind = 0; kind < KSPAN_NR_SPECIALS; kind++)
		KUNIT_EXPECT_EQ(test, add(test, obj, kind, NULL), 0);
	special = kspan_special_remove(span_of(obj), obj, c->kind);
	KUNIT_ASSERT_NOT_NULL(test, special);
	KUNIT_EXPECT_EQ(test, (int)special->kind, (int)c->kind);
	kspan_special_delete(special);
	KUNIT_EXPECT_NULL(test, kspan_special_remove(span_of(obj), obj, c->kind));

	special = unlink_kinds(obj, KSPAN_KINDS_ALL);
	for (kind = 0; kind < KSPAN_NR_SPECIALS; kind++)
		if (kind != (int)c->kind)
			special = expect_next(test, special, kind, NULL);
	KUNIT_EXPECT_NULL(test, special);
	kspan_cache_free(cache, obj);
}

/* ------------------------------------------------------------------ the object's state */

static void object_says_that_it_has_records(struct kunit *test)
{
	void *obj = new_object(test);

	KUNIT_EXPECT_EQ(test, state_of(obj), (int)KSPAN_STATE_ALLOCATED);
	KUNIT_EXPECT_EQ(test, add(test, obj, KSPAN_SPECIAL_CLEANUP, NULL), 0);
	KUNIT_EXPECT_EQ(test, state_of(obj), (int)KSPAN_STATE_SPECIALS);
	expect_next(test, unlink_kinds(obj, KSPAN_KINDS_ALL), KSPAN_SPECIAL_CLEANUP, NULL);
	kspan_cache_free(cache, obj);
}

static void nothing_hangs_on_what_is_not_an_allocated_object(struct kunit *test)
{
	void *keeps_the_span = new_object(test), *obj = new_object(test);
	unsigned long before = kspan_special_count();

	KUNIT_EXPECT_EQ(test, add(test, obj + 8, KSPAN_SPECIAL_CLEANUP, NULL), -EINVAL);
	kspan_cache_free(cache, obj);
	KUNIT_EXPECT_EQ(test, add(test, obj, KSPAN_SPECIAL_CLEANUP, NULL), -EINVAL);
	KUNIT_EXPECT_NULL(test, kspan_special_remove(span_of(obj), obj, KSPAN_SPECIAL_CLEANUP));
	KUNIT_EXPECT_EQ(test, kspan_special_count(), before);
	KUNIT_EXPECT_TRUE(test, RB_EMPTY_ROOT(&span_of(obj)->specials));
	kspan_cache_free(cache, keeps_the_span);
}

static struct kunit_case special_cases[] = {
	KUNIT_CASE(record_is_counted_while_it_exists),
	KUNIT_CASE(no_memory_gives_no_record),
	KUNIT_CASE(request_for_the_object_is_not_one_for_the_record),
	KUNIT_CASE(records_leave_by_kind_and_cleanups_as_they_came),
	KUNIT_CASE(only_the_kinds_asked_for_leave),
	KUNIT_CASE(neighbours_keep_their_records),
	KUNIT_CASE_PARAM(only_of_cleanups_are_there_many, kind_gen_params),
	KUNIT_CASE_PARAM(one_is_removed_and_the_others_stay, kind_gen_params),
	KUNIT_CASE(object_says_that_it_has_records),
	KUNIT_CASE(nothing_hangs_on_what_is_not_an_allocated_object),
	{}
};

static struct kunit_suite special_suite = {
	.name = "kspan_special",
	.init = special_init,
	.exit = special_exit,
	.test_cases = special_cases,
};

kunit_test_suite(special_suite);
