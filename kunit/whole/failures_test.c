// SPDX-License-Identifier: GPL-2.0
/*
 * Every step that can fail, does: each function that may run out of memory is called with the
 * first such step of it failing, then the second, until none fails any more, and the same with all
 * steps from there on failing. It returns what it promises for that, the object is what it was, and
 * the books are those of before; and once it succeeds, they show that.
 */
#include "suite.h"

#include <linux/sched.h>

#include "profile_helpers.h"

#define SIZE		200	/* bytes of an object */
#define BULK		40	/* more than a span has */
#define MANY		100	/* more than an array has */
#define MOST_STEPS	100	/* no function has as many */

struct failures_test {
	struct kspan_cache *cache;
	u8 *obj;			/* filled with 0x5e */
	void *got, *many[MANY];
	struct kspan_weak *weak;
	unsigned int finalizers, cleanups;
};

/* ------------------------------------------------------------------ steps that fail */

static struct {
	struct task_struct *task;
	unsigned int nth, calls;
	bool onwards;
} failing_step;

static bool fail_step(enum kspan_test_point point)
{
	if (!in_task() || current != failing_step.task || point > KSPAN_FAIL_BUCKET)
		return false;
	failing_step.calls++;
	return failing_step.onwards ? failing_step.calls > failing_step.nth :
				      failing_step.calls == failing_step.nth + 1;
}

/* ------------------------------------------------------------------ functions */

static int pointer(void *got)
{
	return got ? 0 : -ENOMEM;
}

static int do_cache_alloc(struct failures_test *t)
{
	return pointer(t->got = kspan_cache_alloc(t->cache, GFP_KERNEL));
}

static int do_cache_zalloc(struct failures_test *t)
{
	return pointer(t->got = kspan_cache_zalloc(t->cache, GFP_ATOMIC));
}

static int do_cache_alloc_node(struct failures_test *t)
{
	return pointer(t->got = kspan_cache_alloc_node(t->cache, GFP_KERNEL, numa_mem_id()));
}

static int do_cache_alloc_bulk(struct failures_test *t)
{
	int n = kspan_cache_alloc_bulk(t->cache, GFP_KERNEL, BULK, t->many);

	if (n == BULK)
		return 0;
	memset(t->many, 0, sizeof(t->many));
	return n ? n : -ENOMEM;
}

/* The classes may have objects ready: large ones never are. */
static int do_alloc(struct failures_test *t)
{
	return pointer(t->got = kspan_alloc(80000, GFP_KERNEL));
}

static int do_zalloc(struct failures_test *t)
{
	return pointer(t->got = kspan_zalloc(80000, GFP_KERNEL));
}

static int do_alloc_node(struct failures_test *t)
{
	return pointer(t->got = kspan_alloc_node(80000, GFP_KERNEL, numa_mem_id()));
}

static int do_calloc(struct failures_test *t)
{
	return pointer(t->got = kspan_calloc(800, 100, GFP_KERNEL));
}

static int do_memdup(struct failures_test *t)
{
	u8 *copy = kspan_memdup(t->obj, SIZE, GFP_KERNEL);

	t->got = copy;
	return copy && memcmp(copy, t->obj, SIZE) ? -EIO : pointer(copy);
}

static int do_strdup(struct failures_test *t)
{
	return pointer(t->got = kspan_strdup("some words", GFP_KERNEL));
}

static int do_strndup(struct failures_test *t)
{
	return pointer(t->got = kspan_strndup("some words", 4, GFP_KERNEL));
}

static int do_realloc(struct failures_test *t)
{
	void *got = kspan_realloc(t->obj, 80000, GFP_KERNEL);

	if (!got)
		return -ENOMEM;
	t->obj = got;
	return 0;
}

static void finalize(void *obj, void *arg)
{
	struct failures_test *t = arg;

	t->finalizers++;
}

static void clean_up(void *arg)
{
	struct failures_test *t = arg;

	t->cleanups++;
}

static int do_set_finalizer(struct failures_test *t)
{
	return kspan_set_finalizer(t->obj, finalize, t, GFP_KERNEL);
}

static int do_add_cleanup(struct failures_test *t)
{
	return kspan_add_cleanup(t->obj, clean_up, t, GFP_KERNEL);
}

