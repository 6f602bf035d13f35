// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the reports of what is left behind: how many objects, of which caches, and where they
 * came from or which rate would have told.
 */
#include "suite.h"

#include <linux/mm.h>
#include <linux/string.h>

#include "api/leak.h"
#include "base/buf.h"
#include "profile/label.h"
#include "profile_helpers.h"
#include "printed.h"

#define OBJECT_SIZE	64

static struct kspan_cache *cache;
static void *objs[20];

static int leak_init(struct kunit *test)
{
	cache = NULL;
	memset(objs, 0, sizeof(objs));
	test->priv = kunit_kzalloc(test, sizeof(struct kspan_buf), GFP_KERNEL);
	return test->priv ? test_begin(test) : -ENOMEM;
}

static void leak_exit(struct kunit *test)
{
	unsigned int i;

	printed_exit();
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		kspan_free(objs[i]);
	if (cache)
		kspan_cache_destroy(cache);
	if (test->priv)
		kspan_buf_free(test->priv);
	test_end(test);
}

static noinline void *alloc_that_leaks(void)
{
	return test_keep(kspan_cache_alloc(cache, GFP_KERNEL));
}

static noinline void *alloc_of_a_class_that_leaks(void)
{
	return test_keep(kspan_alloc(100, GFP_KERNEL));
}

static void make_cache(struct kunit *test, const char *name, unsigned int flags)
{
	cache = kspan_cache_create(name, OBJECT_SIZE, 0, flags, NULL);
	KUNIT_ASSERT_NOT_NULL(test, cache);
}

static void leak(struct kunit *test, void *(*alloc)(void), unsigned int n)
{
	unsigned int i;

	/* One call, and so one stack. */
	OPTIMIZER_HIDE_VAR(n);
	for (i = 0; i < n; i++) {
		objs[i] = alloc();
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
}

/* What a report of @n objects that are left in the cache says. */
static const char *text_of_cache(struct kunit *test, unsigned long n)
{
	struct kspan_left left = {
		.addr = cache, .label = cache->label, .objects = n, .slot_size = cache->slot_size,
		.not_profiled = cache->flags & KSPAN_NO_PROFILE,
	};
	struct kspan_buf *buf = test->priv;

	kspan_buf_free(buf);
	kspan_leak_show_cache(buf, &left);
	kspan_buf_append(buf, "", 1);
	KUNIT_ASSERT_EQ(test, buf->err, 0);
	return buf->data;
}

static const char *text_of_module(struct kunit *test)
{
	struct kspan_buf *buf = test->priv;

	need_module(test);
	kspan_buf_free(buf);
	kspan_table_module_event(HEAP->table, MODULE_STATE_GOING, THIS_MODULE);
	kspan_leak_show_module(buf, KBUILD_MODNAME);
	kspan_buf_append(buf, "", 1);
	KUNIT_ASSERT_EQ(test, buf->err, 0);
	return buf->data;
}

static void expect_words(struct kunit *test, const char *text, const char *words)
{
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(text, words), "\"%s\" is not in \"%s\"", words,
				  text);
}

/* ------------------------------------------------------------------ caches */

static void report_has_the_stacks_of_samples(struct kunit *test)
{
	const char *text;

	make_cache(test, "leak stacks", 0);
	leak(test, alloc_that_leaks, 3);
	text = text_of_cache(test, 3);
	expect_words(test, text, "about 3 of 64 bytes in cache leak\\040stacks, allocated at:\n"
		     "  alloc_that_leaks+0x");
	if (!IS_BUILT_IN)
		expect_words(test, text, " [" KBUILD_MODNAME "]\n");
	KUNIT_EXPECT_NULL(test, strstr(text, "none"));
}

static const struct none_case {
	const char *desc;
	u64 rate;
	unsigned long left;
	unsigned int flags;
	const char *says;
} none_cases[] = {
	{ "few", 524288, 3, 0,
	  "none of them was sampled at sample_bytes=524288: with 64 at least one of as many is " },
	{ "and all", 524288, 3, 0, "is in 19 runs of 20, with sample_bytes=1 each is\n" },
	{ "many", 524288, 1000, 0, "with 21333 at least one" },
	{ "off", 0, 3, 0, "none of them was sampled at sample_bytes=0: with 64 at least" },
	{ "a rate that is not the reason", 40, 3, 0,
	  "none of them was sampled at sample_bytes=40: with sample_bytes=1 each is\n" },
	{ "not profiled", 1, 3, KSPAN_NO_PROFILE,
	  "none of them was sampled: the cache has KSPAN_NO_PROFILE\n" },
};

