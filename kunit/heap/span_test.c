// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of spans: how many pages they take, where their objects lie, and what happens when the
 * pages or the header cannot be had.
 */
#include "suite.h"

#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sizes.h>
#include <linux/tracepoint.h>

#include "allocator.h"

/* A slot of which eight fill three pages, so that the pages are no power of two. */
#define THREE_PAGES_SLOT	((unsigned int)(PAGE_SIZE * 3 / 8))

/* ------------------------------------------------------------------ geometry */

static const struct pick_case {
	u32 slot;
	unsigned int pages, pages_16k;	/* with pages of 4 and of 16 KiB */
} pick_cases[] = {
	/* Eight or more, little tail. */
	{ 8, 1, 1 }, { 64, 1, 1 }, { 192, 1, 1 }, { 512, 1, 1 },
	{ 520, 2, 1 },		/* 7 in 4096, 15 in 8192 */
	{ 1024, 2, 1 }, { 1536, 3, 1 }, { 2048, 4, 1 }, { 4096, 8, 2 },
	/* Never eight: the most that have little tail, else the smallest tail in proportion. */
	{ 5000, 5, 4 }, { 8192, 8, 4 }, { 12288, 6, 4 }, { 32768, 8, 4 }, { 4104, 8, 4 },
	/* One object. */
	{ 32776, 9, 3 }, { 65536, 16, 4 }, { 100000, 25, 7 },
};

static void pick_desc(const struct pick_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u bytes", c->slot);
}

KUNIT_ARRAY_PARAM(pick, pick_cases, pick_desc);

static void pages_fit_the_slot(struct kunit *test)
{
	const struct pick_case *c = test->param_value;
	size_t page = PAGE_SIZE;

	if (page != SZ_4K && page != SZ_16K)
		kunit_skip(test, "no numbers for pages of this size");
	KUNIT_EXPECT_EQ(test, kspan_span_pick_pages(c->slot),
			page == SZ_4K ? c->pages : c->pages_16k);
}

static bool tail_is_small(u32 slot, unsigned int pages)
{
	return pages * PAGE_SIZE % slot <= pages * PAGE_SIZE / 16;
}

