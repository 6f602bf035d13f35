// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of named caches: what can be created, how objects are aligned and constructed, bulk
 * operations, giving memory back, and destruction with and without objects left.
 */
#include "suite.h"

#include <linux/cache.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/slab.h>

#include "profile/label.h"
#include "allocator.h"

/* ------------------------------------------------------------------ creation */

static const struct create_case {
	const char *desc;
	const char *name;
	unsigned int size, align, flags;
	bool fine;
} create_cases[] = {
	{ "no name", NULL, 64, 0, 0, false },
	{ "no size", "c", 0, 0, 0, false },
	{ "too large", "c", KMALLOC_MAX_SIZE + 1, 0, 0, false },
	{ "negative size", "c", -1, 0, 0, false },
	{ "alignment is no power of two", "c", 64, 24, 0, false },
	{ "alignment above a page", "c", 64, 2 * PAGE_SIZE, 0, false },
	{ "unknown flag", "c", 64, 0, KSPAN_CACHE_FLAGS + 1, false },
	{ "last flag", "c", 64, 0, 1U << 31, false },
	{ "one byte", "c", 1, 0, 0, true },
	{ "largest", "c", KMALLOC_MAX_SIZE, 0, 0, true },
	{ "a page's alignment", "c", 64, PAGE_SIZE, 0, true },
	{ "an empty name", "", 64, 0, 0, true },
	{ "all flags", "c", 64, 0, KSPAN_CACHE_FLAGS, true },
};

static void create_desc(const struct create_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(create, create_cases, create_desc);

static void cache_is_made_of_arguments_in_range(struct kunit *test)
{
	const struct create_case *c = test->param_value;
	struct kspan_cache *cache;
	void *obj;

	cache = kspan_cache_create(c->name, c->size, c->align, c->flags, NULL);
	KUNIT_ASSERT_EQ(test, !!cache, c->fine);
	if (!cache)
		return;
	KUNIT_EXPECT_EQ(test, kspan_cache_size(cache), c->size);
	obj = kspan_cache_zalloc(cache, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, obj);
	if (obj) {
		KUNIT_EXPECT_EQ(test, kspan_size(obj), (size_t)c->size);
		KUNIT_EXPECT_TRUE(test, filled_with(obj, 0, c->size));
		fill(obj, 0xff, c->size);
	}
	kspan_cache_free(cache, obj);
	kspan_cache_destroy(cache);
}

static void name_is_copied(struct kunit *test)
{
	char name[] = "kspan-copied";
	struct kspan_cache *cache = kspan_cache_create(name, 8, 0, 0, NULL);

	KUNIT_ASSERT_NOT_NULL(test, cache);
	memset(name, 'x', 4);
	KUNIT_EXPECT_STREQ(test, cache->label->name, "kspan-copied");
	kspan_cache_destroy(cache);
}

struct thing {
	u8 bytes[37] __aligned(16);
};

static void macro_takes_size_and_alignment_of_the_type(struct kunit *test)
{
	struct kspan_cache *cache = KSPAN_CACHE(thing, KSPAN_NO_PROFILE);
	struct thing *a, *b;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_EXPECT_EQ(test, kspan_cache_size(cache), (unsigned int)sizeof(struct thing));
	a = kspan_cache_alloc(cache, GFP_KERNEL);
	b = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, a);
	KUNIT_EXPECT_NOT_NULL(test, b);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)a, 16));
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)b, 16));
	kspan_cache_free(cache, a);
	kspan_cache_free(cache, b);
	kspan_cache_destroy(cache);
}

static const struct align_case {
	const char *desc;
	unsigned int size, align, flags;	/* size 0: too large for two in a cache line */
	unsigned int want;			/* 0: a cache line */
} align_cases[] = {
	{ "none", 13, 0, 0, ARCH_KMALLOC_MINALIGN },
	{ "less than the least", 13, 1, 0, ARCH_KMALLOC_MINALIGN },
	{ "32", 40, 32, 0, 32 },
	{ "more than the size", 8, 256, 0, 256 },
	{ "a page", 5000, PAGE_SIZE, 0, PAGE_SIZE },
	{ "cache line", 0, 0, KSPAN_HWCACHE_ALIGN, 0 },
	{ "cache line of a large object", 1000, 0, KSPAN_HWCACHE_ALIGN, 0 },
	{ "cache line, and more", 65, 256, KSPAN_HWCACHE_ALIGN, 256 },
	{ "red zone", 40, 64, KSPAN_RED_ZONE, 64 },
	{ "red zone, cache line", 0, 0, KSPAN_RED_ZONE | KSPAN_HWCACHE_ALIGN, 0 },
};

