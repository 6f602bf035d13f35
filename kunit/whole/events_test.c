// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the tracepoints: whoever listens is told of each allocation, free and sample, once, with
 * what was asked for and what it took; and when nobody listens any more, the fast paths are what
 * they were.
 */
#include "suite.h"

#include <linux/jump_label.h>
#include <linux/notifier.h>
#include <linux/sched.h>
#include <linux/tracepoint.h>

#include "heap/pcpu.h"
#include "profile_helpers.h"

#define OBJ_SIZE	60

static struct kspan_cache *cache;

/* ------------------------------------------------------------------ listening */

static struct {
	struct task_struct *task;	/* the test's, or NULL: nobody's */
	unsigned int allocs, frees, samples;
	/* Of the last. */
	const void *ptr;
	size_t asked, bytes;
	gfp_t gfp;
	u64 weight;
	const struct kspan_cache *cache;
} told;

static bool is_tests(void)
{
	return in_task() && current == READ_ONCE(told.task);
}

static void on_alloc(void *data, unsigned long ip, const void *ptr, size_t asked, size_t bytes,
		     gfp_t gfp, const struct kspan_cache *of)
{
	if (!is_tests())
		return;
	told.allocs++;
	told.ptr = ptr;
	told.asked = asked;
	told.bytes = bytes;
	told.gfp = gfp;
	told.cache = of;
}

static void on_free(void *data, unsigned long ip, const void *ptr, size_t bytes,
		    const struct kspan_cache *of)
{
	if (!is_tests())
		return;
	told.frees++;
	told.ptr = ptr;
	told.bytes = bytes;
	told.cache = of;
}

static void on_sample(void *data, const void *ptr, size_t bytes, u64 weight,
		      const struct kspan_cache *of)
{
	if (!is_tests())
		return;
	told.samples++;
	told.ptr = ptr;
	told.bytes = bytes;
	told.weight = weight;
	told.cache = of;
}

static struct point {
	const char *name;
	void *handler;
	struct tracepoint *tp;
	bool on;
} points[] = {
	{ "kspan_alloc", on_alloc },
	{ "kspan_free", on_free },
	{ "kspan_sample", on_sample },
};

#ifdef CONFIG_TRACEPOINTS
/* Told of each module with tracepoints that there is already. */
static int look_at_module(struct notifier_block *nb, unsigned long action, void *data)
{
	const struct tp_module *seen = data;
	unsigned int i, k;

	for (i = 0; action == MODULE_STATE_COMING && i < seen->mod->num_tracepoints; i++) {
		struct tracepoint *tp = tracepoint_ptr_deref(&seen->mod->tracepoints_ptrs[i]);

		for (k = 0; k < ARRAY_SIZE(points); k++)
			if (!strcmp(tp->name, points[k].name))
				points[k].tp = tp;
	}
	return NOTIFY_OK;
}

static void find_points(void)
{
	struct notifier_block nb = { .notifier_call = look_at_module };

	if (!register_tracepoint_module_notifier(&nb))
		unregister_tracepoint_module_notifier(&nb);
}
#else
static void find_points(void)
{
}
#endif

static void listen(struct kunit *test, struct point *point)
{
	KUNIT_ASSERT_EQ(test, tracepoint_probe_register(point->tp, point->handler, NULL), 0);
	point->on = true;
	memset(&told, 0, sizeof(told));
	WRITE_ONCE(told.task, current);
}

static void stop(struct point *point)
{
	WRITE_ONCE(told.task, NULL);
	if (!point->on)
		return;
	tracepoint_probe_unregister(point->tp, point->handler, NULL);
	tracepoint_synchronize_unregister();
	point->on = false;
}

/* ------------------------------------------------------------------ tests */

