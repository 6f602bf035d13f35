// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the sampler: what it takes at rates where nothing is left to chance, how a change of
 * the rate takes effect, and that its estimates are those of the theory where chance decides.
 */
#include "suite.h"

#include <linux/cpu.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/workqueue.h>

#include "profile/fixmath.h"
#include "profile_helpers.h"

/* A mean at which no test ever sees a sample. */
#define NEARLY_NEVER	KSPAN_SAMPLE_BYTES_MAX

static int sample_init(struct kunit *test)
{
	return test_begin(test);
}

static noinline void *alloc_for_sample(size_t size)
{
	return test_keep(kspan_alloc(size, GFP_ATOMIC));
}

static struct test_counts counts(struct kunit *test)
{
	return test_count_rows(test, NULL, "alloc_for_sample");
}

/* Allocates and frees, and says how many samples were taken of it. */
static u64 samples_of(struct kunit *test, unsigned int n, size_t size)
{
	unsigned long before = kspan_profile_counter(HEAP, KSPAN_SAMPLES);

	while (n--)
		kspan_free(alloc_for_sample(size));
	return kspan_profile_counter(HEAP, KSPAN_SAMPLES) - before;
}

/* ------------------------------------------------------------------ without chance */

static void rate_of_one_samples_everything_exactly(struct kunit *test)
{
	static const size_t sizes[] = {
		1, 8, 9, 63, 64, 65, 100, 1000, 1024, 1025, 4096, 5000, 32768, 32769, 100000,
	};
	void *objs[ARRAY_SIZE(sizes)][3] = {};
	struct test_counts have;
	u64 n = 0, bytes = 0;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (j = 0; j < ARRAY_SIZE(objs[i]); j++) {
			objs[i][j] = alloc_for_sample(sizes[i]);
			KUNIT_ASSERT_NOT_NULL(test, objs[i][j]);
			n++;
			/* The slot is charged, not the request. */
			bytes += span_of(objs[i][j])->slot_size;
		}
	}
	have = counts(test);
	KUNIT_EXPECT_EQ(test, have.alloc_objects, n);
	KUNIT_EXPECT_EQ(test, have.alloc_bytes, bytes);
	KUNIT_EXPECT_EQ(test, have.inuse_objects, n);
	KUNIT_EXPECT_EQ(test, have.inuse_bytes, bytes);

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		for (j = 0; j < ARRAY_SIZE(objs[i]); j++)
			kspan_free(objs[i][j]);
	have = counts(test);
	KUNIT_EXPECT_EQ(test, have.alloc_objects, n);
	KUNIT_EXPECT_EQ(test, have.alloc_bytes, bytes);
	KUNIT_EXPECT_EQ(test, have.inuse_objects, 0ULL);
	KUNIT_EXPECT_EQ(test, have.inuse_bytes, 0ULL);
}

static void rate_of_zero_samples_nothing(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(HEAP, 0), 0);
	KUNIT_EXPECT_EQ(test, samples_of(test, 100, 4096), 0ULL);
	KUNIT_EXPECT_EQ(test, samples_of(test, 10, 1 << 20), 0ULL);
	KUNIT_EXPECT_EQ(test, counts(test).rows, 0U);
	/* Off and on again. */
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(HEAP, 1), 0);
	KUNIT_EXPECT_EQ(test, samples_of(test, 100, 64), 100ULL);
}

static void cache_that_is_not_profiled_is_not_sampled(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("sample_not", 64, 0, KSPAN_NO_PROFILE, NULL);
	unsigned long before = kspan_profile_counter(HEAP, KSPAN_SAMPLES);
	unsigned int i;
	int nid;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	for (i = 0; i < 50; i++)
		kspan_cache_free(cache, kspan_cache_alloc(cache, GFP_KERNEL));
	/* Nor where no array of this CPU counts. */
	for_each_online_node(nid)
		kspan_cache_free(cache, kspan_cache_alloc_node(cache, GFP_KERNEL, nid));
	KUNIT_EXPECT_EQ(test, kspan_profile_counter(HEAP, KSPAN_SAMPLES), before);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "sample_not", NULL).rows, 0U);
	kspan_cache_destroy(cache);
}

static void alloc_one(void *arg)
{
	kspan_free(alloc_for_sample(64));
}

KUNIT_ARRAY_PARAM(context, test_contexts, test_context_desc);

static void allocation_is_sampled_in_every_context(struct kunit *test)
{
	const struct test_context *c = test->param_value;
	unsigned int i;

	for (i = 0; i < 5; i++)
		c->call(alloc_one, NULL);
	KUNIT_EXPECT_EQ(test, counts(test).alloc_objects, 5ULL);
	KUNIT_EXPECT_EQ(test, counts(test).inuse_objects, 0ULL);
}

