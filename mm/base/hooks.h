/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Seams for tests: places where a KUnit suite may make something fail, or stand in the middle
 * of a step to look at what is held there. On kernels without KUnit they are nothing.
 */
#ifndef _KSPAN_HOOKS_H
#define _KSPAN_HOOKS_H

#include <linux/compiler.h>
#include <linux/kconfig.h>
#include <linux/types.h>

enum kspan_test_point {
	KSPAN_FAIL_PAGES,	/* true: no pages for a span */
	KSPAN_FAIL_HEADER,	/* true: no memory for a span's header */
	KSPAN_FAIL_MAGAZINE,	/* true: no memory for a magazine */
	KSPAN_FAIL_SPECIAL,	/* true: no memory for a special */
	KSPAN_FAIL_BUCKET,	/* true: no memory for a bucket */
	KSPAN_FAIL_HOTPLUG,	/* true: a profile does not hear of CPUs that come */
	KSPAN_FAIL_KALLSYMS,	/* true: the kernel has no names of functions */
	KSPAN_FAIL_HANDBACK,	/* true: what the kernel frees is not handed back; any context */
	KSPAN_AT_RELEASE,	/* a profile special is about to be taken out of its bucket */
	KSPAN_AT_ATTACH,	/* a profile special is about to be attached */
	KSPAN_AT_CLAIM,		/* an object may be freed, and is about to be marked so */
	KSPAN_AT_DEFER,		/* an object is marked to wait, its span not yet listed */
	KSPAN_AT_FOUND,		/* a bucket was found, the lock for counting in it not yet taken */
	KSPAN_AT_LEAF,		/* a leaf of the page map is about to be installed */
	KSPAN_AT_TAP_ADD,	/* a tap's sample is about to be hung up by its address */
	KSPAN_AT_TAP_RELEASE,	/* one is about to be taken out of its bucket */
	KSPAN_AT_WALK,		/* a walk over a whole table has dropped the lock in the middle */
};

#if IS_ENABLED(CONFIG_KUNIT)
typedef bool (*kspan_test_hook_t)(enum kspan_test_point point);

void kspan_set_test_hook(kspan_test_hook_t hook);
bool kspan_test_point(enum kspan_test_point point);
#else
static inline bool kspan_test_point(enum kspan_test_point point)
{
	return false;
}
#endif

#endif /* _KSPAN_HOOKS_H */