static void each_allocation_is_told_of(struct kunit *test)
{
	void *obj, *many[20];
	unsigned int i;

	listen(test, &points[0]);
	obj = kspan_cache_alloc(cache, GFP_NOWAIT);
	KUNIT_EXPECT_EQ(test, told.allocs, 1U);
	KUNIT_EXPECT_PTR_EQ(test, told.ptr, (const void *)obj);
	KUNIT_EXPECT_EQ(test, told.asked, (size_t)OBJ_SIZE);
	KUNIT_EXPECT_EQ(test, told.bytes, (size_t)cache->slot_size);
	KUNIT_EXPECT_TRUE(test, told.gfp == GFP_NOWAIT);
	KUNIT_EXPECT_PTR_EQ(test, told.cache, (const struct kspan_cache *)cache);
	kspan_free(obj);

	obj = kspan_zalloc(5 * PAGE_SIZE + 1000 + KSPAN_MAX_CLASS_SIZE, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, told.allocs, 2U);
	KUNIT_EXPECT_PTR_EQ(test, told.ptr, (const void *)obj);
	KUNIT_EXPECT_EQ(test, told.asked, (size_t)(5 * PAGE_SIZE + 1000 + KSPAN_MAX_CLASS_SIZE));
	KUNIT_EXPECT_EQ(test, told.bytes, (size_t)PAGE_ALIGN(told.asked));
	KUNIT_EXPECT_TRUE(test, told.gfp == (GFP_KERNEL | __GFP_ZERO));
	KUNIT_EXPECT_PTR_EQ(test, told.cache, (const struct kspan_cache *)kspan_large_cache);
	kspan_free(obj);

	KUNIT_EXPECT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, ARRAY_SIZE(many), many),
			(int)ARRAY_SIZE(many));
	KUNIT_EXPECT_EQ(test, told.allocs, 2U + (unsigned int)ARRAY_SIZE(many));
	kspan_cache_free_bulk(cache, ARRAY_SIZE(many), many);
	obj = kspan_alloc(100, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, told.asked, (size_t)100);
	i = told.allocs;
	kspan_free(kspan_alloc(0, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, told.allocs, i);
	stop(&points[0]);
	kspan_free(obj);
	kspan_free(kspan_cache_alloc(cache, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, told.allocs, i);
}

static void *alloc_many(gfp_t gfp)
{
	void *many[2];

	if (kspan_cache_alloc_bulk(cache, gfp, ARRAY_SIZE(many), many) != ARRAY_SIZE(many))
		return NULL;
	kspan_cache_free(cache, many[0]);
	return many[1];
}

static void *alloc_ready(gfp_t gfp)
{
	return kspan_cache_alloc(cache, gfp);
}

static void *alloc_here(gfp_t gfp)
{
	return kspan_cache_alloc_node(cache, gfp, numa_mem_id());
}

static void *alloc_class(gfp_t gfp)
{
	return kspan_alloc(100, gfp);
}

static void *alloc_large(gfp_t gfp)
{
	return kspan_alloc(5 * PAGE_SIZE + KSPAN_MAX_CLASS_SIZE, gfp);
}

/* As the caller has asked, whichever way the object takes. */
static void gfp_is_the_callers(struct kunit *test)
{
	static void *(*const calls[])(gfp_t gfp) = {
		alloc_ready, alloc_here, alloc_many, alloc_class, alloc_large,
	};
	static const gfp_t gfps[] = { GFP_KERNEL, GFP_NOFS, GFP_NOWAIT, GFP_ATOMIC };
	unsigned int i, k, ready;
	void *obj;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		for (k = 0; k < ARRAY_SIZE(gfps); k++) {
			/* First from a span, then from the array. */
			kspan_cache_shrink(cache);
			kspan_profile_set_sample_bytes(HEAP, k % 2);
			for (ready = 0; ready < 2; ready++) {
				listen(test, &points[0]);
				obj = calls[i](gfps[k]);
				stop(&points[0]);
				/* Who does not wait may go without. */
				KUNIT_EXPECT_TRUE(test, obj || !gfpflags_allow_blocking(gfps[k]));
				if (obj && told.gfp != gfps[k])
					KUNIT_FAIL(test, "way %u: %pGg, not %pGg", i, &told.gfp,
						   &gfps[k]);
				kspan_free(obj);
			}
		}
	}
}