/* Nor holds another as many objects with a tail as small. */
static void no_other_number_of_pages_has_less_tail(struct kunit *test)
{
	unsigned int wrong = 0, pages;
	u32 slot;

	for (slot = 8; slot <= KSPAN_MAX_SPAN_PAGES * PAGE_SIZE; slot += 8) {
		unsigned int picked = kspan_span_pick_pages(slot);
		u32 bytes = picked * PAGE_SIZE, tail = bytes % slot;

		wrong += picked < DIV_ROUND_UP(slot, PAGE_SIZE) || picked > KSPAN_MAX_SPAN_PAGES;
		if (bytes / slot >= 8 && tail_is_small(slot, picked))
			continue;
		for (pages = DIV_ROUND_UP(slot, PAGE_SIZE); pages <= KSPAN_MAX_SPAN_PAGES;
		     pages++) {
			if (tail_is_small(slot, picked))
				wrong += pages > picked && tail_is_small(slot, pages);
			else
				wrong += pages * PAGE_SIZE % slot * picked < tail * pages;
		}
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
}

static const struct many_case {
	u32 slot;
	unsigned int many;		/* with pages of 4 KiB */
} many_cases[] = {
	{ 8, 2 }, { 192, 2 }, { 512, 2 }, { 520, 4 }, { 1536, 4 }, { 2048, 8 }, { 4096, 16 },
	/* What needs an odd number has a tail that is small only in more. */
	{ 3000, 16 }, { 5000, 16 }, { 8192, 16 }, { 32768, 16 },
	/* There is none with a small tail, or within the limit. */
	{ 24000, 0 }, { 30000, 0 }, { 65536, 0 },
};

static void many_desc(const struct many_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u bytes", c->slot);
}

KUNIT_ARRAY_PARAM(many, many_cases, many_desc);

static void pages_of_many_spans_are_a_power_of_two(struct kunit *test)
{
	const struct many_case *c = test->param_value;
	unsigned int pages = kspan_span_pick_pages(c->slot);

	if (PAGE_SIZE != SZ_4K)
		kunit_skip(test, "no numbers for pages of this size");
	KUNIT_EXPECT_EQ(test, kspan_span_pick_many(c->slot, pages), c->many ?: pages);
}

static const struct slot_case {
	unsigned int size;
} slot_cases[] = { { 8 }, { 24 }, { 100 }, { 520 }, { THREE_PAGES_SLOT }, { 4104 }, { 20000 } };

static void slot_desc(const struct slot_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u bytes", c->size);
}

KUNIT_ARRAY_PARAM(slot, slot_cases, slot_desc);

/* Every object of a span is handed out once, in its place. */
static void objects_lie_side_by_side(struct kunit *test)
{
	const struct slot_case *c = test->param_value;
	struct kspan_cache *cache = kspan_cache_create("kspan-side", c->size, 0, 0, NULL);
	unsigned int i, nr, wrong = 0;
	struct kspan_span *span;
	unsigned long *seen;
	void **objs;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	nr = kspan_cache_own(cache)->span_pages * PAGE_SIZE / cache->slot_size;
	objs = objs_new(test, nr);
	seen = kunit_kcalloc(test, BITS_TO_LONGS(nr), sizeof(*seen), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, seen);

	/* The first span has not one object too many: on one CPU, all of them come from it. */
	migrate_disable();
	KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, nr, objs), (int)nr);
	migrate_enable();
	span = span_of(objs[0]);
	KUNIT_EXPECT_EQ(test, span->nr_objs, nr);
	KUNIT_EXPECT_EQ(test, span->nr_pages, kspan_cache_own(cache)->span_pages);
	for (i = 0; i < nr; i++) {
		size_t offset = objs[i] - span->base;

		wrong += span_of(objs[i]) != span || offset % cache->slot_size ||
			 offset / cache->slot_size >= nr ||
			 __test_and_set_bit(offset / cache->slot_size, seen);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	kspan_cache_free_bulk(cache, nr, objs);
	kspan_cache_destroy(cache);
}

static void power_of_two_objects_are_naturally_aligned(struct kunit *test)
{
	void *objs[3];
	size_t size;
	int i;

	for (size = 8; size <= KMALLOC_MAX_SIZE; size *= 2) {
		for (i = 0; i < ARRAY_SIZE(objs); i++) {
			objs[i] = kspan_alloc(size, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, objs[i]);
			KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)objs[i], size));
		}
		for (i = 0; i < ARRAY_SIZE(objs); i++)
			kspan_free(objs[i]);
	}
}

/* Block and network code takes references on pages of objects. */
static const struct ref_case {
	const char *desc;
	size_t size;
} ref_cases[] = {
	{ "compound", 16 * PAGE_SIZE },
	{ "split", 11 * PAGE_SIZE },
};

static void ref_desc(const struct ref_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(ref, ref_cases, ref_desc);

static void each_page_takes_references(struct kunit *test)
{
	const struct ref_case *c = test->param_value;
	u8 *obj = kspan_alloc(c->size, GFP_KERNEL);
	struct page *page;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	obj[c->size - 1] = 0x5a;
	page = virt_to_page(obj + c->size - 1);
	get_page(page);
	kspan_free(obj);
	/* Ours, so nobody else has it yet. */
	KUNIT_EXPECT_EQ(test, obj[c->size - 1], 0x5a);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	put_page(page);
}

static void spans_count_as_slab_memory(struct kunit *test)
{
	long pages = KMALLOC_MAX_SIZE / PAGE_SIZE, before, during;
	void *obj;

	before = global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B);
	obj = kspan_alloc(KMALLOC_MAX_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	during = global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B);
	kspan_free(obj);
	/* Counters of CPUs are added up late, and others count too. */
	KUNIT_EXPECT_GT(test, during, before + pages / 2);
	KUNIT_EXPECT_LT(test, during, before + pages * 3 / 2);
	KUNIT_EXPECT_LT(test, (long)global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B),
			before + pages / 2);
}

