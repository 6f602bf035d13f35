/* SPDX-License-Identifier: GPL-2.0 */
/* What every suite needs: each *_test.c is a module of its own. */
#ifndef _KSPAN_KUNIT_SUITE_H
#define _KSPAN_KUNIT_SUITE_H

#include <kunit/test.h>
#include <linux/module.h>

#include "base/compat.h"

MODULE_DESCRIPTION("KUnit suite of kspan");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(KSPAN_INTERNAL_NS);

#endif /* _KSPAN_KUNIT_SUITE_H */
