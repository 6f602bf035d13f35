// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the allocation functions that take a size: every size up to beyond the largest class,
 * large objects, zeroing, copies, realloc, what gfp says, and questions about addresses.
 */
#include "suite.h"

#include <linux/hardirq.h>
#include <linux/jump_label.h>
#include <linux/kernel.h>
#include <linux/mempolicy.h>
#include <linux/nodemask.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "heap/pcpu.h"
#include "allocator.h"

/* Sizes that the compiler does not know, so that it does not warn of what is tested here. */
static size_t opaque(size_t size)
{
	OPTIMIZER_HIDE_VAR(size);
	return size;
}

/* ------------------------------------------------------------------ sizes */

static void nothing_is_the_zero_size_pointer(struct kunit *test)
{
	unsigned long allocs = kspan_counter_sum(KSPAN_ALLOCS);

	catch_reports();
	KUNIT_EXPECT_PTR_EQ(test, kspan_alloc(0, GFP_KERNEL), (void *)ZERO_SIZE_PTR);
	KUNIT_EXPECT_PTR_EQ(test, kspan_zalloc(0, GFP_KERNEL), (void *)ZERO_SIZE_PTR);
	KUNIT_EXPECT_PTR_EQ(test, kspan_alloc_node(0, GFP_KERNEL, 0), (void *)ZERO_SIZE_PTR);
	KUNIT_EXPECT_PTR_EQ(test, kspan_calloc(0, 8, GFP_KERNEL), (void *)ZERO_SIZE_PTR);
	KUNIT_EXPECT_PTR_EQ(test, kspan_calloc(8, 0, GFP_KERNEL), (void *)ZERO_SIZE_PTR);
	KUNIT_EXPECT_PTR_EQ(test, kspan_realloc(NULL, 0, GFP_KERNEL), (void *)ZERO_SIZE_PTR);
	KUNIT_EXPECT_PTR_EQ(test, kspan_memdup("", 0, GFP_KERNEL), (void *)ZERO_SIZE_PTR);
	KUNIT_EXPECT_EQ(test, kspan_size(ZERO_SIZE_PTR), (size_t)0);
	KUNIT_EXPECT_EQ(test, kspan_size(NULL), (size_t)0);
	KUNIT_EXPECT_FALSE(test, kspan_owns(ZERO_SIZE_PTR));
	kspan_free(ZERO_SIZE_PTR);
	kspan_free_sensitive(ZERO_SIZE_PTR);
	kspan_free_rcu(ZERO_SIZE_PTR);
	kspan_free(NULL);
	kspan_free_sensitive(NULL);
	kspan_free_rcu(NULL);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_ALLOCS), allocs);
}

#define SIZES_MAX	40000

/*
 * The size to try after @size: all small ones, and of the others those next to a slot size and
 * some in between. (Which slot each size gets is for the suite of the size classes.)
 */
static size_t next_size(size_t size)
{
	unsigned int class;

	if (size < 300)
		return size + 1;
	if (size < KSPAN_MAX_CLASS_SIZE) {
		class = kspan_class_of(size);
		if (kspan_classes[class].slot_size - size <= 1)
			return size + 1;
		return min_t(size_t, size + 257, kspan_classes[class].slot_size - 1);
	}
	return size + 257;
}

/* Asked for, it is there to its last byte, and kspan_size() bytes may be used of it. */
static void every_size_is_had(struct kunit *test)
{
	unsigned int none = 0, small = 0, unaligned = 0, astray = 0, tried = 0;
	size_t size;

	for (size = 1; size <= SIZES_MAX; size = next_size(size)) {
		u8 *obj = kspan_alloc(size, GFP_KERNEL);
		size_t room = kspan_size(obj);

		if (!obj) {
			none++;
			continue;
		}
		small += room < size;
		unaligned += !IS_ALIGNED((unsigned long)obj, ARCH_KMALLOC_MINALIGN);
		unaligned += is_power_of_2(size) && !IS_ALIGNED((unsigned long)obj, size);
		astray += !kspan_owns(obj) || !kspan_owns(obj + size - 1) ||
			  !kspan_owns(obj + room - 1);
		/* Whole where a slot size may be near; elsewhere the ends will do. */
		if (room - size < 2) {
			fill(obj, 0xa1, room);
		} else {
			obj[0] = 0xa1;
			obj[size - 1] = 0xa1;
			fill(obj + room - 8, 0xa1, 8);
		}
		kspan_free(obj);
		if (tried++ % 64 == 0)
			cond_resched();
	}
	KUNIT_EXPECT_EQ(test, none, 0U);
	KUNIT_EXPECT_EQ(test, small, 0U);
	KUNIT_EXPECT_EQ(test, unaligned, 0U);
	KUNIT_EXPECT_EQ(test, astray, 0U);
}

