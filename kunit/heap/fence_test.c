// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of guard mode, all that does not end in an oops: whether an address can be reached is asked
 * with a read that survives a fault. What a fault reports is for scripts/tests/hardening.
 */
#include "suite.h"

#include <linux/cpu.h>
#include <linux/log2.h>
#include <linux/smp.h>
#include <linux/uaccess.h>

#include "heap/attach.h"
#include "heap/fence.h"
#include "special/special.h"
#include "geometry.h"
#include "profile_helpers.h"
#include "instead.h"
#include "printed.h"
#include "refusals.h"

#define OBJ_SIZE	100

static struct kspan_cache *cache;
static unsigned long specials_before;

/*
 * Without memory for all that guard mode needs there is none, and nothing is kept of it; with the
 * memory there is. That can be tried as long as there is no guard mode: before the first test. How
 * often it failed.
 */
static unsigned int opening_failed;
static bool slots_were_used = true;

static unsigned long guard_bytes(struct kunit *test)
{
	struct books b = { .test = test };
	unsigned long bytes;

	books_open(&b, &b.stats, "stats");
	bytes = books_stat(&b, "guard_bytes");
	kspan_buf_free(&b.stats.buf);
	return bytes;
}

static void open_without_memory(struct kunit *test)
{
	unsigned int nth;
	int err;

	if (guard_bytes(test) || !refusals_work(test))
		return;
	for (nth = 1; nth < 100; nth++) {
		refuse(nth, true);
		err = kspan_fence_open();
		if (!refused() || !err) {
			slots_were_used = err;
			break;
		}
		opening_failed++;
		KUNIT_EXPECT_EQ(test, guard_bytes(test), 0UL);
	}
}

static int fence_test_init(struct kunit *test)
{
	open_without_memory(test);
	if (kspan_fence_open()) {
		/* There it is on every one. */
		if (IS_ENABLED(CONFIG_X86_64))
			KUNIT_FAIL(test, "no guard mode");
		kunit_skip(test, "no guard mode on this machine");
	}
	if (test_begin(test))
		return -EINVAL;
	specials_before = kspan_special_count();
	cache = kspan_cache_create("fence", OBJ_SIZE, 0, KSPAN_GUARD, NULL);
	return cache ? 0 : -ENOMEM;
}

static void fence_test_exit(struct kunit *test)
{
	printed_exit();
	if (!cache)
		return;
	test_end(test);
	kspan_cache_destroy(cache);
	cache = NULL;
	KUNIT_EXPECT_EQ(test, kspan_special_count(), specials_before);
}

/* Can the byte be read? Neither outcome is an oops. */
static bool reachable(const void *addr)
{
	u8 byte;

	return !copy_from_kernel_nofault(&byte, addr, 1);
}

static bool is_guarded(const void *obj)
{
	return kspan_fence_contains(obj);
}

static void *new_object(struct kunit *test)
{
	void *obj = kspan_cache_alloc(cache, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_ASSERT_TRUE(test, is_guarded(obj));
	return obj;
}

/* See open_without_memory(); the scan for leaks sees the rest. */
static void opening_fails_without_memory(struct kunit *test)
{
	if (!opening_failed)
		kunit_skip(test, "it was open already");
	/* The pool, its pages, a leaf of the page map. */
	KUNIT_EXPECT_GE(test, opening_failed, 2U);
}

/* ------------------------------------------------------------------ place */

static const struct geometry_case place_cases[] = {
	GEOMETRY_CASES,
	{ "no gap", 192, 0, 0, ARCH_KMALLOC_MINALIGN },
	{ "whole page", PAGE_SIZE, 0, 0, ARCH_KMALLOC_MINALIGN },
};

KUNIT_ARRAY_PARAM(place, place_cases, geometry_desc);

static void object_ends_where_nothing_can_be_reached(struct kunit *test)
{
	const struct geometry_case *c = test->param_value;
	struct kspan_cache *placed = kspan_cache_create("fence-place", c->size, c->align,
							c->flags | KSPAN_GUARD, NULL);
	u8 *obj, *end;

	KUNIT_ASSERT_NOT_NULL(test, placed);
	obj = kspan_cache_zalloc(placed, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	end = PTR_ALIGN(obj + c->size, PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, is_guarded(obj));
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)obj, c->aligned));
	KUNIT_EXPECT_LT(test, (size_t)(end - obj - c->size), (size_t)c->aligned);
	KUNIT_EXPECT_TRUE(test, filled_with(obj, 0, c->size));
	fill(obj, 0x5a, c->size);
	KUNIT_EXPECT_TRUE(test, reachable(end - 1));
	KUNIT_EXPECT_FALSE(test, reachable(end));
	KUNIT_EXPECT_FALSE(test, reachable(end - PAGE_SIZE - 1));
	KUNIT_EXPECT_EQ(test, kspan_size(obj), (size_t)c->size);
	KUNIT_EXPECT_TRUE(test, kspan_owns(obj) && kspan_owns(obj + c->size - 1));
	KUNIT_EXPECT_FALSE(test, kspan_owns(end));
	kspan_cache_free(placed, obj);
	KUNIT_EXPECT_FALSE(test, reachable(obj));
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
	KUNIT_EXPECT_TRUE(test, kspan_in_span(obj));
	kspan_cache_destroy(placed);
}