static void align_desc(const struct align_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(align, align_cases, align_desc);

static void objects_are_aligned_as_asked(struct kunit *test)
{
	const struct align_case *c = test->param_value;
	unsigned int line = cache_line_size(), size = c->size ?: line / 2 + 1;
	unsigned int i, want = c->want ?: line, wrong = 0;
	struct kspan_cache *cache;
	void *objs[50];

	cache = kspan_cache_create("kspan-align", size, c->align, c->flags, NULL);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, ARRAY_SIZE(objs), objs),
			(int)ARRAY_SIZE(objs));
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		wrong += !IS_ALIGNED((unsigned long)objs[i], want);
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	kspan_cache_free_bulk(cache, ARRAY_SIZE(objs), objs);
	kspan_cache_destroy(cache);
}

/* As in slab: small objects may share a line, but none lies in two. */
static void small_objects_do_not_straddle_cache_lines(struct kunit *test)
{
	unsigned int line = cache_line_size(), size, i;
	void *objs[40];

	for (size = 1; size <= line; size += 3) {
		struct kspan_cache *cache = kspan_cache_create("kspan-line", size, 0,
							       KSPAN_HWCACHE_ALIGN, NULL);
		unsigned int wrong = 0;

		KUNIT_ASSERT_NOT_NULL(test, cache);
		KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, 40, objs), 40);
		for (i = 0; i < ARRAY_SIZE(objs); i++)
			wrong += (unsigned long)objs[i] / line !=
				 ((unsigned long)objs[i] + size - 1) / line;
		KUNIT_EXPECT_EQ_MSG(test, wrong, 0U, "objects of %u bytes", size);
		kspan_cache_free_bulk(cache, 40, objs);
		kspan_cache_destroy(cache);
	}
}

/* And no slot is larger for it than the smallest part of a line that the object fills. */
static void small_objects_take_no_more_of_a_line_than_they_fill(struct kunit *test)
{
	unsigned int line = cache_line_size(), size, want;

	for (size = 1; size <= 2 * line; size++) {
		struct kspan_cache *cache = kspan_cache_create("kspan-line", size, 0,
							       KSPAN_HWCACHE_ALIGN, NULL);

		KUNIT_ASSERT_NOT_NULL(test, cache);
		want = size >= line ? line :
		       max_t(unsigned int, roundup_pow_of_two(size), ARCH_KMALLOC_MINALIGN);
		KUNIT_EXPECT_EQ_MSG(test, cache->slot_size, ALIGN(size, want), "%u bytes", size);
		kspan_cache_destroy(cache);
	}
}

/* What is per CPU no tool looks for: the next cache has the place of the last. */
static void arrays_go_with_their_cache(struct kunit *test)
{
	struct kspan_pcpu __percpu *pcpu[50];
	unsigned int i, k, again = 0;

	for (i = 0; i < ARRAY_SIZE(pcpu); i++) {
		struct kspan_cache *cache = kspan_cache_create("kspan-arrays", 64, 0, 0, NULL);

		KUNIT_ASSERT_NOT_NULL(test, cache);
		pcpu[i] = cache->pcpu;
		kspan_cache_destroy(cache);
		for (k = 0; k < i && pcpu[k] != pcpu[i]; k++)
			;
		again += k < i;
	}
	KUNIT_EXPECT_GT(test, again, 0U);
}

static void caches_with_one_name_are_two_caches(struct kunit *test)
{
	struct kspan_cache *a = kspan_cache_create("kspan-twin", 64, 0, 0, NULL);
	struct kspan_cache *b = kspan_cache_create("kspan-twin", 128, 0, 0, NULL);
	void *of_a, *of_b;

	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_NOT_NULL(test, b);
	of_a = kspan_cache_alloc(a, GFP_KERNEL);
	of_b = kspan_cache_alloc(b, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, kspan_size(of_a), (size_t)64);
	KUNIT_EXPECT_EQ(test, kspan_size(of_b), (size_t)128);
	kspan_cache_free(a, of_a);
	kspan_cache_destroy(a);
	fill(of_b, 0x5a, 128);
	KUNIT_EXPECT_TRUE(test, kspan_owns(of_b));
	kspan_cache_free(b, of_b);
	kspan_cache_destroy(b);
}

