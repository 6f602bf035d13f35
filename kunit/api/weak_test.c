// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of weak handles: what they read before and after the free, and what a reader who got
 * the object through one may still do with it.
 */
#include "suite.h"

#include "kept_cache.h"

static int weak_init(struct kunit *test)
{
	return kept_cache_begin(test, "weak");
}

static struct kspan_weak *get(struct kunit *test, void *obj)
{
	struct kspan_weak *weak = kspan_weak_get(obj, GFP_KERNEL);

	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(weak));
	return weak;
}

/* ------------------------------------------------------------------ handles */

static void object_has_one_handle(struct kunit *test)
{
	void *obj = new_object(test), *other = new_object(test);
	struct kspan_weak *weak = get(test, obj), *again = get(test, obj);
	struct kspan_weak *others = get(test, other);

	KUNIT_EXPECT_PTR_EQ(test, again, weak);
	KUNIT_EXPECT_PTR_NE(test, others, weak);
	KUNIT_EXPECT_PTR_EQ(test, deref(weak), obj);
	KUNIT_EXPECT_PTR_EQ(test, deref(others), other);
	kspan_weak_put(again);
	KUNIT_EXPECT_PTR_EQ(test, deref(weak), obj);
	kspan_weak_put(weak);
	kspan_weak_put(others);
	kspan_cache_free(cache, obj);
	kspan_cache_free(cache, other);
}

/* Nobody but the object holds it then. */
static void object_keeps_its_handle_when_everybody_has_put_it(struct kunit *test)
{
	void *obj = new_object(test);
	struct kspan_weak *weak = get(test, obj);

	kspan_weak_put(weak);
	KUNIT_EXPECT_PTR_EQ(test, get(test, obj), weak);
	KUNIT_EXPECT_PTR_EQ(test, deref(weak), obj);
	kspan_weak_put(weak);
	kspan_cache_free(cache, obj);
}

static void free_object(void *obj)
{
	kspan_free(obj);
}

static void free_cache(void *obj)
{
	kspan_cache_free(cache, obj);
}

static void free_bulk(void *obj)
{
	kspan_cache_free_bulk(cache, 1, &obj);
}

static void free_rcu(void *obj)
{
	kspan_free_rcu(obj);
}

static void free_sensitive(void *obj)
{
	kspan_free_sensitive(obj);
}

static void free_by_realloc(void *obj)
{
	kspan_free(kspan_realloc(obj, 10 * OBJECT_SIZE, GFP_ATOMIC));
}

static void do_nothing(void *obj, void *arg)
{
}

static void free_with_finalizer(void *obj)
{
	kspan_set_finalizer(obj, do_nothing, NULL, GFP_ATOMIC);
	kspan_free(obj);
}

static const struct free_case {
	const char *desc;
	void (*free)(void *obj);
} free_cases[] = {
	{ "kspan_free", free_object },
	{ "kspan_cache_free", free_cache },
	{ "kspan_cache_free_bulk", free_bulk },
	{ "kspan_free_rcu", free_rcu },
	{ "kspan_free_sensitive", free_sensitive },
	{ "kspan_realloc", free_by_realloc },
	{ "with a finalizer", free_with_finalizer },
};

static void free_desc(const struct free_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(free, free_cases, free_desc);

static void handle_reads_null_from_the_moment_of_the_free(struct kunit *test)
{
	const struct free_case *c = test->param_value;
	void *obj = new_object(test);
	struct kspan_weak *weak = get(test, obj);

	c->free(obj);
	KUNIT_EXPECT_NULL(test, deref(weak));
	test_settle();
	KUNIT_EXPECT_NULL(test, deref(weak));
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "weak", NULL).inuse_objects, 0ULL);
	kspan_weak_put(weak);
}

KUNIT_ARRAY_PARAM(context, test_contexts, test_context_desc);

static void handle_reads_null_wherever_the_free_was(struct kunit *test)
{
	const struct test_context *c = test->param_value;
	void *obj = new_object(test);
	struct kspan_weak *weak = get(test, obj);

	c->call(free_object, obj);
	KUNIT_EXPECT_NULL(test, deref(weak));
	kspan_weak_put(weak);
}

struct first {
	void *obj;
	struct kspan_weak *weak;
};

static void get_first(void *arg)
{
	struct first *first = arg;

	first->weak = kspan_weak_get(first->obj, GFP_ATOMIC);
}

static void first_handle_may_be_made_anywhere(struct kunit *test)
{
	const struct test_context *c = test->param_value;
	struct first first = { .obj = new_object(test) };

	c->call(get_first, &first);
	KUNIT_ASSERT_FALSE(test, IS_ERR(first.weak));
	KUNIT_EXPECT_PTR_EQ(test, deref(first.weak), first.obj);
	kspan_weak_put(first.weak);
	kspan_cache_free(cache, first.obj);
}