/* A power of two is aligned to itself, wherever it lies. */
static void sizes_without_a_cache_keep_their_alignment(struct kunit *test)
{
	struct kspan_cache *class;
	unsigned int before;
	size_t size;

	for (size = 1; size <= PAGE_SIZE; size += 1 + size / 5) {
		u8 *obj;

		class = kspan_class_cache[kspan_class_index(size)];
		before = class->flags;
		class->flags |= KSPAN_GUARD;
		obj = kspan_alloc(size, GFP_KERNEL);
		class->flags = before;
		KUNIT_ASSERT_NOT_NULL(test, obj);
		KUNIT_EXPECT_TRUE(test, is_guarded(obj));
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)obj,
						   is_power_of_2(size) ? size : sizeof(long)));
		KUNIT_EXPECT_EQ(test, kspan_size(obj), size);
		fill(obj, 0x5a, size);
		kspan_free(obj);
		KUNIT_EXPECT_FALSE(test, reachable(obj));
	}
}

static const struct not_case {
	const char *desc;
	unsigned int size, flags;
} not_cases[] = {
	{ "larger than a page", PAGE_SIZE + 1, KSPAN_GUARD },
	{ "typesafe", OBJ_SIZE, KSPAN_GUARD | KSPAN_TYPESAFE_BY_RCU },
	{ "never sampled", OBJ_SIZE, KSPAN_GUARD | KSPAN_NO_PROFILE },
	{ "without the flag", OBJ_SIZE, 0 },
};

static void not_desc(const struct not_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(not, not_cases, not_desc);

static void object_is_not_guarded(struct kunit *test)
{
	const struct not_case *c = test->param_value;
	unsigned long before = kspan_counter_sum(KSPAN_GUARDED);
	struct kspan_cache *other = kspan_cache_create("fence-not", c->size, 0, c->flags, NULL);
	void *obj;

	KUNIT_ASSERT_NOT_NULL(test, other);
	obj = kspan_cache_alloc(other, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_EXPECT_FALSE(test, is_guarded(obj));
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_GUARDED), before);
	kspan_cache_free(other, obj);
	kspan_cache_destroy(other);
}

/* The slots are of one node's memory, which is as good as any but where one alone will do. */
static void any_node_may_ask(struct kunit *test)
{
	unsigned int nid, strict = 0;
	void *obj;

	for_each_online_node(nid) {
		obj = kspan_cache_alloc_node(cache, GFP_KERNEL, nid);
		KUNIT_EXPECT_TRUE_MSG(test, is_guarded(obj), "node %u", nid);
		kspan_cache_free(cache, obj);
		obj = kspan_cache_alloc_node(cache, GFP_KERNEL | __GFP_THISNODE, nid);
		KUNIT_EXPECT_NOT_NULL(test, obj);
		strict += is_guarded(obj);
		kspan_cache_free(cache, obj);
	}
	KUNIT_EXPECT_EQ(test, strict, 1U);
}

static void only_samples_are_guarded(struct kunit *test)
{
	void *obj;

	kspan_profile_set_sample_bytes(HEAP, 0);
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_EXPECT_FALSE(test, is_guarded(obj));
	kspan_free(obj);
}

/* ------------------------------------------------------------------ freeing */

struct far {
	void *obj;
	bool seen;
};