static void none_desc(const struct none_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(none, none_cases, none_desc);

static void report_says_what_would_have_shown_them(struct kunit *test)
{
	const struct none_case *c = test->param_value;

	make_cache(test, "leak_none", c->flags);
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(HEAP, c->rate), 0);
	expect_words(test, text_of_cache(test, c->left), c->says);
}

static void many_stacks_are_counted(struct kunit *test)
{
	unsigned int i, shown = 0;
	const char *text;

	make_cache(test, "leak_many", 0);
	/* Each line is a stack of its own. */
#define LEAK(i)		(objs[i] = alloc_that_leaks())
	LEAK(0); LEAK(1); LEAK(2); LEAK(3); LEAK(4); LEAK(5); LEAK(6); LEAK(7); LEAK(8); LEAK(9);
	LEAK(10); LEAK(11); LEAK(12); LEAK(13); LEAK(14); LEAK(15); LEAK(16); LEAK(17); LEAK(18);
#undef LEAK
	text = text_of_cache(test, 19);
	for (i = 0; text[i]; i++)
		shown += !strncmp(text + i, "about 1 of 64", 13);
	KUNIT_EXPECT_EQ(test, shown, 16U);
	expect_words(test, text, "and 3 more stacks, which are in the profile\n");
}

static void number_is_there_whatever_the_name(struct kunit *test)
{
	char name[201];

	memset(name, 'n', 200);
	name[200] = '\0';
	make_cache(test, name, 0);
	leak(test, alloc_that_leaks, 3);
	catch_reports();
	kspan_cache_destroy(cache);
	expect_report(test, KSPAN_CACHES_LEFT, cache, "destroyed with 3 objects in use");
	cache = NULL;
}

/* The function that destroys it may have ended with a jump, and not be in the stack. */
static void report_names_the_module(struct kunit *test)
{
	make_cache(test, "leak_named", 0);
	leak(test, alloc_that_leaks, 1);
	catch_reports();
	kspan_cache_destroy(cache);
	expect_report(test, KSPAN_CACHES_LEFT, cache,
		      "destroyed with 1 objects in use, created by module " THIS_TEXT);
	cache = NULL;
}

static bool no_names(enum kspan_test_point point)
{
	return point == KSPAN_FAIL_KALLSYMS;
}

/* Where the kernel has no names of functions, it is not known whose they are. */
static void report_names_no_module_that_is_not_known(struct kunit *test)
{
	kspan_set_test_hook(no_names);
	cache = kspan_cache_create("leak_of_nobody", OBJECT_SIZE, 0, 0, NULL);
	kspan_set_test_hook(NULL);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	leak(test, alloc_that_leaks, 1);
	catch_reports();
	kspan_cache_destroy(cache);
	expect_report(test, KSPAN_CACHES_LEFT, cache, "destroyed with 1 objects in use");
	KUNIT_EXPECT_NULL(test, strstr(caught.text, "created by"));
	cache = NULL;
}

/* A stack that nothing was found of is no reason to leave its line out. */
static void stack_without_frames_is_unknown(struct kunit *test)
{
	static struct kspan_stack none;
	struct kspan_bucket *bucket;

	make_cache(test, "leak_unknown", 0);
	bucket = kspan_bucket_alloc(HEAP, &none, OBJECT_SIZE, cache->label, KSPAN_WEIGHT_ONE,
				    GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bucket);
	expect_words(test, text_of_cache(test, 1),
		     "about 1 of 64 bytes in cache leak_unknown, allocated at:\n  unknown\n");
	kspan_bucket_free(bucket, KSPAN_WEIGHT_ONE);
}

/* ------------------------------------------------------------------ modules */

static void module_that_leaves_is_told_of_what_it_allocated(struct kunit *test)
{
	const char *text;

	leak(test, alloc_of_a_class_that_leaks, 5);
	text = text_of_module(test);
	expect_words(test, text, "about 5 of ");
	expect_words(test, text, "allocated at:\n  alloc_of_a_class_that_leaks+0x");
	/* Once. */
	KUNIT_EXPECT_STREQ(test, text_of_module(test), "");
}

static void module_that_frees_all_is_not_told_of_anything(struct kunit *test)
{
	unsigned int i;

	leak(test, alloc_of_a_class_that_leaks, 5);
	for (i = 0; i < 5; i++) {
		kspan_free(objs[i]);
		objs[i] = NULL;
	}
	KUNIT_EXPECT_STREQ(test, text_of_module(test), "");
}

/* What the report of a cache has spoken of, the notice about its module need not. */
static void nothing_is_told_of_twice(struct kunit *test)
{
	make_cache(test, "leak_twice", 0);
	leak(test, alloc_that_leaks, 2);
	expect_words(test, text_of_cache(test, 2), "about 2 of 64");
	KUNIT_EXPECT_STREQ(test, text_of_module(test), "");
	expect_words(test, text_of_cache(test, 2),
		     "none of them was sampled but those told of before, at sample_bytes=1: ");
}