/* ------------------------------------------------------------------ constructors */

#define CTOR_SIZE	200
#define CTOR_OBJS	100

static unsigned int constructed;

static void construct(void *obj)
{
	constructed++;
	memset(obj, 0xc7, CTOR_SIZE);
}

static const struct ctor_case {
	const char *desc;
	unsigned int flags;
} ctor_cases[] = {
	{ "plain", 0 },
	{ "poisoned", KSPAN_POISON },		/* which the constructor overrides */
	{ "red zone", KSPAN_RED_ZONE },
	{ "typesafe", KSPAN_TYPESAFE_BY_RCU },
};

static void ctor_desc(const struct ctor_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(ctor, ctor_cases, ctor_desc);

/* Freed as they were made, objects are found so again; __GFP_ZERO does not unmake them. */
static void each_object_is_constructed_once(struct kunit *test)
{
	const struct ctor_case *c = test->param_value;
	struct kspan_cache *cache;
	void *objs[CTOR_OBJS], *obj;
	unsigned int i, round, wrong = 0, made;

	constructed = 0;
	cache = kspan_cache_create("kspan-ctor", CTOR_SIZE, 0, c->flags, construct);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_EXPECT_EQ(test, constructed, 0U);
	/* On another CPU there might be none left, and another span. */
	migrate_disable();
	/* One that stays keeps its span; so at least its neighbours are handed out again. */
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	made = span_of(obj)->nr_objs;
	KUNIT_EXPECT_EQ(test, constructed, made);

	for (round = 0; round < 5; round++) {
		unsigned int nr = made - 1;

		for (i = 0; i < nr; i++) {
			objs[i] = kspan_cache_alloc(cache, round ? GFP_KERNEL | __GFP_ZERO :
								   GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, objs[i]);
			wrong += !filled_with(objs[i], 0xc7, CTOR_SIZE);
		}
		kspan_cache_free_bulk(cache, nr, objs);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	migrate_enable();
	KUNIT_EXPECT_EQ(test, constructed, made);
	kspan_cache_free(cache, obj);
	kspan_cache_destroy(cache);
}

/* ------------------------------------------------------------------ bulk */

static bool all_differ(void **objs, unsigned int nr)
{
	unsigned int i, k;

	for (i = 0; i < nr; i++)
		for (k = 0; k < i; k++)
			if (objs[i] == objs[k])
				return false;
	return true;
}

static void bulk_brings_all(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-bulk", 96, 0, 0, NULL);
	unsigned long pages = kspan_span_pages();
	unsigned int i, wrong = 0;
	void **objs = objs_new(test, 300);

	KUNIT_ASSERT_NOT_NULL(test, cache);
	/* Some come from spans, and some from the array and the depot, as they were left. */
	KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, 300, objs), 300);
	for (i = 0; i < 300; i++)
		fill(objs[i], 0x5a, 96);
	kspan_cache_free_bulk(cache, 300, objs);
	KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL | __GFP_ZERO, 300, objs),
			300);
	KUNIT_EXPECT_TRUE(test, all_differ(objs, 300));
	for (i = 0; i < 300; i++)
		wrong += !filled_with(objs[i], 0, 96) || !kspan_state_in_use(state_of(objs[i]));
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	KUNIT_EXPECT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, 0, objs), 0);
	kspan_cache_free_bulk(cache, 300, objs);
	kspan_cache_destroy(cache);
	KUNIT_EXPECT_EQ(test, kspan_span_pages(), pages);
}

static void allocations_count_when_their_cache_is_gone(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-counted", 64, 0, 0, NULL);
	unsigned long allocs = kspan_counter_sum(KSPAN_ALLOCS);
	unsigned long frees = kspan_counter_sum(KSPAN_FREES);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	for (i = 0; i < 1000; i++)
		kspan_cache_free(cache, kspan_cache_alloc(cache, GFP_KERNEL));
	kspan_cache_destroy(cache);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_ALLOCS), allocs + 1000);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_FREES), frees + 1000);
}

