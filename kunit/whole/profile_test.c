// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the profile as its readers see it: whose stack an allocation is counted under, and
 * that allocations, frees and what is in use agree. The order of its steps and their locks is
 * tested in ordering_test.c.
 */
#include "suite.h"

#include <linux/slab.h>
#include <trace/events/kmem.h>

#include "base/lock.h"
#include "profile/label.h"
#include "special/special.h"
#include "profile_helpers.h"

#define OBJECT_SIZE	64

static struct kspan_cache *cache;

static int profile_init(struct kunit *test)
{
	cache = kspan_cache_create("profile", OBJECT_SIZE, 0, 0, NULL);
	return cache ? test_begin(test) : -ENOMEM;
}

static void profile_exit(struct kunit *test)
{
	test_end(test);
	if (cache)
		kspan_cache_destroy(cache);
}

/* ------------------------------------------------------------------ callers */

/* A function for each entry point, with a name of its own that a profile must show. */
#define CALLER(name, call)				\
static noinline __noclone void *calls_##name(void)	\
{							\
	return test_keep(call);				\
}

static const char text[] = "a text";

static noinline __noclone void *calls_cache_alloc_bulk(void)
{
	void *obj = NULL;

	kspan_cache_alloc_bulk(cache, GFP_KERNEL, 1, &obj);
	return test_keep(obj);
}

static noinline __noclone void *calls_realloc_of_more(void)
{
	void *obj = calls_cache_alloc_bulk();

	return test_keep(kspan_realloc(obj, 1000, GFP_KERNEL));
}

CALLER(alloc, kspan_alloc(100, GFP_KERNEL))
CALLER(alloc_large, kspan_alloc(100000, GFP_KERNEL))
CALLER(alloc_node, kspan_alloc_node(100, GFP_KERNEL, numa_mem_id()))
CALLER(zalloc, kspan_zalloc(100, GFP_KERNEL))
CALLER(calloc, kspan_calloc(10, 10, GFP_KERNEL))
CALLER(realloc, kspan_realloc(NULL, 100, GFP_KERNEL))
CALLER(strdup, kspan_strdup(text, GFP_KERNEL))
CALLER(strndup, kspan_strndup(text, 3, GFP_KERNEL))
CALLER(memdup, kspan_memdup(text, sizeof(text), GFP_KERNEL))
CALLER(cache_alloc, kspan_cache_alloc(cache, GFP_KERNEL))
CALLER(cache_alloc_node, kspan_cache_alloc_node(cache, GFP_KERNEL, NUMA_NO_NODE))
CALLER(cache_zalloc, kspan_cache_zalloc(cache, GFP_KERNEL))

#define CALLER_CASE(name) { "calls_" #name, calls_##name }

static const struct caller_case {
	const char *name;
	void *(*call)(void);
} caller_cases[] = {
	CALLER_CASE(alloc),
	CALLER_CASE(alloc_large),
	CALLER_CASE(alloc_node),
	CALLER_CASE(zalloc),
	CALLER_CASE(calloc),
	CALLER_CASE(realloc),
	CALLER_CASE(realloc_of_more),
	CALLER_CASE(strdup),
	CALLER_CASE(strndup),
	CALLER_CASE(memdup),
	CALLER_CASE(cache_alloc),
	CALLER_CASE(cache_alloc_node),
	CALLER_CASE(cache_zalloc),
	CALLER_CASE(cache_alloc_bulk),
};

static void caller_desc(const struct caller_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(caller, caller_cases, caller_desc);

static void innermost_function_is_the_caller(struct kunit *test)
{
	const struct caller_case *c = test->param_value;
	struct test_counts counts;
	void *obj = c->call();

	KUNIT_ASSERT_NOT_NULL(test, obj);
	counts = test_count_rows(test, NULL, c->name);
	KUNIT_EXPECT_EQ(test, counts.rows, 1U);
	KUNIT_EXPECT_EQ(test, counts.slot_size, span_of(obj)->slot_size);
	KUNIT_EXPECT_EQ(test, counts.alloc_objects, 1ULL);
	KUNIT_EXPECT_EQ(test, counts.inuse_objects, 1ULL);
	KUNIT_EXPECT_EQ(test, counts.alloc_bytes, (u64)span_of(obj)->slot_size);
	KUNIT_EXPECT_EQ(test, counts.inuse_bytes, (u64)span_of(obj)->slot_size);
	kspan_free(obj);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, NULL, c->name).inuse_objects, 0ULL);
}

