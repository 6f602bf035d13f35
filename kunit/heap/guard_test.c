// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of poison and red zones: which writes they report, that they mend what they report, and
 * that they are silent about users who stay within their objects.
 */
#include "suite.h"

#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/poison.h>
#include <linux/slab.h>

#include "profile_helpers.h"
#include "printed.h"

#define OBJ_SIZE	60

/*
 * Objects go straight back to their span, which another object keeps; the lowest is handed out
 * first. So what is freed and allocated again is the same object, on one node.
 */
struct guarded {
	struct kspan_cache *cache;
	void *obj, *keeper;
};

static void guarded_new(struct kunit *test, struct guarded *g, unsigned int flags)
{
	g->cache = kspan_cache_create("kspan-guard", OBJ_SIZE, 0, flags, NULL);
	KUNIT_ASSERT_NOT_NULL(test, g->cache);
	migrate_disable();
	g->obj = kspan_cache_alloc(g->cache, GFP_KERNEL);
	g->keeper = kspan_cache_alloc(g->cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, g->obj);
	KUNIT_ASSERT_NOT_NULL(test, g->keeper);
	fill(g->keeper, 0x77, OBJ_SIZE);
	catch_reports();
}

static void guarded_end(struct kunit *test, struct guarded *g)
{
	migrate_enable();
	KUNIT_EXPECT_TRUE(test, filled_with(g->keeper, 0x77, OBJ_SIZE));
	kspan_cache_free(g->cache, g->keeper);
	catch_reports();
	kspan_cache_destroy(g->cache);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
}

/* ------------------------------------------------------------------ what is found */

static const struct write_case {
	const char *desc;
	unsigned int flags;
	int offset;
	bool live;			/* written to before the free, found by it */
	const char *text;
} write_cases[] = {
	{
		"first byte behind an object", KSPAN_RED_ZONE, OBJ_SIZE, true,
		"write behind an object of cache kspan-guard: byte 60 is 5a, not cc",
	}, {
		"later byte behind an object", KSPAN_RED_ZONE, OBJ_SIZE + 7, true,
		"write behind an object of cache kspan-guard: byte 67 is 5a, not cc",
	}, {
		"behind an object that is poisoned too", KSPAN_RED_ZONE | KSPAN_POISON, OBJ_SIZE,
		true, "write behind an object of cache kspan-guard: byte 60 is 5a, not cc",
	}, {
		"first byte behind a free object", KSPAN_RED_ZONE, OBJ_SIZE, false,
		"write behind a free object of cache kspan-guard: byte 60 is 5a, not bb",
	}, {
		"first byte of a free object", KSPAN_POISON, 0, false,
		"write after free of cache kspan-guard: byte 0 is 5a, not 6b",
	}, {
		"middle of a free object", KSPAN_POISON, 31, false,
		"write after free of cache kspan-guard: byte 31 is 5a, not 6b",
	}, {
		"last byte of a free object", KSPAN_POISON, OBJ_SIZE - 1, false,
		"write after free of cache kspan-guard: byte 59 is 5a, not a5",
	}, {
		"free object with a red zone too", KSPAN_POISON | KSPAN_RED_ZONE, 5, false,
		"write after free of cache kspan-guard: byte 5 is 5a, not 6b",
	},
};

static void write_desc(const struct write_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(write, write_cases, write_desc);

static void bad_write_is_reported_once_and_mended(struct kunit *test)
{
	const struct write_case *c = test->param_value;
	unsigned long before = kspan_counter_sum(KSPAN_CORRUPTIONS);
	struct guarded g;
	void *obj;

	guarded_new(test, &g, c->flags);
	if (c->live)
		poke(g.obj, c->offset, 0x5a);
	kspan_cache_free(g.cache, g.obj);
	if (c->live)
		expect_report(test, KSPAN_CORRUPTIONS, g.obj, c->text);
	else
		KUNIT_EXPECT_EQ(test, caught.nr, 0U);

	if (!c->live)
		poke(g.obj, c->offset, 0x5a);
	obj = kspan_cache_alloc(g.cache, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, obj, g.obj);
	expect_report(test, KSPAN_CORRUPTIONS, g.obj, c->text);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_CORRUPTIONS), before + 1);

	/* Another round is silent. */
	fill(obj, 0xee, OBJ_SIZE);
	kspan_cache_free(g.cache, obj);
	obj = kspan_cache_alloc(g.cache, GFP_KERNEL);
	kspan_cache_free(g.cache, obj);
	KUNIT_EXPECT_EQ(test, caught.nr, 1U);
	guarded_end(test, &g);
}

/* ------------------------------------------------------------------ what is not */

