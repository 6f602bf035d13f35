// SPDX-License-Identifier: GPL-2.0
/*
 * What each operation does to each number of the stats file: those that it should move, by exactly
 * so much, and no other. All runs on one CPU, in a cache of its own whose spans are one page and
 * hold as many objects as an array does, so that it is known when batches move.
 */
#include "suite.h"

#include <linux/sched.h>

#include "profile/stack.h"
#include "profile_helpers.h"

#define NR		64		/* objects of a span, and of an array */
#define BATCH		32
#define OBJ_SIZE	(PAGE_SIZE / NR)
#define MOST		(2 * NR)

/* The counters, behind them those of the heap's profile, and behind these gauges. */
enum {
	PROFILE = KSPAN_NR_COUNTERS,
	SAMPLES = PROFILE + KSPAN_SAMPLES,
	SAMPLES_DROPPED = PROFILE + KSPAN_SAMPLES_DROPPED,
	STACKS_WALKED = PROFILE + KSPAN_STACKS_WALKED,
	PAGES = PROFILE + KSPAN_NR_PROFILE_COUNTERS,
	BUCKETS, SPECIALS, NR_NUMBERS
};

static const char *name_of(int number)
{
	static const char *const gauges[] = { "pages", "buckets", "specials" };

	if (number < PROFILE)
		return books_counters[number];
	return number < PAGES ? books_profile_counters[number - PROFILE] : gauges[number - PAGES];
}

struct numbers {
	unsigned long v[NR_NUMBERS];
};

struct counters_test {
	struct kspan_cache *cache, *other;
	void *objs[MOST];
	void *obj;
	struct kspan_weak *weak;
};

static unsigned int ran;

static noinline void *alloc(struct counters_test *t)
{
	return test_keep(kspan_cache_alloc(t->cache, GFP_KERNEL));
}

static void alloc_range(struct counters_test *t, unsigned int from, unsigned int to)
{
	for (; from < to; from++)
		t->objs[from] = alloc(t);
}

static void free_range(struct counters_test *t, unsigned int from, unsigned int to)
{
	for (; from < to; from++) {
		kspan_cache_free(t->cache, t->objs[from]);
		t->objs[from] = NULL;
	}
}

/* ------------------------------------------------------------------ before */

static void nothing(struct counters_test *t)
{
}

static void one_there(struct counters_test *t)
{
	t->obj = alloc(t);
}

static void one_ready(struct counters_test *t)
{
	t->obj = alloc(t);
	kspan_cache_free(t->cache, t->obj);
	t->obj = NULL;
}

static void many_there(struct counters_test *t)
{
	alloc_range(t, 0, MOST);
}

static void array_full(struct counters_test *t)
{
	alloc_range(t, 0, MOST);
	free_range(t, 0, NR);
}

static void depot_filled(struct counters_test *t)
{
	alloc_range(t, 0, MOST);
	free_range(t, 0, MOST);
}

/* A size class, and the one above it, have objects ready and room for more. */
static void classes_ready(struct counters_test *t)
{
	void *a, *b;

	for (; !t->obj; t->obj = kspan_alloc(100, GFP_KERNEL)) {
		a = kspan_alloc(100, GFP_KERNEL);
		b = kspan_alloc(100, GFP_KERNEL);
		kspan_free(a);
		kspan_free(b);
		a = kspan_alloc(200, GFP_KERNEL);
		b = kspan_alloc(200, GFP_KERNEL);
		kspan_free(a);
		t->objs[0] = b;
	}
}

static void all_sampled(struct counters_test *t)
{
	kspan_profile_reset(HEAP);
	kspan_profile_set_sample_bytes(HEAP, 1);
	kspan_stack_forget();
}

static void sampled_there(struct counters_test *t)
{
	all_sampled(t);
	one_there(t);
}

static void sampled_ready(struct counters_test *t)
{
	one_ready(t);
	all_sampled(t);
}

static void sampled_gone(struct counters_test *t)
{
	all_sampled(t);
	one_ready(t);
}