/* Each object full of a byte of its own: if any two overlap, the earlier one shows it. */
static void objects_do_not_overlap(struct kunit *test)
{
	enum { NR = 70 };
	unsigned int class, i, nr, wrong = 0;
	void *objs[NR];

	for (class = 0; class <= KSPAN_NR_CLASSES; class++) {
		size_t size = class < KSPAN_NR_CLASSES ? kspan_classes[class].slot_size : SIZES_MAX;

		nr = clamp_t(unsigned int, SZ_32K / size, 3, NR);
		for (i = 0; i < nr; i++) {
			objs[i] = kspan_alloc(size, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, objs[i]);
			fill(objs[i], i + 1, kspan_size(objs[i]));
		}
		for (i = 0; i < nr; i++)
			wrong += !filled_with(objs[i], i + 1, kspan_size(objs[i]));
		for (i = 0; i < nr; i++)
			kspan_free(objs[i]);
		cond_resched();
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
}

static const struct size_case {
	const char *desc;
	size_t size;
	bool fine;
} size_cases[] = {
	{ "largest class", KSPAN_MAX_CLASS_SIZE, true },
	{ "smallest large object", KSPAN_MAX_CLASS_SIZE + 1, true },
	{ "several pages and a byte", 10 * PAGE_SIZE + 1, true },
	{ "a megabyte", SZ_1M, true },
	{ "one short of the largest", KMALLOC_MAX_SIZE - 1, true },
	{ "largest", KMALLOC_MAX_SIZE, true },
	{ "one too many", KMALLOC_MAX_SIZE + 1, false },
	{ "twice the largest", 2 * KMALLOC_MAX_SIZE, false },
	{ "a page in the middle of nowhere", (1UL << 32) + PAGE_SIZE, false },
	{ "half of all", SIZE_MAX / 2 + 1, false },
	{ "all but a page", SIZE_MAX - PAGE_SIZE + 1, false },
	{ "all", SIZE_MAX, false },
};

static void size_desc(const struct size_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(size, size_cases, size_desc);

static void large_sizes_are_had_up_to_the_largest(struct kunit *test)
{
	const struct size_case *c = test->param_value;
	unsigned long failures = kspan_counter_sum(KSPAN_ALLOC_FAILURES);
	unsigned long pages = kspan_span_pages();
	u8 *obj = kspan_alloc(opaque(c->size), GFP_KERNEL);

	KUNIT_EXPECT_EQ(test, !!obj, c->fine);
	if (!obj) {
		KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_ALLOC_FAILURES), failures + 1);
		return;
	}
	KUNIT_EXPECT_GE(test, kspan_size(obj), c->size);
	KUNIT_EXPECT_TRUE(test, kspan_owns(obj + c->size / 2));
	KUNIT_EXPECT_TRUE(test, kspan_owns(obj + c->size - 1));
	fill(obj, 0x5a, c->size);
	kspan_free(obj);
	if (c->size > KSPAN_MAX_CLASS_SIZE)
		KUNIT_EXPECT_EQ(test, kspan_span_pages(), pages);
}

static const struct calloc_case {
	size_t n, size;
	bool fine;
} calloc_cases[] = {
	{ 1, 1, true }, { 10, 24, true }, { 1000, 100, true },
	{ SIZE_MAX, 2, false }, { 2, SIZE_MAX, false }, { SIZE_MAX, SIZE_MAX, false },
	{ 1UL << 32, 1UL << 32, false },		/* 0 when it wraps */
	{ (1UL << 32) + 1, (1UL << 32) + 1, false },	/* small when it wraps */
	{ 3, SIZE_MAX / 3 + 1, false },			/* 2 when it wraps */
	{ KMALLOC_MAX_SIZE, 2, false },
};

static void calloc_desc(const struct calloc_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%zu times %zu", c->n, c->size);
}

KUNIT_ARRAY_PARAM(calloc, calloc_cases, calloc_desc);

static void array_is_whole_and_zero_or_nothing(struct kunit *test)
{
	const struct calloc_case *c = test->param_value;
	void *obj = kspan_calloc(opaque(c->n), opaque(c->size), GFP_KERNEL);

	KUNIT_EXPECT_EQ(test, !!obj, c->fine);
	if (obj && c->fine) {
		KUNIT_EXPECT_GE(test, kspan_size(obj), c->n * c->size);
		KUNIT_EXPECT_TRUE(test, filled_with(obj, 0, c->n * c->size));
	}
	kspan_free(obj);
}

/* ------------------------------------------------------------------ zeroing */

static const size_t zero_sizes[] = { 1, 8, 33, 100, 520, 4096, 5000, 32768, SZ_64K, 100000 };

/* So that zeros are no accident, wherever the next ones come from. */
static void leave_dirty_memory(size_t size)
{
	void *objs[24];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(objs); i++) {
		objs[i] = kspan_alloc(size, GFP_KERNEL);
		if (objs[i])
			fill(objs[i], 0xdd, kspan_size(objs[i]));
	}
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		kspan_free(objs[i]);
}