static const struct clean_case {
	const char *desc;
	unsigned int flags, align;
} clean_cases[] = {
	{ "poison", KSPAN_POISON, 0 },
	{ "red zone", KSPAN_RED_ZONE, 0 },
	{ "both", KSPAN_POISON | KSPAN_RED_ZONE, 0 },
	{ "both, aligned", KSPAN_POISON | KSPAN_RED_ZONE, 64 },
	{ "both, by cache line", KSPAN_POISON | KSPAN_RED_ZONE | KSPAN_HWCACHE_ALIGN, 0 },
	{ "both, typesafe", KSPAN_POISON | KSPAN_RED_ZONE | KSPAN_TYPESAFE_BY_RCU, 0 },
};

static void clean_desc(const struct clean_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(clean, clean_cases, clean_desc);

static const unsigned int clean_sizes[] = { 1, 8, 57, 64, 1000, 4096, 40000 };

static void users_who_stay_inside_hear_nothing(struct kunit *test)
{
	const struct clean_case *c = test->param_value;
	unsigned long pages = kspan_span_pages();
	unsigned int i, k, round;
	void *objs[12];

	catch_reports();
	for (i = 0; i < ARRAY_SIZE(clean_sizes); i++) {
		struct kspan_cache *cache = kspan_cache_create("kspan-clean", clean_sizes[i],
							       c->align, c->flags, NULL);

		KUNIT_ASSERT_NOT_NULL(test, cache);
		for (round = 0; round < 3; round++) {
			for (k = 0; k < ARRAY_SIZE(objs); k++) {
				objs[k] = kspan_cache_alloc(cache, k % 2 ? GFP_KERNEL | __GFP_ZERO :
									   GFP_KERNEL);
				KUNIT_ASSERT_NOT_NULL(test, objs[k]);
				if (k % 2)
					KUNIT_EXPECT_TRUE(test, filled_with(objs[k], 0,
									    clean_sizes[i]));
				fill(objs[k], 0x40 + k, kspan_size(objs[k]));
			}
			for (k = 0; k < ARRAY_SIZE(objs); k++) {
				KUNIT_EXPECT_TRUE(test, filled_with(objs[k], 0x40 + k,
								    clean_sizes[i]));
				if (round == 1)
					kspan_free_sensitive(objs[k]);
				else if (round == 2)
					kspan_free_rcu(objs[k]);
				else
					kspan_cache_free(cache, objs[k]);
			}
		}
		kspan_cache_destroy(cache);
	}
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
	KUNIT_EXPECT_EQ(test, kspan_span_pages(), pages);
}

static void poison_is_what_slab_debug_writes(struct kunit *test)
{
	struct guarded g;

	guarded_new(test, &g, KSPAN_POISON);
	KUNIT_EXPECT_TRUE(test, filled_with(g.obj, POISON_INUSE, OBJ_SIZE));
	kspan_cache_free(g.cache, g.obj);
	KUNIT_EXPECT_TRUE(test, left_filled_with(g.obj, POISON_FREE, OBJ_SIZE - 1));
	KUNIT_EXPECT_TRUE(test, left_filled_with(g.obj + OBJ_SIZE - 1, POISON_END, 1));
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
	guarded_end(test, &g);
}

/* Readers under RCU may look at a free object of such a cache, and see one. */
static void stable_objects_are_not_poisoned(struct kunit *test)
{
	struct guarded g;

	guarded_new(test, &g, KSPAN_POISON | KSPAN_TYPESAFE_BY_RCU);
	fill(g.obj, 0x33, OBJ_SIZE);
	kspan_cache_free(g.cache, g.obj);
	KUNIT_EXPECT_TRUE(test, filled_with(g.obj, 0x33, OBJ_SIZE));
	guarded_end(test, &g);
}

/* The zone is not the caller's to use, not even by asking for the size. */
static void red_zone_does_not_count_as_size(struct kunit *test)
{
	struct guarded g;

	guarded_new(test, &g, KSPAN_RED_ZONE);
	KUNIT_EXPECT_EQ(test, kspan_size(g.obj), (size_t)OBJ_SIZE);
	kspan_cache_free(g.cache, g.obj);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
	guarded_end(test, &g);
}

/* Readers may still look: the fill waits with the free. */
static void object_is_not_poisoned_before_its_grace_period(struct kunit *test)
{
	struct guarded g;
	bool intact;

	guarded_new(test, &g, KSPAN_POISON | KSPAN_RED_ZONE);
	fill(g.obj, 0x33, OBJ_SIZE);
	rcu_read_lock();
	kspan_free_rcu(g.obj);
	mdelay(20);
	intact = filled_with(g.obj, 0x33, OBJ_SIZE);
	rcu_read_unlock();
	KUNIT_EXPECT_TRUE(test, intact);
	guarded_end(test, &g);
}

static void overrun_is_found_by_every_free(struct kunit *test)
{
	unsigned int way;

	for (way = 0; way < 4; way++) {
		struct guarded g;

		guarded_new(test, &g, KSPAN_RED_ZONE);
		poke(g.obj, OBJ_SIZE, 0);
		switch (way) {
		case 0:
			kspan_free(g.obj);
			break;
		case 1:
			kspan_free_sensitive(g.obj);
			break;
		case 2:
			kspan_cache_free_bulk(g.cache, 1, &g.obj);
			break;
		default:
			kspan_free_rcu(g.obj);
			kspan_rcu_flush();
		}
		expect_report(test, KSPAN_CORRUPTIONS, g.obj, "write behind an object");
		guarded_end(test, &g);
	}
}

/* Large objects have a red zone where all caches have: from what was asked for to a page's end. */
static void red_zone_of_large_objects(struct kunit *test)
{
	static const size_t sizes[] = { 33000, 9 * PAGE_SIZE, 10 * PAGE_SIZE - 1 };
	unsigned int before = kspan_large_cache->flags, i;

	kspan_large_cache->flags |= KSPAN_RED_ZONE;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t size = sizes[i], slot;
		u8 *obj;

		catch_reports();
		obj = kspan_alloc(size, GFP_KERNEL);
		KUNIT_EXPECT_NOT_NULL(test, obj);
		if (!obj)
			break;
		slot = span_of(obj)->slot_size;
		KUNIT_EXPECT_EQ(test, slot, PAGE_ALIGN(size + 1));
		KUNIT_EXPECT_EQ(test, kspan_size(obj), size);
		fill(obj, 0x5a, size);
		KUNIT_EXPECT_TRUE(test, left_filled_with(obj + size, SLUB_RED_ACTIVE, slot - size));
		kspan_free(obj);
		KUNIT_EXPECT_EQ(test, caught.nr, 0U);

		obj = kspan_alloc(size, GFP_KERNEL);
		KUNIT_EXPECT_NOT_NULL(test, obj);
		if (!obj)
			break;
		poke(obj, i ? size : slot - 1, 0x5a);
		kspan_free(obj);
		expect_report(test, KSPAN_CORRUPTIONS, obj, "write behind an object");
	}
	kspan_large_cache->flags = before;
}