/* ------------------------------------------------------------------ changes of the rate */

static const struct bad_case {
	u64 bytes;
} bad_cases[] = {
	{ KSPAN_SAMPLE_BYTES_MAX + 1 },
	{ 1ULL << 63 },
	{ U64_MAX },
};

static void bad_desc(const struct bad_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%llu", c->bytes);
}

KUNIT_ARRAY_PARAM(bad, bad_cases, bad_desc);

static void bad_rate_changes_nothing(struct kunit *test)
{
	const struct bad_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(HEAP, c->bytes), -EINVAL);
	KUNIT_EXPECT_EQ(test, kspan_profile_sample_bytes(HEAP), 1ULL);
	KUNIT_EXPECT_EQ(test, samples_of(test, 20, 64), 20ULL);
}

#define PER_CPU		20

static void alloc_on_cpu(void *arg)
{
	const size_t *size = arg;
	unsigned int i;

	for (i = 0; i < PER_CPU; i++)
		kspan_free(alloc_for_sample(*size));
}

/* Allocates on every CPU; how many samples were taken. */
static u64 samples_on_every_cpu(struct kunit *test, size_t size)
{
	unsigned long before = kspan_profile_counter(HEAP, KSPAN_SAMPLES);
	unsigned int i;

	for (i = 0; i < num_online_cpus(); i++) {
		struct test_thread thread = {};

		KUNIT_EXPECT_TRUE(test, test_thread_start(&thread, i, alloc_on_cpu, &size));
		test_thread_join(&thread);
	}
	return kspan_profile_counter(HEAP, KSPAN_SAMPLES) - before;
}

static const struct change_case {
	u64 from, to;
	u64 samples;	/* of each CPU's allocations after the change */
	size_t size;	/* 0: of a class, which arrays count */
} change_cases[] = {
	/* Without a change, the first point of the countdown would lie far away. */
	{ NEARLY_NEVER, 1, PER_CPU },
	{ 0, 1, PER_CPU },
	{ 1, NEARLY_NEVER, 0 },
	{ 1, 0, 0 },
	{ 0, NEARLY_NEVER, 0 },
	/* The old mean's points are gone too: these are many times as far apart. */
	{ 64, NEARLY_NEVER, 0 },
	/* No array counts these. */
	{ NEARLY_NEVER, 1, PER_CPU, 100000 },
	{ 1, NEARLY_NEVER, 0, 100000 },
};

static void change_desc(const struct change_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "from %llu to %llu%s", c->from, c->to,
		 c->size ? ", large" : "");
}

KUNIT_ARRAY_PARAM(change, change_cases, change_desc);

static void change_is_in_force_on_every_cpu_at_once(struct kunit *test)
{
	const struct change_case *c = test->param_value;
	size_t size = c->size ?: 64;
	unsigned int i;

	/* A thread that a CPU runs in between must not hide what it does with the old rate. */
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(HEAP, c->from), 0);
		samples_on_every_cpu(test, size);
		KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(HEAP, c->to), 0);
		KUNIT_EXPECT_EQ(test, kspan_profile_sample_bytes(HEAP), c->to);
		KUNIT_EXPECT_EQ(test, samples_on_every_cpu(test, size),
				c->samples * num_online_cpus());
	}
}

#if IS_ENABLED(CONFIG_HOTPLUG_CPU)
#define FEW	5	/* as in away_cases */

static long alloc_few(void *size)
{
	unsigned int i;

	for (i = 0; i < FEW; i++)
		kspan_free(alloc_for_sample(*(size_t *)size));
	return 0;
}
#endif

/* Large objects are counted down by CPU, others by its arrays: one that is away has old ones. */
static const struct away_case {
	const char *desc;
	size_t size;
	u64 from, to;
	unsigned int samples;	/* of FEW */
} away_cases[] = {
	{ "large objects", 100000, NEARLY_NEVER, 1, 5 },
	{ "arrays", 64, NEARLY_NEVER, 1, 5 },
	{ "large objects, no more", 100000, 1, NEARLY_NEVER, 0 },
	{ "arrays, no more", 64, 1, NEARLY_NEVER, 0 },
	{ "large objects, off", 100000, 1, 0, 0 },
	{ "arrays, off", 64, 1, 0, 0 },
	{ "large objects, on", 100000, 0, 1, 5 },
	{ "arrays, on", 64, 0, 1, 5 },
};

