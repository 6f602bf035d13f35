// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of memory that is gone: each thing that kspan does is done while the first memory that it
 * asks the kernel for is refused, then the second, until none is, and once more with all that
 * comes after refused as well. It fails with -ENOMEM or works, and leaves nothing behind.
 */
#include "suite.h"

#include <linux/dcache.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "base/buf.h"
#include "export/debugfs.h"
#include "export/profile_files.h"
#include "heap/pagemap.h"
#include "profile/symbol.h"
#include "profile_helpers.h"
#include "instead.h"
#include "refusals.h"

/* Of one cache, each from a stack of its own. */
#define OBJECTS		6
/* Nothing here asks for memory as often as that. */
#define REFUSALS_MOST	2000

static struct kspan_cache *cache;
static void *objs[OBJECTS];
static struct kspan_cache *made;
static void *got;
static struct kspan_weak *weak;

/* A file, for whoever opens it. What is needed for that is there before. */
static struct {
	int (*open)(struct inode *inode, struct file *file);
	int (*release)(struct inode *inode, struct file *file);
	struct file *file;
	struct dentry *dentry;
} opening;

static int nomem_init(struct kunit *test)
{
	if (!refusals_work(test))
		kunit_skip(test, "the kernel cannot refuse memory");
	opening.file = kunit_kzalloc(test, sizeof(*opening.file), GFP_KERNEL);
	return test_begin(test);
}

/* ------------------------------------------------------------------ what is done */

/* The first address behind the page map. */
static void *map_end(void)
{
	const struct kspan_pagemap *map;
	unsigned long end;

	rcu_read_lock();
	map = rcu_dereference(kspan_pagemap);
	end = map->start + kspan_pagemap_leaves(map) * (KSPAN_LEAF_PAGES << PAGE_SHIFT);
	rcu_read_unlock();
	return (void *)end;
}

static noinline void *alloc_below(unsigned int depth)
{
	return test_keep(depth ? alloc_below(depth - 1) : kspan_cache_alloc(cache, GFP_KERNEL));
}

static void make_cache(void)
{
	cache = kspan_cache_create("nomem", 200, 0, 0, NULL);
}

static void make_objects(void)
{
	unsigned int i;

	make_cache();
	for (i = 0; cache && i < OBJECTS; i++)
		objs[i] = alloc_below(i);
}

static int create(const char *arg)
{
	made = kspan_cache_create("nomem-2", 100, 0, 0, NULL);
	return made ? 0 : -ENOMEM;
}

static int create_guarded(const char *arg)
{
	made = kspan_cache_create("nomem-2", 100, 0, KSPAN_RED_ZONE | KSPAN_POISON, NULL);
	return made ? 0 : -ENOMEM;
}

static int destroy(const char *arg)
{
	struct kspan_cache *doomed = cache;

	cache = NULL;
	kspan_cache_destroy(doomed);
	return 0;
}

static int alloc(const char *arg)
{
	got = kspan_cache_alloc(cache, GFP_KERNEL);
	return got ? 0 : -ENOMEM;
}

static int alloc_large(const char *arg)
{
	got = kspan_alloc(1 << 20, GFP_KERNEL | __GFP_NOWARN);
	return got ? 0 : -ENOMEM;
}

static int free_all(const char *arg)
{
	unsigned int i;

	for (i = 0; i < OBJECTS; i++) {
		kspan_free(objs[i]);
		objs[i] = NULL;
	}
	return 0;
}

static int get_weak(const char *arg)
{
	struct kspan_weak *handle = kspan_weak_get(objs[0], GFP_KERNEL);

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	weak = handle;
	return 0;
}

static void on_free(void *obj, void *arg)
{
}

static void on_cleanup(void *arg)
{
}

static int set_finalizer(const char *arg)
{
	return kspan_set_finalizer(objs[0], on_free, NULL, GFP_KERNEL);
}

static int add_cleanup(const char *arg)
{
	return kspan_add_cleanup(objs[0], on_cleanup, NULL, GFP_KERNEL);
}

static int grow_pagemap(const char *arg)
{
	void *end = map_end();

	return kspan_pagemap_cover(end, end + PAGE_SIZE - 1);
}

static int render(const char *file)
{
	struct kspan_buf buf = {};
	int err = kspan_debugfs_render(file, &buf);

	kspan_buf_free(&buf);
	return err;
}

DECLARE_KSPAN_PROFILE(nomem_test_profile);
DEFINE_KSPAN_PROFILE(nomem_test_profile, "nomem test", NULL);

