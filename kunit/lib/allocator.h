/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites of the allocator share: they catch reports of misuse, make steps fail, and
 * compare counters. Each suite is a module of its own, so each has these to itself; kspan has
 * one filter and one hook, which the exit function of a suite that uses them takes off again.
 */
#ifndef _KSPAN_KUNIT_ALLOCATOR_H
#define _KSPAN_KUNIT_ALLOCATOR_H

#include <linux/kasan.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/string.h>

#include <kspan/kspan.h>

#include "api/deferred.h"
#include "base/hooks.h"
#include "base/report.h"
#include "export/stats.h"
#include "heap/cache.h"
#include "heap/pagemap.h"
#include "heap/span.h"
#include "books.h"

/* ------------------------------------------------------------------ reports */

/* How many there were, and the last one. */
static struct caught {
	unsigned int nr;
	enum kspan_counter what;
	const void *addr;
	char text[128];
} caught __maybe_unused;

static inline bool catch_report(enum kspan_counter what, const void *addr, const char *text)
{
	caught.nr++;
	caught.what = what;
	caught.addr = addr;
	strscpy(caught.text, text, sizeof(caught.text));
	return true;
}

static inline void catch_reports(void)
{
	memset(&caught, 0, sizeof(caught));
	kspan_report_set_filter(catch_report);
}

/* Exactly one report since catch_reports(), of this kind and about this address. */
static inline void expect_report(struct kunit *test, enum kspan_counter what, const void *addr,
				 const char *words)
{
	KUNIT_EXPECT_EQ(test, caught.nr, 1U);
	KUNIT_EXPECT_EQ(test, (int)caught.what, (int)what);
	KUNIT_EXPECT_PTR_EQ(test, caught.addr, addr);
	if (!strstr(caught.text, words))
		KUNIT_FAIL(test, "\"%s\" is not in \"%s\"", words, caught.text);
}

/*
 * Bad frees of @obj, of cache @name, are reported, and it is freed once. A second free of it is
 * reported with @what and @words.
 */
static inline void expect_bad_frees_reported(struct kunit *test, u8 *obj, const char *name,
					     enum kspan_counter what, const char *words)
{
	struct kspan_cache *other = kspan_cache_create("other", 100, 0, 0, NULL);
	char of_cache[64];

	KUNIT_ASSERT_NOT_NULL(test, other);
	snprintf(of_cache, sizeof(of_cache), "object of cache %s", name);
	catch_reports();
	kspan_free(obj + 8);
	expect_report(test, KSPAN_INVALID_FREES, obj + 8, "inside an object");
	catch_reports();
	kspan_cache_free(other, obj);
	expect_report(test, KSPAN_WRONG_CACHE_FREES, obj, of_cache);
	catch_reports();
	kspan_free(obj);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
	kspan_free(obj);
	expect_report(test, what, obj, words);
	kspan_cache_destroy(other);
}

/* ------------------------------------------------------------------ failures */

/* The steps of the task that runs the test: @times of them fail, after the first @skip. */
static struct failing {
	struct task_struct *task;
	enum kspan_test_point point;
	unsigned int skip, times;
	unsigned int calls;
} failing __maybe_unused;

static inline bool fail_hook(enum kspan_test_point point)
{
	if (!in_task() || current != failing.task || point != failing.point)
		return false;
	failing.calls++;
	return failing.calls > failing.skip && failing.calls - failing.skip <= failing.times;
}

static inline void fail_some(enum kspan_test_point point, unsigned int skip, unsigned int times)
{
	failing = (struct failing){ current, point, skip, times, 0 };
	kspan_set_test_hook(fail_hook);
}

static inline void fail_all(enum kspan_test_point point)
{
	fail_some(point, 0, UINT_MAX);
}

static inline void fail_nothing(void)
{
	kspan_set_test_hook(NULL);
}

/* For the exit function of a suite. */
static inline void allocator_test_exit(struct kunit *test)
{
	kspan_set_test_hook(NULL);
	kspan_report_set_filter(NULL);
	books_check(test);
}

/* ------------------------------------------------------------------ looks */

/* The span of an object that the test owns. */
static inline struct kspan_span *span_of(const void *obj)
{
	return kspan_pagemap_find(obj);
}

static inline int state_of(const void *obj)
{
	struct kspan_span *span = span_of(obj);

	return READ_ONCE(span->state[kspan_span_index(span, obj)]);
}

/* Room for @nr addresses, until the test ends. */
static inline void **objs_new(struct kunit *test, unsigned int nr)
{
	void **objs = kunit_kcalloc(test, nr, sizeof(*objs), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, objs);
	return objs;
}

/* These hide from the compiler where an address came from, as tests look at freed memory too. */
static inline bool filled_with(const void *obj, u8 byte, size_t len)
{
	OPTIMIZER_HIDE_VAR(obj);
	return !memchr_inv(obj, byte, len);
}

static inline void fill(void *obj, u8 byte, size_t len)
{
	OPTIMIZER_HIDE_VAR(obj);
	memset(obj, byte, len);
}

/* The same of memory that is not the test's, which KASAN knows: it looks away. */
static inline bool left_filled_with(const void *obj, u8 byte, size_t len)
{
	bool filled;

	kasan_disable_current();
	filled = filled_with(obj, byte, len);
	kasan_enable_current();
	return filled;
}

static inline void poke(void *obj, int offset, u8 byte)
{
	kasan_disable_current();
	fill(obj + offset, byte, 1);
	kasan_enable_current();
}

#endif /* _KSPAN_KUNIT_ALLOCATOR_H */