static void each_free_is_told_of(struct kunit *test)
{
	void *obj = kspan_cache_alloc(cache, GFP_KERNEL), *many[20];
	void *late = kspan_alloc(100, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_ASSERT_NOT_NULL(test, late);
	KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, ARRAY_SIZE(many), many),
			(int)ARRAY_SIZE(many));
	listen(test, &points[1]);
	kspan_free(NULL);
	KUNIT_EXPECT_EQ(test, told.frees, 0U);
	kspan_free(obj);
	KUNIT_EXPECT_EQ(test, told.frees, 1U);
	KUNIT_EXPECT_PTR_EQ(test, told.ptr, (const void *)obj);
	KUNIT_EXPECT_EQ(test, told.bytes, (size_t)cache->slot_size);
	KUNIT_EXPECT_PTR_EQ(test, told.cache, (const struct kspan_cache *)cache);
	kspan_cache_free_bulk(cache, ARRAY_SIZE(many), many);
	KUNIT_EXPECT_EQ(test, told.frees, 1U + (unsigned int)ARRAY_SIZE(many));
	kspan_free_rcu(late);
	KUNIT_EXPECT_PTR_EQ(test, told.ptr, (const void *)late);
	i = told.frees;
	KUNIT_EXPECT_EQ(test, i, 2U + (unsigned int)ARRAY_SIZE(many));
	stop(&points[1]);
	kspan_free(kspan_cache_alloc(cache, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, told.frees, i);
}

static void each_sample_is_told_of(struct kunit *test)
{
	void *obj;

	listen(test, &points[2]);
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, told.samples, 1U);
	KUNIT_EXPECT_PTR_EQ(test, told.ptr, (const void *)obj);
	KUNIT_EXPECT_EQ(test, told.bytes, (size_t)cache->slot_size);
	KUNIT_EXPECT_EQ(test, told.weight, (u64)KSPAN_WEIGHT_ONE);
	KUNIT_EXPECT_PTR_EQ(test, told.cache, (const struct kspan_cache *)cache);
	kspan_profile_set_sample_bytes(HEAP, 0);
	kspan_free(kspan_cache_alloc(cache, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, told.samples, 1U);
	stop(&points[2]);
	kspan_free(obj);
}

/* Two may listen: the fast paths are out of the way until the last has stopped. */
static void fast_paths_come_back(struct kunit *test)
{
	int allocs = static_key_count(&kspan_alloc_more.key);
	int frees = static_key_count(&kspan_free_more.key);

	listen(test, &points[0]);
	KUNIT_EXPECT_TRUE(test, static_key_enabled(&kspan_alloc_more));
	KUNIT_EXPECT_EQ(test, static_key_count(&kspan_free_more.key), frees);
	listen(test, &points[1]);
	KUNIT_EXPECT_TRUE(test, static_key_enabled(&kspan_free_more));
	stop(&points[0]);
	KUNIT_EXPECT_EQ(test, static_key_count(&kspan_alloc_more.key), allocs);
	KUNIT_EXPECT_TRUE(test, static_key_enabled(&kspan_free_more));
	stop(&points[1]);
	KUNIT_EXPECT_EQ(test, static_key_count(&kspan_free_more.key), frees);
	KUNIT_EXPECT_EQ(test, static_key_count(&kspan_alloc_more.key), allocs);
}

/* ------------------------------------------------------------------ suite */

static int events_init(struct kunit *test)
{
	unsigned int i;

	cache = NULL;
	find_points();
	for (i = 0; i < ARRAY_SIZE(points); i++)
		if (!points[i].tp)
			kunit_skip(test, "needs tracepoints");
	if (test_begin(test))
		return -EINVAL;
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	cache = kspan_cache_create("events", OBJ_SIZE, 0, 0, NULL);
	return cache ? 0 : -ENOMEM;
}

static void events_exit(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(points); i++)
		stop(&points[i]);
	if (!cache)
		return;
	test_end(test);
	kspan_cache_destroy(cache);
}

static struct kunit_case events_tests[] = {
	KUNIT_CASE(each_allocation_is_told_of),
	KUNIT_CASE(gfp_is_the_callers),
	KUNIT_CASE(each_free_is_told_of),
	KUNIT_CASE(each_sample_is_told_of),
	KUNIT_CASE(fast_paths_come_back),
	{}
};

static struct kunit_suite events_suite = {
	.name = "kspan_events",
	.init = events_init,
	.exit = events_exit,
	.test_cases = events_tests,
};

kunit_test_suite(events_suite);