static void bulk_that_fails_brings_nothing(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-bulk", 2000, 0, 0, NULL);
	unsigned long allocs, frees, pages = kspan_span_pages();
	void *objs[50];

	KUNIT_ASSERT_NOT_NULL(test, cache);
	allocs = kspan_counter_sum(KSPAN_ALLOCS);
	frees = kspan_counter_sum(KSPAN_FREES);
	/* The first two spans are had, no third. */
	fail_some(KSPAN_FAIL_PAGES, 2, UINT_MAX);
	KUNIT_EXPECT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, 50, objs), 0);
	fail_nothing();
	allocs = kspan_counter_sum(KSPAN_ALLOCS) - allocs;
	frees = kspan_counter_sum(KSPAN_FREES) - frees;
	KUNIT_EXPECT_GT(test, allocs, 0UL);
	KUNIT_EXPECT_EQ(test, allocs, frees);
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(cache), 0);
	KUNIT_EXPECT_EQ(test, kspan_span_pages(), pages);
	kspan_cache_destroy(cache);
}

static void bulk_free_takes_any_cache_and_nothing(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-bulk", 64, 0, 0, NULL);
	void *objs[5] = {};
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	catch_reports();
	objs[0] = kspan_cache_alloc(cache, GFP_KERNEL);
	objs[1] = kspan_alloc(100, GFP_KERNEL);
	objs[3] = ZERO_SIZE_PTR;
	objs[4] = kspan_alloc(100000, GFP_KERNEL);
	kspan_cache_free_bulk(NULL, ARRAY_SIZE(objs), objs);
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		KUNIT_EXPECT_FALSE(test, kspan_owns(objs[i]));
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
	kspan_cache_destroy(cache);
}

/* ------------------------------------------------------------------ giving back */

static void shrinking_gives_back_what_is_not_in_use(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-shrink", 500, 0, 0, NULL);
	unsigned long pages = kspan_span_pages();
	void **objs = objs_new(test, 400);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(cache), 0);
	KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, 400, objs), 400);
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(cache), 1);
	fill(objs[7], 0x77, 500);
	for (i = 0; i < 400; i++)
		if (i != 7)
			kspan_cache_free(cache, objs[i]);
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(cache), 1);
	KUNIT_EXPECT_EQ(test, kspan_span_pages(), pages + span_of(objs[7])->nr_pages);
	KUNIT_EXPECT_TRUE(test, filled_with(objs[7], 0x77, 500));
	kspan_cache_free(cache, objs[7]);
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(cache), 0);
	KUNIT_EXPECT_EQ(test, kspan_span_pages(), pages);

	/* And it can still be used. */
	objs[0] = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, objs[0]);
	kspan_cache_free(cache, objs[0]);
	kspan_cache_destroy(cache);
	KUNIT_EXPECT_EQ(test, kspan_span_pages(), pages);
}

/* What a free has made room for is used before there is a new span. */
static void room_in_a_full_span_is_used_again(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-room", 512, 0, KSPAN_POISON, NULL);
	unsigned long pages;
	unsigned int i;
	void *objs[64];

	KUNIT_ASSERT_NOT_NULL(test, cache);
	/* Spans are of the node that the test runs on. */
	migrate_disable();
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		objs[i] = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, ARRAY_SIZE(objs) % span_of(objs[3])->nr_objs, 0UL);
	pages = kspan_span_pages();
	kspan_cache_free(cache, objs[3]);
	KUNIT_EXPECT_PTR_EQ(test, kspan_cache_alloc(cache, GFP_KERNEL), objs[3]);
	migrate_enable();
	KUNIT_EXPECT_EQ(test, kspan_span_pages(), pages);
	kspan_cache_free_bulk(cache, ARRAY_SIZE(objs), objs);
	kspan_cache_destroy(cache);
}

