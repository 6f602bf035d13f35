// SPDX-License-Identifier: GPL-2.0
/*
 * Which of kspan's locks each operation takes, and how often: what a lock guards is touched under
 * it, by everybody who does. Two who do so at once are too rare in a guest to be waited for; that
 * the lock is taken is seen each time. Lockdep tells of it by a tracepoint.
 */
#include "suite.h"

#include <linux/cpu.h>
#include <linux/lockdep.h>
#include <linux/notifier.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "api/leak.h"
#include "heap/fence.h"
#include "profile/symbol.h"
#include "bucket_helpers.h"
#include "instead.h"
#include "watch.h"

#define NR		64		/* objects of a span, and of an array */
#define OBJ_SIZE	(PAGE_SIZE / NR)
#define MOST		(2 * NR)

enum {
	NODE, SPECIAL, BUCKET, PAGEMAP, FENCE, BYPASS,
	LABELS, CACHES, BUCKETS, TABLES, SYMBOLS, MAP, RATE,
	/* The kernel's, as kspan's own functions take them; looked at where the table has them. */
	CPUS, READ_SIDE,
	NR_LOCKS
};

static const char *const names[NR_LOCKS] = {
	[NODE] = "kspan_node_lock",
	[SPECIAL] = "kspan_special_lock",
	[BUCKET] = "kspan_bucket_lock",
	[PAGEMAP] = "kspan_pagemap_lock",
	[FENCE] = "kspan_fence_lock",
	[BYPASS] = "kspan_bypass_lock",
	[LABELS] = "kspan_label_lock",
	[CACHES] = "kspan_cache_mutex",
	[BUCKETS] = "kspan_bucket_mutex",
	[TABLES] = "kspan_tables_mutex",
	[SYMBOLS] = "kspan_symbol_mutex",
	[MAP] = "kspan_pagemap_mutex",
	[RATE] = "kspan_rate_mutex",
	[CPUS] = "cpu_hotplug_lock",
	[READ_SIDE] = "rcu_read_lock",
};

/* ------------------------------------------------------------------ what is taken */

static struct {
	struct task_struct *task;	/* the test's, or NULL: nobody's */
	bool anyone;			/* or whoever it is */
	unsigned int taken[NR_LOCKS];
} seen;

/* Is it in kspan's text? Then it is not far from a function of it. */
static bool by_kspan(unsigned long ip)
{
	return abs_diff(ip, (unsigned long)kspan_cache_destroy) < SZ_512K;
}

#ifdef CONFIG_LOCKDEP
static void on_acquire(void *data, struct lockdep_map *lock, unsigned int subclass, int trylock,
		       int read, int check, struct lockdep_map *next, unsigned long ip)
{
	int i;

	if (!in_task() || !READ_ONCE(seen.task) || !lock->name ||
	    (current != seen.task && !seen.anyone))
		return;
	for (i = 0; i < NR_LOCKS; i++)
		seen.taken[i] += !strcmp(lock->name, names[i]) && (i < CPUS || by_kspan(ip));
}
#else
#define on_acquire	NULL
#endif

/* ------------------------------------------------------------------ operations */

struct locks_test {
	struct kspan_cache *cache, *other;
	void *objs[MOST];
	void *obj;
	struct kspan_weak *weak;
	const struct kspan_symbol *sym;
	struct kspan_buf buf;
};

static void nothing(struct locks_test *t)
{
}

static void do_alloc(struct locks_test *t)
{
	t->obj = test_keep(kspan_cache_alloc(t->other ?: t->cache, GFP_KERNEL));
}

static void do_free(struct locks_test *t)
{
	kspan_free(t->obj);
	t->obj = NULL;
}

static void one_ready(struct locks_test *t)
{
	do_alloc(t);
	do_free(t);
}

static void alloc_all(struct locks_test *t)
{
	unsigned int i;

	for (i = 0; i < MOST; i++)
		t->objs[i] = kspan_cache_alloc(t->cache, GFP_KERNEL);
}

static void free_range(struct locks_test *t, unsigned int from, unsigned int to)
{
	for (; from < to; from++) {
		kspan_free(t->objs[from]);
		t->objs[from] = NULL;
	}
}