static void look_from_afar(void *arg)
{
	struct far *far = arg;

	far->seen = reachable(far->obj);
}

/* Each CPU has read the object, so that its TLB knows the page. */
static void freed_object_cannot_be_reached_from_any_cpu(struct kunit *test)
{
	struct far far = { .obj = new_object(test) };
	struct test_limit limit = {};
	int cpu;

	cpus_read_lock();
	for_each_online_cpu(cpu) {
		smp_call_function_single(cpu, look_from_afar, &far, 1);
		KUNIT_EXPECT_TRUE(test, far.seen);
	}
	kspan_free(far.obj);
	KUNIT_EXPECT_FALSE(test, reachable(far.obj));
	for_each_online_cpu(cpu) {
		do {
			smp_call_function_single(cpu, look_from_afar, &far, 1);
		} while (far.seen && !test_takes_too_long(&limit));
		KUNIT_EXPECT_FALSE(test, far.seen);
	}
	cpus_read_unlock();
}

static void object_can_be_reached_until_its_grace_period(struct kunit *test)
{
	u8 *obj = new_object(test);
	struct kspan_weak *weak = kspan_weak_get(obj, GFP_KERNEL);
	bool during;

	KUNIT_ASSERT_FALSE(test, IS_ERR(weak));
	rcu_read_lock();
	KUNIT_EXPECT_PTR_EQ(test, kspan_weak_deref(weak), (void *)obj);
	kspan_free(obj);
	mdelay(20);
	during = reachable(obj);
	KUNIT_EXPECT_NULL(test, kspan_weak_deref(weak));
	rcu_read_unlock();
	kspan_weak_put(weak);
	KUNIT_EXPECT_TRUE(test, during);
	test_settle();
	KUNIT_EXPECT_FALSE(test, reachable(obj));

	obj = new_object(test);
	kspan_free_rcu(obj);
	test_settle();
	KUNIT_EXPECT_FALSE(test, reachable(obj));
}

static bool finalizer_reached;

static void finalize(void *obj, void *arg)
{
	finalizer_reached = reachable(obj);
}

static void clean_up(void *arg)
{
	(*(unsigned int *)arg)++;
}

static void finalizer_has_the_object(struct kunit *test)
{
	unsigned int cleanups = 0;
	void *obj = new_object(test);

	finalizer_reached = false;
	KUNIT_EXPECT_EQ(test, kspan_set_finalizer(obj, finalize, NULL, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, kspan_add_cleanup(obj, clean_up, &cleanups, GFP_KERNEL), 0);
	kspan_free(obj);
	kspan_flush_finalizers();
	KUNIT_EXPECT_TRUE(test, finalizer_reached);
	KUNIT_EXPECT_EQ(test, cleanups, 1U);
	KUNIT_EXPECT_FALSE(test, reachable(obj));
}

static void bad_frees_are_reported(struct kunit *test)
{
	expect_bad_frees_reported(test, new_object(test), "fence", KSPAN_DOUBLE_FREES,
				  "double free, cache fence");
}

/* What alignment leaves behind the object does not fault, and is found when it is freed. */
static void overrun_within_the_gap_is_reported(struct kunit *test)
{
	u8 *obj = new_object(test);

	catch_reports();
	fill(obj + OBJ_SIZE, 0x5a, 1);
	kspan_free(obj);
	expect_report(test, KSPAN_CORRUPTIONS, obj,
		      "write behind an object of cache fence: byte 100");
}

/* ------------------------------------------------------------------ slots */

/* The slot that was freed last is the last to be used again. */
static void slots_are_used_in_turn(struct kunit *test)
{
	void *first = new_object(test), *obj;
	unsigned int n = 0;

	kspan_free(first);
	do {
		KUNIT_EXPECT_FALSE(test, reachable(first));
		obj = new_object(test);
		kspan_free(obj);
		n++;
	} while (obj != first && n < 2000);
	KUNIT_EXPECT_EQ(test, n, (unsigned int)KSPAN_FENCE_SLOTS_DEFAULT);
}

static void objects_beyond_the_slots_are_ordinary(struct kunit *test)
{
	const unsigned int nr = KSPAN_FENCE_SLOTS_DEFAULT + 20;
	unsigned long full = kspan_counter_sum(KSPAN_GUARD_FULL);
	unsigned long guarded = kspan_counter_sum(KSPAN_GUARDED);
	void **objs = objs_new(test, nr);
	unsigned int i, n = 0;

	KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, nr, objs), (int)nr);
	for (i = 0; i < nr; i++) {
		n += is_guarded(objs[i]);
		fill(objs[i], i, OBJ_SIZE);
	}
	KUNIT_EXPECT_EQ(test, n, (unsigned int)KSPAN_FENCE_SLOTS_DEFAULT);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_GUARDED), guarded + n);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_GUARD_FULL), full + nr - n);
	for (i = 0; i < nr; i++)
		KUNIT_EXPECT_TRUE(test, filled_with(objs[i], i, OBJ_SIZE));
	kspan_cache_free_bulk(cache, nr, objs);
}

