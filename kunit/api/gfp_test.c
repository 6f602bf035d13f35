// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel is asked for, by each function that is told how: never for more than the caller
 * lets it, since he may hold a lock, or be what frees memory; and for as much where nothing else is
 * left. What is nice to have may be asked for in passing. Functions that are not told may sleep,
 * and ask for all that they need with all means. Tracepoints of the kernel's allocators tell of it.
 */
#include "suite.h"

#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/irqflags.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "export/debugfs.h"
#include "export/profile_files.h"
#include "shim/shim.h"
#include "profile_helpers.h"
#include "watch.h"

#define LARGE		40000	/* bytes, above the size classes: nothing is ready */
#define SMALL		200	/* within */
/* What waits for somebody, or may call back into him. */
#define MEANS		(__GFP_DIRECT_RECLAIM | __GFP_IO | __GFP_FS)

/* ------------------------------------------------------------------ what is asked for */

static struct {
	struct task_struct *task;	/* the test's, or NULL: nobody's */
	gfp_t gfp;			/* the caller's */
	unsigned int full;		/* asked for with the same means, */
	unsigned int less;		/* by kspan with fewer, and not in passing, */
	unsigned int beyond;		/* with others */
} asked;

static bool is_tests(void)
{
	return in_task() && current == READ_ONCE(asked.task);
}

static void note(gfp_t gfp, bool by_kspan)
{
	const gfp_t means = MEANS | __GFP_KSWAPD_RECLAIM;

	/* Nobody is charged, whoever asks. */
	if (gfp & (means | __GFP_ACCOUNT) & ~(asked.gfp & ~__GFP_ACCOUNT))
		asked.beyond++;
	else if (gfp & __GFP_NORETRY)
		return;
	else if ((gfp & means) == (asked.gfp & means))
		asked.full++;
	else
		asked.less += by_kspan;
}

static void note_slab(unsigned long ip, gfp_t gfp)
{
	if (is_tests())
		note(gfp, watch_is_kspan(ip));
}

static void on_kmalloc(void *data, unsigned long ip, const void *ptr, size_t asked_for,
		       size_t bytes, gfp_t gfp, int node)
{
	note_slab(ip, gfp);
}

static void on_kmem_cache_alloc(void *data, unsigned long ip, const void *ptr,
				struct kmem_cache *s, gfp_t gfp, int node)
{
	note_slab(ip, gfp);
}

/* Single ones are nobody else's here who asks with less. */
static void on_page_alloc(void *data, struct page *page, unsigned int order, gfp_t gfp,
			  int migratetype)
{
	if (is_tests())
		note(gfp, !order);
}

/* ------------------------------------------------------------------ functions */

struct gfp_test {
	struct kspan_cache *cache, *bypassed;
	u8 *obj;
	void *got, *many[3];
	struct kspan_weak *weak;
	char *text;			/* LARGE bytes, terminated */
};

static bool got(struct gfp_test *t, void *obj)
{
	t->got = obj;
	return obj;
}

static bool do_cache_alloc(struct gfp_test *t, gfp_t gfp)
{
	return got(t, kspan_cache_alloc(t->cache, gfp));
}

static bool do_cache_zalloc(struct gfp_test *t, gfp_t gfp)
{
	return got(t, kspan_cache_zalloc(t->cache, gfp));
}

static bool do_cache_alloc_node(struct gfp_test *t, gfp_t gfp)
{
	return got(t, kspan_cache_alloc_node(t->cache, gfp, numa_mem_id()));
}

static bool do_cache_alloc_this_node(struct gfp_test *t, gfp_t gfp)
{
	return got(t, kspan_cache_alloc_node(t->cache, gfp | __GFP_THISNODE, numa_mem_id()));
}

static bool do_cache_alloc_bulk(struct gfp_test *t, gfp_t gfp)
{
	return kspan_cache_alloc_bulk(t->cache, gfp, ARRAY_SIZE(t->many), t->many);
}

static bool do_bypass(struct gfp_test *t, gfp_t gfp)
{
	return got(t, kspan_cache_alloc(t->bypassed, gfp));
}

/* Which is tried until it is had, and no longer. */
static bool do_bypass_nofail(struct gfp_test *t, gfp_t gfp)
{
	if (gfpflags_allow_blocking(gfp))
		gfp |= __GFP_NOFAIL;
	return do_bypass(t, gfp);
}

static bool do_alloc(struct gfp_test *t, gfp_t gfp)
{
	return got(t, kspan_alloc(LARGE, gfp));
}

static bool do_alloc_small(struct gfp_test *t, gfp_t gfp)
{
	size_t size = SMALL;

	OPTIMIZER_HIDE_VAR(size);
	return got(t, kspan_alloc(size, gfp));
}

