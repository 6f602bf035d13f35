/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What kspan asks the slab allocator for, for the samples of the tap TAP of what the test's task
 * asks the kernel for, which its functions do with tap_gfp.
 */
#ifndef _KSPAN_KUNIT_TAP_ASKS_H
#define _KSPAN_KUNIT_TAP_ASKS_H

#include <kunit/test.h>
#include <linux/gfp.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "watch.h"

static gfp_t tap_gfp = GFP_KERNEL;

static struct {
	struct task_struct *task;	/* the test's, or NULL: nobody's */
	unsigned int times, reclaiming;
} tap_asked;

static void tap_note(unsigned long ip, gfp_t gfp)
{
	if (!in_task() || current != READ_ONCE(tap_asked.task) || !watch_is_kspan(ip))
		return;
	tap_asked.times++;
	if (gfp & __GFP_DIRECT_RECLAIM)
		tap_asked.reclaiming++;
}

static void tap_on_kmalloc(void *data, unsigned long ip, const void *ptr, size_t asked_for,
			   size_t bytes, gfp_t gfp, int node)
{
	tap_note(ip, gfp);
}

static void tap_on_cache_alloc(void *data, unsigned long ip, const void *ptr, struct kmem_cache *s,
			       gfp_t gfp, int node)
{
	tap_note(ip, gfp);
}

static struct watch tap_watches[2];
static bool tap_watching;

static void tap_asks_begin(void)
{
	tap_watching = watch_begin(&tap_watches[0], "kmalloc", tap_on_kmalloc) &&
		       watch_begin(&tap_watches[1], "kmem_cache_alloc", tap_on_cache_alloc);
}

static void tap_asks_end(void)
{
	watch_end(&tap_watches[0]);
	watch_end(&tap_watches[1]);
}

/* How often it asks for something while @fn allocates with @gfp, from a stack that is not known. */
static unsigned int tap_asks(void (*fn)(void), gfp_t gfp)
{
	kspan_profile_reset(TAP->profile);
	tap_asked.times = 0;
	tap_gfp = gfp;
	WRITE_ONCE(tap_asked.task, current);
	fn();
	WRITE_ONCE(tap_asked.task, NULL);
	tap_gfp = GFP_KERNEL;
	return tap_asked.times;
}

/*
 * Who lets nothing be looked for, with @nothing, may be anywhere, as under a lock of the slab
 * allocator's: for him nothing is asked for. For others it is, but nobody waits for it.
 */
static void expect_asks_as_told(struct kunit *test, void (*alloc)(void), void (*free)(void),
				gfp_t nothing)
{
	KUNIT_ASSERT_TRUE(test, tap_watching);
	tap_asked.reclaiming = 0;
	KUNIT_EXPECT_EQ_MSG(test, tap_asks(alloc, nothing), 0U, "%ps", alloc);
	free();
	KUNIT_EXPECT_GT_MSG(test, tap_asks(alloc, GFP_KERNEL), 0U, "%ps", alloc);
	free();
	KUNIT_EXPECT_EQ_MSG(test, tap_asked.reclaiming, 0U, "%ps", alloc);
}

#endif /* _KSPAN_KUNIT_TAP_ASKS_H */