static noinline void *alloc_that_is_overrun(struct kspan_cache *cache)
{
	return test_keep(kspan_cache_alloc(cache, GFP_KERNEL));
}

/* What is printed of it: the bytes, and who allocated the object. */
static void report_shows_the_damage(struct kunit *test)
{
	u64 rate = kspan_profile_sample_bytes(HEAP);
	struct kspan_cache *cache = kspan_cache_create("kspan-shown", OBJ_SIZE, 0, KSPAN_RED_ZONE,
						       NULL);
	/* From byte 32 on, with four of the red zone. */
	u8 zone[] = { [28] = SLUB_RED_ACTIVE, 0x5a, SLUB_RED_ACTIVE, 0x5b }, *obj;
	char row[80];

	KUNIT_ASSERT_NOT_NULL(test, cache);
	kspan_profile_set_sample_bytes(HEAP, 1);
	obj = alloc_that_is_overrun(cache);
	kspan_profile_set_sample_bytes(HEAP, rate);
	if (obj) {
		fill(obj, 0x11, OBJ_SIZE);
		poke(obj, OBJ_SIZE + 1, 0x5a);
		poke(obj, OBJ_SIZE + 3, 0x5b);
		printed_begin(test);
		kspan_free(obj);
		expect_printed(test, "<3>kspan: report: write behind an object of cache kspan-");
		expect_printed(test, "kspan-shown: byte 61 is 5a, not cc, address ");
		expect_printed(test, "<3>kspan: object of 60 bytes in a slot of ");
		expect_printed(test, ", damaged from byte 61 to 63\n");
		fill(zone, 0x11, 28);
		snprintf(row, sizeof(row), "<3>kspan: bytes from    32: %16ph\n", zone);
		expect_printed(test, row);
		snprintf(row, sizeof(row), "<3>kspan: bytes from    48: %16ph\n", zone + 16);
		expect_printed(test, row);
		expect_printed(test, "<3>kspan: allocated at:\n");
		expect_printed(test, " alloc_that_is_overrun+0x");
		expect_printed(test, "<3>kspan: found at:\n");
	}
	kspan_cache_destroy(cache);
}