static void array_full(struct locks_test *t)
{
	alloc_all(t);
	free_range(t, 0, NR);
}

static void do_free_one_more(struct locks_test *t)
{
	free_range(t, NR, NR + 1);
}

/* The array is empty, and there is a magazine. */
static void depot_filled(struct locks_test *t)
{
	unsigned int i;

	alloc_all(t);
	free_range(t, 0, MOST);
	for (i = 0; i < MOST && kspan_pcpu_cached(t->cache); i++)
		t->objs[i] = kspan_cache_alloc(t->cache, GFP_KERNEL);
}

static void do_walk_start(struct locks_test *t)
{
	kspan_depot_walk_start(kspan_cache_node(t->cache, numa_mem_id()));
}

static void walk_started(struct locks_test *t)
{
	depot_filled(t);
	do_walk_start(t);
}

static void do_walk_next(struct locks_test *t)
{
	struct kspan_slot slots[KSPAN_BATCH_MAX];
	u8 mark;

	kspan_depot_walk_next(t->cache, kspan_cache_node(t->cache, numa_mem_id()), slots, &mark);
}

static void do_large(struct locks_test *t)
{
	t->obj = kspan_alloc(25 * PAGE_SIZE, GFP_KERNEL);
}

/* -------- samples and records */

static void sampled_ready(struct locks_test *t)
{
	one_ready(t);
	kspan_profile_set_sample_bytes(HEAP, 1);
}

static void sampled_there(struct locks_test *t)
{
	sampled_ready(t);
	do_alloc(t);
}

static void finalize(void *obj, void *arg)
{
}

static void do_set_finalizer(struct locks_test *t)
{
	kspan_set_finalizer(t->obj, finalize, NULL, GFP_KERNEL);
}

static void with_finalizer(struct locks_test *t)
{
	do_alloc(t);
	do_set_finalizer(t);
}

static void do_clear_finalizer(struct locks_test *t)
{
	kspan_clear_finalizer(t->obj);
}

static void do_weak(struct locks_test *t)
{
	t->weak = kspan_weak_get(t->obj, GFP_KERNEL);
}

/* -------- singles */

static void guarded_ready(struct locks_test *t)
{
	if (kspan_fence_open())
		return;
	t->other = kspan_cache_create("locks-other", OBJ_SIZE, 0, KSPAN_GUARD, NULL);
	if (t->other)
		sampled_ready(t);
}

static void guarded_there(struct locks_test *t)
{
	guarded_ready(t);
	if (t->other)
		do_alloc(t);
}

static void bypassing(struct locks_test *t)
{
	t->other = kspan_cache_create("locks-other", OBJ_SIZE, 0, KSPAN_BYPASS, NULL);
}

static void bypassed_there(struct locks_test *t)
{
	bypassing(t);
	do_alloc(t);
}

/* -------- caches */

static void do_create(struct locks_test *t)
{
	t->other = kspan_cache_create("locks-other", OBJ_SIZE, 0, 0, NULL);
}

static void with_one_left(struct locks_test *t)
{
	do_create(t);
	if (t->other)
		do_alloc(t);
}

static void do_free_later(struct locks_test *t)
{
	kspan_free_rcu(t->obj);
	t->obj = NULL;
}

static void do_destroy(struct locks_test *t)
{
	kspan_cache_destroy(t->other);
	t->other = NULL;
}

static void do_shrink(struct locks_test *t)
{
	kspan_cache_shrink(t->cache);
}

static void do_sum(struct locks_test *t)
{
	kspan_counter_sum(KSPAN_FREES);
}

static void do_caches(struct locks_test *t)
{
	kspan_debugfs_render("caches", &t->buf);
}

static void do_spans(struct locks_test *t)
{
	kspan_debugfs_render("spans", &t->buf);
}

static void do_leak_of_module(struct locks_test *t)
{
	kspan_leak_of_module(THIS_MODULE);
}

/* -------- the profile */

static void do_rate(struct locks_test *t)
{
	kspan_profile_set_sample_bytes(HEAP, 4096);
}