/* Of the sixteen pages that nine are cut from, nobody keeps any. */
static void pages_that_are_no_power_of_two_are_all_free_again(struct kunit *test)
{
	unsigned int i, tails = 0, lasts = 0;
	struct page *last;
	void *obj;

	for (i = 0; i < 32; i++) {
		obj = kspan_alloc(9 * PAGE_SIZE, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, obj);
		last = virt_to_page(obj + 8 * PAGE_SIZE);
		tails += !page_count(last + 1);
		kspan_free(obj);
		lasts += !page_count(last);
	}
	/* Unless somebody else has them by now, which is not each time. */
	KUNIT_EXPECT_GT(test, tails, 0U);
	KUNIT_EXPECT_GT(test, lasts, 0U);
}

/* ------------------------------------------------------------------ gfp */

/* What has been asked of the page allocator by the task that runs the test. */
static struct asked {
	struct task_struct *task;
	unsigned int nr;
	struct {
		struct page *page;
		gfp_t gfp;
	} call[16];
} asked;

static void page_alloc_probe(void *data, struct page *page, unsigned int order, gfp_t gfp,
			     int migratetype)
{
	if (!in_task() || current != asked.task || asked.nr == ARRAY_SIZE(asked.call))
		return;
	asked.call[asked.nr].page = page;
	asked.call[asked.nr++].gfp = gfp;
}

static void find_page_alloc(struct tracepoint *tp, void *found)
{
	if (!strcmp(tp->name, "mm_page_alloc"))
		*(struct tracepoint **)found = tp;
}

static struct tracepoint *watch_begin(struct kunit *test)
{
	struct tracepoint *tp = NULL;

	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		kunit_skip(test, "needs tracepoints");
	for_each_kernel_tracepoint(find_page_alloc, &tp);
	KUNIT_ASSERT_NOT_NULL(test, tp);
	asked = (struct asked){ .task = current };
	KUNIT_ASSERT_EQ(test, tracepoint_probe_register(tp, page_alloc_probe, NULL), 0);
	return tp;
}

static void watch_end(struct tracepoint *tp)
{
	tracepoint_probe_unregister(tp, page_alloc_probe, NULL);
	tracepoint_synchronize_unregister();
}

/* With what the pages of @obj were asked for. */
static gfp_t gfp_of(const void *obj)
{
	gfp_t seen = 0;
	unsigned int i;

	for (i = 0; i < asked.nr; i++)
		if (asked.call[i].page == virt_to_page(span_of(obj)->base))
			seen = asked.call[i].gfp;
	return seen;
}

static const struct gfp_case {
	const char *desc;
	gfp_t gfp;
} gfp_cases[] = {
	{ "as a pool first asks", (GFP_KERNEL | __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN) &
				  ~(__GFP_DIRECT_RECLAIM | __GFP_IO) },
	{ "as a pool then asks", GFP_NOIO | __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN },
	{ "without sleeping", GFP_NOWAIT | __GFP_NOWARN },
	{ "urgently", GFP_ATOMIC },
	{ "hard but not for ever", GFP_KERNEL | __GFP_RETRY_MAYFAIL },
	{ "with all means", GFP_KERNEL },
};

