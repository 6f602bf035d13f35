/* SPDX-License-Identifier: GPL-2.0 */
/* Sizes and alignments of caches, for suites of objects that lie elsewhere than in spans' slots. */
#ifndef _KSPAN_KUNIT_GEOMETRY_H
#define _KSPAN_KUNIT_GEOMETRY_H

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <kspan/kspan.h>

struct geometry_case {
	const char *desc;
	unsigned int size, align, flags;
	unsigned int aligned;		/* what every object is, at least */
};

#define GEOMETRY_CASES								\
	{ "one byte", 1, 0, 0, ARCH_KMALLOC_MINALIGN },				\
	{ "odd size", 101, 0, 0, ARCH_KMALLOC_MINALIGN },			\
	{ "aligned to 64", 100, 64, 0, 64 },					\
	{ "aligned to a page", 100, PAGE_SIZE, 0, PAGE_SIZE },			\
	{ "by cache line", 100, 0, KSPAN_HWCACHE_ALIGN, 64 },			\
	{ "poison and red zone", 100, 0, KSPAN_POISON | KSPAN_RED_ZONE, ARCH_KMALLOC_MINALIGN }

static inline void geometry_desc(const struct geometry_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

#endif /* _KSPAN_KUNIT_GEOMETRY_H */