/* ------------------------------------------------------------------ freelist order */

#define NR_ORDER	64

/* The objects of a span of one page, as they come; true if each came once. */
static bool order_of(struct kunit *test, u8 *order)
{
	/* Without CPUs' arrays, which hand out what came last. */
	struct kspan_cache *cache = kspan_cache_create("kspan-order", PAGE_SIZE / NR_ORDER - 8, 0,
						       KSPAN_RED_ZONE, NULL);
	DECLARE_BITMAP(seen, NR_ORDER) = {};
	void *objs[NR_ORDER];
	struct kspan_span *span;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	migrate_disable();
	for (i = 0; i < NR_ORDER; i++) {
		objs[i] = kspan_cache_alloc(cache, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
	migrate_enable();
	span = span_of(objs[0]);
	for (i = 0; i < NR_ORDER; i++) {
		order[i] = kspan_span_index(span, objs[i]);
		__set_bit(order[i] % NR_ORDER, seen);
		KUNIT_EXPECT_PTR_EQ(test, span_of(objs[i]), span);
	}
	for (i = 0; i < NR_ORDER; i++)
		kspan_cache_free(cache, objs[i]);
	kspan_cache_destroy(cache);
	return bitmap_full(seen, NR_ORDER);
}

static unsigned int neighbours(const u8 *order)
{
	unsigned int i, n = 0;

	for (i = 1; i < NR_ORDER; i++)
		n += order[i] == order[i - 1] + 1;
	return n;
}

/* How many were the first that was left. */
static unsigned int lowest(const u8 *order)
{
	DECLARE_BITMAP(taken, NR_ORDER) = {};
	unsigned int i, n = 0;

	for (i = 0; i < NR_ORDER; i++) {
		n += order[i] == find_first_zero_bit(taken, NR_ORDER);
		__set_bit(order[i] % NR_ORDER, taken);
	}
	return n;
}

static void objects_come_in_random_order(struct kunit *test)
{
	u8 first[NR_ORDER], second[NR_ORDER];
	unsigned int i, n = 0;

	KUNIT_EXPECT_TRUE(test, order_of(test, first));
	KUNIT_EXPECT_EQ(test, neighbours(first), NR_ORDER - 1U);

	kspan_freelist_random = true;
	KUNIT_EXPECT_TRUE(test, order_of(test, first));
	KUNIT_EXPECT_TRUE(test, order_of(test, second));
	/* One in sixty-four by chance, more as holes are skipped; half is far beyond. */
	KUNIT_EXPECT_LT(test, neighbours(first), NR_ORDER / 2U);
	KUNIT_EXPECT_LT(test, neighbours(second), NR_ORDER / 2U);
	KUNIT_EXPECT_TRUE(test, memcmp(first, second, sizeof(first)));
	/*
	 * Any place is as likely as another: of eight rounds some 78 are the first that is left,
	 * with a standard deviation of 14. Were half of all places behind the end, it would be 360.
	 */
	for (i = 0; i < 8; i++) {
		KUNIT_EXPECT_TRUE(test, order_of(test, first));
		n += lowest(first);
	}
	KUNIT_EXPECT_LT(test, n, 220U);
}

/* ------------------------------------------------------------------ suite */

static bool random_before;

/* Tests free an object and expect it back. */
static int guard_test_init(struct kunit *test)
{
	random_before = kspan_freelist_random;
	kspan_freelist_random = false;
	return 0;
}

static void guard_test_exit(struct kunit *test)
{
	allocator_test_exit(test);
	kspan_freelist_random = random_before;
	printed_exit();
}

static struct kunit_case guard_cases[] = {
	KUNIT_CASE_PARAM(bad_write_is_reported_once_and_mended, write_gen_params),
	KUNIT_CASE_PARAM(users_who_stay_inside_hear_nothing, clean_gen_params),
	KUNIT_CASE(poison_is_what_slab_debug_writes),
	KUNIT_CASE(stable_objects_are_not_poisoned),
	KUNIT_CASE(red_zone_does_not_count_as_size),
	KUNIT_CASE(object_is_not_poisoned_before_its_grace_period),
	KUNIT_CASE(overrun_is_found_by_every_free),
	KUNIT_CASE(red_zone_of_large_objects),
	KUNIT_CASE(report_shows_the_damage),
	KUNIT_CASE(objects_come_in_random_order),
	{}
};

static struct kunit_suite guard_suite = {
	.name = "kspan_guard",
	.init = guard_test_init,
	.exit = guard_test_exit,
	.test_cases = guard_cases,
};

kunit_test_suite(guard_suite);