static void other_cache(struct counters_test *t, unsigned int flags)
{
	t->other = kspan_cache_create("kspan-counters-other", 40, 0, flags, NULL);
	if (t->other)
		t->obj = kspan_cache_alloc(t->other, GFP_KERNEL);
}

static void in_other_cache(struct counters_test *t)
{
	other_cache(t, 0);
}

static void in_red_zone_cache(struct counters_test *t)
{
	other_cache(t, KSPAN_RED_ZONE);
}

static void in_poison_cache(struct counters_test *t)
{
	other_cache(t, KSPAN_POISON);
}

static void in_unprofiled_cache(struct counters_test *t)
{
	all_sampled(t);
	other_cache(t, KSPAN_NO_PROFILE);
}

static void left_in_other_cache(struct counters_test *t)
{
	other_cache(t, 0);
	kspan_cache_destroy(t->other);
	t->other = NULL;
}

static void large_there(struct counters_test *t)
{
	t->obj = kspan_alloc(25 * PAGE_SIZE, GFP_KERNEL);
}

static void finalize(void *obj, void *arg)
{
	ran++;
}

static void clean_up(void *arg)
{
	ran++;
}

static void with_finalizer(struct counters_test *t)
{
	one_there(t);
	kspan_set_finalizer(t->obj, finalize, NULL, GFP_KERNEL);
}

static void with_cleanups(struct counters_test *t)
{
	one_there(t);
	kspan_add_cleanup(t->obj, clean_up, NULL, GFP_KERNEL);
	kspan_add_cleanup(t->obj, clean_up, NULL, GFP_KERNEL);
}

static void with_weak(struct counters_test *t)
{
	one_there(t);
	t->weak = kspan_weak_get(t->obj, GFP_KERNEL);
}

static void with_both(struct counters_test *t)
{
	with_finalizer(t);
	t->weak = kspan_weak_get(t->obj, GFP_KERNEL);
}

/* ------------------------------------------------------------------ what is counted */

static void do_alloc(struct counters_test *t)
{
	t->objs[0] = alloc(t);
}

static void do_alloc_batch_and_one(struct counters_test *t)
{
	alloc_range(t, 0, BATCH + 1);
}

static void do_alloc_array_and_one(struct counters_test *t)
{
	alloc_range(t, 0, NR + 1);
}

static void do_alloc_bulk(struct counters_test *t)
{
	kspan_cache_alloc_bulk(t->cache, GFP_KERNEL, BATCH, t->objs);
}

static void do_alloc_and_free_bulk(struct counters_test *t)
{
	kspan_cache_alloc_bulk(t->cache, GFP_KERNEL, BATCH, t->objs);
	kspan_cache_free_bulk(t->cache, BATCH, t->objs);
	memset(t->objs, 0, sizeof(t->objs));
}

static void do_fail_in_bulk(struct counters_test *t)
{
	fail_some(KSPAN_FAIL_PAGES, 1, UINT_MAX - 1);
	kspan_cache_alloc_bulk(t->cache, GFP_KERNEL, NR + 1, t->objs);
	fail_nothing();
	memset(t->objs, 0, sizeof(t->objs));
}

static void do_fail(struct counters_test *t, enum kspan_test_point point)
{
	fail_all(point);
	t->objs[0] = alloc(t);
	fail_nothing();
}

static void do_fail_pages(struct counters_test *t)
{
	do_fail(t, KSPAN_FAIL_PAGES);
}

static void do_fail_header(struct counters_test *t)
{
	do_fail(t, KSPAN_FAIL_HEADER);
}

static void do_fail_special(struct counters_test *t)
{
	do_fail(t, KSPAN_FAIL_SPECIAL);
}

static void do_fail_bucket(struct counters_test *t)
{
	do_fail(t, KSPAN_FAIL_BUCKET);
}

static void do_fill_table(struct counters_test *t)
{
	size_t limit = HEAP->table->bytes_max;

	WRITE_ONCE(HEAP->table->bytes_max, 0);
	t->objs[0] = alloc(t);
	WRITE_ONCE(HEAP->table->bytes_max, limit);
}

