// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of walks over whole tables: they hold no lock for long, whatever there is of buckets and
 * spans, and what they show is right all the same, whatever happens between two holds.
 */
#include "suite.h"

#include <linux/sort.h>
#include <linux/timex.h>

#include "heap/own.h"
#include "heap/pcpu.h"
#include "heap/span_list.h"
#include "bucket_helpers.h"

#define NR_BUCKETS	200
#define AT_ONCE_MOST	64		/* of buckets or spans in one hold */
#define OBJ_SIZE	2048

/* What a test does in the middle of a walk: only the first time, or each time. */
static struct {
	struct task_struct *task;
	void (*fn)(unsigned int nr);
	unsigned int holds;
	cycles_t last;
	u32 *took;			/* each hold and what is around it, in cycles; or NULL */
} between;

static bool at_walk(enum kspan_test_point point)
{
	cycles_t now = get_cycles();

	if (point != KSPAN_AT_WALK || !in_task() || current != between.task)
		return false;
	if (between.holds && between.took)
		between.took[between.holds - 1] = now - between.last;
	between.holds++;
	if (between.fn)
		between.fn(between.holds);
	between.last = get_cycles();
	return false;
}

static void watch_walks(void (*fn)(unsigned int nr))
{
	memset(&between, 0, sizeof(between));
	between.task = current;
	between.fn = fn;
	kspan_set_test_hook(at_walk);
}

static int walk_init(struct kunit *test)
{
	return bucket_test_begin(test);
}

static void walk_exit(struct kunit *test)
{
	kspan_set_test_hook(NULL);
	bucket_test_end(test);
}

/* ------------------------------------------------------------------ buckets */

/* Bucket i has i + 2 allocations, half of which are in use; told by its slot size. */
static struct kspan_bucket *buckets[NR_BUCKETS + 1];

static u64 allocs_of(unsigned int i)
{
	return i + 2;
}

static u64 live_of(unsigned int i)
{
	return (i + 2) / 2;
}

static void fill_table(struct kunit *test)
{
	unsigned int i;

	memset(buckets, 0, sizeof(buckets));
	for (i = 0; i < NR_BUCKETS; i++) {
		buckets[i] = kspan_bucket_alloc(HEAP, make_stack(2, i), i + 1, label,
						allocs_of(i) * ONE, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, buckets[i]);
		kspan_bucket_free(buckets[i], (allocs_of(i) - live_of(i)) * ONE);
	}
}

/* Takes out what is in use of each, which is @more than it began with. */
static void empty_table(u64 more)
{
	unsigned int i;

	for (i = 0; i < NR_BUCKETS; i++)
		kspan_bucket_free(buckets[i], (live_of(i) + more) * ONE);
	if (buckets[NR_BUCKETS])
		kspan_bucket_free(buckets[NR_BUCKETS], ONE);
}

static void count_one(unsigned int i)
{
	kspan_bucket_alloc(HEAP, make_stack(2, i), i + 1, label, ONE, GFP_KERNEL);
}

/* One allocation more in each bucket, whether the walk has passed it or not; and a new bucket. */
static void count_all(unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < NR_BUCKETS; i++)
		count_one(i);
	if (nr == 1)
		buckets[NR_BUCKETS] = kspan_bucket_alloc(HEAP, make_stack(2, NR_BUCKETS),
							 NR_BUCKETS + 1, label, ONE, GFP_KERNEL);
}