/* A burst leaves little behind, without anyone asking. */
static void idle_cache_holds_little(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-idle", 512, 0, KSPAN_POISON, NULL);
	unsigned long pages = kspan_span_pages();
	unsigned int i, nr = 60 * (PAGE_SIZE / 512);
	void **objs = objs_new(test, nr);

	KUNIT_ASSERT_NOT_NULL(test, cache);
	for (i = 0; i < nr; i++) {
		objs[i] = kspan_cache_alloc(cache, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
	KUNIT_ASSERT_EQ(test, kspan_cache_own(cache)->span_pages, 1U);
	KUNIT_EXPECT_GE(test, kspan_span_pages(), pages + 60);
	for (i = 0; i < nr; i++)
		kspan_cache_free(cache, objs[i]);
	/* A page for each node: the test may have moved to another. */
	KUNIT_EXPECT_LE(test, kspan_span_pages(), pages + num_online_nodes());
	kspan_cache_destroy(cache);
	KUNIT_EXPECT_EQ(test, kspan_span_pages(), pages);
}

static unsigned int magazines_of(struct kspan_cache *cache)
{
	unsigned int sum = 0;
	int nid;

	for_each_node(nid)
		sum += READ_ONCE(kspan_cache_node(cache, nid)->nr_magazines);
	return sum;
}

/* The shrinker is called as for any other slab of the machine. */
static void memory_pressure_takes_what_idle_caches_hold(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-idle", 512, 0, KSPAN_POISON, NULL);
	struct kspan_cache *other = kspan_cache_create("kspan-depots", 512, 0, 0, NULL);
	unsigned long pages = kspan_span_pages();
	void *obj, **objs = objs_new(test, 400);
	struct file *file;
	loff_t pos = 0;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_ASSERT_NOT_NULL(test, other);
	file = filp_open("/proc/sys/vm/drop_caches", O_WRONLY, 0);
	if (IS_ERR(file)) {
		kspan_cache_destroy(cache);
		kspan_cache_destroy(other);
		kunit_skip(test, "needs /proc");
	}
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, obj);
	kspan_cache_free(cache, obj);
	KUNIT_EXPECT_EQ(test, kspan_span_pages(), pages + 1);
	/* Slabs only. */
	KUNIT_EXPECT_EQ(test, kernel_write(file, "2", 1, &pos), (ssize_t)1);
	/* Other caches of kspan's were idle too. */
	KUNIT_EXPECT_LE(test, kspan_span_pages(), pages);
	KUNIT_EXPECT_FALSE(test, kspan_in_span(obj));

	/* On another node they would go back to their spans. */
	migrate_disable();
	KUNIT_EXPECT_EQ(test, kspan_cache_alloc_bulk(other, GFP_KERNEL, 400, objs), 400);
	kspan_cache_free_bulk(other, 400, objs);
	migrate_enable();
	KUNIT_EXPECT_GT(test, magazines_of(other), 0U);
	pos = 0;
	KUNIT_EXPECT_EQ(test, kernel_write(file, "2", 1, &pos), (ssize_t)1);
	KUNIT_EXPECT_EQ(test, magazines_of(other), 0U);
	filp_close(file, NULL);
	kspan_cache_destroy(other);
	kspan_cache_destroy(cache);
}

/* ------------------------------------------------------------------ destruction */

static void destroying_nothing_is_fine(struct kunit *test)
{
	catch_reports();
	kspan_cache_destroy(NULL);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
}

static const struct left_case {
	const char *desc;
	unsigned int size, flags;
} left_cases[] = {
	{ "one page", 64, 0 },
	{ "several pages", 2000, 0 },
	{ "guarded", 64, KSPAN_POISON | KSPAN_RED_ZONE },
	{ "typesafe", 64, KSPAN_TYPESAFE_BY_RCU },
};

static void left_desc(const struct left_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(left, left_cases, left_desc);

static void objects_outlive_their_cache(struct kunit *test)
{
	const struct left_case *c = test->param_value;
	unsigned long left = kspan_counter_sum(KSPAN_CACHES_LEFT), pages = kspan_span_pages();
	struct kspan_cache *cache;
	void *objs[20];
	unsigned int i;

	cache = kspan_cache_create("kspan-left", c->size, 0, c->flags, NULL);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, 20, objs), 20);
	for (i = 0; i < 17; i++)
		kspan_cache_free(cache, objs[i]);
	for (i = 17; i < 20; i++)
		fill(objs[i], i, c->size);

	catch_reports();
	kspan_cache_destroy(cache);
	expect_report(test, KSPAN_CACHES_LEFT, cache,
		      "cache kspan-left destroyed with 3 objects in use");
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_CACHES_LEFT), left + 1);

	catch_reports();
	for (i = 17; i < 20; i++) {
		KUNIT_EXPECT_TRUE(test, kspan_owns(objs[i]));
		KUNIT_EXPECT_TRUE(test, filled_with(objs[i], i, c->size));
		kspan_free(objs[i]);
		KUNIT_EXPECT_FALSE(test, kspan_owns(objs[i]));
	}
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
	/* Nobody can ask for it any more, so all of it goes by itself. */
	KUNIT_EXPECT_EQ(test, kspan_span_pages(), pages);
}