static void do_fail_large(struct counters_test *t)
{
	fail_all(KSPAN_FAIL_PAGES);
	t->objs[0] = kspan_alloc(25 * PAGE_SIZE, GFP_KERNEL);
	fail_nothing();
}

static void do_large(struct counters_test *t)
{
	t->obj = kspan_alloc(25 * PAGE_SIZE, GFP_KERNEL);
}

static void do_alloc_class(struct counters_test *t)
{
	t->objs[1] = kspan_alloc(100, GFP_KERNEL);
}

static void do_memdup(struct counters_test *t)
{
	char bytes[100] = "";

	t->objs[1] = kspan_memdup(bytes, sizeof(bytes), GFP_KERNEL);
}

static void do_zalloc_node(struct counters_test *t)
{
	t->objs[1] = kspan_alloc_node(100, GFP_KERNEL | __GFP_ZERO, numa_mem_id());
}

static void do_realloc_in_place(struct counters_test *t)
{
	t->obj = kspan_realloc(t->obj, 10, GFP_KERNEL);
}

static void do_realloc_away(struct counters_test *t)
{
	t->obj = kspan_realloc(t->obj, 200, GFP_KERNEL);
}

static void do_realloc_to_nothing(struct counters_test *t)
{
	kspan_realloc(t->obj, 0, GFP_KERNEL);
	t->obj = NULL;
}

static void do_free(struct counters_test *t)
{
	kspan_free(t->obj);
	t->obj = NULL;
}

static void do_free_sensitive(struct counters_test *t)
{
	kspan_free_sensitive(t->obj);
	t->obj = NULL;
}

static void do_free_rcu(struct counters_test *t)
{
	kspan_free_rcu(t->obj);
	t->obj = NULL;
	books_settle();
}

static void do_free_and_settle(struct counters_test *t)
{
	do_free(t);
	books_settle();
}

static void do_free_an_array(struct counters_test *t)
{
	free_range(t, 0, NR);
}

static void do_free_one_more(struct counters_test *t)
{
	free_range(t, NR, NR + 1);
}

static void do_no_memory(struct counters_test *t)
{
	kspan_free(NULL);
	kspan_free(ZERO_SIZE_PTR);
	kspan_free_rcu(NULL);
	kspan_free_sensitive(NULL);
	kspan_free(kspan_alloc(0, GFP_KERNEL));
	kspan_free(kspan_strdup(NULL, GFP_KERNEL));
	kspan_free(kspan_calloc(SIZE_MAX, 2, GFP_KERNEL));
}

static void do_ask(struct counters_test *t)
{
	struct kspan_buf buf = {};

	kspan_size(t->obj);
	kspan_owns(t->obj);
	kspan_in_span(t->obj);
	kspan_size(t);
	kspan_debugfs_render("stats", &buf);
	kspan_debugfs_render("caches", &buf);
	kspan_debugfs_render("heap", &buf);
	kspan_buf_free(&buf);
	kspan_profile_set_sample_bytes(HEAP, kspan_profile_sample_bytes(HEAP));
}

static void do_shrink(struct counters_test *t)
{
	kspan_cache_shrink(t->cache);
}

static void do_reset(struct counters_test *t)
{
	kspan_profile_reset(HEAP);
}

static void do_set_finalizer(struct counters_test *t)
{
	kspan_set_finalizer(t->obj, finalize, NULL, GFP_KERNEL);
}

static void do_set_and_clear(struct counters_test *t)
{
	kspan_set_finalizer(t->obj, finalize, NULL, GFP_KERNEL);
	kspan_set_finalizer(t->obj, finalize, NULL, GFP_KERNEL);
	kspan_clear_finalizer(t->obj);
}

static void do_weak_twice(struct counters_test *t)
{
	t->weak = kspan_weak_get(t->obj, GFP_KERNEL);
	kspan_weak_put(kspan_weak_get(t->obj, GFP_KERNEL));
}