static void do_snapshot(struct locks_test *t)
{
	struct kspan_snapshot *snap = kspan_snapshot_take(HEAP);

	if (!IS_ERR(snap))
		kspan_snapshot_free(snap);
}

static void do_fragmentation(struct locks_test *t)
{
	struct kspan_snapshot *snap = kspan_snapshot_take_with(HEAP, KSPAN_WITH_FREE);

	if (!IS_ERR(snap))
		kspan_snapshot_free(snap);
}

static void do_reset(struct locks_test *t)
{
	kspan_profile_reset(HEAP);
}

static void do_module_leaves(struct locks_test *t)
{
	kspan_table_module_event(HEAP->table, MODULE_STATE_GOING, THIS_MODULE);
}

static void do_symbol(struct locks_test *t)
{
	t->sym = kspan_symbol_get((unsigned long)do_symbol);
}

static void do_symbol_put(struct locks_test *t)
{
	kspan_symbol_put(t->sym);
	t->sym = NULL;
}

static void do_label(struct locks_test *t)
{
	struct kspan_label *again = kspan_label_get(label->name, GFP_KERNEL);

	if (again)
		kspan_label_put(again);
}

/* -------- other profiles */

DECLARE_KSPAN_PROFILE(locks_test_profile);
DEFINE_KSPAN_PROFILE(locks_test_profile, "locks test", NULL);

#define OTHER	(&locks_test_profile)

static void do_profile_destroy(struct locks_test *t)
{
	if (OTHER->table)
		kspan_profile_destroy(OTHER);
}

static void do_profile_init(struct locks_test *t)
{
	if (kspan_profile_init(OTHER, SZ_64K))
		OTHER->table = NULL;
}

static void do_profile_start(struct locks_test *t)
{
	kspan_profile_start(OTHER);
}

static void do_profile_stop(struct locks_test *t)
{
	kspan_profile_stop(OTHER);
}

static int (*tell_tables)(struct notifier_block *nb, unsigned long action, void *module);

static void find_tables(struct locks_test *t)
{
	tell_tables = find_function(KSPAN_TEXT "names_module_event");
}

static void do_tell_tables(struct locks_test *t)
{
	if (tell_tables)
		tell_tables(NULL, MODULE_STATE_COMING, THIS_MODULE);
}

/* -------- the page map */

static void *map_end(void)
{
	const struct kspan_pagemap *map;
	void *end;

	rcu_read_lock();
	map = rcu_dereference(kspan_pagemap);
	end = (void *)map->start + kspan_pagemap_leaves(map) * (KSPAN_LEAF_PAGES << PAGE_SHIFT);
	rcu_read_unlock();
	return end;
}

static void do_cover(struct locks_test *t)
{
	kspan_pagemap_cover(t->objs, t->objs);
}

/* Behind all memory. */
static void do_cover_more(struct locks_test *t)
{
	void *end = map_end();

	kspan_pagemap_cover(end, end + PAGE_SIZE - 1);
}

static void do_set(struct locks_test *t)
{
	kspan_pagemap_set(map_end() - PAGE_SIZE, 1, &kspan_no_span, GFP_KERNEL);
}

/* -------- CPUs */

static void do_cpu(struct locks_test *t)
{
#if IS_ENABLED(CONFIG_HOTPLUG_CPU)
	int cpu = cpumask_last(cpu_online_mask);

	if (cpu != cpumask_first(cpu_online_mask) && !remove_cpu(cpu))
		add_cpu(cpu);
#endif
}

/* ------------------------------------------------------------------ the table */

#define SOME	UINT_MAX	/* at least once */
#define ANY	(UINT_MAX - 1)	/* or not at all */