static int do_weak_get(struct failures_test *t)
{
	t->weak = kspan_weak_get(t->obj, GFP_KERNEL);
	return PTR_ERR_OR_ZERO(t->weak);
}

/* May no page, no record and no magazine be had, a free still is one. */
static int do_free(struct failures_test *t)
{
	kspan_free(t->obj);
	t->obj = NULL;
	return 0;
}

static int do_free_bulk(struct failures_test *t)
{
	kspan_cache_free_bulk(t->cache, MANY, t->many);
	memset(t->many, 0, sizeof(t->many));
	return 0;
}

static int do_free_rcu(struct failures_test *t)
{
	kspan_free_rcu(t->obj);
	t->obj = NULL;
	return 0;
}

static const struct failures_case {
	const char *name;
	int (*call)(struct failures_test *t);
	int allocs, frees;	/* of a call that succeeds */
	int records;		/* those of samples left out */
	bool may_fail;
} failures_cases[] = {
	{ "kspan_cache_alloc", do_cache_alloc, 1, 0, 0, true },
	{ "kspan_cache_zalloc", do_cache_zalloc, 1, 0, 0, true },
	{ "kspan_cache_alloc_node", do_cache_alloc_node, 1, 0, 0, true },
	{ "kspan_cache_alloc_bulk", do_cache_alloc_bulk, BULK, 0, 0, true },
	{ "kspan_alloc", do_alloc, 1, 0, 0, true },
	{ "kspan_zalloc", do_zalloc, 1, 0, 0, true },
	{ "kspan_alloc_node", do_alloc_node, 1, 0, 0, true },
	{ "kspan_calloc", do_calloc, 1, 0, 0, true },
	{ "kspan_memdup", do_memdup, 1, 0, 0, false },
	{ "kspan_strdup", do_strdup, 1, 0, 0, false },
	{ "kspan_strndup", do_strndup, 1, 0, 0, false },
	{ "kspan_realloc", do_realloc, 1, 1, 0, true },
	{ "kspan_set_finalizer", do_set_finalizer, 0, 0, 1, true },
	{ "kspan_add_cleanup", do_add_cleanup, 0, 0, 1, true },
	{ "kspan_weak_get", do_weak_get, 0, 0, 1, true },
	{ "kspan_free", do_free, 0, 1, 0, false },
	{ "kspan_free_rcu", do_free_rcu, 0, 1, 0, false },
	{ "kspan_cache_free_bulk", do_free_bulk, 0, MANY, 0, false },
};

static void failures_desc(const struct failures_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(failures, failures_cases, failures_desc);

/* ------------------------------------------------------------------ before and after */

struct account {
	unsigned long in_use, failures, specials, samples, dropped;
};

static struct account account(void)
{
	return (struct account) {
		.in_use = kspan_counter_sum(KSPAN_ALLOCS) - kspan_counter_sum(KSPAN_FREES),
		.failures = kspan_counter_sum(KSPAN_ALLOC_FAILURES),
		.specials = kspan_special_count(),
		.samples = kspan_profile_counter(HEAP, KSPAN_SAMPLES),
		.dropped = kspan_profile_counter(HEAP, KSPAN_SAMPLES_DROPPED),
	};
}

static void set_up(struct kunit *test, struct failures_test *t, const struct failures_case *c)
{
	t->obj = kspan_alloc(SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->obj);
	memset(t->obj, 0x5e, SIZE);
	if (c->call == do_free_bulk)
		KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(t->cache, GFP_KERNEL, MANY, t->many),
				MANY);
	/* Nothing is ready: all that a call needs, it must ask for. */
	if (c->allocs)
		kspan_cache_shrink(t->cache);
}

static void tear_down(struct failures_test *t)
{
	unsigned int i;

	kspan_set_test_hook(NULL);
	if (!IS_ERR_OR_NULL(t->weak))
		kspan_weak_put(t->weak);
	kspan_free(t->got);
	kspan_free(t->obj);
	for (i = 0; i < MANY; i++)
		kspan_free(t->many[i]);
	memset(t->many, 0, sizeof(t->many));
	t->weak = NULL;
	t->got = NULL;
	t->obj = NULL;
	books_settle();
}