/* The only row of the cache "profile"; snap must be freed. */
static const struct kspan_row *only_row(struct kunit *test, struct kspan_snapshot **snap)
{
	const struct kspan_row *row = NULL;
	size_t i;

	*snap = kspan_snapshot_take(HEAP);
	KUNIT_ASSERT_FALSE(test, IS_ERR(*snap));
	for (i = 0; i < (*snap)->nr_rows; i++) {
		if (strcmp((*snap)->rows[i].label, "profile"))
			continue;
		KUNIT_EXPECT_NULL(test, row);
		row = &(*snap)->rows[i];
	}
	if (!row)
		kspan_snapshot_free(*snap);
	KUNIT_ASSERT_NOT_NULL(test, row);
	return row;
}

static void stack_goes_on_outwards_from_the_caller(struct kunit *test)
{
	void *obj = calls_cache_alloc();
	struct kspan_snapshot *snap;
	const struct kspan_row *row = only_row(test, &snap);
	unsigned long self = (unsigned long)stack_goes_on_outwards_from_the_caller;

	KUNIT_EXPECT_GT(test, row->nr_frames, 2U);
	KUNIT_EXPECT_STREQ(test, row->symbols[0]->name, "calls_cache_alloc");
	KUNIT_EXPECT_STREQ(test, row->symbols[1]->name, "stack_goes_on_outwards_from_the_caller");
	KUNIT_EXPECT_STREQ(test, row->symbols[1]->module, THIS_TEXT);
	/* In the call, not behind it, and in this function. */
	KUNIT_EXPECT_EQ(test, row->symbols[1]->start, self);
	KUNIT_EXPECT_GT(test, row->addrs[1], self);
	KUNIT_EXPECT_STREQ(test, row->symbols[row->nr_frames - 1]->module, "vmlinux");
	kspan_snapshot_free(snap);
	kspan_free(obj);
}

static noinline __noclone void *goes_deep(unsigned int depth)
{
	if (!depth)
		return test_keep(calls_cache_alloc());
	return test_keep(goes_deep(depth - 1));
}

/* Innermost: calls_cache_alloc(), then one frame more than the depth. What is cut says so. */
static const struct depth_case {
	unsigned int depth;
	unsigned int deep;	/* frames of goes_deep() that are kept */
} depth_cases[] = {
	{ 0, 1 },
	{ 10, 11 },
	{ 61, 62 },
	{ 62, 62 },
	{ 63, 62 },
	{ 75, 62 },
};

static void depth_desc(const struct depth_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u", c->depth);
}

KUNIT_ARRAY_PARAM(depth, depth_cases, depth_desc);

static void deep_stack_keeps_its_innermost_frames(struct kunit *test)
{
	const struct depth_case *c = test->param_value;
	void *obj = goes_deep(c->depth);
	struct kspan_snapshot *snap;
	const struct kspan_row *row = only_row(test, &snap);
	unsigned int i, deep = 0;

	for (i = 1; i < row->nr_frames; i++)
		deep += !strcmp(row->symbols[i]->name, "goes_deep");
	KUNIT_EXPECT_STREQ(test, row->symbols[0]->name, "calls_cache_alloc");
	KUNIT_EXPECT_EQ(test, deep, c->deep);
	KUNIT_EXPECT_LE(test, row->nr_frames, 64U);
	if (c->depth >= 62) {
		KUNIT_EXPECT_EQ(test, row->nr_frames, 64U);
		KUNIT_EXPECT_STREQ(test, row->symbols[63]->name, "kspan_stack_truncated");
	}
	kspan_snapshot_free(snap);
	kspan_free(obj);
}

static noinline __noclone void calls_in_context(void *arg)
{
	*(void **)arg = test_keep(kspan_cache_alloc(cache, GFP_ATOMIC));
}

KUNIT_ARRAY_PARAM(context, test_contexts, test_context_desc);