static int profile(const char *arg)
{
	int err = kspan_profile_init(&nomem_test_profile, 64 << 10);

	if (!err)
		kspan_profile_destroy(&nomem_test_profile);
	return err;
}

static int files(const char *dir_name)
{
	struct kspan_files files = KSPAN_PROFILE_FILES(HEAP);
	struct dentry *dir = debugfs_create_dir(dir_name, NULL);
	int err;

	if (IS_ERR(dir))
		return PTR_ERR(dir);
	err = kspan_files_create(&files, dir);
	debugfs_remove(dir);
	kspan_files_free(&files);
	/* Who gives up does so, and so does who ends. */
	kspan_files_free(&files);
	return err;
}

static void find_caches(void)
{
	struct dentry *dir = debugfs_lookup(KSPAN_DEBUGFS_DIR, NULL);

	make_objects();
	if (!opening.open) {
		opening.open = find_function(KSPAN_TEXT "kspan_file_open");
		opening.release = find_function(KSPAN_TEXT "kspan_file_release");
	}
	if (IS_ERR_OR_NULL(dir))
		return;
	opening.dentry = debugfs_lookup("caches", dir);
	dput(dir);
}

static int open_file(const char *arg)
{
	struct dentry *dentry = opening.dentry;
	int err = 0;

	if (IS_ERR_OR_NULL(dentry))
		return 0;
	if (opening.open && opening.release && opening.file) {
		opening.file->f_mode = FMODE_READ;
		err = opening.open(d_inode(dentry), opening.file);
		if (!err)
			opening.release(d_inode(dentry), opening.file);
	}
	opening.dentry = NULL;
	dput(dentry);
	return err;
}

static const struct deed {
	const char *desc;
	void (*before)(void);
	int (*run)(const char *arg);
	const char *arg;
	bool works;	/* however little memory there is */
} deeds[] = {
	{ "create a cache", make_cache, create },
	{ "create a cache with guards", make_cache, create_guarded },
	{ "destroy a cache", make_cache, destroy, .works = true },
	{ "first object", make_cache, alloc },
	{ "large object", make_cache, alloc_large },
	{ "free", make_objects, free_all, .works = true },
	{ "weak handle", make_objects, get_weak },
	{ "finalizer", make_objects, set_finalizer },
	{ "cleanup", make_objects, add_cleanup },
	{ "page map", make_cache, grow_pagemap },
	{ "heap", make_objects, render, "heap" },
	{ "peak", make_objects, render, "peak" },
	{ "lifetime", make_objects, render, "lifetime" },
	{ "fragmentation", make_objects, render, "fragmentation" },
	{ "heap.txt", make_objects, render, "heap.txt" },
	{ "heap.folded", make_objects, render, "heap.folded" },
	{ "caches", make_objects, render, "caches" },
	{ "spans", make_objects, render, "spans" },
	{ "specials", make_objects, render, "specials" },
	{ "stats", make_objects, render, "stats" },
	{ "another profile", make_cache, profile },
	{ "its files", make_cache, files, "kspan_nomem_test" },
	{ "caches opened", find_caches, open_file },
};