static const struct locks_case {
	const char *desc;
	void (*before)(struct locks_test *t);
	void (*op)(struct locks_test *t);
	unsigned int takes[NR_LOCKS];
	bool anyone;		/* does it: it may be another task's doing */
} locks_cases[] = {
	{ "ready object", one_ready, do_alloc, { } },
	{ "first object", nothing, do_alloc, { [NODE] = 1, [PAGEMAP] = ANY } },
	/* Two magazines, and two that were emptied before go back. */
	{ "out of the depot", depot_filled, do_alloc, { [NODE] = 1 } },
	{ "walk over the depot", nothing, do_walk_start, { [NODE] = 1 } },
	{ "next in the depot", walk_started, do_walk_next, { [NODE] = 1 } },
	{ "shrink with a depot", depot_filled, do_shrink,
	  { [NODE] = SOME, [CACHES] = 1, [CPUS] = 1 } },
	{ "free", do_alloc, do_free, { } },
	{ "free one more", array_full, do_free_one_more, { [NODE] = 1 } },
	{ "large", nothing, do_large, { [NODE] = 1, [PAGEMAP] = ANY } },
	{ "large free", do_large, do_free, { [NODE] = 1 } },

	{ "sample", sampled_ready, do_alloc, { [SPECIAL] = 1, [BUCKET] = 1 } },
	{ "free a sample", sampled_there, do_free, { [SPECIAL] = 1, [BUCKET] = 1 } },
	{ "finalizer", do_alloc, do_set_finalizer, { [SPECIAL] = 1 } },
	{ "finalizer cleared", with_finalizer, do_clear_finalizer, { [SPECIAL] = 1 } },
	{ "weak handle", do_alloc, do_weak, { [SPECIAL] = 1 } },

	{ "guarded", guarded_ready, do_alloc,
	  { [NODE] = 1, [SPECIAL] = 1, [BUCKET] = 1, [FENCE] = 1 } },
	{ "guarded free", guarded_there, do_free,
	  { [NODE] = 1, [SPECIAL] = 1, [BUCKET] = 1, [FENCE] = 1 } },
	{ "bypass", bypassing, do_alloc, { [NODE] = 1, [BYPASS] = 1 } },
	{ "bypass free", bypassed_there, do_free, { [NODE] = 1, [BYPASS] = 1 } },

	/* Of a new label it is looked twice whether it is there. */
	{ "create", nothing, do_create, { [CACHES] = 1, [SYMBOLS] = 1, [LABELS] = 2 } },
	{ "destroy", do_create, do_destroy,
	  { [NODE] = SOME, [CACHES] = 2, [SYMBOLS] = 1, [LABELS] = 1 } },
	{ "shrink", one_ready, do_shrink, { [NODE] = SOME, [CACHES] = 1, [CPUS] = 1 } },
	{ "frees", nothing, do_sum, { [CACHES] = 1 } },
	{ "caches", nothing, do_caches, { [NODE] = SOME, [CACHES] = 1 } },
	{ "spans", do_alloc, do_spans, { [NODE] = SOME, [CACHES] = 1 } },
	{ "leaks of a module", nothing, do_leak_of_module,
	  { [BUCKET] = ANY, [CACHES] = SOME, [BUCKETS] = 1 } },

	{ "rate", nothing, do_rate, { [CACHES] = 1, [RATE] = 1, [CPUS] = 1 } },
	{ "snapshot", sampled_there, do_snapshot,
	  { [BUCKET] = SOME, [BUCKETS] = 1, [SYMBOLS] = SOME } },
	{ "fragmentation", sampled_there, do_fragmentation,
	  { [NODE] = SOME, [SPECIAL] = SOME, [BUCKET] = SOME, [CACHES] = 1, [BUCKETS] = 1,
	    [SYMBOLS] = ANY } },
	{ "reset", sampled_there, do_reset, { [BUCKET] = SOME, [BUCKETS] = 1, [SYMBOLS] = ANY } },
	{ "module leaves", sampled_there, do_module_leaves,
	  { [BUCKET] = SOME, [BUCKETS] = 1, [SYMBOLS] = ANY } },
	{ "symbol", nothing, do_symbol, { [SYMBOLS] = 1 } },
	{ "symbol put", do_symbol, do_symbol_put, { [SYMBOLS] = 1 } },
	{ "label", nothing, do_label, { [LABELS] = 1 } },
	{ "page map", nothing, do_cover, { [MAP] = 1 } },
	{ "page map grows", nothing, do_cover_more, { [MAP] = 1, [PAGEMAP] = 1 } },
	{ "leaf", do_cover_more, do_set, { [PAGEMAP] = 1 } },
	{ "free later", do_alloc, do_free_later, { [SPECIAL] = 1, [READ_SIDE] = 2 } },
	{ "destroy with one left", with_one_left, do_destroy, { [NODE] = SOME, [CACHES] = SOME } },
	{ "other profile", nothing, do_profile_init, { [TABLES] = 1 } },
	{ "other profile starts", do_profile_init, do_profile_start, { [RATE] = 1, [CPUS] = 1 } },
	{ "other profile stops", do_profile_init, do_profile_stop, { [RATE] = 1, [CPUS] = 1 } },
	{ "other profile ends", do_profile_init, do_profile_destroy,
	  { [TABLES] = 1, [BUCKET] = ANY, [BUCKETS] = ANY } },
	{ "tables hear of modules", find_tables, do_tell_tables, { [TABLES] = 1 } },
	{ "CPU comes and goes", nothing, do_cpu, { [NODE] = ANY, [CACHES] = 1 }, .anyone = true },
};