/* Its class is known at compile time. */
static bool do_alloc_constant(struct gfp_test *t, gfp_t gfp)
{
	return got(t, kspan_alloc(SMALL, gfp));
}

static bool do_alloc_small_node(struct gfp_test *t, gfp_t gfp)
{
	return got(t, kspan_alloc_node(SMALL, gfp, numa_mem_id()));
}

static bool do_cache_alloc_no_node(struct gfp_test *t, gfp_t gfp)
{
	return got(t, kspan_cache_alloc_node(t->cache, gfp, NUMA_NO_NODE));
}

static bool do_alloc_no_node(struct gfp_test *t, gfp_t gfp)
{
	return got(t, kspan_alloc_node(SMALL, gfp, NUMA_NO_NODE));
}

static bool do_zalloc(struct gfp_test *t, gfp_t gfp)
{
	return got(t, kspan_zalloc(LARGE, gfp));
}

static bool do_alloc_node(struct gfp_test *t, gfp_t gfp)
{
	return got(t, kspan_alloc_node(LARGE, gfp, numa_mem_id()));
}

static bool do_calloc(struct gfp_test *t, gfp_t gfp)
{
	return got(t, kspan_calloc(LARGE / 8, 8, gfp));
}

static bool do_realloc(struct gfp_test *t, gfp_t gfp)
{
	void *got = kspan_realloc(t->obj, LARGE, gfp);

	t->obj = got ?: t->obj;
	return got;
}

/* The kernel's own, where it hands kspan's memory back. */
static bool do_krealloc(struct gfp_test *t, gfp_t gfp)
{
	void *obj = t->obj, *got;

	if (!kspan_handback_works())
		return do_realloc(t, gfp);
	OPTIMIZER_HIDE_VAR(obj);
	got = krealloc(obj, LARGE, gfp);
	t->obj = got ?: obj;
	return got;
}

static bool do_realloc_nothing(struct gfp_test *t, gfp_t gfp)
{
	return got(t, kspan_realloc(NULL, LARGE, gfp));
}

static bool do_memdup(struct gfp_test *t, gfp_t gfp)
{
	return got(t, kspan_memdup(t->text, LARGE, gfp));
}

static bool do_strdup(struct gfp_test *t, gfp_t gfp)
{
	return got(t, kspan_strdup(t->text, gfp));
}

static bool do_strndup(struct gfp_test *t, gfp_t gfp)
{
	return got(t, kspan_strndup(t->text, LARGE - 1, gfp));
}

static void finalize(void *obj, void *arg)
{
}

static void clean_up(void *arg)
{
}

static bool do_set_finalizer(struct gfp_test *t, gfp_t gfp)
{
	return !kspan_set_finalizer(t->obj, finalize, NULL, gfp);
}

static bool do_add_cleanup(struct gfp_test *t, gfp_t gfp)
{
	return !kspan_add_cleanup(t->obj, clean_up, NULL, gfp);
}

static bool do_weak_get(struct gfp_test *t, gfp_t gfp)
{
	t->weak = kspan_weak_get(t->obj, gfp);
	return !IS_ERR(t->weak);
}

/* The record may be one that was kept, where KASAN does not look at them. */
#define A_RECORD	IS_ENABLED(CONFIG_KASAN)

static const struct gfp_case {
	const char *name;
	bool (*call)(struct gfp_test *t, gfp_t gfp);
	unsigned int full;	/* what is asked for with all means, at least, as a last resort */
} gfp_cases[] = {
	{ "kspan_cache_alloc", do_cache_alloc, 2 },
	{ "kspan_cache_zalloc", do_cache_zalloc, 2 },
	{ "kspan_cache_alloc_node", do_cache_alloc_node, 2 },
	{ "kspan_cache_alloc_node, this one", do_cache_alloc_this_node, 2 },
	{ "kspan_cache_alloc_node, none", do_cache_alloc_no_node, 2 },
	{ "kspan_cache_alloc_bulk", do_cache_alloc_bulk, 2 },
	{ "from the kernel's slab", do_bypass, 2 },
	{ "from there without fail", do_bypass_nofail, 2 },
	{ "kspan_alloc", do_alloc, 2 },
	{ "kspan_alloc, small", do_alloc_small, 2 },
	{ "kspan_alloc, constant", do_alloc_constant, 2 },
	{ "kspan_zalloc", do_zalloc, 2 },
	{ "kspan_alloc_node", do_alloc_node, 2 },
	{ "kspan_alloc_node, small", do_alloc_small_node, 2 },
	{ "kspan_alloc_node, no node", do_alloc_no_node, 2 },
	{ "kspan_calloc", do_calloc, 2 },
	{ "kspan_realloc", do_realloc, 2 },
	{ "kspan_realloc, NULL", do_realloc_nothing, 2 },
	{ "krealloc", do_krealloc, 2 },
	{ "kspan_memdup", do_memdup, 2 },
	{ "kspan_strdup", do_strdup, 2 },
	{ "kspan_strndup", do_strndup, 2 },
	{ "kspan_set_finalizer", do_set_finalizer, A_RECORD },
	{ "kspan_add_cleanup", do_add_cleanup, A_RECORD },
	{ "kspan_weak_get", do_weak_get, 1 + A_RECORD },
};