static void gfp_desc(const struct gfp_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(gfp, gfp_cases, gfp_desc);

static void page_allocator_hears_what_the_caller_wants(struct kunit *test)
{
	const struct gfp_case *c = test->param_value;
	gfp_t seen = 0, mask = KSPAN_GFP_METADATA;
	struct tracepoint *tp;
	void *obj;

	tp = watch_begin(test);
	obj = kspan_alloc(9 * PAGE_SIZE, c->gfp);
	watch_end(tp);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	seen = gfp_of(obj);
	KUNIT_EXPECT_EQ(test, (__force u32)(seen & mask), (__force u32)(c->gfp & mask));
	kspan_free(obj);
}

/* There is less to fall back on, so nobody has to go to any length for it. */
static void larger_span_is_asked_for_in_passing(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-larger", THREE_PAGES_SLOT, 0, 0,
						       NULL);
	struct tracepoint *tp;
	gfp_t seen;
	void *obj;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_ASSERT_GT(test, kspan_cache_own(cache)->span_pages, 1U);
	tp = watch_begin(test);
	obj = kspan_cache_alloc(cache, GFP_KERNEL | __GFP_HIGH | __GFP_NOFAIL);
	watch_end(tp);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_ASSERT_EQ(test, span_of(obj)->nr_pages, kspan_cache_own(cache)->span_pages);
	seen = gfp_of(obj);
	KUNIT_EXPECT_TRUE(test, seen & __GFP_NOMEMALLOC);
	KUNIT_EXPECT_TRUE(test, seen & __GFP_NORETRY);
	KUNIT_EXPECT_TRUE(test, seen & __GFP_NOWARN);
	KUNIT_EXPECT_FALSE(test, seen & (__GFP_RECLAIM | __GFP_HIGH | __GFP_NOFAIL));
	kspan_cache_free(cache, obj);
	kspan_cache_destroy(cache);
}

/* As the page allocator has it: for one page or two. */
static void nofail_is_kept_for_one_page_or_two(struct kunit *test)
{
	unsigned int pages, times = num_online_nodes() > 1 ? 3 : 1;
	struct kspan_cache *cache;
	struct tracepoint *tp;
	void *obj;

	for (pages = 1; pages <= 3; pages++) {
		cache = kspan_cache_create("kspan-nofail", pages * PAGE_SIZE, 0, 0, NULL);
		KUNIT_ASSERT_NOT_NULL(test, cache);
		if (kspan_cache_own(cache)->span_pages == pages) {
			kspan_cache_destroy(cache);
			continue;
		}
		/* All but the last resort. */
		fail_some(KSPAN_FAIL_PAGES, 0, times);
		tp = watch_begin(test);
		obj = kspan_cache_alloc(cache, GFP_KERNEL | __GFP_NOFAIL);
		watch_end(tp);
		fail_nothing();
		KUNIT_ASSERT_NOT_NULL(test, obj);
		KUNIT_EXPECT_EQ(test, span_of(obj)->nr_pages, pages);
		KUNIT_EXPECT_EQ_MSG(test, !!(gfp_of(obj) & __GFP_NOFAIL), pages <= 2, "%u pages",
				    pages);
		KUNIT_EXPECT_TRUE(test, gfp_of(obj) & __GFP_DIRECT_RECLAIM);
		kspan_cache_free(cache, obj);
		kspan_cache_destroy(cache);
	}
}

/* An object of the next new span of @cache; what comes before is kept in @objs from *@n on. */
static struct kspan_span *next_new_span(struct kunit *test, struct kspan_cache *cache, void **objs,
					unsigned int *n, unsigned int most)
{
	struct kspan_node *node = kspan_cache_node(cache, numa_mem_id());
	unsigned long before = node->nr_spans;

	while (node->nr_spans == before) {
		KUNIT_ASSERT_LT(test, *n, most);
		objs[*n] = kspan_cache_alloc(cache, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[*n]);
		++*n;
	}
	KUNIT_EXPECT_EQ(test, node->nr_spans, before + 1);
	return span_of(objs[*n - 1]);
}