static void away_desc(const struct away_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(away, away_cases, away_desc);

static void cpu_that_was_away_learns_of_the_change(struct kunit *test)
{
#if IS_ENABLED(CONFIG_HOTPLUG_CPU)
	const struct away_case *c = test->param_value;
	int cpu = cpumask_last(cpu_online_mask), err;
	size_t size = c->size;
	unsigned long before;

	if (cpu == cpumask_first(cpu_online_mask))
		kunit_skip(test, "needs two CPUs");
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(HEAP, c->from), 0);
	work_on_cpu(cpu, alloc_few, &size);
	err = remove_cpu(cpu);
	if (err)
		kunit_skip(test, "CPU %d does not go: %d", cpu, err);
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(HEAP, c->to), 0);
	KUNIT_EXPECT_EQ(test, add_cpu(cpu), 0);
	before = kspan_profile_counter(HEAP, KSPAN_SAMPLES);
	work_on_cpu(cpu, alloc_few, &size);
	KUNIT_EXPECT_EQ(test, kspan_profile_counter(HEAP, KSPAN_SAMPLES), before + c->samples);
#else
	kunit_skip(test, "needs CPU hotplug");
#endif
}

#define KEPT	2000

static void set_rate(struct kunit *test, u64 bytes)
{
	KUNIT_EXPECT_EQ(test, 0, kspan_profile_set_sample_bytes(HEAP, bytes));
}

static void sample_is_freed_with_the_weight_it_was_taken_at(struct kunit *test)
{
	static const u64 rates[] = { 3000, 1, 100000, 0 };
	void **objs = kvcalloc(KEPT, sizeof(*objs), GFP_KERNEL);
	struct test_counts have;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, objs);
	for (i = 0; i < KEPT; i++) {
		if (i % 500 == 0)
			set_rate(test, rates[i / 500 % 4]);
		objs[i] = alloc_for_sample(512);
	}
	have = counts(test);
	KUNIT_EXPECT_GT(test, have.inuse_objects, 0ULL);
	KUNIT_EXPECT_EQ(test, have.inuse_objects, have.alloc_objects);
	for (i = 0; i < KEPT; i++) {
		if (i % 300 == 0)
			set_rate(test, rates[i / 300 % 4]);
		kspan_free(objs[i]);
	}
	kvfree(objs);
	KUNIT_EXPECT_EQ(test, counts(test).inuse_objects, 0ULL);
	KUNIT_EXPECT_EQ(test, counts(test).inuse_bytes, 0ULL);
	KUNIT_EXPECT_EQ(test, counts(test).alloc_objects, have.alloc_objects);
}

/* ------------------------------------------------------------------ with chance */

static const struct estimate_case {
	u64 mean;
	size_t sizes[4];	/* what they take as well, allocated in turn */
	unsigned int n;
} estimate_cases[] = {
	{ 4096, { 64, 64, 512, 64 }, 10000 },
	{ 1000, { 8, 1024, 8, 4096 }, 10000 },
	{ 65536, { 4096, 1024, 32768, 1024 }, 6000 },
	/* Large ones, which no array counts. */
	{ 400000, { SZ_64K, SZ_64K, SZ_64K, SZ_64K }, 1500 },
};

static void estimate_desc(const struct estimate_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "a mean of %llu bytes", c->mean);
}

KUNIT_ARRAY_PARAM(estimate, estimate_cases, estimate_desc);

/*
 * An allocation that is a sample with probability p counts 1 / p = w, else nothing: the variance
 * of what it counts is w - 1 objects. Beyond six standard errors is one run in 500 million, and
 * a guest gives kspan the same seed each time.
 */
#define STANDARD_ERRORS		6

static void expect_estimate(struct kunit *test, const char *what, u64 have, u64 want, u64 variance)
{
	u64 off = have > want ? have - want : want - have, error = int_sqrt64(variance);

	KUNIT_EXPECT_LE_MSG(test, off, STANDARD_ERRORS * error, "%s: %llu is not %llu", what,
			    have, want);
	/* That the bound means something. */
	KUNIT_EXPECT_LT_MSG(test, error, div_u64(want, 10), "%s", what);
}

static void estimate_is_within_its_standard_error(struct kunit *test)
{
	const struct estimate_case *c = test->param_value;
	u64 objects = 0, bytes = 0, objects_variance = 0, bytes_variance = 0;
	struct test_counts have;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(HEAP, c->mean), 0);
	for (i = 0; i < c->n; i++) {
		size_t size = c->sizes[i % ARRAY_SIZE(c->sizes)];

		kspan_free(alloc_for_sample(size));
		if (i % 1024 == 0)
			cond_resched();
	}
	for (i = 0; i < ARRAY_SIZE(c->sizes); i++) {
		u64 size = c->sizes[i], n = c->n / ARRAY_SIZE(c->sizes);
		/* In KSPAN_WEIGHT_ONE. */
		u64 variance = n * (kspan_weight(size, c->mean) - KSPAN_WEIGHT_ONE);

		objects += n;
		bytes += n * size;
		objects_variance += variance >> KSPAN_WEIGHT_SHIFT;
		bytes_variance += (variance >> KSPAN_WEIGHT_SHIFT) * size * size;
	}
	have = counts(test);
	expect_estimate(test, "objects", have.alloc_objects, objects, objects_variance);
	expect_estimate(test, "bytes", have.alloc_bytes, bytes, bytes_variance);
	KUNIT_EXPECT_EQ(test, have.inuse_objects, 0ULL);
}