static void expect_account(struct kunit *test, const struct failures_case *c, int err,
			   const struct account *before, unsigned int n)
{
	struct account after = account();
	long samples = after.samples - before->samples, dropped = after.dropped - before->dropped;
	long in_use = err ? 0 : c->allocs - c->frees;

	KUNIT_EXPECT_EQ_MSG(test, (long)(after.in_use - before->in_use), in_use, "step %u", n);
	KUNIT_EXPECT_EQ_MSG(test, (long)(after.failures - before->failures),
			    (long)(err && c->allocs), "step %u", n);
	/* Whatever was allocated is a sample, or one that was dropped. */
	if (!err)
		KUNIT_EXPECT_EQ_MSG(test, samples + dropped, (long)c->allocs, "step %u", n);
	else if (c->call != do_cache_alloc_bulk)
		KUNIT_EXPECT_EQ_MSG(test, samples + dropped, 0L, "step %u", n);
	if (err)
		KUNIT_EXPECT_EQ_MSG(test, after.specials, before->specials, "step %u", n);
	else
		KUNIT_EXPECT_EQ_MSG(test, (long)(after.specials - before->specials),
				    samples - c->frees + c->records, "step %u", n);
}

/* One call with steps from the @nth on failing; true if it met with one. */
static bool call_once(struct kunit *test, const struct failures_case *c, unsigned int nth,
		      bool onwards, unsigned int *failed)
{
	struct failures_test *t = test->priv;
	struct account before;
	int err;

	set_up(test, t, c);
	before = account();
	failing_step = (typeof(failing_step)) { current, nth, 0, onwards };
	kspan_set_test_hook(fail_step);
	err = c->call(t);
	kspan_set_test_hook(NULL);
	books_settle();
	if (err) {
		KUNIT_EXPECT_EQ_MSG(test, err, -ENOMEM, "step %u", nth);
		KUNIT_EXPECT_GT_MSG(test, failing_step.calls, nth, "no step has failed");
		KUNIT_EXPECT_TRUE(test, t->obj && filled_with(t->obj, 0x5e, SIZE));
		++*failed;
	}
	expect_account(test, c, err, &before, nth);
	tear_down(t);
	KUNIT_EXPECT_EQ(test, t->finalizers, (unsigned int)(!err && c->call == do_set_finalizer));
	KUNIT_EXPECT_EQ(test, t->cleanups, (unsigned int)(!err && c->call == do_add_cleanup));
	t->finalizers = 0;
	t->cleanups = 0;
	return failing_step.calls > nth;
}

static void fails_at_every_step(struct kunit *test)
{
	const struct failures_case *c = test->param_value;
	unsigned int nth, failed = 0;

	for (nth = 0; nth < MOST_STEPS && call_once(test, c, nth, false, &failed); nth++)
		;
	KUNIT_EXPECT_LT(test, nth, (unsigned int)MOST_STEPS);
	for (nth = 0; nth < MOST_STEPS && call_once(test, c, nth, true, &failed); nth++)
		;
	KUNIT_EXPECT_LT(test, nth, (unsigned int)MOST_STEPS);
	if (c->may_fail)
		KUNIT_EXPECT_GT(test, failed, 0U);
}

/* ------------------------------------------------------------------ suite */

static int failures_init(struct kunit *test)
{
	struct failures_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	int err;

	if (!t)
		return -ENOMEM;
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	test->priv = t;
	err = test_begin(test);
	t->cache = kspan_cache_create("kspan-failures", SIZE, 0, 0, NULL);
	return t->cache ? err : -ENOMEM;
}

static void failures_exit(struct kunit *test)
{
	struct failures_test *t = test->priv;

	test_end(test);
	if (t)
		kspan_cache_destroy(t->cache);
}

static struct kunit_case failures_tests[] = {
	KUNIT_CASE_PARAM(fails_at_every_step, failures_gen_params),
	{}
};

static struct kunit_suite failures_suite = {
	.name = "kspan_failures",
	.init = failures_init,
	.exit = failures_exit,
	.test_cases = failures_tests,
};

kunit_test_suite(failures_suite);
