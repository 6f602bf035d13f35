// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of two CPUs that free one object at the same moment. Each sees that it is allocated, and
 * puts its slot into its own array; what that leaves is made here step by step, as the halves of
 * a free. Whichever way the two slots go, the object is handed out once at a time, the free that
 * was one too many is reported once, and its span stays while somebody has it.
 */
#include "suite.h"

#include <linux/cpumask.h>
#include <linux/kmemleak.h>
#include <linux/kthread.h>
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "heap/pcpu.h"
#include "heap/retire.h"
#include "allocator.h"
#include "watch.h"

/* One object to a page and a bit: no empty span is kept, as would be of a single page. */
#define OBJ_SIZE	3000

static struct stray {
	struct kspan_cache *cache;
	int here, there;		/* CPUs: the test's, and another one */
	void *obj;
} t;

/* Reports of strays outside of any section of RCU's readers. */
static unsigned int outside;

static bool catch_where(enum kspan_counter what, const void *addr, const char *text)
{
	outside += !rcu_read_lock_held();
	return catch_report(what, addr, text);
}

static int stray_test_init(struct kunit *test)
{
	if (num_online_cpus() < 2)
		kunit_mark_skipped(test, "one CPU");
	/* The thread of one test: the next one has a thread of its own. */
	t.here = raw_smp_processor_id();
	set_cpus_allowed_ptr(current, cpumask_of(t.here));
	t.there = cpumask_any_but(cpu_online_mask, t.here);
	/* What is pushed by hand has no record: a free of one that has would not come so far. */
	t.cache = kspan_cache_create("kspan-stray", OBJ_SIZE, 0, KSPAN_NO_PROFILE, NULL);
	t.obj = NULL;
	catch_reports();
	return t.cache ? 0 : -ENOMEM;
}

static void expect_reports(struct kunit *test, unsigned int nr)
{
	KUNIT_EXPECT_EQ(test, caught.nr, nr);
	if (nr) {
		KUNIT_EXPECT_EQ(test, (int)caught.what, (int)KSPAN_DOUBLE_FREES);
		KUNIT_EXPECT_TRUE(test, strstr(caught.text, "kspan-stray"));
	}
}

/* Everything goes home, and nothing more is reported. */
static void stray_test_exit(struct kunit *test)
{
	unsigned int before = caught.nr;

	if (t.cache) {
		KUNIT_EXPECT_EQ(test, kspan_cache_shrink(t.cache), 0);
		KUNIT_EXPECT_EQ(test, kspan_pcpu_cached(t.cache), 0UL);
		KUNIT_EXPECT_EQ(test, caught.nr, before);
		kspan_cache_destroy(t.cache);
		KUNIT_EXPECT_EQ(test, caught.nr, before);
	}
	allocator_test_exit(test);
}

/* ------------------------------------------------------------------ halves of a free */

static u8 *state_at(const void *obj)
{
	struct kspan_span *span = span_of(obj);

	return &span->state[kspan_span_index(span, obj)];
}

/* The half of a free after it has seen that @obj is allocated. */
static void push(void *obj)
{
	u8 *state = state_at(obj);

	kmemleak_free(obj);
	preempt_disable();
	WARN_ON(!__kspan_pcpu_push(t.cache, obj, state));
	preempt_enable();
}

static long push_there(void *obj)
{
	push(obj);
	return 0;
}

static long alloc_there(void *unused)
{
	return (long)kspan_cache_alloc(t.cache, GFP_KERNEL);
}

static long free_there(void *obj)
{
	kspan_cache_free(t.cache, obj);
	return 0;
}

static void *alloc_on(int cpu)
{
	if (cpu == t.here)
		return kspan_cache_alloc(t.cache, GFP_KERNEL);
	return (void *)work_on_cpu(cpu, alloc_there, NULL);
}

/* The object is freed on both CPUs at once, and @last is the last one to write its state. */
static void free_twice(struct kunit *test, int last)
{
	if (!t.obj)
		t.obj = kspan_cache_alloc(t.cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t.obj);
	if (last == t.here)
		work_on_cpu(t.there, push_there, t.obj);
	push(t.obj);
	if (last != t.here)
		work_on_cpu(t.there, push_there, t.obj);
}