static void locks_desc(const struct locks_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(locks, locks_cases, locks_desc);

static void locks_are_taken_so_often(struct kunit *test)
{
	const struct locks_case *c = test->param_value;
	struct locks_test *t = test->priv;
	int i;

	if (c->op == do_leak_of_module || c->op == do_module_leaves || c->op == do_tell_tables)
		need_module(test);
	if (t->cache->flags & (KSPAN_CHECK_FLAGS | KSPAN_BYPASS))
		kunit_skip(test, "of other caches");
	catch_reports();
	c->before(t);
	if (c->takes[FENCE] && !t->other)
		kunit_skip(test, "no guard mode on this machine");
	books_settle();
	memset(&seen, 0, sizeof(seen));
	seen.anyone = c->anyone;
	WRITE_ONCE(seen.task, current);
	c->op(t);
	WRITE_ONCE(seen.task, NULL);
	for (i = 0; i < NR_LOCKS; i++)
		if (i >= CPUS && !c->takes[i])
			continue;
		else if (c->takes[i] == SOME ? !seen.taken[i] :
			 c->takes[i] != ANY && c->takes[i] != seen.taken[i])
			KUNIT_FAIL(test, "%s: %s is taken %u times, not %d", c->desc, names[i],
				   seen.taken[i], c->takes[i]);
}

/* ------------------------------------------------------------------ suite */

static struct watch watch;
static bool watching;

static int locks_suite_init(struct kunit_suite *suite)
{
	watching = IS_ENABLED(CONFIG_LOCKDEP) && watch_begin(&watch, "lock_acquire", on_acquire);
	return 0;
}

static void locks_suite_exit(struct kunit_suite *suite)
{
	watch_end(&watch);
}

static int locks_init(struct kunit *test)
{
	struct locks_test *t;
	int err;

	if (!watching)
		kunit_skip(test, "nobody tells of locks");
	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	test->priv = t;
	err = bucket_test_begin(test);
	kspan_profile_set_sample_bytes(HEAP, 0);
	t->cache = kspan_cache_create("locks", OBJ_SIZE, 0, 0, NULL);
	return t->cache ? err : -ENOMEM;
}

static void locks_exit(struct kunit *test)
{
	struct locks_test *t = test->priv;

	if (!t)
		return;
	WRITE_ONCE(seen.task, NULL);
	free_range(t, 0, MOST);
	kspan_free(t->obj);
	if (!IS_ERR_OR_NULL(t->weak))
		kspan_weak_put(t->weak);
	kspan_symbol_put(t->sym);
	kspan_buf_free(&t->buf);
	do_profile_destroy(t);
	bucket_test_end(test);
	kspan_cache_destroy(t->other);
	kspan_cache_destroy(t->cache);
}

static struct kunit_case locks_tests[] = {
	KUNIT_CASE_PARAM(locks_are_taken_so_often, locks_gen_params),
	{}
};

static struct kunit_suite locks_suite = {
	.name = "kspan_locks",
	.suite_init = locks_suite_init,
	.suite_exit = locks_suite_exit,
	.init = locks_init,
	.exit = locks_exit,
	.test_cases = locks_tests,
};

kunit_test_suite(locks_suite);