static void zeroed_memory_is_zero_to_the_end(struct kunit *test)
{
	unsigned int i, round, wrong = 0;
	void *obj;

	migrate_disable();
	for (i = 0; i < ARRAY_SIZE(zero_sizes); i++) {
		for (round = 0; round < 3; round++) {
			size_t size = zero_sizes[i];

			leave_dirty_memory(size);
			switch (round) {
			case 0:
				obj = kspan_zalloc(size, GFP_KERNEL);
				break;
			case 1:
				obj = kspan_alloc(size, GFP_KERNEL | __GFP_ZERO);
				break;
			default:
				obj = kspan_alloc_node(size, GFP_KERNEL | __GFP_ZERO,
						       numa_mem_id());
			}
			KUNIT_ASSERT_NOT_NULL(test, obj);
			/* All that may be used: krealloc's users count on it. */
			wrong += !filled_with(obj, 0, kspan_size(obj));
			kspan_free(obj);
		}
	}
	migrate_enable();
	KUNIT_EXPECT_EQ(test, wrong, 0U);
}

static const struct init_case {
	const char *desc;
	unsigned int flags;
	bool ctor;
	bool on_alloc, on_free;	/* what is zeroed */
} init_cases[] = {
	{ "plain", 0, false, true, true },
	{ "red zone", KSPAN_RED_ZONE, false, true, true },
	{ "constructor", 0, true, false, false },
	{ "typesafe", KSPAN_TYPESAFE_BY_RCU, false, false, false },
};

static void init_desc(const struct init_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(init, init_cases, init_desc);

#define INIT_SIZE	72

static void construct(void *obj)
{
	memset(obj, 0x77, INIT_SIZE);
}

/* As if the machine had been booted with init_on_alloc=1 or init_on_free=1. */
static void kernel_wide_zeroing_is_honoured(struct kunit *test)
{
	const struct init_case *c = test->param_value;
	struct kspan_cache *cache;
	bool on_alloc, on_free;
	void *obj, *other;

	if (static_key_enabled(&init_on_alloc) || static_key_enabled(&init_on_free))
		kunit_skip(test, "zeroing is on already");
	cache = kspan_cache_create("kspan-init", INIT_SIZE, 0, c->flags,
				   c->ctor ? construct : NULL);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	/* Keeps the span. */
	other = kspan_cache_alloc(cache, GFP_KERNEL);

	migrate_disable();
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	fill(obj, 0x77, INIT_SIZE);
	kspan_cache_free(cache, obj);
	migrate_enable();
	/* As it would be from the boot on: the fast paths leave it to the slow ones. */
	static_branch_enable(&init_on_alloc);
	static_branch_inc(&kspan_alloc_more);
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	static_branch_dec(&kspan_alloc_more);
	static_branch_disable(&init_on_alloc);
	on_alloc = filled_with(obj, 0, INIT_SIZE);

	fill(obj, 0x77, INIT_SIZE);
	static_branch_enable(&init_on_free);
	kspan_pcpu_free_more(true);
	kspan_cache_free(cache, obj);
	kspan_pcpu_free_more(false);
	static_branch_disable(&init_on_free);
	/* Its page is still the cache's. */
	on_free = filled_with(obj, 0, INIT_SIZE);
	if (!c->on_free)
		KUNIT_EXPECT_TRUE(test, filled_with(obj, 0x77, INIT_SIZE));

	KUNIT_EXPECT_EQ(test, on_alloc, c->on_alloc);
	KUNIT_EXPECT_EQ(test, on_free, c->on_free);
	kspan_cache_free(cache, other);
	kspan_cache_destroy(cache);
}

static void sensitive_memory_is_overwritten(struct kunit *test)
{
	void *keeper = kspan_alloc(200, GFP_KERNEL), *obj = kspan_alloc(200, GFP_KERNEL);
	size_t room = kspan_size(obj);

	KUNIT_ASSERT_NOT_NULL(test, keeper);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	fill(obj, 0x5e, room);
	kspan_free_sensitive(obj);
	/* Its page is still the cache's, thanks to the keeper or the CPU's array. */
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
	KUNIT_EXPECT_TRUE(test, filled_with(obj, 0, room));
	kspan_free(keeper);
}

/* ------------------------------------------------------------------ realloc */

static const struct realloc_case {
	size_t from, to;
} realloc_cases[] = {
	{ 1, 8 }, { 8, 9 }, { 100, 40 }, { 100, 1 }, { 100, 112 }, { 100, 113 },
	{ 1000, 30000 }, { 30000, 40000 }, { 40000, 32768 }, { 40000, 40960 }, { 40960, 1048576 },
	{ 100000, 10 },
};

static void realloc_desc(const struct realloc_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%zu to %zu", c->from, c->to);
}

KUNIT_ARRAY_PARAM(realloc, realloc_cases, realloc_desc);

static void realloc_keeps_the_content(struct kunit *test)
{
	const struct realloc_case *c = test->param_value;
	unsigned long allocs = kspan_counter_sum(KSPAN_ALLOCS);
	unsigned long frees = kspan_counter_sum(KSPAN_FREES);
	void *old = kspan_alloc(c->from, GFP_KERNEL), *new;
	bool fits = kspan_size(old) >= c->to;

	KUNIT_ASSERT_NOT_NULL(test, old);
	fill(old, 0xc4, c->from);
	new = kspan_realloc(old, c->to, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, new);
	KUNIT_EXPECT_EQ(test, new == old, fits);
	KUNIT_EXPECT_EQ(test, kspan_owns(old), fits);
	KUNIT_EXPECT_GE(test, kspan_size(new), c->to);
	KUNIT_EXPECT_TRUE(test, filled_with(new, 0xc4, min(c->from, c->to)));
	fill(new, 0x11, c->to);
	kspan_free(new);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_ALLOCS) - allocs,
			kspan_counter_sum(KSPAN_FREES) - frees);
}