static void without_a_header_the_object_is_ordinary(struct kunit *test)
{
	void *kept, *obj;

	/* The span of ordinary objects is there, and kept. */
	kspan_profile_set_sample_bytes(HEAP, 0);
	kept = kspan_cache_alloc(cache, GFP_KERNEL);
	kspan_profile_set_sample_bytes(HEAP, 1);
	fail_all(KSPAN_FAIL_HEADER);
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	fail_nothing();
	KUNIT_EXPECT_NOT_NULL(test, obj);
	KUNIT_EXPECT_FALSE(test, is_guarded(obj));
	kspan_free(obj);
	kspan_free(kept);
	kspan_free(new_object(test));
}

/* Guarded it is, sampled it could not be: the free must not take it for one of a CPU's array. */
static void object_without_a_profile_special_is_freed_too(struct kunit *test)
{
	void *obj;

	fail_all(KSPAN_FAIL_SPECIAL);
	obj = new_object(test);
	fail_nothing();
	kspan_free(obj);
	KUNIT_EXPECT_FALSE(test, reachable(obj));
}

/* ------------------------------------------------------------------ everything else */

static unsigned int constructed;

static void construct(void *obj)
{
	constructed++;
	memset(obj, 0x77, OBJ_SIZE);
}

static void object_is_constructed(struct kunit *test)
{
	struct kspan_cache *made = kspan_cache_create("fence-ctor", OBJ_SIZE, 0, KSPAN_GUARD,
						      construct);
	void *obj;

	KUNIT_ASSERT_NOT_NULL(test, made);
	obj = kspan_cache_alloc(made, GFP_KERNEL);
	KUNIT_EXPECT_TRUE(test, is_guarded(obj));
	KUNIT_EXPECT_TRUE(test, filled_with(obj, 0x77, OBJ_SIZE));
	kspan_cache_free(made, obj);
	kspan_cache_destroy(made);
}

static void realloc_moves_the_content(struct kunit *test)
{
	u8 *obj = new_object(test), *more;

	fill(obj, 0x33, OBJ_SIZE);
	more = kspan_realloc(obj, OBJ_SIZE + 1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, more);
	KUNIT_EXPECT_TRUE(test, filled_with(more, 0x33, OBJ_SIZE));
	KUNIT_EXPECT_FALSE(test, reachable(obj));
	kspan_free(more);
}

struct round {
	void *obj;
	bool guarded, gone;
};

static void alloc_and_free(void *arg)
{
	struct round *round = arg;

	round->obj = kspan_cache_alloc(cache, GFP_ATOMIC);
	round->guarded = is_guarded(round->obj);
	kspan_free(round->obj);
	round->gone = !reachable(round->obj);
}

KUNIT_ARRAY_PARAM(context, test_contexts, test_context_desc);

static void works_in_every_context(struct kunit *test)
{
	const struct test_context *context = test->param_value;
	struct round round = {};
	unsigned int i;

	for (i = 0; i < 5; i++) {
		context->call(alloc_and_free, &round);
		KUNIT_EXPECT_TRUE(test, round.guarded);
		KUNIT_EXPECT_TRUE(test, round.gone);
	}
}

static void works_with_interrupts_off(struct kunit *test)
{
	struct round round = {};
	unsigned long flags;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "not allowed on PREEMPT_RT");
	local_irq_save(flags);
	alloc_and_free(&round);
	local_irq_restore(flags);
	KUNIT_EXPECT_TRUE(test, round.guarded);
	KUNIT_EXPECT_TRUE(test, round.gone);
}

