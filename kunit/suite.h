/* SPDX-License-Identifier: GPL-2.0 */
/* What every suite needs: each *_test.c is a module of its own. */
#ifndef _KSPAN_KUNIT_SUITE_H
#define _KSPAN_KUNIT_SUITE_H

#include <kunit/test.h>
#include <linux/module.h>

/*
 * Tests that take seconds where every checker is on. Rows that run the suites for another reason
 * leave them out, where the kernel knows how.
 */
#ifdef KUNIT_CASE_PARAM_ATTR
#define KUNIT_CASE_PARAM_SLOW(test, params)						\
	KUNIT_CASE_PARAM_ATTR(test, params,						\
			      ((struct kunit_attributes){ .speed = KUNIT_SPEED_SLOW }))
#else
#define KUNIT_CASE_SLOW(test)			KUNIT_CASE(test)
#define KUNIT_CASE_PARAM_SLOW(test, params)	KUNIT_CASE_PARAM(test, params)
#endif

MODULE_DESCRIPTION("KUnit suite of kspan");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(KSPAN_INTERNAL);

#endif /* _KSPAN_KUNIT_SUITE_H */