static void deed_desc(const struct deed *deed, char *desc)
{
	strscpy(desc, deed->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(deed, deeds, deed_desc);

/* ------------------------------------------------------------------ what has to be so */

static void put_away(void)
{
	if (weak)
		kspan_weak_put(weak);
	kspan_free(got);
	free_all(NULL);
	test_settle();
	kspan_cache_destroy(made);
	kspan_cache_destroy(cache);
	weak = NULL;
	got = NULL;
	made = NULL;
	cache = NULL;
	/* With their names, so that the next turn has to make them again. */
	kspan_profile_reset(HEAP);
}

/* @deed with the @nth memory refused, and all after it if @all: whether any was. */
static bool turn(struct kunit *test, const struct deed *deed, unsigned int nth, bool all)
{
	bool was_refused;
	int err;

	deed->before();
	if (!cache)
		KUNIT_FAIL(test, "there is no memory to begin with");
	refuse(nth, all);
	err = deed->run(deed->arg);
	was_refused = refused();
	put_away();
	if (err && (err != -ENOMEM || !was_refused || deed->works))
		KUNIT_FAIL(test, "%s, refusal %u%s: error %d", deed->desc, nth,
			   all ? " and all after it" : "", err);
	return was_refused;
}

static unsigned long in_use(void)
{
	return kspan_counter_sum(KSPAN_ALLOCS) - kspan_counter_sum(KSPAN_FREES);
}

static void it_works_or_leaves_nothing(struct kunit *test)
{
	const struct deed *deed = test->param_value;
	size_t names = kspan_symbol_bytes();
	unsigned long buckets = kspan_profile_buckets(HEAP);
	unsigned long live = in_use();
	unsigned int nth, all;

	for (all = 0; all < 2; all++) {
		for (nth = 1; nth < REFUSALS_MOST && turn(test, deed, nth, all); nth++)
			;
		KUNIT_EXPECT_LT(test, nth, (unsigned int)REFUSALS_MOST);
	}
	KUNIT_EXPECT_EQ(test, kspan_symbol_bytes(), names);
	KUNIT_EXPECT_EQ(test, kspan_profile_buckets(HEAP), buckets);
	KUNIT_EXPECT_EQ(test, in_use(), live);
	/* What need not ask for memory may not have been refused any. */
	KUNIT_EXPECT_TRUE(test, nth > 1 || deed->works);
}

/* ------------------------------------------------------------------ pages */

#define HUGE_SIZE	KMALLOC_MAX_SIZE
#define HUGE_MOST	100
#define UNPLACED	6

static unsigned long free_pages_now(void)
{
	struct sysinfo info;

	si_meminfo(&info);
	return info.freeram;
}

/*
 * Pages for which the map has no leaf and there is no memory for one: they are all given back. The
 * largest objects soon come upon such; each of them keeps its pages: the next one has others.
 */
static void pages_without_a_place_are_free_again(struct kunit *test)
{
	void **huge = objs_new(test, HUGE_MOST);
	unsigned long pages = HUGE_SIZE / PAGE_SIZE, before = free_pages_now(), after;
	unsigned int i, unplaced = 0;

	for (i = 0; i < HUGE_MOST && unplaced < UNPLACED; i++) {
		/* What is not refused are the pages and the span's header. */
		refuse(3, true);
		huge[i] = kspan_alloc(HUGE_SIZE, GFP_KERNEL | __GFP_NOWARN);
		refused();
		unplaced += !huge[i];
		if (!huge[i])
			huge[i] = kspan_alloc(HUGE_SIZE, GFP_KERNEL | __GFP_NOWARN);
		if (!huge[i])
			break;
	}
	KUNIT_EXPECT_GE(test, unplaced, 2U);
	while (i--)
		kspan_free(huge[i]);
	books_settle();
	after = free_pages_now();
	/* Others come and go meanwhile, but not as much. */
	KUNIT_EXPECT_LT(test, before, after + unplaced / 2 * pages);
}

/* And takes nothing more, though there be memory again: nobody is shown half of a file. */
static void buffer_says_that_it_is_not_whole(struct kunit *test)
{
	static const char words[5000];
	struct kspan_buf buf = {};
	size_t len;

	kspan_buf_append(&buf, words, 100);
	KUNIT_EXPECT_EQ(test, buf.err, 0);
	len = buf.len;
	refuse(1, true);
	kspan_buf_append(&buf, words, sizeof(words));
	KUNIT_EXPECT_TRUE(test, refused());
	KUNIT_EXPECT_EQ(test, buf.err, -ENOMEM);
	kspan_buf_append(&buf, words, 1);
	KUNIT_EXPECT_EQ(test, buf.len, len);
	kspan_buf_free(&buf);

	refuse(1, true);
	kspan_buf_printf(&buf, "%s", "words");
	KUNIT_EXPECT_TRUE(test, refused());
	KUNIT_EXPECT_EQ(test, buf.err, -ENOMEM);
	kspan_buf_free(&buf);
}

static struct kunit_case nomem_cases[] = {
	KUNIT_CASE(pages_without_a_place_are_free_again),
	KUNIT_CASE(buffer_says_that_it_is_not_whole),
	KUNIT_CASE_PARAM(it_works_or_leaves_nothing, deed_gen_params),
	{}
};

/* What others have left ready would be told of in each turn anew. */
static int nomem_suite_init(struct kunit_suite *suite)
{
	unsigned int i;

	for (i = 0; i < KSPAN_NR_CLASSES; i++)
		kspan_cache_shrink(kspan_class_cache[i]);
	return 0;
}

static struct kunit_suite nomem_suite = {
	.name = "kspan_nomem",
	.suite_init = nomem_suite_init,
	.init = nomem_init,
	.exit = test_end,
	.test_cases = nomem_cases,
};

kunit_test_suite(nomem_suite);