static void do_double_free(struct counters_test *t)
{
	kspan_free(t->obj);
	kspan_free(t->obj);
	t->obj = NULL;
}

static void do_interior_free(struct counters_test *t)
{
	kspan_free(t->obj + 8);
}

static void do_foreign_free(struct counters_test *t)
{
	kspan_free(t);
	kspan_free_rcu(t);
}

static void do_foreign_realloc(struct counters_test *t)
{
	kspan_realloc(t, 10, GFP_KERNEL);
}

static void do_wrong_cache(struct counters_test *t)
{
	kspan_cache_free(t->cache, t->obj);
}

static void do_overrun(struct counters_test *t)
{
	poke(t->obj, 41, 0x77);
	do_free(t);
}

static void do_write_after_free(struct counters_test *t)
{
	void *obj = t->obj;

	do_free(t);
	poke(obj, 11, 0x77);
	t->obj = kspan_cache_alloc(t->other, GFP_KERNEL);
}

static void do_destroy_in_use(struct counters_test *t)
{
	kspan_cache_destroy(t->other);
	t->other = NULL;
}

/* ------------------------------------------------------------------ the table */

static const struct counters_case {
	const char *desc;
	void (*before)(struct counters_test *t);
	void (*op)(struct counters_test *t);
	long by[NR_NUMBERS];
} counters_cases[] = {
	{ "first object", nothing, do_alloc,
	  { [KSPAN_ALLOCS] = 1, [KSPAN_REFILLS] = 1, [KSPAN_SPANS_CREATED] = 1, [PAGES] = 1 } },
	{ "ready object", one_ready, do_alloc, { [KSPAN_ALLOCS] = 1 } },
	{ "one more than a batch", nothing, do_alloc_batch_and_one,
	  { [KSPAN_ALLOCS] = BATCH + 1, [KSPAN_REFILLS] = 2, [KSPAN_SPANS_CREATED] = 1,
	    [PAGES] = 1 } },
	{ "one more than an array", nothing, do_alloc_array_and_one,
	  { [KSPAN_ALLOCS] = NR + 1, [KSPAN_REFILLS] = 3, [KSPAN_SPANS_CREATED] = 2,
	    [PAGES] = 2 } },
	{ "out of the depot", depot_filled, do_alloc_array_and_one,
	  { [KSPAN_ALLOCS] = NR + 1, [KSPAN_REFILLS] = 1 } },
	{ "bulk", nothing, do_alloc_bulk,
	  { [KSPAN_ALLOCS] = BATCH, [KSPAN_REFILLS] = 1, [KSPAN_SPANS_CREATED] = 1,
	    [PAGES] = 1 } },
	{ "bulk there and back", one_ready, do_alloc_and_free_bulk,
	  { [KSPAN_ALLOCS] = BATCH, [KSPAN_FREES] = BATCH } },
	{ "bulk that fails", nothing, do_fail_in_bulk,
	  { [KSPAN_ALLOCS] = NR, [KSPAN_FREES] = NR, [KSPAN_ALLOC_FAILURES] = 1,
	    [KSPAN_REFILLS] = 2, [KSPAN_SPANS_CREATED] = 1, [PAGES] = 1 } },
	{ "no pages", nothing, do_fail_pages, { [KSPAN_ALLOC_FAILURES] = 1 } },
	{ "no header", nothing, do_fail_header, { [KSPAN_ALLOC_FAILURES] = 1 } },
	{ "no pages for a large one", nothing, do_fail_large, { [KSPAN_ALLOC_FAILURES] = 1 } },
	{ "large", nothing, do_large,
	  { [KSPAN_ALLOCS] = 1, [KSPAN_SPANS_CREATED] = 1, [PAGES] = 25 } },
	{ "large free", large_there, do_free,
	  { [KSPAN_FREES] = 1, [KSPAN_SPANS_FREED] = 1, [PAGES] = -25 } },
	{ "size class", classes_ready, do_alloc_class, { [KSPAN_ALLOCS] = 1 } },
	{ "memdup", classes_ready, do_memdup, { [KSPAN_ALLOCS] = 1 } },
	{ "from this node", classes_ready, do_zalloc_node, { [KSPAN_ALLOCS] = 1 } },
	{ "realloc in place", classes_ready, do_realloc_in_place, { } },
	{ "realloc elsewhere", classes_ready, do_realloc_away,
	  { [KSPAN_ALLOCS] = 1, [KSPAN_FREES] = 1 } },
	{ "realloc to nothing", classes_ready, do_realloc_to_nothing, { [KSPAN_FREES] = 1 } },
	{ "nothing at all", nothing, do_no_memory, { } },
	{ "questions", one_there, do_ask, { } },
	{ "free", one_there, do_free, { [KSPAN_FREES] = 1 } },
	{ "free sensitive", one_there, do_free_sensitive, { [KSPAN_FREES] = 1 } },
	{ "free rcu", one_there, do_free_rcu, { [KSPAN_FREES] = 1, [KSPAN_RCU_FREES] = 1 } },
	{ "free a whole array", many_there, do_free_an_array, { [KSPAN_FREES] = NR } },
	{ "free one more", array_full, do_free_one_more,
	  { [KSPAN_FREES] = 1, [KSPAN_FLUSHES] = 1 } },
	{ "shrink", one_ready, do_shrink, { [KSPAN_SPANS_FREED] = 1, [PAGES] = -1 } },
	{ "shrink in use", one_there, do_shrink, { } },
	{ "shrink a depot", depot_filled, do_shrink,
	  { [KSPAN_SPANS_FREED] = 2, [PAGES] = -2 } },

	{ "sample", sampled_ready, do_alloc,
	  { [KSPAN_ALLOCS] = 1, [SAMPLES] = 1, [STACKS_WALKED] = 1, [BUCKETS] = 1,
	    [SPECIALS] = 1 } },
	{ "free a sample", sampled_there, do_free, { [KSPAN_FREES] = 1, [SPECIALS] = -1 } },
	{ "reset", sampled_gone, do_reset, { [BUCKETS] = -1 } },
	{ "reset in use", sampled_there, do_reset, { } },
	{ "no record", sampled_ready, do_fail_special,
	  { [KSPAN_ALLOCS] = 1, [SAMPLES_DROPPED] = 1 } },
	{ "no bucket", sampled_ready, do_fail_bucket,
	  { [KSPAN_ALLOCS] = 1, [SAMPLES_DROPPED] = 1, [STACKS_WALKED] = 1 } },
	{ "full table", sampled_ready, do_fill_table,
	  { [KSPAN_ALLOCS] = 1, [SAMPLES_DROPPED] = 1, [STACKS_WALKED] = 1 } },
	{ "never a sample", in_unprofiled_cache, do_free, { [KSPAN_FREES] = 1 } },

	{ "finalizer", one_there, do_set_finalizer, { [SPECIALS] = 1 } },
	{ "finalizer cleared", one_there, do_set_and_clear, { } },
	{ "finalizer runs", with_finalizer, do_free_and_settle,
	  { [KSPAN_FREES] = 1, [KSPAN_FINALIZERS_RUN] = 1, [SPECIALS] = -1 } },
	{ "cleanups run", with_cleanups, do_free_and_settle,
	  { [KSPAN_FREES] = 1, [KSPAN_CLEANUPS_RUN] = 2, [SPECIALS] = -2 } },
	{ "weak handle", one_there, do_weak_twice, { [SPECIALS] = 1 } },
	{ "free with weak handle", with_weak, do_free_and_settle,
	  { [KSPAN_FREES] = 1, [KSPAN_RCU_FREES] = 1, [SPECIALS] = -1 } },
	{ "finalizer and weak handle", with_both, do_free_and_settle,
	  { [KSPAN_FREES] = 1, [KSPAN_RCU_FREES] = 1, [KSPAN_FINALIZERS_RUN] = 1,
	    [SPECIALS] = -2 } },
	{ "free rcu with both", with_both, do_free_rcu,
	  { [KSPAN_FREES] = 1, [KSPAN_RCU_FREES] = 1, [KSPAN_FINALIZERS_RUN] = 1,
	    [SPECIALS] = -2 } },

	{ "double free", one_there, do_double_free,
	  { [KSPAN_FREES] = 1, [KSPAN_DOUBLE_FREES] = 1 } },
	{ "free inside", one_there, do_interior_free, { [KSPAN_INVALID_FREES] = 1 } },
	{ "foreign frees", nothing, do_foreign_free, { [KSPAN_INVALID_FREES] = 2 } },
	{ "foreign realloc", nothing, do_foreign_realloc, { [KSPAN_INVALID_FREES] = 1 } },
	{ "wrong cache", in_other_cache, do_wrong_cache, { [KSPAN_WRONG_CACHE_FREES] = 1 } },
	{ "overrun", in_red_zone_cache, do_overrun,
	  { [KSPAN_FREES] = 1, [KSPAN_CORRUPTIONS] = 1 } },
	{ "write after free", in_poison_cache, do_write_after_free,
	  { [KSPAN_ALLOCS] = 1, [KSPAN_FREES] = 1, [KSPAN_REFILLS] = 1,
	    [KSPAN_CORRUPTIONS] = 1 } },
	{ "cache left", in_other_cache, do_destroy_in_use, { [KSPAN_CACHES_LEFT] = 1 } },
	{ "late free", left_in_other_cache, do_free,
	  { [KSPAN_FREES] = 1, [KSPAN_SPANS_FREED] = 1, [PAGES] = -1 } },
};

