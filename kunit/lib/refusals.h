/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that is refused, by the kernel's fault injection, to the task of the test alone. It has to
 * be told so before, which scripts/guest-tests/kunit.sh does.
 */
#ifndef _KSPAN_KUNIT_REFUSALS_H
#define _KSPAN_KUNIT_REFUSALS_H

#include <kunit/test.h>
#include <linux/gfp.h>
#include <linux/kconfig.h>
#include <linux/sched.h>
#include <linux/slab.h>

#ifdef CONFIG_FAULT_INJECTION
/* The @nth memory that this task asks for from now on is refused, and then all if @all. */
static inline void refuse(unsigned int nth, bool all)
{
	current->make_it_fail = all;
	WRITE_ONCE(current->fail_nth, nth);
}

/* Nothing is refused any more; whether anything was. */
static inline bool refused(void)
{
	unsigned int left = READ_ONCE(current->fail_nth);

	WRITE_ONCE(current->fail_nth, 0);
	current->make_it_fail = 0;
	return !left;
}
#else
static inline void refuse(unsigned int nth, bool all)
{
}

static inline bool refused(void)
{
	return false;
}
#endif

/* Can this kernel refuse anything at all, and does it, to who asks for it? */
static inline bool refusals_work(struct kunit *test)
{
	void *one, *two;

	if (!IS_ENABLED(CONFIG_FAILSLAB) || !IS_ENABLED(CONFIG_FAIL_PAGE_ALLOC))
		return false;
	refuse(1, true);
	one = kmalloc(8, GFP_KERNEL);
	two = (void *)__get_free_page(GFP_KERNEL);
	refused();
	kfree(one);
	free_page((unsigned long)two);
	KUNIT_EXPECT_NULL_MSG(test, one, "failslab is not told to wait for tasks that ask for it");
	KUNIT_EXPECT_NULL_MSG(test, two, "nor is fail_page_alloc");
	return true;
}

#endif /* _KSPAN_KUNIT_REFUSALS_H */