/* How many rows of the test's there are, all of which have @more than in the beginning. */
static unsigned int count_rows(struct kunit *test, const struct kspan_snapshot *snap,
			       u64 more_allocs, u64 more_live)
{
	unsigned int rows = 0, wrong = 0;
	size_t i;

	for (i = 0; i < snap->nr_rows; i++) {
		const struct kspan_row *row = &snap->rows[i];

		if (strcmp(row->label, "bucket_test"))
			continue;
		rows++;
		if (row->slot_size > NR_BUCKETS)
			continue;
		wrong += row->alloc_objects != allocs_of(row->slot_size - 1) + more_allocs;
		wrong += row->inuse_objects != live_of(row->slot_size - 1) + more_live;
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	return rows;
}

static void snapshot_is_of_one_moment_while_others_count(struct kunit *test)
{
	struct kspan_snapshot *snap;
	unsigned int holds;

	fill_table(test);
	watch_walks(count_all);
	snap = kspan_snapshot_take(HEAP);
	holds = between.holds;
	kspan_set_test_hook(NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	KUNIT_EXPECT_GE(test, holds, (unsigned int)NR_BUCKETS / AT_ONCE_MOST);
	KUNIT_EXPECT_EQ(test, count_rows(test, snap, 0, 0), (unsigned int)NR_BUCKETS);
	kspan_snapshot_free(snap);

	/* And nothing of what was counted meanwhile is lost. */
	snap = kspan_snapshot_take(HEAP);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	KUNIT_EXPECT_EQ(test, count_rows(test, snap, holds, holds), (unsigned int)NR_BUCKETS + 1);
	kspan_snapshot_free(snap);
	empty_table(holds);
}

static void free_all(unsigned int nr)
{
	if (nr == 1)
		empty_table(0);
}

static void snapshot_shows_what_was_freed_while_it_was_taken(struct kunit *test)
{
	struct kspan_snapshot *snap;

	fill_table(test);
	watch_walks(free_all);
	snap = kspan_snapshot_take(HEAP);
	kspan_set_test_hook(NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	KUNIT_EXPECT_GT(test, between.holds, 0U);
	KUNIT_EXPECT_EQ(test, count_rows(test, snap, 0, 0), (unsigned int)NR_BUCKETS);
	kspan_snapshot_free(snap);
}

/* What is counted after the moment of the reset counts, and what was counted before does not. */
static void reset_is_of_one_moment_while_others_count(struct kunit *test)
{
	unsigned int i, wrong = 0, holds;

	fill_table(test);
	watch_walks(count_all);
	kspan_profile_reset(HEAP);
	holds = between.holds;
	kspan_set_test_hook(NULL);
	KUNIT_EXPECT_GE(test, holds, (unsigned int)NR_BUCKETS / AT_ONCE_MOST);
	for (i = 0; i < NR_BUCKETS; i++) {
		wrong += buckets[i]->allocs != holds * ONE;
		wrong += buckets[i]->live != (live_of(i) + holds) * ONE;
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	KUNIT_EXPECT_EQ(test, buckets[NR_BUCKETS]->allocs, ONE);
	empty_table(holds);
}

/* Two more buckets, of which one is used in the middle of the reset. */
static struct kspan_bucket *again;

static void use_again(unsigned int nr)
{
	if (nr == 1) {
		again = kspan_bucket_alloc(HEAP, make_stack(2, NR_BUCKETS + 5), 64, label, ONE,
					   GFP_KERNEL);
		kspan_bucket_free(again, ONE);
	}
}

static void reset_keeps_what_is_used_again_meanwhile(struct kunit *test)
{
	struct kspan_bucket *bucket;
	unsigned long before;
	unsigned int i;

	kspan_profile_reset(HEAP);
	before = kspan_profile_buckets(HEAP);
	fill_table(test);
	/* At the end, where the walk comes to them last. */
	for (i = 5; i < 7; i++) {
		bucket = kspan_bucket_alloc(HEAP, make_stack(2, NR_BUCKETS + i), 64, label, ONE,
					    GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, bucket);
		kspan_bucket_free(bucket, ONE);
	}
	KUNIT_EXPECT_EQ(test, kspan_profile_buckets(HEAP), before + NR_BUCKETS + 2);
	watch_walks(use_again);
	kspan_profile_reset(HEAP);
	kspan_set_test_hook(NULL);
	KUNIT_EXPECT_EQ(test, kspan_profile_buckets(HEAP), before + NR_BUCKETS + 1);
	KUNIT_EXPECT_EQ(test, again->allocs, ONE);
	empty_table(0);
}

/* ------------------------------------------------------------------ spans */

#define NR_OBJS		2000

static struct kspan_cache *cache;
static void **objs;

static unsigned int spans_of(struct kspan_cache *cache)
{
	unsigned int sum = 0;
	int nid;

	for_each_node(nid)
		sum += kspan_cache_node(cache, nid)->nr_spans;
	return sum;
}

static void make_spans(struct kunit *test, unsigned int nr)
{
	unsigned int i;

	/* Not sampled: it is the spans that there are to be many of. */
	kspan_profile_set_sample_bytes(HEAP, 0);
	objs = objs_new(test, nr);
	cache = kspan_cache_create("walk", OBJ_SIZE, 0, 0, NULL);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	/* Nor are they to be larger for that. */
	kspan_cache_own(cache)->many_pages = kspan_cache_own(cache)->span_pages;
	for (i = 0; i < nr; i++)
		objs[i] = kspan_cache_alloc(cache, GFP_KERNEL);
}

static void free_objs(unsigned int from, unsigned int to, unsigned int step)
{
	unsigned int i;

	for (i = from; i < to; i += step) {
		kspan_cache_free(cache, objs[i]);
		objs[i] = NULL;
	}
}

/* The spans of the first half go, and those of the rest change; others come. */
static void go_and_come(void *unused)
{
	unsigned int i;

	free_objs(0, NR_OBJS / 2, 1);
	free_objs(NR_OBJS / 2, NR_OBJS - 100, 5);
	for (i = 0; i < NR_OBJS / 4; i++)
		objs[i] = kspan_cache_alloc(cache, GFP_KERNEL);
}

/* By somebody else: whoever walks has a mutex, under which nothing is allocated otherwise. */
static void upset_spans(unsigned int nr)
{
	struct test_thread thread = {};

	if (nr == 1 && test_thread_start(&thread, 0, go_and_come, NULL))
		test_thread_join(&thread);
}

struct walked {
	void *base;			/* of a span that stays */
	unsigned int lines, found;
};

static void see_span(const struct kspan_cache *of, const struct kspan_span_line *line, void *arg)
{
	struct walked *walked = arg;

	if (of != cache)
		return;
	walked->lines++;
	walked->found += line->base == walked->base;
}

static void spans_are_told_of_while_others_come_and_go(struct kunit *test)
{
	struct walked walked = {};
	unsigned int spans;

	make_spans(test, NR_OBJS);
	spans = spans_of(cache);
	walked.base = span_of(objs[NR_OBJS - 1])->base;
	KUNIT_EXPECT_GT(test, spans, 3U * AT_ONCE_MOST);
	watch_walks(NULL);
	KUNIT_EXPECT_EQ(test, kspan_spans_walk(see_span, &walked), 0);
	KUNIT_EXPECT_EQ(test, walked.lines, spans);
	KUNIT_EXPECT_EQ(test, walked.found, 1U);
	KUNIT_EXPECT_GE(test, between.holds, spans / AT_ONCE_MOST);

	/* The hook is called in the middle of another cache's walk first: any time will do. */
	walked = (struct walked){ .base = walked.base };
	watch_walks(upset_spans);
	KUNIT_EXPECT_EQ(test, kspan_spans_walk(see_span, &walked), 0);
	kspan_set_test_hook(NULL);
	KUNIT_EXPECT_EQ(test, walked.found, 1U);
	free_objs(0, NR_OBJS, 1);
	kspan_cache_destroy(cache);
}

static unsigned int upset_at;

static void upset_spans_at(unsigned int nr)
{
	upset_spans(nr == upset_at ? 1 : 0);
}

/* Wherever the walk is when it happens. */
static void spans_that_stay_are_told_of_once(struct kunit *test)
{
	unsigned int total, round;

	for (round = 1; round <= 4; round++) {
		struct walked walked = {};

		make_spans(test, NR_OBJS);
		walked.base = span_of(objs[NR_OBJS - 1])->base;
		watch_walks(NULL);
		KUNIT_EXPECT_EQ(test, kspan_spans_walk(see_span, &walked), 0);
		total = between.holds;
		/* Ours is the last cache, so that these are among its steps. */
		upset_at = total - round;
		walked.found = 0;
		watch_walks(upset_spans_at);
		KUNIT_EXPECT_EQ(test, kspan_spans_walk(see_span, &walked), 0);
		kspan_set_test_hook(NULL);
		KUNIT_EXPECT_EQ(test, walked.found, 1U);
		free_objs(0, NR_OBJS, 1);
		kspan_cache_destroy(cache);
	}
}

/* A sixteenth of all spans may be kept empty. */
#define NR_FOR_EMPTY	16000

static unsigned int empty_spans(void)
{
	unsigned int sum = 0;
	int nid;

	for_each_node(nid)
		sum += kspan_cache_node(cache, nid)->nr_empty;
	return sum;
}

static void empty_spans_go_a_few_at_a_time(struct kunit *test)
{
	unsigned int empty;

	make_spans(test, NR_FOR_EMPTY);
	/* The shrinker, which may be called at any time, would take them first. */
	mutex_lock(&kspan_cache_mutex);
	/* The first ones, which fill spans. */
	free_objs(0, NR_FOR_EMPTY / 8, 1);
	empty = empty_spans();
	KUNIT_EXPECT_GT(test, empty, AT_ONCE_MOST + 0U);
	watch_walks(NULL);
	KUNIT_EXPECT_GE(test, kspan_cache_release_empty(cache, ULONG_MAX), empty + 0UL);
	kspan_set_test_hook(NULL);
	KUNIT_EXPECT_EQ(test, empty_spans(), 0U);
	mutex_unlock(&kspan_cache_mutex);
	KUNIT_EXPECT_GT(test, between.holds, empty / AT_ONCE_MOST);
	free_objs(NR_FOR_EMPTY / 8, NR_FOR_EMPTY, 1);
	kspan_cache_destroy(cache);
}

/* ------------------------------------------------------------------ how long */

#define MANY	4000

static int by_size(const void *a, const void *b)
{
	return *(const u32 *)a < *(const u32 *)b ? -1 : 1;
}

/* Printed, not judged: what a machine does in between is in the longest ones. */
static void holds_are_short(struct kunit *test)
{
	u32 *took = kunit_kcalloc(test, MANY, sizeof(*took), GFP_KERNEL);
	struct kspan_snapshot *snap;
	unsigned int i, made = 0, n;

	KUNIT_ASSERT_NOT_NULL(test, took);
	for (i = 0; i < MANY; i++)
		made += !!kspan_bucket_alloc(HEAP, make_stack(2, i), 64, label, ONE, GFP_KERNEL);
	watch_walks(NULL);
	between.took = took;
	snap = kspan_snapshot_take(HEAP);
	kspan_set_test_hook(NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	n = between.holds;
	KUNIT_EXPECT_GE(test, n, made / AT_ONCE_MOST);
	if (n > 1) {
		sort(took, n - 1, sizeof(*took), by_size, NULL);
		kunit_info(test, "%zu rows, %u holds; cycles: half below %u, 99 of 100 below %u",
			   snap->nr_rows, n, took[n / 2], took[(n - 1) * 99 / 100]);
	}
	kspan_snapshot_free(snap);
	for (i = 0; i < made; i++) {
		struct kspan_bucket *bucket = kspan_bucket_alloc(HEAP, make_stack(2, i), 64, label,
								 ONE, GFP_KERNEL);

		if (bucket)
			kspan_bucket_free(bucket, 2 * ONE);
	}
}

static struct kunit_case walk_cases[] = {
	KUNIT_CASE(snapshot_is_of_one_moment_while_others_count),
	KUNIT_CASE(snapshot_shows_what_was_freed_while_it_was_taken),
	KUNIT_CASE(reset_is_of_one_moment_while_others_count),
	KUNIT_CASE(reset_keeps_what_is_used_again_meanwhile),
	KUNIT_CASE(spans_are_told_of_while_others_come_and_go),
	KUNIT_CASE(spans_that_stay_are_told_of_once),
	KUNIT_CASE(empty_spans_go_a_few_at_a_time),
	KUNIT_CASE(holds_are_short),
	{}
};

static struct kunit_suite walk_suite = {
	.name = "kspan_walk",
	.init = walk_init,
	.exit = walk_exit,
	.test_cases = walk_cases,
};

kunit_test_suite(walk_suite);