/* The books: what is guarded is in use, once, and then it is not. */
static void guarded_object_counts_once(struct kunit *test)
{
	unsigned long allocs = kspan_counter_sum(KSPAN_ALLOCS);
	unsigned long frees = kspan_counter_sum(KSPAN_FREES);
	unsigned long samples = kspan_profile_counter(HEAP, KSPAN_SAMPLES);
	void *obj = new_object(test);
	struct kspan_special *special = kspan_detach(span_of(obj), obj, KSPAN_SPECIAL_PROFILE);

	KUNIT_ASSERT_NOT_NULL(test, special);
	KUNIT_EXPECT_EQ(test, special->profile.bucket->live, KSPAN_WEIGHT_ONE);
	KUNIT_EXPECT_EQ(test, kspan_attach(span_of(obj), obj, special), 0);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_ALLOCS), allocs + 1);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_FREES), frees);
	KUNIT_EXPECT_EQ(test, kspan_profile_counter(HEAP, KSPAN_SAMPLES), samples + 1);
	kspan_free(obj);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_FREES), frees + 1);
}

/* ------------------------------------------------------------------ faults */

#if defined(CONFIG_X86_64) && defined(CONFIG_KPROBES)
/* What a fault calls. */
typedef void (*fault_fn)(unsigned long addr, bool write);

#define SLOTS_MOST	512

/* All guarded objects that there can be, in the order of their addresses; how many. */
static unsigned int fill_slots(u8 **objs)
{
	unsigned int nr, i;
	u8 *obj;

	for (nr = 0; nr < SLOTS_MOST; nr++) {
		obj = kspan_cache_alloc(cache, GFP_KERNEL);
		if (!obj || !is_guarded(obj)) {
			kspan_free(obj);
			break;
		}
		for (i = nr; i && objs[i - 1] > obj; i--)
			objs[i] = objs[i - 1];
		objs[i] = obj;
	}
	return nr;
}

/* A fault at @at is told to be one of @obj, and what it was. */
static void expect_fault(struct kunit *test, fault_fn on_fault, const u8 *at, const u8 *obj)
{
	unsigned long before = kspan_counter_sum(KSPAN_GUARD_FAULTS);
	const char *freed = kspan_owns(obj) ? "" : " freed";
	char words[120];

	printed_begin(test);
	on_fault((unsigned long)at, true);
	printed_text();
	if (at < obj)
		snprintf(words, sizeof(words),
			 "<1>kspan: report: underrun: write %td bytes before a%s object, address %px\n",
			 obj - at, *freed ? freed : "n", at);
	else if (at >= obj + OBJ_SIZE)
		snprintf(words, sizeof(words),
			 "<1>kspan: report: overrun: write of byte %td of a%s object of %u, address %px\n",
			 at - obj, *freed ? freed : "n", OBJ_SIZE, at);
	else
		snprintf(words, sizeof(words),
			 "<1>kspan: report: use after free: write of byte %td, address %px\n",
			 at - obj, at);
	expect_printed(test, words);
	KUNIT_EXPECT_EQ(test, !!strstr(printed.text, "<1>kspan: freed by task "), !!*freed);
	expect_printed(test, "<1>kspan: allocated by task ");
	snprintf(words, sizeof(words), "guarded object of %u bytes of cache fence, address %px\n",
		 OBJ_SIZE, obj);
	expect_printed(test, words);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_GUARD_FAULTS), before + 1);
}