static void innermost_function_is_the_caller_in_every_context(struct kunit *test)
{
	const struct test_context *c = test->param_value;
	void *obj = NULL;

	c->call(calls_in_context, &obj);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "profile", "calls_in_context").inuse_objects,
			1ULL);
	kspan_free(obj);
}

/* ------------------------------------------------------------------ counts */

static void expect_counts(struct kunit *test, u64 allocs, u64 inuse)
{
	struct test_counts counts = test_count_rows(test, "profile", NULL);

	KUNIT_EXPECT_EQ(test, counts.alloc_objects, allocs);
	KUNIT_EXPECT_EQ(test, counts.alloc_bytes, allocs * OBJECT_SIZE);
	KUNIT_EXPECT_EQ(test, counts.inuse_objects, inuse);
	KUNIT_EXPECT_EQ(test, counts.inuse_bytes, inuse * OBJECT_SIZE);
}

#define MANY	100

static void what_was_freed_is_not_in_use(struct kunit *test)
{
	void *objs[MANY];
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		objs[i] = calls_cache_alloc();
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
	expect_counts(test, MANY, MANY);
	for (i = 0; i < MANY / 2; i++)
		kspan_cache_free(cache, objs[i]);
	expect_counts(test, MANY, MANY / 2);
	kspan_cache_free_bulk(cache, MANY / 2, objs + MANY / 2);
	expect_counts(test, MANY, 0);
}

static void free_of_sampled_object_counts_once(struct kunit *test)
{
	void *keeps = calls_cache_alloc(), *obj = calls_cache_alloc();

	KUNIT_ASSERT_NOT_NULL(test, keeps);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	kspan_cache_free(cache, obj);
	catch_reports();
	kspan_cache_free(cache, obj);
	kspan_free(obj);
	kspan_free_rcu(obj);
	test_settle();
	KUNIT_EXPECT_EQ(test, caught.nr, 3U);
	expect_counts(test, 2, 1);
	kspan_cache_free(cache, keeps);
}

static void bulk_counts_every_object(struct kunit *test)
{
	void *objs[7];

	KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, 7, objs), 7);
	expect_counts(test, 7, 7);
	kspan_cache_free_bulk(cache, 7, objs);
	expect_counts(test, 7, 0);
}

static void realloc_moves_the_object_to_its_caller(struct kunit *test)
{
	void *obj = calls_realloc_of_more();
	u32 slot_size;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	expect_counts(test, 1, 0);
	slot_size = span_of(obj)->slot_size;
	KUNIT_EXPECT_EQ(test, test_count_rows(test, NULL, "calls_realloc_of_more").inuse_bytes,
			(u64)slot_size);
	/* Within its slot it stays where it was allocated. */
	KUNIT_EXPECT_PTR_EQ(test, kspan_realloc(obj, slot_size, GFP_KERNEL), obj);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, NULL, "calls_realloc_of_more").alloc_objects,
			1ULL);
	kspan_free(obj);
}

static bool reader_inside, reader_may_leave;

static void read_for_long(void *arg)
{
	rcu_read_lock();
	test_tell(&reader_inside);
	/* Preemptible, where readers are: but nobody sleeps in here. */
	preempt_disable();
	test_wait_for(&reader_may_leave);
	preempt_enable();
	rcu_read_unlock();
}

/* The memory is still taken, whatever the caller thinks. */
static void object_that_waits_for_a_grace_period_is_in_use(struct kunit *test)
{
	struct test_thread reader = {};
	void *obj;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	obj = calls_cache_alloc();
	KUNIT_ASSERT_NOT_NULL(test, obj);
	reader_inside = false;
	reader_may_leave = false;
	KUNIT_ASSERT_TRUE(test, test_thread_start(&reader, 0, read_for_long, NULL));
	KUNIT_EXPECT_TRUE(test, test_wait_for(&reader_inside));
	kspan_free_rcu(obj);
	expect_counts(test, 1, 1);
	test_tell(&reader_may_leave);
	test_thread_join(&reader);
	test_settle();
	expect_counts(test, 1, 0);
}

/* ------------------------------------------------------------------ the object's slot */

static void *looked_for;
static bool found_in_release;