static void next_owner_of_the_memory_has_a_handle_of_its_own(struct kunit *test)
{
	void *obj = new_object(test), *again;
	struct kspan_weak *weak = get(test, obj), *next;

	kspan_cache_free(cache, obj);
	test_settle();
	again = new_object(test);
	next = get(test, again);
	KUNIT_EXPECT_PTR_NE(test, next, weak);
	KUNIT_EXPECT_NULL(test, deref(weak));
	KUNIT_EXPECT_PTR_EQ(test, deref(next), again);
	kspan_weak_put(weak);
	kspan_weak_put(next);
	kspan_cache_free(cache, again);
}

/* ------------------------------------------------------------------ grace periods */

#define MANY	200

/* Allocates many objects, none of which may lie at @obj. */
static bool is_handed_out(void *obj)
{
	static void *objs[MANY];
	bool found = false;
	int i;

	for (i = 0; i < MANY; i++) {
		objs[i] = kspan_cache_alloc(cache, GFP_ATOMIC);
		found |= objs[i] == obj;
	}
	kspan_cache_free_bulk(cache, MANY, objs);
	return found;
}

static void memory_is_not_reused_before_a_grace_period(struct kunit *test)
{
	const struct free_case *c = test->param_value;
	void *obj = new_object(test), *seen;
	struct kspan_weak *weak = get(test, obj);
	bool reused, intact;

	rcu_read_lock();
	seen = kspan_weak_deref(weak);
	c->free(obj);
	reused = is_handed_out(obj);
	intact = filled_with(obj, CONTENT, OBJECT_SIZE);
	rcu_read_unlock();
	KUNIT_EXPECT_PTR_EQ(test, seen, obj);
	KUNIT_EXPECT_FALSE(test, reused);
	KUNIT_EXPECT_EQ(test, intact, c->free != free_sensitive);

	/* After it the memory is free: in whichever CPU's array or node's list it came to lie. */
	test_settle();
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
	kspan_weak_put(weak);
}

static bool finalized, finalized_intact;

static void check_content(void *obj, void *arg)
{
	finalized_intact = filled_with(obj, CONTENT, OBJECT_SIZE);
	test_tell(&finalized);
}

/* A reader who keeps the object that it found until it is told to end. */
struct long_reader {
	struct kspan_weak *weak;
	bool reads, ends;
	bool intact;		/* when it ended */
};

static void read_for_long(void *arg)
{
	struct long_reader *reader = arg;
	struct test_limit limit = {};
	void *obj;

	rcu_read_lock();
	obj = kspan_weak_deref(reader->weak);
	test_tell(&reader->reads);
	while (!READ_ONCE(reader->ends) && !test_takes_too_long(&limit))
		udelay(5);
	reader->intact = obj && filled_with(obj, CONTENT, OBJECT_SIZE);
	rcu_read_unlock();
}

/* What a freed object comes to once its finalizer has returned. */
static int state_after_finalizer(const void *obj)
{
	struct test_limit limit = {};
	int state;

	do {
		state = state_of(obj);
		if (state != KSPAN_STATE_FINALIZING && state != KSPAN_STATE_FREEING)
			break;
		usleep_range(20, 100);
	} while (!test_takes_too_long(&limit));
	return state;
}

static void finalizer_and_a_reader_share_the_object(struct kunit *test)
{
	struct long_reader reader = {};
	struct test_thread thread = {};
	void *obj;
	int state;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	obj = new_object(test);
	reader.weak = get(test, obj);
	finalized = false;
	finalized_intact = false;
	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, check_content, NULL, GFP_KERNEL), 0);
	KUNIT_EXPECT_TRUE(test, test_thread_start(&thread, 0, read_for_long, &reader));
	KUNIT_EXPECT_TRUE(test, test_wait_for(&reader.reads));
	kspan_cache_free(cache, obj);
	KUNIT_EXPECT_NULL(test, deref(reader.weak));

	/* The finalizer runs meanwhile, and the object outlives it. */
	KUNIT_EXPECT_TRUE(test, test_wait_for(&finalized));
	state = state_after_finalizer(obj);
	KUNIT_EXPECT_TRUE_MSG(test, state == KSPAN_STATE_RCU_NEXT || state == KSPAN_STATE_RCU_WAIT,
			      "state %d", state);
	WRITE_ONCE(reader.ends, true);
	test_thread_join(&thread);
	KUNIT_EXPECT_TRUE(test, reader.intact);
	test_settle();
	KUNIT_EXPECT_TRUE(test, finalized_intact);
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
	kspan_weak_put(reader.weak);
}

static bool reader_stops, saw_garbage;
static unsigned long reader_saw;
static struct kspan_weak *shared;