/* And of the usual size, or for one object, where there is no memory for that. */
static void spans_are_larger_once_there_are_many(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-many", THREE_PAGES_SLOT, 0, 0, NULL);
	unsigned int i, n = 0, most = 64 * KSPAN_MAX_SPAN_PAGES * PAGE_SIZE / THREE_PAGES_SLOT;
	unsigned long pages = kspan_span_pages();
	void **objs = objs_new(test, most);
	const struct kspan_cache_own *own;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	own = kspan_cache_own(cache);
	if (own->many_pages == own->span_pages) {
		kspan_cache_destroy(cache);
		kunit_skip(test, "no larger ones with pages of this size");
	}
	/* One CPU, one node. */
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	for (i = 0; i < KSPAN_MANY_SPANS; i++)
		KUNIT_EXPECT_EQ(test, next_new_span(test, cache, objs, &n, most)->nr_pages,
				own->span_pages);
	KUNIT_EXPECT_EQ(test, next_new_span(test, cache, objs, &n, most)->nr_pages,
			own->many_pages);
	fail_some(KSPAN_FAIL_PAGES, 0, 1);
	KUNIT_EXPECT_EQ(test, next_new_span(test, cache, objs, &n, most)->nr_pages,
			own->span_pages);
	fail_some(KSPAN_FAIL_PAGES, 0, 2);
	KUNIT_EXPECT_EQ(test, next_new_span(test, cache, objs, &n, most)->nr_pages, 1U);
	fail_nothing();
	for (i = 0; i < n; i++)
		fill(objs[i], i, THREE_PAGES_SLOT);
	while (i--) {
		KUNIT_EXPECT_TRUE(test, filled_with(objs[i], i, THREE_PAGES_SLOT));
		kspan_cache_free(cache, objs[i]);
	}
	kspan_cache_destroy(cache);
	KUNIT_EXPECT_EQ(test, kspan_span_pages(), pages);
}

/* ------------------------------------------------------------------ failures */

static void short_of_pages_a_span_has_just_enough_for_an_object(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-short", THREE_PAGES_SLOT, 0, 0, NULL);
	unsigned long pages = kspan_span_pages();
	struct kspan_span *span;
	void *obj;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_ASSERT_GT(test, kspan_cache_own(cache)->span_pages, 1U);
	fail_some(KSPAN_FAIL_PAGES, 0, 1);
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	fail_nothing();
	KUNIT_ASSERT_NOT_NULL(test, obj);
	span = span_of(obj);
	KUNIT_EXPECT_EQ(test, span->nr_pages, 1U);
	KUNIT_EXPECT_EQ(test, span->nr_objs, (u32)(PAGE_SIZE / THREE_PAGES_SLOT));
	KUNIT_EXPECT_EQ(test, kspan_span_pages(), pages + 1);
	fill(obj, 0x5a, THREE_PAGES_SLOT);
	KUNIT_EXPECT_EQ(test, kspan_size(obj), (size_t)THREE_PAGES_SLOT);
	kspan_cache_free(cache, obj);
	kspan_cache_destroy(cache);
	KUNIT_EXPECT_EQ(test, kspan_span_pages(), pages);
}

/* With spans of both sizes in one cache, everything still finds its way back. */
static void spans_of_two_sizes_live_in_one_cache(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-two", THREE_PAGES_SLOT, 0, 0, NULL);
	unsigned long pages = kspan_span_pages();
	unsigned long counted = 0;
	unsigned int i, wrong = 0;
	void *objs[64];
	int nid;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	for (i = 0; i < ARRAY_SIZE(objs); i++) {
		if (i % 2)
			fail_some(KSPAN_FAIL_PAGES, 0, 1);
		objs[i] = kspan_cache_alloc(cache, GFP_KERNEL);
		fail_nothing();
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		fill(objs[i], i, THREE_PAGES_SLOT);
	}
	for (i = 0; i < ARRAY_SIZE(objs); i++) {
		wrong += !filled_with(objs[i], i, THREE_PAGES_SLOT);
		kspan_cache_free(cache, objs[i]);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(cache), 0);
	KUNIT_EXPECT_EQ(test, kspan_span_pages(), pages);
	for_each_node(nid)
		counted += kspan_cache_node(cache, nid)->nr_pages;
	KUNIT_EXPECT_EQ(test, counted, 0UL);
	kspan_cache_destroy(cache);
}

static const struct fail_case {
	const char *desc;
	enum kspan_test_point point;
	unsigned int calls;		/* of that point, for one allocation */
} fail_cases[] = {
	{ "no pages", KSPAN_FAIL_PAGES, 2 },
	{ "no header", KSPAN_FAIL_HEADER, 1 },
};