/* In the middle of the release: would anybody be given this object now? */
static bool look_in_release(enum kspan_test_point point)
{
	void *objs[8];
	unsigned int i;

	if (point != KSPAN_AT_RELEASE || !looked_for)
		return false;
	for (i = 0; i < ARRAY_SIZE(objs); i++) {
		objs[i] = kspan_cache_alloc(cache, GFP_ATOMIC);
		found_in_release |= objs[i] == looked_for;
	}
	looked_for = NULL;	/* before these frees come here */
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		kspan_cache_free(cache, objs[i]);
	return false;
}

static void slot_is_not_reused_before_its_special_is_gone(struct kunit *test)
{
	void *obj = calls_cache_alloc(), *again;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	looked_for = obj;
	found_in_release = false;
	/* On one CPU, whose next object would be the one that was freed last. */
	migrate_disable();
	kspan_set_test_hook(look_in_release);
	kspan_cache_free(cache, obj);
	kspan_set_test_hook(NULL);
	again = calls_cache_alloc();
	migrate_enable();
	KUNIT_EXPECT_NULL(test, looked_for);
	KUNIT_EXPECT_FALSE(test, found_in_release);
	/* As it is when the special is gone. */
	KUNIT_EXPECT_PTR_EQ(test, again, obj);
	kspan_cache_free(cache, again);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "profile", NULL).inuse_objects, 0ULL);
}

/* ------------------------------------------------------------------ no memory */

static void no_memory_drops_the_sample_and_nothing_else(struct kunit *test)
{
	unsigned long samples = kspan_profile_counter(HEAP, KSPAN_SAMPLES);
	unsigned long dropped = kspan_profile_counter(HEAP, KSPAN_SAMPLES_DROPPED);
	unsigned long specials = kspan_special_count(), buckets = kspan_profile_buckets(HEAP);
	void *obj;

	fail_all(KSPAN_FAIL_SPECIAL);
	obj = calls_cache_alloc();
	fail_nothing();
	KUNIT_EXPECT_NOT_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, kspan_profile_counter(HEAP, KSPAN_SAMPLES), samples);
	KUNIT_EXPECT_EQ(test, kspan_profile_counter(HEAP, KSPAN_SAMPLES_DROPPED), dropped + 1);
	KUNIT_EXPECT_EQ(test, kspan_special_count(), specials);
	KUNIT_EXPECT_EQ(test, kspan_profile_buckets(HEAP), buckets);
	kspan_cache_free(cache, obj);
	expect_counts(test, 0, 0);
}

static void samples_are_counted(struct kunit *test)
{
	unsigned long samples = kspan_profile_counter(HEAP, KSPAN_SAMPLES);
	unsigned long dropped = kspan_profile_counter(HEAP, KSPAN_SAMPLES_DROPPED);
	unsigned long specials = kspan_special_count();
	void *obj = calls_cache_alloc();

	KUNIT_EXPECT_EQ(test, kspan_profile_counter(HEAP, KSPAN_SAMPLES), samples + 1);
	KUNIT_EXPECT_EQ(test, kspan_profile_counter(HEAP, KSPAN_SAMPLES_DROPPED), dropped);
	KUNIT_EXPECT_EQ(test, kspan_special_count(), specials + 1);
	kspan_cache_free(cache, obj);
	KUNIT_EXPECT_EQ(test, kspan_special_count(), specials);
}

/* ------------------------------------------------------------------ snapshots */

static struct {
	unsigned int taken, bad;
	bool started, stop;
} snapshots;

/* Takes snapshots of a bucket in which everything that was allocated is in use. */
static void take_snapshots(void *arg)
{
	while (!READ_ONCE(snapshots.stop)) {
		struct test_counts counts = test_count_rows(arg, "profile_halves", NULL);

		snapshots.bad += counts.alloc_objects != counts.inuse_objects;
		snapshots.taken++;
		test_tell(&snapshots.started);
	}
}

/* As everybody who counts does, but slowly: half of it, and the other half. */
static void count_slowly(struct kspan_bucket *bucket)
{
	unsigned long flags;

	kspan_lock(&HEAP->table->lock, flags);
	kspan_bucket_keep_peak(bucket);
	bucket->allocs += KSPAN_WEIGHT_ONE;
	mdelay(20);
	bucket->live += KSPAN_WEIGHT_ONE;
	HEAP->table->peak.live += kspan_bucket_bytes(bucket, KSPAN_WEIGHT_ONE);
	kspan_table_peak_now(HEAP->table);
	kspan_unlock(&HEAP->table->lock, flags);
}