/* Between two objects it is the nearer one that was overrun, or underrun. */
static void fault_is_told_of_the_nearest_object(struct kunit *test)
{
	u8 **objs = (u8 **)objs_new(test, SLOTS_MOST), *page, *middle;
	fault_fn on_fault = find_function(KSPAN_TEXT "on_fault");
	unsigned int nr, i;

	KUNIT_ASSERT_NOT_NULL(test, on_fault);
	nr = fill_slots(objs);
	KUNIT_ASSERT_GT(test, nr, 3U);
	/* The first page and the last have an object on one side only. */
	page = PTR_ALIGN_DOWN(objs[0], PAGE_SIZE) - PAGE_SIZE;
	KUNIT_EXPECT_FALSE(test, kspan_fence_contains(page - 1));
	expect_fault(test, on_fault, page, objs[0]);
	expect_fault(test, on_fault, page + PAGE_SIZE - 1, objs[0]);
	page = PTR_ALIGN(objs[nr - 1] + OBJ_SIZE, PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, kspan_fence_contains(page + PAGE_SIZE));
	expect_fault(test, on_fault, page, objs[nr - 1]);
	expect_fault(test, on_fault, page + PAGE_SIZE - 1, objs[nr - 1]);
	for (i = 0; i + 1 < nr; i += i == 1 ? nr - 3 : 1) {
		page = PTR_ALIGN(objs[i] + OBJ_SIZE, PAGE_SIZE);
		middle = objs[i] + OBJ_SIZE + (objs[i + 1] - objs[i] - OBJ_SIZE) / 2;
		expect_fault(test, on_fault, page, objs[i]);
		expect_fault(test, on_fault, middle, objs[i]);
		expect_fault(test, on_fault, middle + 1, objs[i + 1]);
		expect_fault(test, on_fault, page + PAGE_SIZE - 1, objs[i + 1]);
	}
	/* In the page of an object itself, when that cannot be reached any more. */
	kspan_cache_free(cache, objs[0]);
	expect_fault(test, on_fault, objs[0] - 1, objs[0]);
	expect_fault(test, on_fault, objs[0], objs[0]);
	expect_fault(test, on_fault, objs[0] + OBJ_SIZE - 1, objs[0]);
	expect_fault(test, on_fault, objs[0] + OBJ_SIZE, objs[0]);
	while (--nr)
		kspan_cache_free(cache, objs[nr]);
}

/* The last page of all, as long as not all slots have been used. */
static void fault_beside_no_object_is_told_too(struct kunit *test)
{
	fault_fn on_fault = find_function(KSPAN_TEXT "on_fault");
	u8 *obj = new_object(test), *end = obj;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, on_fault);
	kspan_cache_free(cache, obj);
	if (slots_were_used)
		kunit_skip(test, "all slots were used");
	while (kspan_fence_contains(end + PAGE_SIZE))
		end += PAGE_SIZE;
	/* It, and the page of the last slot before it. */
	for (i = 0; i < 2; i++, end -= PAGE_SIZE) {
		printed_begin(test);
		on_fault((unsigned long)end, false);
		expect_printed(test,
			       "<1>kspan: report: read of a guard page beside no object, address ");
		KUNIT_EXPECT_NULL(test, strstr(printed_text(), "allocated"));
	}
}
#endif

static struct kunit_case fence_cases[] = {
	KUNIT_CASE(opening_fails_without_memory),
#if defined(CONFIG_X86_64) && defined(CONFIG_KPROBES)
	KUNIT_CASE(fault_beside_no_object_is_told_too),
#endif
	KUNIT_CASE_PARAM(object_ends_where_nothing_can_be_reached, place_gen_params),
	KUNIT_CASE(sizes_without_a_cache_keep_their_alignment),
	KUNIT_CASE_PARAM(object_is_not_guarded, not_gen_params),
	KUNIT_CASE(any_node_may_ask),
	KUNIT_CASE(only_samples_are_guarded),
	KUNIT_CASE(freed_object_cannot_be_reached_from_any_cpu),
	KUNIT_CASE(object_can_be_reached_until_its_grace_period),
	KUNIT_CASE(finalizer_has_the_object),
	KUNIT_CASE(bad_frees_are_reported),
	KUNIT_CASE(overrun_within_the_gap_is_reported),
	KUNIT_CASE(slots_are_used_in_turn),
	KUNIT_CASE(objects_beyond_the_slots_are_ordinary),
	KUNIT_CASE(without_a_header_the_object_is_ordinary),
	KUNIT_CASE(object_without_a_profile_special_is_freed_too),
	KUNIT_CASE(object_is_constructed),
	KUNIT_CASE(realloc_moves_the_content),
	KUNIT_CASE_PARAM(works_in_every_context, context_gen_params),
	KUNIT_CASE(works_with_interrupts_off),
	KUNIT_CASE(guarded_object_counts_once),
#if defined(CONFIG_X86_64) && defined(CONFIG_KPROBES)
	KUNIT_CASE(fault_is_told_of_the_nearest_object),
#endif
	{}
};

static struct kunit_suite fence_suite = {
	.name = "kspan_fence",
	.init = fence_test_init,
	.exit = fence_test_exit,
	.test_cases = fence_cases,
};

kunit_test_suite(fence_suite);