static void realloc_of_nothing_allocates(struct kunit *test)
{
	void *a = kspan_realloc(NULL, 100, GFP_KERNEL | __GFP_ZERO);
	void *b = kspan_realloc(ZERO_SIZE_PTR, 100, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_EXPECT_TRUE(test, kspan_owns(a));
	KUNIT_EXPECT_TRUE(test, filled_with(a, 0, 100));
	KUNIT_EXPECT_TRUE(test, kspan_owns(b));
	kspan_free(a);
	kspan_free(b);
}

static void realloc_to_nothing_frees(struct kunit *test)
{
	void *obj = kspan_alloc(100, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_EXPECT_PTR_EQ(test, kspan_realloc(obj, 0, GFP_KERNEL), (void *)ZERO_SIZE_PTR);
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
}

static void realloc_that_fails_keeps_the_object(struct kunit *test)
{
	void *obj = kspan_alloc(100, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	fill(obj, 0xc4, 100);
	fail_all(KSPAN_FAIL_PAGES);
	KUNIT_EXPECT_NULL(test, kspan_realloc(obj, SZ_1M, GFP_KERNEL));
	fail_nothing();
	KUNIT_EXPECT_NULL(test, kspan_realloc(obj, opaque(SIZE_MAX), GFP_KERNEL));
	KUNIT_EXPECT_TRUE(test, kspan_owns(obj));
	KUNIT_EXPECT_TRUE(test, filled_with(obj, 0xc4, 100));
	kspan_free(obj);
}

/* Of a cache that overwrites what is freed. */
static void content_is_copied_before_the_object_is_freed(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-moved", 100, 0, KSPAN_POISON, NULL);
	void *keeper, *obj;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	keeper = kspan_cache_alloc(cache, GFP_KERNEL);
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	fill(obj, 0xc4, 100);
	obj = kspan_realloc(obj, 1000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_EXPECT_TRUE(test, filled_with(obj, 0xc4, 100));
	kspan_free(obj);
	kspan_free(keeper);
	kspan_cache_destroy(cache);
}

/* A string that grows bit by bit stays zero behind what was written. */
static void realloc_with_zero_is_zero_beyond_the_content(struct kunit *test)
{
	size_t size, old = 10;
	unsigned int wrong = 0;
	u8 *obj = kspan_alloc(old, GFP_KERNEL | __GFP_ZERO);

	for (size = 20; size < 50000; size = size * 3 / 2) {
		KUNIT_ASSERT_NOT_NULL(test, obj);
		fill(obj, 0x99, old);
		obj = kspan_realloc(obj, size, GFP_KERNEL | __GFP_ZERO);
		KUNIT_ASSERT_NOT_NULL(test, obj);
		wrong += !filled_with(obj, 0x99, old);
		wrong += !filled_with(obj + old, 0, size - old);
		old = size;
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	kspan_free(obj);
}

/* What a size left that came in between is not seen again. */
static void realloc_with_zero_clears_what_a_smaller_size_leaves(struct kunit *test)
{
	static const size_t larger[] = { 17, 64, 65, 200, 5000, 50000 };
	gfp_t gfp = GFP_KERNEL | __GFP_ZERO;
	unsigned int i, start;
	u8 *obj;

	for (i = 0; i < ARRAY_SIZE(larger); i++) {
		for (start = 64; start <= 40000; start *= 25) {
			obj = kspan_realloc(NULL, start, gfp);
			KUNIT_ASSERT_NOT_NULL(test, obj);
			fill(obj, 0xff, start);
			obj = kspan_realloc(obj, 16, gfp);
			KUNIT_ASSERT_NOT_NULL(test, obj);
			obj = kspan_realloc(obj, larger[i], gfp);
			KUNIT_ASSERT_NOT_NULL(test, obj);
			KUNIT_EXPECT_TRUE(test, filled_with(obj, 0xff, 16));
			KUNIT_EXPECT_TRUE_MSG(test, filled_with(obj + 16, 0, larger[i] - 16),
					      "%u, 16, %zu bytes", start, larger[i]);
			kspan_free(obj);
		}
	}
}

/* ------------------------------------------------------------------ copies */

static void strings_are_copied(struct kunit *test)
{
	char *s = kspan_strdup("", GFP_KERNEL), *t = kspan_strdup("kspan", GFP_KERNEL);

	KUNIT_EXPECT_STREQ(test, s, "");
	KUNIT_EXPECT_STREQ(test, t, "kspan");
	KUNIT_EXPECT_TRUE(test, kspan_owns(t));
	KUNIT_EXPECT_NULL(test, kspan_strdup(NULL, GFP_KERNEL));
	kspan_free(s);
	kspan_free(t);
}

static const struct strndup_case {
	const char *s;
	size_t max;
	const char *want;
} strndup_cases[] = {
	{ "kspan", 3, "ksp" }, { "kspan", 5, "kspan" }, { "kspan", 100, "kspan" },
	{ "kspan", 0, "" }, { "", 5, "" }, { "kspan", SIZE_MAX, "kspan" },
};

static void strndup_desc(const struct strndup_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%zu of \"%s\"", c->max, c->s);
}

KUNIT_ARRAY_PARAM(strndup, strndup_cases, strndup_desc);

static void beginning_of_a_string_is_copied(struct kunit *test)
{
	const struct strndup_case *c = test->param_value;
	char *s = kspan_strndup(c->s, c->max, GFP_KERNEL);

	KUNIT_EXPECT_STREQ(test, s, c->want);
	kspan_free(s);
	KUNIT_EXPECT_NULL(test, kspan_strndup(NULL, c->max, GFP_KERNEL));
}

/* Neither end of it needs a NUL, and what lies behind is not read: KASAN would say so. */
static void unterminated_string_is_read_to_its_limit(struct kunit *test)
{
	char *src = kunit_kmalloc(test, 16, GFP_KERNEL), *s;

	KUNIT_ASSERT_NOT_NULL(test, src);
	memset(src, 'x', 16);
	s = kspan_strndup(src, 16, GFP_KERNEL);
	KUNIT_EXPECT_STREQ(test, s, "xxxxxxxxxxxxxxxx");
	kspan_free(s);
}

static void memory_is_copied(struct kunit *test)
{
	static const u8 src[5] = { 1, 0, 2, 0, 3 };
	u8 *copy = kspan_memdup(src, sizeof(src), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_EXPECT_EQ(test, memcmp(copy, src, sizeof(src)), 0);
	kspan_free(copy);
}

static void copies_without_memory_are_null(struct kunit *test)
{
	/* Of a size that nothing else has asked for is not to be had: fail what makes spans. */
	char *src = kunit_kmalloc(test, 50000, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, src);
	memset(src, 'x', 50000);
	src[49999] = 0;
	fail_all(KSPAN_FAIL_PAGES);
	KUNIT_EXPECT_NULL(test, kspan_strdup(src, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, kspan_strndup(src, 45000, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, kspan_memdup(src, 50000, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, kspan_zalloc(50000, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, kspan_calloc(50, 1000, GFP_KERNEL));
	fail_nothing();
}

/* ------------------------------------------------------------------ gfp */

static const struct gfp_case {
	const char *desc;
	gfp_t gfp;
} gfp_cases[] = {
	{ "GFP_KERNEL", GFP_KERNEL },
	{ "GFP_NOWAIT", GFP_NOWAIT },
	{ "GFP_ATOMIC", GFP_ATOMIC },
	{ "GFP_NOIO", GFP_NOIO },
	{ "GFP_NOFS", GFP_NOFS },
	{ "GFP_USER", GFP_USER },
	{ "GFP_DMA", GFP_KERNEL | GFP_DMA },
	{ "GFP_DMA32", GFP_KERNEL | GFP_DMA32 },
	{ "__GFP_HIGHMEM", GFP_HIGHUSER_MOVABLE },
	{ "__GFP_ACCOUNT", GFP_KERNEL_ACCOUNT },
	{ "__GFP_NOWARN", GFP_KERNEL | __GFP_NOWARN },
	{ "__GFP_NORETRY", GFP_KERNEL | __GFP_NORETRY },
	{ "__GFP_RETRY_MAYFAIL", GFP_KERNEL | __GFP_RETRY_MAYFAIL },
	{ "__GFP_NOFAIL", GFP_KERNEL | __GFP_NOFAIL },
	{ "__GFP_COMP", GFP_KERNEL | __GFP_COMP },
	{ "__GFP_RECLAIMABLE", GFP_KERNEL | __GFP_RECLAIMABLE },
	{ "__GFP_MEMALLOC", GFP_KERNEL | __GFP_MEMALLOC },
	{ "__GFP_NOMEMALLOC", GFP_ATOMIC | __GFP_NOMEMALLOC },
	{ "__GFP_WRITE", GFP_KERNEL | __GFP_WRITE },
};

static void gfp_desc(const struct gfp_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(gfp, gfp_cases, gfp_desc);

/* From an empty cache, so that each of them reaches the page allocator. */
static void every_gfp_flag_is_taken(struct kunit *test)
{
	const struct gfp_case *c = test->param_value;
	static const size_t sizes[] = { 24, 5000, 50000, SZ_256K };
	struct kspan_cache *cache = kspan_cache_create("kspan-gfp", 1500, 0, 0, NULL);
	unsigned int i;
	void *obj;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	obj = kspan_cache_alloc(cache, c->gfp);
	KUNIT_EXPECT_NOT_NULL(test, obj);
	kspan_cache_free(cache, obj);
	kspan_cache_destroy(cache);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		obj = kspan_alloc(sizes[i], c->gfp);
		KUNIT_EXPECT_NOT_NULL(test, obj);
		if (!obj)
			continue;
		KUNIT_EXPECT_GE(test, kspan_size(obj), sizes[i]);
		fill(obj, 0x33, sizes[i]);
		kspan_free(obj);
	}
}

static void dma_memory_comes_from_its_zone(struct kunit *test)
{
#ifdef CONFIG_ZONE_DMA
	void *obj = kspan_alloc(100, GFP_KERNEL | GFP_DMA);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, (int)page_zonenum(virt_to_page(obj)), (int)ZONE_DMA);
	kspan_free(obj);
#else
	kunit_skip(test, "needs ZONE_DMA");
#endif
}

static void nofail_does_not_fail(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-nofail", 1500, 0, 0, NULL);
	void *obj;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	fail_some(KSPAN_FAIL_PAGES, 0, 4);
	obj = kspan_cache_alloc(cache, GFP_KERNEL | __GFP_NOFAIL);
	KUNIT_EXPECT_EQ(test, failing.calls, 5U);
	KUNIT_EXPECT_NOT_NULL(test, obj);
	kspan_cache_free(cache, obj);

	/* More than a page at once, too. */
	fail_some(KSPAN_FAIL_PAGES, 0, 3);
	obj = kspan_alloc(SZ_256K, GFP_KERNEL | __GFP_NOFAIL);
	KUNIT_EXPECT_EQ(test, failing.calls, 4U);
	KUNIT_EXPECT_NOT_NULL(test, obj);
	fail_nothing();
	kspan_free(obj);
	kspan_cache_destroy(cache);
}

/* ------------------------------------------------------------------ nodes */

static void memory_is_on_the_node_asked_for(struct kunit *test)
{
	static const size_t sizes[] = { 8, 300, 5000, 50000, SZ_512K };
	struct kspan_cache *cache = kspan_cache_create("kspan-node", 128, 0, 0, NULL);
	unsigned int i, round, wrong = 0;
	int nid;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	for (round = 0; round < 3; round++) {
		for_each_node_state(nid, N_MEMORY) {
			void *objs[ARRAY_SIZE(sizes) + 1];

			for (i = 0; i < ARRAY_SIZE(sizes); i++)
				objs[i] = kspan_alloc_node(sizes[i], GFP_KERNEL | __GFP_THISNODE,
							   nid);
			objs[i] = kspan_cache_alloc_node(cache, GFP_KERNEL | __GFP_THISNODE, nid);
			for (i = 0; i < ARRAY_SIZE(objs); i++) {
				KUNIT_ASSERT_NOT_NULL(test, objs[i]);
				wrong += page_to_nid(virt_to_page(objs[i])) != nid;
				kspan_free(objs[i]);
			}
		}
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	kspan_cache_destroy(cache);
}

static void only_thisnode_insists_on_its_node(struct kunit *test)
{
	int here = first_node(node_states[N_MEMORY]);
	int there = next_node(here, node_states[N_MEMORY]);
	struct kspan_cache *cache;
	void *keeper, *obj;

	if (there >= MAX_NUMNODES)
		kunit_skip(test, "needs two nodes");
	cache = kspan_cache_create("kspan-node", 128, 0, KSPAN_RED_ZONE, NULL);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	/* One span there, with room. */
	keeper = kspan_cache_alloc_node(cache, GFP_KERNEL | __GFP_THISNODE, there);
	KUNIT_ASSERT_NOT_NULL(test, keeper);
	fail_all(KSPAN_FAIL_PAGES);
	KUNIT_EXPECT_NULL(test, kspan_cache_alloc_node(cache, GFP_KERNEL | __GFP_THISNODE, here));
	obj = kspan_cache_alloc_node(cache, GFP_KERNEL, here);
	fail_nothing();
	KUNIT_EXPECT_NOT_NULL(test, obj);
	if (obj)
		KUNIT_EXPECT_PTR_EQ(test, span_of(obj), span_of(keeper));
	kspan_cache_free(cache, obj);
	kspan_cache_free(cache, keeper);
	kspan_cache_destroy(cache);
}

#ifdef CONFIG_NUMA
/* What the tasks of the next test want, all of them running on a node that is none of @there. */
static const struct policy_case {
	const char *desc;
	unsigned short mode;
	bool here, there;		/* the nodes of the policy */
	bool stays;			/* and all comes from this CPU's node */
} policy_cases[] = {
	{ "local", MPOL_LOCAL, false, false, true },
	{ "bound here", MPOL_BIND, true, false, true },
	{ "bound there", MPOL_BIND, false, true, false },
	{ "bound to both", MPOL_BIND, true, true, true },
	{ "there is preferred", MPOL_PREFERRED, false, true, false },
	{ "interleaved", MPOL_INTERLEAVE, true, true, false },
};

static void policy_desc(const struct policy_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(policy, policy_cases, policy_desc);

#define POLICY_OBJS	1000

/* Stays on this CPU, whose node is *@here; another node, without which there is no test. */
static int stay_near(struct kunit *test, int *here)
{
	int there;

	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	*here = numa_mem_id();
	there = next_node_in(*here, node_states[N_MEMORY]);
	if (there == *here)
		kunit_skip(test, "needs two nodes");
	return there;
}

/*
 * Wherever the policy has pages come from, a span is used up before the next one is made: objects
 * of 64 bytes fill a page or so, and do not have one each.
 */
static void spans_elsewhere_are_used_up(struct kunit *test)
{
	const struct policy_case *c = test->param_value;
	struct mempolicy policy = { .mode = c->mode }, *before;
	int here, there, nid, spans = 0, least;
	struct kspan_cache *cache;
	unsigned int i, failed = 0, wrong = 0;
	void **objs;

	there = stay_near(test, &here);
	objs = objs_new(test, POLICY_OBJS);
	cache = kspan_cache_create("kspan-policy", 64, 0, 0, NULL);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	atomic_set(&policy.refcnt, 1);
	if (c->here)
		node_set(here, policy.nodes);
	if (c->there)
		node_set(there, policy.nodes);

	before = current->mempolicy;
	current->mempolicy = &policy;
	for (i = 0; i < POLICY_OBJS; i++) {
		objs[i] = kspan_cache_alloc(cache, GFP_KERNEL);
		failed += !objs[i];
	}
	current->mempolicy = before;

	KUNIT_EXPECT_EQ(test, failed, 0U);
	for_each_node(nid)
		spans += kspan_cache_node(cache, nid)->nr_spans;
	least = DIV_ROUND_UP(POLICY_OBJS, span_of(objs[0])->nr_objs);
	/* A batch of each node may wait in the array. */
	KUNIT_EXPECT_LE(test, spans, least + 2 * (int)num_online_nodes());
	if (c->stays)
		KUNIT_EXPECT_EQ(test, kspan_cache_node(cache, there)->nr_spans, 0UL);
	else
		KUNIT_EXPECT_GT(test, kspan_cache_node(cache, there)->nr_spans, 0UL);
	if (c->mode == MPOL_BIND && !c->here)
		KUNIT_EXPECT_EQ(test, kspan_cache_node(cache, here)->nr_spans, 0UL);
	for (i = 0; i < POLICY_OBJS; i++) {
		wrong += objs[i] && !kspan_owns(objs[i]);
		kspan_cache_free(cache, objs[i]);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	kspan_cache_destroy(cache);
}

/* Whoever names a node is not asked about his policy, which is for those who name none. */
static void node_asked_for_comes_before_the_policy(struct kunit *test)
{
	struct mempolicy policy = { .mode = MPOL_BIND }, *before;
	struct kspan_cache *cache;
	int here, there, nid;
	void *keeper, *obj;

	there = stay_near(test, &here);
	cache = kspan_cache_create("kspan-asked", 64, 0, 0, NULL);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	/* A span with room, where the policy would have it. */
	keeper = kspan_cache_alloc_node(cache, GFP_KERNEL | __GFP_THISNODE, there);
	KUNIT_ASSERT_NOT_NULL(test, keeper);
	atomic_set(&policy.refcnt, 1);
	node_set(there, policy.nodes);
	before = current->mempolicy;
	current->mempolicy = &policy;
	obj = kspan_cache_alloc_node(cache, GFP_KERNEL, here);
	current->mempolicy = before;
	KUNIT_ASSERT_NOT_NULL(test, obj);
	nid = span_of(obj)->nid;
	KUNIT_EXPECT_EQ(test, nid, here);
	kspan_cache_free(cache, obj);
	kspan_cache_free(cache, keeper);
	kspan_cache_destroy(cache);
}

/* A node without pages, as long as others have objects: none is made anywhere. */
static void spans_elsewhere_come_before_pages_elsewhere(struct kunit *test)
{
	int here, there;
	struct kspan_cache *cache;
	void *keeper, *obj;

	there = stay_near(test, &here);
	cache = kspan_cache_create("kspan-spill", 64, 0, 0, NULL);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	keeper = kspan_cache_alloc_node(cache, GFP_KERNEL | __GFP_THISNODE, there);
	KUNIT_ASSERT_NOT_NULL(test, keeper);

	/* One failure is that of this node; the next pages would be had. */
	KUNIT_ASSERT_EQ(test, kspan_cache_own(cache)->span_pages, 1U);
	fail_some(KSPAN_FAIL_PAGES, 0, 1);
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	fail_nothing();
	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, failing.calls, 1U);
	KUNIT_EXPECT_PTR_EQ(test, span_of(obj), span_of(keeper));
	KUNIT_EXPECT_EQ(test, kspan_cache_node(cache, here)->nr_spans, 0UL);
	kspan_cache_free(cache, obj);

	/* Pages of this node come before those spans. */
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, span_of(obj)->nid, here);
	kspan_cache_free(cache, obj);
	kspan_cache_free(cache, keeper);
	kspan_cache_destroy(cache);
}
#endif

/* ------------------------------------------------------------------ questions */

static void live_objects_are_owned_and_free_ones_are_not(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-owns", 24, 0, 0, NULL);
	void *obj, *other;
	size_t tail;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	migrate_disable();
	other = kspan_cache_alloc(cache, GFP_KERNEL);
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	migrate_enable();
	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_ASSERT_PTR_EQ(test, span_of(obj), span_of(other));
	KUNIT_EXPECT_TRUE(test, kspan_owns(obj));
	KUNIT_EXPECT_TRUE(test, kspan_owns(obj + 1));
	KUNIT_EXPECT_TRUE(test, kspan_owns(obj + 23));
	/* Behind the last object of a span there is a tail that is nobody's. */
	tail = span_of(obj)->nr_objs * 24;
	KUNIT_ASSERT_LT(test, tail, (size_t)(span_of(obj)->nr_pages * PAGE_SIZE));
	KUNIT_EXPECT_FALSE(test, kspan_owns(span_of(obj)->base + tail));
	KUNIT_EXPECT_TRUE(test, kspan_in_span(span_of(obj)->base + tail));
	/* Asked about by its inside, an object has no size. */
	KUNIT_EXPECT_EQ(test, kspan_size(obj), (size_t)24);
	KUNIT_EXPECT_EQ(test, kspan_size(obj + 8), (size_t)0);

	kspan_cache_free(cache, obj);
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj + 23));
	KUNIT_EXPECT_TRUE(test, kspan_in_span(obj));
	KUNIT_EXPECT_EQ(test, kspan_size(obj), (size_t)0);
	KUNIT_EXPECT_TRUE(test, kspan_owns(other));
	kspan_cache_free(cache, other);
	kspan_cache_destroy(cache);
	KUNIT_EXPECT_FALSE(test, kspan_in_span(obj));
}

/* ------------------------------------------------------------------ NMI */

/* Not a real one: the counters that say so are all that kspan looks at. */
static void nmi_gets_nothing_and_is_counted(struct kunit *test)
{
	unsigned long refused = kspan_counter_sum(KSPAN_NMI_REFUSED), flags;
	void *obj = kspan_alloc(64, GFP_KERNEL), *small, *large;
	bool owns;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	catch_reports();
	local_irq_save(flags);
	preempt_count_add(NMI_OFFSET);
	small = kspan_alloc(64, GFP_ATOMIC);
	large = kspan_alloc(SZ_64K, GFP_ATOMIC);
	kspan_free(obj);
	kspan_free_rcu(obj);
	owns = kspan_owns(obj);
	preempt_count_sub(NMI_OFFSET);
	local_irq_restore(flags);
	KUNIT_EXPECT_NULL(test, small);
	KUNIT_EXPECT_NULL(test, large);
	KUNIT_EXPECT_TRUE(test, owns);
	KUNIT_EXPECT_TRUE(test, kspan_owns(obj));
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_NMI_REFUSED), refused + 4);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
	kspan_free(obj);
}

/* ------------------------------------------------------------------ suite */

static struct kunit_case alloc_cases[] = {
	KUNIT_CASE(nothing_is_the_zero_size_pointer),
	KUNIT_CASE(every_size_is_had),
	KUNIT_CASE(objects_do_not_overlap),
	KUNIT_CASE_PARAM(large_sizes_are_had_up_to_the_largest, size_gen_params),
	KUNIT_CASE_PARAM(array_is_whole_and_zero_or_nothing, calloc_gen_params),
	KUNIT_CASE(zeroed_memory_is_zero_to_the_end),
	KUNIT_CASE_PARAM(kernel_wide_zeroing_is_honoured, init_gen_params),
	KUNIT_CASE(sensitive_memory_is_overwritten),
	KUNIT_CASE_PARAM(realloc_keeps_the_content, realloc_gen_params),
	KUNIT_CASE(realloc_of_nothing_allocates),
	KUNIT_CASE(realloc_to_nothing_frees),
	KUNIT_CASE(realloc_that_fails_keeps_the_object),
	KUNIT_CASE(content_is_copied_before_the_object_is_freed),
	KUNIT_CASE(realloc_with_zero_is_zero_beyond_the_content),
	KUNIT_CASE(realloc_with_zero_clears_what_a_smaller_size_leaves),
	KUNIT_CASE(strings_are_copied),
	KUNIT_CASE_PARAM(beginning_of_a_string_is_copied, strndup_gen_params),
	KUNIT_CASE(unterminated_string_is_read_to_its_limit),
	KUNIT_CASE(memory_is_copied),
	KUNIT_CASE(copies_without_memory_are_null),
	KUNIT_CASE_PARAM(every_gfp_flag_is_taken, gfp_gen_params),
	KUNIT_CASE(dma_memory_comes_from_its_zone),
	KUNIT_CASE(nofail_does_not_fail),
	KUNIT_CASE(memory_is_on_the_node_asked_for),
	KUNIT_CASE(only_thisnode_insists_on_its_node),
#ifdef CONFIG_NUMA
	KUNIT_CASE_PARAM(spans_elsewhere_are_used_up, policy_gen_params),
	KUNIT_CASE(node_asked_for_comes_before_the_policy),
	KUNIT_CASE(spans_elsewhere_come_before_pages_elsewhere),
#endif
	KUNIT_CASE(live_objects_are_owned_and_free_ones_are_not),
	KUNIT_CASE(nmi_gets_nothing_and_is_counted),
	{}
};

static struct kunit_suite alloc_suite = {
	.name = "kspan_alloc",
	.exit = allocator_test_exit,
	.test_cases = alloc_cases,
};

kunit_test_suite(alloc_suite);