static void counts_of_a_snapshot_belong_together(struct kunit *test)
{
	struct kspan_label *label = kspan_label_get("profile_halves", GFP_KERNEL);
	struct kspan_stack stack = { .nr_frames = 1, .frames = { 0x10 } };
	struct test_thread thread = {};
	struct kspan_bucket *bucket;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, label);
	bucket = kspan_bucket_alloc(HEAP, &stack, 64, label, KSPAN_WEIGHT_ONE, GFP_KERNEL);
	kspan_label_put(label);
	KUNIT_ASSERT_NOT_NULL(test, bucket);

	memset(&snapshots, 0, sizeof(snapshots));
	KUNIT_ASSERT_TRUE(test, test_thread_start(&thread, 0, take_snapshots, test));
	KUNIT_EXPECT_TRUE(test, test_wait_for(&snapshots.started));
	for (i = 0; i < 10; i++) {
		count_slowly(bucket);
		usleep_range(1000, 2000);
	}
	WRITE_ONCE(snapshots.stop, true);
	test_thread_join(&thread);
	KUNIT_EXPECT_EQ(test, snapshots.bad, 0U);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "profile_halves", NULL).alloc_objects, 11ULL);
	kspan_bucket_free(bucket, 11 * KSPAN_WEIGHT_ONE);
}

static void snapshot_says_how_it_was_taken(struct kunit *test)
{
	struct kspan_snapshot *snap, *later;

	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(HEAP, 12345), 0);
	snap = kspan_snapshot_take(HEAP);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	KUNIT_EXPECT_EQ(test, snap->sample_bytes, 12345ULL);
	usleep_range(1000, 2000);
	later = kspan_snapshot_take(HEAP);
	if (!IS_ERR(later)) {
		KUNIT_EXPECT_GT(test, later->time_ns, snap->time_ns);
		KUNIT_EXPECT_GT(test, later->duration_ns, snap->duration_ns);
		kspan_snapshot_free(later);
	}
	kspan_snapshot_free(snap);
}

static void snapshot_does_not_change_afterwards(struct kunit *test)
{
	void *obj = calls_cache_alloc();
	struct kspan_snapshot *snap;
	const struct kspan_row *row = only_row(test, &snap);

	kspan_cache_free(cache, obj);
	kspan_cache_free(cache, calls_cache_alloc());
	KUNIT_EXPECT_EQ(test, row->alloc_objects, 1ULL);
	KUNIT_EXPECT_EQ(test, row->inuse_objects, 1ULL);
	kspan_snapshot_free(snap);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "profile", NULL).inuse_objects, 0ULL);
}

static void interrupt_allocates(void *arg)
{
	void **obj = arg;

	*obj = kspan_cache_alloc(cache, GFP_ATOMIC);
}

static noinline __noclone void interrupted_here(void **obj)
{
	test_in_hardirq(interrupt_allocates, obj);
	barrier();
}

static noinline __noclone void interrupted_there(void **obj)
{
	test_in_hardirq(interrupt_allocates, obj);
	barrier();
}

/* Nearly each interrupt would make a stack of its own, and none would say who allocates. */
static void interrupted_code_is_not_in_the_stack(struct kunit *test)
{
	void *objs[2] = {};
	struct test_counts counts;

	interrupted_here(&objs[0]);
	interrupted_there(&objs[1]);
	counts = test_count_rows(test, "profile", "interrupt_allocates");
	KUNIT_EXPECT_EQ(test, counts.rows, 1U);
	KUNIT_EXPECT_EQ(test, counts.inuse_objects, 2ULL);
	kspan_free(objs[0]);
	kspan_free(objs[1]);
}

/* ------------------------------------------------------------------ memory */

/* What this task has asked the kernel's slab for: everything, and what each time. */
static struct {
	struct task_struct *task;
	unsigned int nr;
	gfp_t any, all;
} asked;

/* Not what kmemleak, which is told of the object, needs for itself. */
static bool near(unsigned long addr, const void *fn)
{
	return addr - (unsigned long)fn + 4096 < 8192;
}