static void gfp_desc(const struct gfp_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(gfp, gfp_cases, gfp_desc);

/* ------------------------------------------------------------------ what has to be so */

static void tear_down(struct gfp_test *t)
{
	unsigned int i;

	if (!IS_ERR_OR_NULL(t->weak))
		kspan_weak_put(t->weak);
	kspan_free(t->obj);
	kspan_free(t->got);
	for (i = 0; i < ARRAY_SIZE(t->many); i++)
		kspan_free(t->many[i]);
	memset(t->many, 0, sizeof(t->many));
	t->weak = NULL;
	t->obj = NULL;
	t->got = NULL;
	books_settle();
}

/* One call, the first @fails of whose pages are refused; whether it worked. */
static bool call_once(struct gfp_test *t, const struct gfp_case *c, gfp_t gfp, unsigned int fails)
{
	unsigned long flags;
	bool works;

	t->obj = kspan_alloc(100, GFP_KERNEL);
	/* Nothing is ready. */
	kspan_cache_shrink(t->cache);
	kspan_cache_shrink(kspan_class_cache[kspan_class_of(SMALL)]);
	asked.gfp = gfp;
	asked.full = 0;
	asked.less = 0;
	asked.beyond = 0;
	fail_some(KSPAN_FAIL_PAGES, 0, fails);
	WRITE_ONCE(asked.task, current);
	if (gfpflags_allow_blocking(gfp)) {
		works = c->call(t, gfp);
	} else if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		works = c->call(t, gfp);
	} else {
		local_irq_save(flags);
		works = c->call(t, gfp);
		local_irq_restore(flags);
	}
	WRITE_ONCE(asked.task, NULL);
	fail_nothing();
	tear_down(t);
	return works;
}

static void no_more_is_asked_for_than_the_caller_lets(struct kunit *test)
{
	static const gfp_t gfps[] = {
		GFP_KERNEL, GFP_NOFS, GFP_NOIO, GFP_NOWAIT, GFP_ATOMIC, (__force gfp_t)0,
	};
	const struct gfp_case *c = test->param_value;
	struct gfp_test *t = test->priv;
	unsigned int i, fails, full, worked;

	for (i = 0; i < ARRAY_SIZE(gfps); i++) {
		full = 0;
		worked = 0;
		for (fails = 0; fails < 4; fails++) {
			worked += call_once(t, c, gfps[i] | __GFP_NOWARN | __GFP_ACCOUNT, fails);
			full = max(full, asked.full);
			KUNIT_EXPECT_EQ_MSG(test, asked.beyond, 0U, "%pGg, %u", &gfps[i], fails);
		}
		KUNIT_EXPECT_GT_MSG(test, worked, 0U, "%pGg", &gfps[i]);
		KUNIT_EXPECT_GE_MSG(test, full, c->full, "%pGg", &gfps[i]);
	}
}

/* ------------------------------------------------------------------ of those who may sleep */

static void do_create(const char *arg)
{
	kspan_cache_destroy(kspan_cache_create(arg, 200, 0, 0, NULL));
}

static void do_create_bypassed(const char *arg)
{
	kspan_cache_destroy(kspan_cache_create(arg, 200, 0, KSPAN_BYPASS, NULL));
}

/* Memory behind all that there is. */
static void do_cover(const char *arg)
{
	const struct kspan_pagemap *map;
	void *end;

	rcu_read_lock();
	map = rcu_dereference(kspan_pagemap);
	end = (void *)map->start + kspan_pagemap_leaves(map) * (KSPAN_LEAF_PAGES << PAGE_SHIFT);
	rcu_read_unlock();
	kspan_pagemap_cover(end, end + PAGE_SIZE - 1);
}

DECLARE_KSPAN_PROFILE(gfp_test_profile);
DEFINE_KSPAN_PROFILE(gfp_test_profile, "gfp test", NULL);

static void do_profile(const char *arg)
{
	if (!kspan_profile_init(&gfp_test_profile, SZ_64K))
		kspan_profile_destroy(&gfp_test_profile);
}

static void do_files(const char *arg)
{
	struct kspan_files files = KSPAN_PROFILE_FILES(&gfp_test_profile);
	struct dentry *dir = debugfs_create_dir(arg, NULL);

	if (IS_ERR(dir))
		return;
	kspan_files_create(&files, dir);
	debugfs_remove(dir);
	kspan_files_free(&files);
}