static void counters_desc(const struct counters_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(counters, counters_cases, counters_desc);

/* As the file says them. */
static void read_numbers(struct kunit *test, struct numbers *n)
{
	struct books b = { .test = test };
	int i;

	books_open(&b, &b.stats, "stats");
	for (i = 0; i < NR_NUMBERS; i++)
		n->v[i] = books_stat(&b, name_of(i));
	kspan_buf_free(&b.stats.buf);
}

static void numbers_move_by_so_much(struct kunit *test)
{
	const struct counters_case *c = test->param_value;
	struct counters_test *t = test->priv;
	struct numbers before, after;
	int i;

	if (t->cache->flags & (KSPAN_CHECK_FLAGS | KSPAN_BYPASS))
		kunit_skip(test, "of other caches");
	catch_reports();
	c->before(t);
	books_settle();
	read_numbers(test, &before);
	c->op(t);
	read_numbers(test, &after);
	for (i = 0; i < NR_NUMBERS; i++)
		if (after.v[i] - before.v[i] != c->by[i])
			KUNIT_FAIL(test, "%s: %s moved by %ld, not %ld", c->desc, name_of(i),
				   after.v[i] - before.v[i], c->by[i]);
}

/* ------------------------------------------------------------------ suite */

static int counters_init(struct kunit *test)
{
	struct counters_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	int err;

	if (!t)
		return -ENOMEM;
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	test->priv = t;
	err = test_begin(test);
	kspan_profile_set_sample_bytes(HEAP, 0);
	t->cache = kspan_cache_create("kspan-counters", OBJ_SIZE, 0, 0, NULL);
	return t->cache ? err : -ENOMEM;
}

static void counters_exit(struct kunit *test)
{
	struct counters_test *t = test->priv;
	unsigned int i;

	if (t) {
		for (i = 0; i < MOST; i++)
			kspan_free(t->objs[i]);
		kspan_free(t->obj);
		if (!IS_ERR_OR_NULL(t->weak))
			kspan_weak_put(t->weak);
	}
	test_end(test);
	if (t) {
		kspan_cache_destroy(t->other);
		kspan_cache_destroy(t->cache);
	}
}

static struct kunit_case counters_tests[] = {
	KUNIT_CASE_PARAM(numbers_move_by_so_much, counters_gen_params),
	{}
};

static struct kunit_suite counters_suite = {
	.name = "kspan_counters",
	.init = counters_init,
	.exit = counters_exit,
	.test_cases = counters_tests,
};

kunit_test_suite(counters_suite);