static void destruction_waits_for_objects_in_a_grace_period(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-wait", 64, 0, 0, NULL);
	unsigned long pages = kspan_span_pages();
	void **objs = objs_new(test, 200);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, 200, objs), 200);
	catch_reports();
	for (i = 0; i < 200; i++)
		kspan_free_rcu(objs[i]);
	kspan_cache_destroy(cache);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
	KUNIT_EXPECT_EQ(test, kspan_span_pages(), pages);
}

/* ------------------------------------------------------------------ TYPESAFE_BY_RCU */

/* The red zone keeps objects out of CPUs' arrays, and the size makes the span go with the last. */
static void typesafe_pages_stay_for_readers(struct kunit *test)
{
	bool in_span, intact, counted;
	struct kspan_cache *cache;
	struct page *page;
	void *obj;

	cache = kspan_cache_create("kspan-typesafe", 3000, 0,
				   KSPAN_TYPESAFE_BY_RCU | KSPAN_RED_ZONE, NULL);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_ASSERT_GT(test, kspan_cache_own(cache)->span_pages, 1U);
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	fill(obj, 0x77, 3000);
	page = virt_to_page(obj);

	rcu_read_lock();
	kspan_cache_free(cache, obj);
	in_span = kspan_in_span(obj);
	/* Time for all that would not wait for this reader. */
	mdelay(20);
	counted = page_count(page) >= 1;
	intact = counted && filled_with(obj, 0x77, 3000);
	rcu_read_unlock();
	KUNIT_EXPECT_FALSE(test, in_span);
	KUNIT_EXPECT_TRUE(test, counted);
	KUNIT_EXPECT_TRUE(test, intact);
	kspan_cache_destroy(cache);
}

/* ------------------------------------------------------------------ suite */

static struct kunit_case cache_cases[] = {
	KUNIT_CASE_PARAM(cache_is_made_of_arguments_in_range, create_gen_params),
	KUNIT_CASE(name_is_copied),
	KUNIT_CASE(macro_takes_size_and_alignment_of_the_type),
	KUNIT_CASE_PARAM(objects_are_aligned_as_asked, align_gen_params),
	KUNIT_CASE(small_objects_do_not_straddle_cache_lines),
	KUNIT_CASE(small_objects_take_no_more_of_a_line_than_they_fill),
	KUNIT_CASE(arrays_go_with_their_cache),
	KUNIT_CASE(caches_with_one_name_are_two_caches),
	KUNIT_CASE_PARAM(each_object_is_constructed_once, ctor_gen_params),
	KUNIT_CASE(bulk_brings_all),
	KUNIT_CASE(bulk_that_fails_brings_nothing),
	KUNIT_CASE(allocations_count_when_their_cache_is_gone),
	KUNIT_CASE(bulk_free_takes_any_cache_and_nothing),
	KUNIT_CASE(shrinking_gives_back_what_is_not_in_use),
	KUNIT_CASE(room_in_a_full_span_is_used_again),
	KUNIT_CASE(idle_cache_holds_little),
	KUNIT_CASE(memory_pressure_takes_what_idle_caches_hold),
	KUNIT_CASE(destroying_nothing_is_fine),
	KUNIT_CASE_PARAM(objects_outlive_their_cache, left_gen_params),
	KUNIT_CASE(destruction_waits_for_objects_in_a_grace_period),
	KUNIT_CASE(typesafe_pages_stay_for_readers),
	{}
};

static struct kunit_suite cache_suite = {
	.name = "kspan_cache",
	.exit = allocator_test_exit,
	.test_cases = cache_cases,
};

kunit_test_suite(cache_suite);