/* And what leaks later is told of, though as much was told of before. */
static void later_leak_is_told_of(struct kunit *test)
{
	unsigned int i;

	make_cache(test, "leak_later", 0);
	leak(test, alloc_that_leaks, 4);
	expect_words(test, text_of_cache(test, 4), "about 4 of 64");
	for (i = 0; i < 4; i++) {
		kspan_free(objs[i]);
		objs[i] = NULL;
	}
	leak(test, alloc_that_leaks, 3);
	expect_words(test, text_of_cache(test, 3), "about 3 of 64");
}

static void module_that_does_not_destroy_its_cache_is_reported(struct kunit *test)
{
	need_module(test);
	make_cache(test, "leak_abandoned", 0);
	leak(test, alloc_that_leaks, 3);
	catch_reports();
	kspan_leak_of_module(THIS_MODULE);
	expect_report(test, KSPAN_CACHES_LEFT, cache, "cache leak_abandoned with 3 objects in use");
	expect_words(test, caught.text, "was not destroyed by module " KBUILD_MODNAME);
	/* When the module comes again and leaves it has nothing to do with it. */
	catch_reports();
	kspan_leak_of_module(THIS_MODULE);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
}

/* ------------------------------------------------------------------ the log */

/* The mistake of a cache is a report, each of its lines a message. */
static void cache_that_is_left_is_printed(struct kunit *test)
{
	make_cache(test, "leak_printed", 0);
	leak(test, alloc_that_leaks, 3);
	printed_begin(test);
	kspan_cache_destroy(cache);
	printed_text();
	cache = NULL;
	expect_printed(test, "<3>kspan: report: cache leak_printed destroyed with 3 objects in ");
	expect_printed(test, "<3>kspan: about 3 of 64 bytes in cache leak_printed, allocated at:\n"
		       "<3>kspan:   alloc_that_leaks+0x");
}

/* That a module leaves something is none. */
static void module_that_leaves_something_is_printed(struct kunit *test)
{
	need_module(test);
	leak(test, alloc_of_a_class_that_leaks, 5);
	kspan_table_module_event(HEAP->table, MODULE_STATE_GOING, THIS_MODULE);
	printed_begin(test);
	kspan_leak_of_module(THIS_MODULE);
	expect_printed(test, "<4>kspan: module " KBUILD_MODNAME
		       " has left, and objects that it allocated are in use:\n"
		       "<4>kspan: about 5 of ");
	expect_printed(test, "<4>kspan:   alloc_of_a_class_that_leaks+0x");
	KUNIT_EXPECT_NULL(test, strstr(printed_text(), "report:"));
	/* Once. */
	printed_begin(test);
	kspan_leak_of_module(THIS_MODULE);
	KUNIT_EXPECT_STREQ(test, printed_text(), "");
}

/* What others hold, which are there, is nothing of its own. */
static void what_others_hold_is_not_printed(struct kunit *test)
{
	need_module(test);
	leak(test, alloc_of_a_class_that_leaks, 1);
	printed_begin(test);
	kspan_leak_of_module(THIS_MODULE);
	KUNIT_EXPECT_STREQ(test, printed_text(), "");
}

static struct kunit_case leak_cases[] = {
	KUNIT_CASE(cache_that_is_left_is_printed),
	KUNIT_CASE(module_that_leaves_something_is_printed),
	KUNIT_CASE(what_others_hold_is_not_printed),
	KUNIT_CASE(report_has_the_stacks_of_samples),
	KUNIT_CASE_PARAM(report_says_what_would_have_shown_them, none_gen_params),
	KUNIT_CASE(many_stacks_are_counted),
	KUNIT_CASE(number_is_there_whatever_the_name),
	KUNIT_CASE(stack_without_frames_is_unknown),
	KUNIT_CASE(report_names_the_module),
	KUNIT_CASE(report_names_no_module_that_is_not_known),
	KUNIT_CASE(module_that_leaves_is_told_of_what_it_allocated),
	KUNIT_CASE(module_that_frees_all_is_not_told_of_anything),
	KUNIT_CASE(nothing_is_told_of_twice),
	KUNIT_CASE(later_leak_is_told_of),
	KUNIT_CASE(module_that_does_not_destroy_its_cache_is_reported),
	{}
};

static struct kunit_suite leak_suite = {
	.name = "kspan_leak",
	.init = leak_init,
	.exit = leak_exit,
	.test_cases = leak_cases,
};

kunit_test_suite(leak_suite);