static void note(unsigned long call_site, gfp_t gfp)
{
	if (!in_task() || current != asked.task ||
	    (!near(call_site, kspan_special_new) && !near(call_site, kspan_bucket_alloc)))
		return;
	asked.nr++;
	asked.any |= gfp;
	asked.all &= gfp;
}

static void note_cache_alloc(void *data, unsigned long call_site, const void *ptr,
			     struct kmem_cache *s, gfp_t gfp, int node)
{
	note(call_site, gfp);
}

static void note_kmalloc(void *data, unsigned long call_site, const void *ptr, size_t bytes_req,
			 size_t bytes_alloc, gfp_t gfp, int node)
{
	note(call_site, gfp);
}

/* A sample is dropped rather than that anybody pays for it. */
static void nothing_is_reclaimed_for_a_sample(struct kunit *test)
{
	enum { NR = 20 };
	void **objs = objs_new(test, NR), *obj;
	unsigned int i;

	asked.task = current;
	asked.nr = 0;
	asked.any = 0;
	asked.all = ~0U;
	KUNIT_ASSERT_EQ(test, register_trace_kmem_cache_alloc(note_cache_alloc, NULL), 0);
	KUNIT_ASSERT_EQ(test, register_trace_kmalloc(note_kmalloc, NULL), 0);
	migrate_disable();
	for (i = 0; i < NR; i++) {
		/* One that is ready in the array, so that the sample alone asks for memory. */
		asked.task = NULL;
		obj = kspan_cache_alloc(cache, GFP_KERNEL);
		kspan_cache_free(cache, obj);
		asked.task = current;
		objs[i] = kspan_cache_alloc(cache, i % 2 ? GFP_KERNEL | __GFP_NOFAIL :
							    GFP_ATOMIC | __GFP_MEMALLOC);
		asked.task = NULL;
	}
	migrate_enable();
	unregister_trace_kmalloc(note_kmalloc, NULL);
	unregister_trace_kmem_cache_alloc(note_cache_alloc, NULL);
	tracepoint_synchronize_unregister();
	for (i = 0; i < NR; i++)
		kspan_cache_free(cache, objs[i]);

	KUNIT_EXPECT_GT(test, asked.nr, 0U);
	KUNIT_EXPECT_EQ(test, (__force u32)(asked.any & (__GFP_RECLAIM | __GFP_HIGH | __GFP_NOFAIL |
							 __GFP_MEMALLOC)), 0U);
	KUNIT_EXPECT_TRUE(test, asked.all & __GFP_NOMEMALLOC);
	KUNIT_EXPECT_TRUE(test, asked.all & __GFP_NOWARN);
}

static struct kunit_case profile_cases[] = {
	KUNIT_CASE_PARAM(innermost_function_is_the_caller, caller_gen_params),
	KUNIT_CASE(stack_goes_on_outwards_from_the_caller),
	KUNIT_CASE_PARAM(deep_stack_keeps_its_innermost_frames, depth_gen_params),
	KUNIT_CASE_PARAM(innermost_function_is_the_caller_in_every_context, context_gen_params),
	KUNIT_CASE(what_was_freed_is_not_in_use),
	KUNIT_CASE(free_of_sampled_object_counts_once),
	KUNIT_CASE(bulk_counts_every_object),
	KUNIT_CASE(realloc_moves_the_object_to_its_caller),
	KUNIT_CASE(object_that_waits_for_a_grace_period_is_in_use),
	KUNIT_CASE(slot_is_not_reused_before_its_special_is_gone),
	KUNIT_CASE(no_memory_drops_the_sample_and_nothing_else),
	KUNIT_CASE(nothing_is_reclaimed_for_a_sample),
	KUNIT_CASE(samples_are_counted),
	KUNIT_CASE(counts_of_a_snapshot_belong_together),
	KUNIT_CASE(snapshot_says_how_it_was_taken),
	KUNIT_CASE(snapshot_does_not_change_afterwards),
	KUNIT_CASE(interrupted_code_is_not_in_the_stack),
	{}
};

static struct kunit_suite profile_suite = {
	.name = "kspan_profile",
	.init = profile_init,
	.exit = profile_exit,
	.test_cases = profile_cases,
};

kunit_test_suite(profile_suite);
