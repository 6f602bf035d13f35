/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every suite needs: each *_test.c is a module of its own, or, by scripts/into-kernel, a part of
 * the kernel.
 */
#ifndef _KSPAN_KUNIT_SUITE_H
#define _KSPAN_KUNIT_SUITE_H

#include <kunit/test.h>
#include <linux/module.h>

#include "base/compat.h"

MODULE_DESCRIPTION("KUnit suite of kspan");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(KSPAN_INTERNAL_NS);

/* Where a suite's functions are in a profile, and kspan's; what these begin with for a probe. */
#ifdef MODULE
#define THIS_TEXT	KBUILD_MODNAME
#define KSPAN_NAME	"kspan"
#define KSPAN_TEXT	"kspan:"
#define IS_BUILT_IN	false
#else
#define THIS_TEXT	"vmlinux"
#define KSPAN_NAME	"vmlinux"
#define KSPAN_TEXT	""
#define IS_BUILT_IN	true
#endif

/* For tests in which the suite's own module leaves: what is built in is in none. */
static inline void need_module(struct kunit *test)
{
	if (IS_BUILT_IN)
		kunit_skip(test, "built in: there is no module that could leave");
}

#endif /* _KSPAN_KUNIT_SUITE_H */