static void do_render(const char *arg)
{
	struct kspan_buf buf = {};

	kspan_debugfs_render(arg, &buf);
	kspan_buf_free(&buf);
}

static const struct sleeping_case {
	const char *desc;
	void (*call)(const char *arg);
	const char *arg;
	unsigned int full;
} sleeping_cases[] = {
	{ "create", do_create, "gfp-created", 3 },
	{ "create, bypassed", do_create_bypassed, "gfp-created", 4 },
	{ "page map", do_cover, NULL, 3 },
	{ "another profile", do_profile, NULL, 2 },
	{ "its files", do_files, "kspan_gfp_test", 1 },
	{ "heap", do_render, "heap", 1 },
	{ "allocs", do_render, "allocs", 1 },
	{ "peak", do_render, "peak", 1 },
	{ "lifetime", do_render, "lifetime", 1 },
	{ "fragmentation", do_render, "fragmentation", 1 },
	{ "heap.txt", do_render, "heap.txt", 1 },
	{ "heap.folded", do_render, "heap.folded", 1 },
	{ "caches", do_render, "caches", 1 },
	{ "spans", do_render, "spans", 1 },
	{ "specials", do_render, "specials", 1 },
	{ "stats", do_render, "stats", 1 },
};

static void sleeping_desc(const struct sleeping_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(sleeping, sleeping_cases, sleeping_desc);

static void whoever_may_sleep_asks_with_all_means(struct kunit *test)
{
	const struct sleeping_case *c = test->param_value;
	struct gfp_test *t = test->priv;

	/* Something to tell of, with names that are not known yet. */
	kspan_profile_set_sample_bytes(HEAP, 1);
	t->obj = test_keep(kspan_alloc(200, GFP_KERNEL));
	kspan_profile_set_sample_bytes(HEAP, 0);
	asked.gfp = GFP_KERNEL;
	asked.full = 0;
	asked.less = 0;
	asked.beyond = 0;
	WRITE_ONCE(asked.task, current);
	c->call(c->arg);
	WRITE_ONCE(asked.task, NULL);
	tear_down(t);
	KUNIT_EXPECT_EQ(test, asked.beyond, 0U);
	KUNIT_EXPECT_EQ(test, asked.less, 0U);
	KUNIT_EXPECT_GE(test, asked.full, c->full);
}

/* ------------------------------------------------------------------ suite */

static struct watch watches[3];
static bool watching;

static int gfp_suite_init(struct kunit_suite *suite)
{
	watching = watch_begin(&watches[0], "kmalloc", on_kmalloc) &&
		   watch_begin(&watches[1], "kmem_cache_alloc", on_kmem_cache_alloc) &&
		   watch_begin(&watches[2], "mm_page_alloc", on_page_alloc);
	return 0;
}

static void gfp_suite_exit(struct kunit_suite *suite)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(watches); i++)
		watch_end(&watches[i]);
}

static int gfp_init(struct kunit *test)
{
	struct gfp_test *t;
	int err;

	if (!watching)
		kunit_skip(test, "needs tracepoints");
	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	test->priv = t;
	err = test_begin(test);
	/* What a sample asks for, whole/profile_test.c looks at. */
	kspan_profile_set_sample_bytes(HEAP, 0);
	t->cache = kspan_cache_create("kspan-gfp", 200, 0, 0, NULL);
	t->bypassed = kspan_cache_create("kspan-gfp-bypassed", 200, 0, KSPAN_BYPASS, NULL);
	t->text = kunit_kmalloc(test, LARGE, GFP_KERNEL);
	if (err || !t->cache || !t->bypassed || !t->text)
		return -ENOMEM;
	memset(t->text, 'x', LARGE);
	t->text[LARGE - 1] = '\0';
	return 0;
}

static void gfp_exit(struct kunit *test)
{
	struct gfp_test *t = test->priv;

	if (!t)
		return;
	WRITE_ONCE(asked.task, NULL);
	test_end(test);
	kspan_cache_destroy(t->cache);
	kspan_cache_destroy(t->bypassed);
}

static struct kunit_case gfp_tests[] = {
	KUNIT_CASE_PARAM(no_more_is_asked_for_than_the_caller_lets, gfp_gen_params),
	KUNIT_CASE_PARAM(whoever_may_sleep_asks_with_all_means, sleeping_gen_params),
	{}
};

static struct kunit_suite gfp_suite = {
	.name = "kspan_gfp",
	.suite_init = gfp_suite_init,
	.suite_exit = gfp_suite_exit,
	.init = gfp_init,
	.exit = gfp_exit,
	.test_cases = gfp_tests,
};

kunit_test_suite(gfp_suite);