static void read_shared(void *arg)
{
	while (!READ_ONCE(reader_stops)) {
		struct kspan_weak *weak;
		void *obj = NULL;

		rcu_read_lock();
		/* Pairs with the release below. */
		weak = smp_load_acquire(&shared);
		if (weak)
			obj = kspan_weak_deref(weak);
		if (obj) {
			WRITE_ONCE(reader_saw, reader_saw + 1);
			if (!filled_with(obj, CONTENT, OBJECT_SIZE))
				saw_garbage = true;
			udelay(5);
			if (!filled_with(obj, CONTENT, OBJECT_SIZE))
				saw_garbage = true;
		}
		rcu_read_unlock();
		cpu_relax();
		cond_resched();
	}
}

#define ROUNDS		400
#define ROUNDS_MOST	(100 * ROUNDS)	/* a reader that sees nothing at all */

static void reader_never_sees_a_freed_object(struct kunit *test)
{
	struct test_thread reader = {};
	int i;

	reader_stops = false;
	saw_garbage = false;
	reader_saw = 0;
	shared = NULL;
	KUNIT_ASSERT_TRUE(test, test_thread_start(&reader, 0, read_shared, NULL));
	for (i = 0; i < ROUNDS || (!READ_ONCE(reader_saw) && i < ROUNDS_MOST); i++) {
		void *obj = kspan_cache_alloc(cache, GFP_KERNEL);
		struct kspan_weak *weak;

		if (!obj)
			break;
		fill(obj, CONTENT, OBJECT_SIZE);
		weak = kspan_weak_get(obj, GFP_KERNEL);
		if (!IS_ERR(weak)) {
			/* Pairs with the acquire in read_shared(). */
			smp_store_release(&shared, weak);
			udelay(i % 32);
		}
		kspan_cache_free(cache, obj);
		WRITE_ONCE(shared, NULL);
		/* Readers of the handle itself are waited for. */
		if (!IS_ERR(weak))
			kspan_weak_put(weak);
	}
	WRITE_ONCE(reader_stops, true);
	test_thread_join(&reader);
	KUNIT_EXPECT_FALSE(test, saw_garbage);
	KUNIT_EXPECT_GT(test, reader_saw, 0UL);
}

static void get_and_put(void *arg)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		struct kspan_weak *weak = kspan_weak_get(arg, GFP_KERNEL);

		if (!IS_ERR(weak))
			kspan_weak_put(weak);
	}
}

static void two_threads_get_the_same_handle(struct kunit *test)
{
	void *obj = new_object(test);
	struct kspan_weak *weak;

	test_two_threads(test, get_and_put, (void *[]){ obj, obj });
	weak = get(test, obj);
	KUNIT_EXPECT_PTR_EQ(test, deref(weak), obj);
	kspan_cache_free(cache, obj);
	KUNIT_EXPECT_NULL(test, deref(weak));
	kspan_weak_put(weak);
}

/* ------------------------------------------------------------------ misuse and failure */

static int somewhere;

static void not_an_object_has_no_handle(struct kunit *test)
{
	void *obj = new_object(test), *freed = new_object(test);
	void *const bad[] = { NULL, ZERO_SIZE_PTR, &somewhere, obj + 8, freed };
	unsigned int i;

	kspan_cache_free(cache, freed);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ_MSG(test, PTR_ERR_OR_ZERO(kspan_weak_get(bad[i], GFP_KERNEL)),
				    -EINVAL, "address %u", i);
	kspan_cache_free(cache, obj);
}

static void no_memory_gives_no_handle(struct kunit *test)
{
	void *obj = new_object(test);

	fail_all(KSPAN_FAIL_SPECIAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(kspan_weak_get(obj, GFP_KERNEL)), -ENOMEM);
	fail_nothing();
	kspan_cache_free(cache, obj);
	/* No handle, so no wait for a grace period. */
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
}

static struct kunit_case weak_cases[] = {
	KUNIT_CASE(object_has_one_handle),
	KUNIT_CASE(object_keeps_its_handle_when_everybody_has_put_it),
	KUNIT_CASE_PARAM(handle_reads_null_from_the_moment_of_the_free, free_gen_params),
	KUNIT_CASE_PARAM(handle_reads_null_wherever_the_free_was, context_gen_params),
	KUNIT_CASE_PARAM(first_handle_may_be_made_anywhere, context_gen_params),
	KUNIT_CASE(next_owner_of_the_memory_has_a_handle_of_its_own),
	KUNIT_CASE_PARAM(memory_is_not_reused_before_a_grace_period, free_gen_params),
	KUNIT_CASE(finalizer_and_a_reader_share_the_object),
	KUNIT_CASE(reader_never_sees_a_freed_object),
	KUNIT_CASE(two_threads_get_the_same_handle),
	KUNIT_CASE(not_an_object_has_no_handle),
	KUNIT_CASE(no_memory_gives_no_handle),
	{}
};

static struct kunit_suite weak_suite = {
	.name = "kspan_weak",
	.init = weak_init,
	.exit = kept_cache_end,
	.test_cases = weak_cases,
};

kunit_test_suite(weak_suite);