static void fail_desc(const struct fail_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(fail, fail_cases, fail_desc);

static void without_memory_there_is_no_object_and_nothing_is_lost(struct kunit *test)
{
	const struct fail_case *c = test->param_value;
	struct kspan_cache *cache = kspan_cache_create("kspan-none", THREE_PAGES_SLOT, 0, 0, NULL);
	unsigned long failures = kspan_counter_sum(KSPAN_ALLOC_FAILURES);
	unsigned long allocs = kspan_counter_sum(KSPAN_ALLOCS);
	unsigned long spans = kspan_counter_sum(KSPAN_SPANS_CREATED);
	unsigned long pages = kspan_span_pages();
	void *obj;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	fail_all(c->point);
	KUNIT_EXPECT_NULL(test, kspan_cache_alloc(cache, GFP_KERNEL));
	/* Where there are nodes, for one of them first. */
	KUNIT_EXPECT_EQ(test, failing.calls, c->calls * (num_online_nodes() > 1 ? 2 : 1));
	KUNIT_EXPECT_NULL(test, kspan_alloc(SZ_1M, GFP_KERNEL));
	fail_nothing();
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_ALLOC_FAILURES), failures + 2);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_ALLOCS), allocs);
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_SPANS_CREATED), spans);
	KUNIT_EXPECT_EQ(test, kspan_span_pages(), pages);

	/* And the next one is had. */
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, obj);
	kspan_cache_free(cache, obj);
	kspan_cache_destroy(cache);
}

/* The pages themselves, not only their count: a leak of so many would show in free memory. */
static void pages_of_a_failed_span_are_free_again(struct kunit *test)
{
	long pages = KMALLOC_MAX_SIZE / PAGE_SIZE, before, after;
	unsigned int i, had = 0;

	fail_all(KSPAN_FAIL_HEADER);
	before = global_zone_page_state(NR_FREE_PAGES);
	for (i = 0; i < 20; i++)
		had += !!kspan_alloc(KMALLOC_MAX_SIZE, GFP_KERNEL);
	after = global_zone_page_state(NR_FREE_PAGES);
	fail_nothing();
	KUNIT_EXPECT_EQ(test, had, 0U);
	KUNIT_EXPECT_EQ(test, failing.calls, 20U);
	KUNIT_EXPECT_GT(test, after, before - 10 * pages);
}

/* ------------------------------------------------------------------ suite */

static struct kunit_case span_cases[] = {
	KUNIT_CASE_PARAM(pages_fit_the_slot, pick_gen_params),
	KUNIT_CASE(no_other_number_of_pages_has_less_tail),
	KUNIT_CASE_PARAM(pages_of_many_spans_are_a_power_of_two, many_gen_params),
	KUNIT_CASE_PARAM(objects_lie_side_by_side, slot_gen_params),
	KUNIT_CASE(power_of_two_objects_are_naturally_aligned),
	KUNIT_CASE_PARAM(each_page_takes_references, ref_gen_params),
	KUNIT_CASE(spans_count_as_slab_memory),
	KUNIT_CASE(pages_that_are_no_power_of_two_are_all_free_again),
	KUNIT_CASE_PARAM(page_allocator_hears_what_the_caller_wants, gfp_gen_params),
	KUNIT_CASE(larger_span_is_asked_for_in_passing),
	KUNIT_CASE(nofail_is_kept_for_one_page_or_two),
	KUNIT_CASE(spans_are_larger_once_there_are_many),
	KUNIT_CASE(short_of_pages_a_span_has_just_enough_for_an_object),
	KUNIT_CASE(spans_of_two_sizes_live_in_one_cache),
	KUNIT_CASE_PARAM(without_memory_there_is_no_object_and_nothing_is_lost, fail_gen_params),
	KUNIT_CASE(pages_of_a_failed_span_are_free_again),
	{}
};

static struct kunit_suite span_suite = {
	.name = "kspan_span",
	.exit = allocator_test_exit,
	.test_cases = span_cases,
};

kunit_test_suite(span_suite);