/* Frees that do not find room in an array go to the span. */
static void free_to_span(void *obj)
{
	u32 limit = t.cache->pcpu_limit;

	WRITE_ONCE(t.cache->pcpu_limit, 0);
	kspan_cache_free(t.cache, obj);
	WRITE_ONCE(t.cache->pcpu_limit, limit);
}

/* ------------------------------------------------------------------ not handed out */

static void *by_alloc(void)
{
	return kspan_cache_alloc(t.cache, GFP_KERNEL);
}

static void *by_alloc_bulk(void)
{
	void *obj;

	return kspan_cache_alloc_bulk(t.cache, GFP_KERNEL, 1, &obj) ? obj : NULL;
}

static void *by_alloc_node(void)
{
	return kspan_cache_alloc_node(t.cache, GFP_KERNEL, numa_mem_id());
}

static const struct way_case {
	const char *desc;
	void *(*alloc)(void);
} way_cases[] = {
	{ "kspan_cache_alloc", by_alloc },
	{ "kspan_cache_alloc_bulk", by_alloc_bulk },
	{ "kspan_cache_alloc_node", by_alloc_node },
};

static void way_desc(const struct way_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(way, way_cases, way_desc);

/* What came of the one allocation that met with the stray. */
static void expect_stray_met(struct kunit *test, const void *other)
{
	KUNIT_EXPECT_PTR_NE(test, other, (const void *)t.obj);
	expect_reports(test, 1);
	KUNIT_EXPECT_PTR_EQ(test, caught.addr, (const void *)t.obj);
}

/* Both objects are as any other. */
static void free_two(struct kunit *test, void *one, void *another)
{
	kspan_cache_free(t.cache, one);
	kspan_cache_free(t.cache, another);
	expect_reports(test, 1);
}

static void stray_is_reported_and_not_handed_out(struct kunit *test)
{
	const struct way_case *c = test->param_value;
	void *other, *own;

	free_twice(test, t.there);
	expect_reports(test, 0);
	other = c->alloc();
	expect_stray_met(test, other);
	own = alloc_on(t.there);
	KUNIT_EXPECT_PTR_EQ(test, own, t.obj);
	free_two(test, own, other);
}

static void free_that_was_seen_last_counts(struct kunit *test)
{
	void *own, *other;

	free_twice(test, t.here);
	own = alloc_on(t.here);
	KUNIT_EXPECT_PTR_EQ(test, own, t.obj);
	expect_reports(test, 0);
	other = alloc_on(t.there);
	expect_stray_met(test, other);
	free_two(test, own, other);
}

static void stray_is_found_while_its_object_is_out(struct kunit *test)
{
	void *own, *other;

	free_twice(test, t.there);
	own = alloc_on(t.there);
	KUNIT_ASSERT_PTR_EQ(test, own, t.obj);
	fill(own, 0x5a, OBJ_SIZE);
	other = alloc_on(t.here);
	expect_stray_met(test, other);
	fill(other, 0xa5, OBJ_SIZE);
	KUNIT_EXPECT_TRUE(test, filled_with(own, 0x5a, OBJ_SIZE));
	free_two(test, own, other);
}

/* Its object was handed out and freed meanwhile, and is free once more. */
static void stray_is_found_after_another_round(struct kunit *test)
{
	void *own, *other;

	free_twice(test, t.there);
	own = alloc_on(t.there);
	KUNIT_ASSERT_PTR_EQ(test, own, t.obj);
	work_on_cpu(t.there, free_there, own);
	other = alloc_on(t.here);
	expect_stray_met(test, other);
	kspan_cache_free(t.cache, other);
}

/* Both slots in one array: the object was allocated by the other way in between. */
static void stray_below_its_object_in_one_array(struct kunit *test)
{
	void *own, *first, *second;

	free_twice(test, t.there);
	own = alloc_on(t.there);
	KUNIT_ASSERT_PTR_EQ(test, own, t.obj);
	push(own);
	/* The upper one; then the lower one is that of an object that is out. */
	first = alloc_on(t.here);
	KUNIT_EXPECT_PTR_EQ(test, first, t.obj);
	second = alloc_on(t.here);
	expect_stray_met(test, second);
	free_two(test, first, second);
}

/* ------------------------------------------------------------------ on its way home */

/* Through the depot: the older half of a full array, and the stray is the oldest. */
static void stray_does_not_come_back_from_the_depot(struct kunit *test)
{
	enum { NR = 64 };
	struct kspan_node *node = kspan_cache_node(t.cache, numa_mem_id());
	unsigned int i, same = 0;
	void **objs = objs_new(test, NR);

	for (i = 0; i < NR; i++) {
		objs[i] = kspan_cache_alloc(t.cache, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
	KUNIT_ASSERT_EQ(test, kspan_cache_shrink(t.cache), 1);
	t.obj = objs[0];
	free_twice(test, t.there);
	for (i = 1; i < NR && !node->nr_magazines; i++)
		kspan_cache_free(t.cache, objs[i]);
	KUNIT_ASSERT_EQ(test, node->nr_magazines, 1U);
	while (i > 1) {
		objs[--i] = kspan_cache_alloc(t.cache, GFP_KERNEL);
		same += objs[i] == t.obj;
	}
	KUNIT_EXPECT_EQ(test, same, 0U);
	KUNIT_EXPECT_EQ(test, node->nr_magazines, 0U);
	for (i = 1; i < NR; i++)
		kspan_cache_free(t.cache, objs[i]);
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(t.cache), 0);
	expect_reports(test, 1);
}

static const struct last_case {
	const char *desc;
	bool here;
} last_cases[] = {
	{ "last here", true },
	{ "last there", false },
};

static void last_desc(const struct last_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(last, last_cases, last_desc);

/*
 * What is in an array or in a magazine keeps the header that it points to; on its way from there,
 * until it is known what it is, RCU does.
 */
static void stray_out_of_a_magazine_has_its_header(struct kunit *test)
{
	struct kspan_node *node = kspan_cache_node(t.cache, numa_mem_id());
	unsigned int i, batch = kspan_cache_own(t.cache)->batch;
	void *objs[64], *other;

	KUNIT_ASSERT_LT(test, 2 * batch, (unsigned int)ARRAY_SIZE(objs));
	for (i = 0; i < ARRAY_SIZE(objs); i++) {
		objs[i] = kspan_cache_alloc(t.cache, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
	KUNIT_ASSERT_EQ(test, kspan_cache_shrink(t.cache), 1);
	/* The youngest of the batch that goes: the first that is looked at when it comes back. */
	for (i = 0; i < batch - 1; i++)
		kspan_cache_free(t.cache, objs[i]);
	t.obj = objs[i++];
	free_twice(test, t.there);
	for (; i < ARRAY_SIZE(objs) && !node->nr_magazines; i++)
		kspan_cache_free(t.cache, objs[i]);
	KUNIT_ASSERT_EQ(test, node->nr_magazines, 1U);
	expect_reports(test, 0);
	outside = 0;
	kspan_report_set_filter(catch_where);
	while (node->nr_magazines) {
		other = kspan_cache_alloc(t.cache, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, other);
		objs[--i] = other;
	}
	expect_reports(test, 1);
	KUNIT_EXPECT_EQ(test, outside, 0U);
	for (; i < ARRAY_SIZE(objs); i++)
		kspan_cache_free(t.cache, objs[i]);
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(t.cache), 0);
	expect_reports(test, 1);
}

static void stray_out_of_an_array_has_its_header(struct kunit *test)
{
	free_twice(test, t.there);
	outside = 0;
	kspan_report_set_filter(catch_where);
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(t.cache), 0);
	expect_reports(test, 1);
	KUNIT_EXPECT_EQ(test, outside, 0U);
}

static void drained_arrays_return_the_object_once(struct kunit *test)
{
	const struct last_case *c = test->param_value;
	void *stays = kspan_cache_alloc(t.cache, GFP_KERNEL);
	int nid;

	KUNIT_ASSERT_NOT_NULL(test, stays);
	fill(stays, 0x5a, OBJ_SIZE);
	free_twice(test, c->here ? t.here : t.there);
	KUNIT_ASSERT_PTR_EQ(test, span_of(stays), span_of(t.obj));

	/* Counted twice, the span would seem to be empty, and go. */
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(t.cache), 1);
	expect_reports(test, 1);
	KUNIT_EXPECT_TRUE(test, kspan_owns(stays));
	KUNIT_EXPECT_TRUE(test, filled_with(stays, 0x5a, OBJ_SIZE));
	for_each_node(nid)
		KUNIT_EXPECT_LE(test, kspan_cache_node(t.cache, nid)->nr_out, 1UL);
	kspan_cache_free(t.cache, stays);
}

/* The slot looks at a state byte of a span that has gone. */
static void header_stays_while_a_stray_points_to_it(struct kunit *test)
{
	unsigned long before;
	void *own, *other;

	own = kspan_cache_alloc(t.cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, own);
	/* Nothing else of its span is out. */
	KUNIT_ASSERT_EQ(test, kspan_cache_shrink(t.cache), 1);
	kspan_retire_flush();
	before = kspan_retired();
	kspan_cache_free(t.cache, own);
	WRITE_ONCE(*state_at(own), KSPAN_STATE_ALLOCATED);
	free_to_span(own);
	KUNIT_EXPECT_FALSE(test, kspan_in_span(own));
	kspan_retire_flush();
	KUNIT_EXPECT_EQ(test, kspan_retired(), before + 1);

	other = alloc_on(t.here);
	KUNIT_EXPECT_NOT_NULL(test, other);
	expect_reports(test, 1);
	kspan_cache_free(t.cache, other);
	kspan_retire_flush();
	KUNIT_EXPECT_EQ(test, kspan_retired(), before);
}

/* Of many that are looked for at once each is found. */
static void headers_of_many_strays_stay(struct kunit *test)
{
	enum { NR = 64, MOST = 8 };
	void **objs = objs_new(test, NR), *own[MOST], *others[2 * MOST];
	unsigned int i, j, nr = 0, got = 0;
	unsigned long before;

	for (i = 0; i < NR; i++) {
		objs[i] = kspan_cache_alloc(t.cache, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
	/* One of each span stays out. */
	for (i = 0; i < NR; i++) {
		for (j = 0; j < nr && span_of(own[j]) != span_of(objs[i]); j++)
			;
		if (j == nr && nr < MOST)
			own[nr++] = objs[i];
		else
			free_to_span(objs[i]);
	}
	KUNIT_ASSERT_GE(test, nr, 3U);
	KUNIT_ASSERT_EQ(test, kspan_cache_shrink(t.cache), 1);
	kspan_retire_flush();
	before = kspan_retired();

	for (i = 0; i < nr; i++) {
		kspan_cache_free(t.cache, own[i]);
		WRITE_ONCE(*state_at(own[i]), KSPAN_STATE_ALLOCATED);
		free_to_span(own[i]);
	}
	/* The second time they come together, whenever the worker was there first. */
	kspan_retire_flush();
	kspan_retire_flush();
	KUNIT_EXPECT_EQ(test, kspan_retired(), before + nr);
	expect_reports(test, 0);

	while (caught.nr < nr && got < 2 * nr)
		others[got++] = kspan_cache_alloc(t.cache, GFP_KERNEL);
	expect_reports(test, nr);
	while (got)
		kspan_cache_free(t.cache, others[--got]);
	kspan_retire_flush();
	KUNIT_EXPECT_EQ(test, kspan_retired(), before);
}

/* The same of a slot that has gone on to a magazine. */
static void header_stays_while_a_stray_in_a_magazine_points_to_it(struct kunit *test)
{
	enum { NR = 32 };
	struct kspan_node *node = kspan_cache_node(t.cache, numa_mem_id());
	void **objs = objs_new(test, NR), *own;
	unsigned int i, nr = 0, freed;
	unsigned long before;

	for (i = 0; i < NR; i++) {
		objs[i] = kspan_cache_alloc(t.cache, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
	own = objs[0];
	for (i = 1; i < NR; i++) {
		if (span_of(objs[i]) == span_of(own))
			free_to_span(objs[i]);
		else
			objs[nr++] = objs[i];
	}
	KUNIT_ASSERT_EQ(test, kspan_cache_shrink(t.cache), 1);
	kspan_retire_flush();
	before = kspan_retired();

	kspan_cache_free(t.cache, own);
	WRITE_ONCE(*state_at(own), KSPAN_STATE_ALLOCATED);
	free_to_span(own);
	KUNIT_EXPECT_FALSE(test, kspan_in_span(own));
	for (freed = 0; freed < nr && !node->nr_magazines; freed++)
		kspan_cache_free(t.cache, objs[freed]);
	KUNIT_ASSERT_EQ(test, node->nr_magazines, 1U);
	kspan_retire_flush();
	KUNIT_EXPECT_EQ(test, kspan_retired(), before + 1);
	expect_reports(test, 0);

	/* Taken out of there, it is found to be one, and needs no header any more. */
	for (i = 0; i < freed; i++) {
		objs[i] = kspan_cache_alloc(t.cache, GFP_KERNEL);
		KUNIT_EXPECT_PTR_NE(test, objs[i], own);
	}
	expect_reports(test, 1);
	kspan_retire_flush();
	KUNIT_EXPECT_EQ(test, kspan_retired(), before);
	for (i = 0; i < nr; i++)
		kspan_cache_free(t.cache, objs[i]);
}

/* ------------------------------------------------------------------ free in its span */

/*
 * The other CPU's half comes when the object is back in its span already: the bitmap has it, and
 * an array has it, from which it is handed out.
 */
static void span_in_use_is_not_freed(struct kunit *test)
{
	void *stays = kspan_cache_alloc(t.cache, GFP_KERNEL);
	void *obj = kspan_cache_alloc(t.cache, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, stays);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(t.cache), 1);
	KUNIT_ASSERT_PTR_EQ(test, span_of(stays), span_of(obj));
	free_to_span(obj);
	push(obj);
	KUNIT_EXPECT_PTR_EQ(test, alloc_on(t.here), obj);
	fill(obj, 0x5a, OBJ_SIZE);

	free_to_span(stays);
	expect_reports(test, 1);
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(t.cache), 1);
	KUNIT_EXPECT_TRUE(test, kspan_owns(obj));
	KUNIT_EXPECT_TRUE(test, filled_with(obj, 0x5a, OBJ_SIZE));
	expect_reports(test, 1);
	kspan_cache_free(t.cache, obj);
}

static void object_in_an_array_is_not_taken_from_its_span(struct kunit *test)
{
	void *stays = kspan_cache_alloc(t.cache, GFP_KERNEL);
	void *obj = kspan_cache_alloc(t.cache, GFP_KERNEL), **objs;
	unsigned int i, nr, same = 0;

	KUNIT_ASSERT_NOT_NULL(test, stays);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	nr = span_of(obj)->nr_objs;
	objs = objs_new(test, nr);
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(t.cache), 1);
	free_to_span(obj);
	push(obj);
	KUNIT_EXPECT_PTR_EQ(test, alloc_on(t.here), obj);
	for (i = 0; i < nr; i++) {
		objs[i] = kspan_cache_alloc(t.cache, GFP_KERNEL);
		same += objs[i] == obj;
	}
	KUNIT_EXPECT_EQ(test, same, 0U);
	expect_reports(test, 1);
	for (i = 0; i < nr; i++)
		kspan_cache_free(t.cache, objs[i]);
	kspan_cache_free(t.cache, obj);
	kspan_cache_free(t.cache, stays);
}

/* ------------------------------------------------------------------ other ways to free */

static bool free_in_the_middle(enum kspan_test_point point)
{
	if (point != KSPAN_AT_CLAIM || current != failing.task)
		return false;
	kspan_set_test_hook(NULL);
	kspan_cache_free(t.cache, t.obj);
	return false;
}

/* Of two that both take the slow path, one is refused at once. */
static void slow_frees_are_told_apart_at_once(struct kunit *test)
{
	t.obj = kspan_cache_alloc(t.cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t.obj);
	failing.task = current;
	WRITE_ONCE(t.cache->pcpu_limit, 0);
	kspan_set_test_hook(free_in_the_middle);
	kspan_cache_free(t.cache, t.obj);
	WRITE_ONCE(t.cache->pcpu_limit, 4 * KSPAN_SLOT);
	expect_reports(test, 1);
	KUNIT_EXPECT_PTR_EQ(test, caught.addr, (const void *)t.obj);
}

/* The mark of one that waits for a grace period is wiped out, but its span hangs on the list. */
static void free_that_waits_is_found_by_the_worker(struct kunit *test)
{
	void *obj;

	t.obj = kspan_cache_alloc(t.cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t.obj);
	rcu_read_lock();
	kspan_free_rcu(t.obj);
	push(t.obj);
	rcu_read_unlock();
	kspan_rcu_flush();
	expect_reports(test, 1);
	obj = alloc_on(t.here);
	KUNIT_EXPECT_PTR_EQ(test, obj, t.obj);
	kspan_cache_free(t.cache, obj);
}

/* ------------------------------------------------------------------ for real */

#define ROUNDS	2000

struct racer {
	void *obj;
	unsigned int ready, done;
};

/* Frees whatever is set before it, at the same moment as somebody else. */
static int race(void *arg)
{
	struct racer *r = arg;
	unsigned int i;

	for (i = 1; i <= ROUNDS; i++) {
		/* Pairs with the release of whoever sets the object. */
		while (smp_load_acquire(&r->ready) != i) {
			if (kthread_should_stop())
				return 0;
			cond_resched();
		}
		kspan_cache_free(t.cache, r->obj);
		/* Pairs with the acquire of whoever waits for this. */
		smp_store_release(&r->done, i);
	}
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

/* A free that was refused leaves kmemleak a record, in the way of whoever has the pages next. */
static void free_and_forget(void *obj)
{
	kspan_cache_free(t.cache, obj);
	kmemleak_free(obj);
}

static void each_round_has_one_free_too_many(struct kunit *test)
{
	struct racer *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	unsigned int i, same = 0;
	struct task_struct *task;
	void *a, *b;

	KUNIT_ASSERT_NOT_NULL(test, r);
	task = kthread_create(race, r, "kspan_race");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	kthread_bind(task, t.there);
	wake_up_process(task);
	for (i = 1; i <= ROUNDS; i++) {
		r->obj = kspan_cache_alloc(t.cache, GFP_KERNEL);
		if (!r->obj)
			break;
		/* Pairs with the acquire in race(). */
		smp_store_release(&r->ready, i);
		kspan_cache_free(t.cache, r->obj);
		/* Pairs with the release in race(). */
		while (smp_load_acquire(&r->done) != i)
			cond_resched();
		kmemleak_free(r->obj);
		a = kspan_cache_alloc(t.cache, GFP_KERNEL);
		b = i % 100 ? NULL : alloc_on(t.there);
		same += a == b;
		free_and_forget(a);
		free_and_forget(b);
	}
	kthread_stop(task);
	KUNIT_EXPECT_EQ(test, i, ROUNDS + 1U);
	KUNIT_EXPECT_EQ(test, same, 0U);
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(t.cache), 0);
	expect_reports(test, ROUNDS);
}

static struct kunit_case stray_cases[] = {
	KUNIT_CASE_PARAM(stray_is_reported_and_not_handed_out, way_gen_params),
	KUNIT_CASE(free_that_was_seen_last_counts),
	KUNIT_CASE(stray_is_found_while_its_object_is_out),
	KUNIT_CASE(stray_is_found_after_another_round),
	KUNIT_CASE(stray_below_its_object_in_one_array),
	KUNIT_CASE(stray_does_not_come_back_from_the_depot),
	KUNIT_CASE(stray_out_of_a_magazine_has_its_header),
	KUNIT_CASE(stray_out_of_an_array_has_its_header),
	KUNIT_CASE_PARAM(drained_arrays_return_the_object_once, last_gen_params),
	KUNIT_CASE(header_stays_while_a_stray_points_to_it),
	KUNIT_CASE(headers_of_many_strays_stay),
	KUNIT_CASE(header_stays_while_a_stray_in_a_magazine_points_to_it),
	KUNIT_CASE(span_in_use_is_not_freed),
	KUNIT_CASE(object_in_an_array_is_not_taken_from_its_span),
	KUNIT_CASE(slow_frees_are_told_apart_at_once),
	KUNIT_CASE(free_that_waits_is_found_by_the_worker),
	KUNIT_CASE(each_round_has_one_free_too_many),
	{}
};

static struct kunit_suite stray_suite = {
	.name = "kspan_stray",
	.init = stray_test_init,
	.exit = stray_test_exit,
	.test_cases = stray_cases,
};

kunit_test_suite(stray_suite);