/* What interrupts allocate in the middle belongs to the same process of points. */
static void estimate_holds_on_two_cpus_with_interrupts(struct kunit *test)
{
	static const size_t size = 64;
	struct test_thread threads[2] = {};
	u64 variance, n = 0, before;
	unsigned int i, rounds;
	bool started;

	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(HEAP, 512), 0);
	before = kspan_counter_sum(KSPAN_ALLOCS);
	for (rounds = 0; rounds < 50; rounds++) {
		for (i = 0; i < 2; i++) {
			started = test_thread_start(&threads[i], i, alloc_on_cpu, (void *)&size);
			KUNIT_EXPECT_TRUE(test, started);
		}
		for (i = 0; i < 10; i++)
			test_in_hardirq(alloc_one, NULL);
		for (i = 0; i < 2; i++)
			test_thread_join(&threads[i]);
		n += 2 * PER_CPU + 10;
	}
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_ALLOCS) - before, n);
	variance = n * (kspan_weight(64, 512) - KSPAN_WEIGHT_ONE) >> KSPAN_WEIGHT_SHIFT;
	expect_estimate(test, "objects", counts(test).alloc_objects, n, variance);
}

/* What comes out of an array in one go is charged as if it had come one by one. */
static void bulk_is_charged_by_the_object(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("sample_bulk", 64, 0, 0, NULL);
	u64 variance, n = 300 * 30;
	unsigned long before;
	void *objs[30];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(HEAP, 512), 0);
	before = kspan_counter_sum(KSPAN_ALLOCS);
	for (i = 0; i < n / ARRAY_SIZE(objs); i++) {
		KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, 30, objs), 30);
		kspan_cache_free_bulk(cache, 30, objs);
	}
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_ALLOCS) - before, n);
	variance = n * (kspan_weight(64, 512) - KSPAN_WEIGHT_ONE) >> KSPAN_WEIGHT_SHIFT;
	expect_estimate(test, "objects", test_count_rows(test, "sample_bulk", NULL).alloc_objects,
			n, variance);
	kspan_cache_destroy(cache);
}

/* The bytes of a cache that is not profiled are nobody else's. */
static void cache_that_is_not_profiled_does_not_add_to_others(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("sample_not", 2048, 0, KSPAN_NO_PROFILE,
						       NULL);
	u64 variance, n = 4000;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(HEAP, 512), 0);
	for (i = 0; i < n; i++) {
		kspan_cache_free(cache, kspan_cache_alloc(cache, GFP_KERNEL));
		kspan_free(alloc_for_sample(64));
	}
	kspan_cache_destroy(cache);
	variance = n * (kspan_weight(64, 512) - KSPAN_WEIGHT_ONE) >> KSPAN_WEIGHT_SHIFT;
	expect_estimate(test, "objects", counts(test).alloc_objects, n, variance);
}

static struct kunit_case sample_cases[] = {
	KUNIT_CASE(rate_of_one_samples_everything_exactly),
	KUNIT_CASE(rate_of_zero_samples_nothing),
	KUNIT_CASE(cache_that_is_not_profiled_is_not_sampled),
	KUNIT_CASE_PARAM(allocation_is_sampled_in_every_context, context_gen_params),
	KUNIT_CASE_PARAM(bad_rate_changes_nothing, bad_gen_params),
	KUNIT_CASE_PARAM(change_is_in_force_on_every_cpu_at_once, change_gen_params),
	KUNIT_CASE_PARAM(cpu_that_was_away_learns_of_the_change, away_gen_params),
	KUNIT_CASE(sample_is_freed_with_the_weight_it_was_taken_at),
	KUNIT_CASE_PARAM(estimate_is_within_its_standard_error, estimate_gen_params),
	KUNIT_CASE(estimate_holds_on_two_cpus_with_interrupts),
	KUNIT_CASE(bulk_is_charged_by_the_object),
	KUNIT_CASE(cache_that_is_not_profiled_does_not_add_to_others),
	{}
};

static struct kunit_suite sample_suite = {
	.name = "kspan_sample",
	.init = sample_init,
	.exit = test_end,
	.test_cases = sample_cases,
};

kunit_test_suite(sample_suite);
