/* SPDX-License-Identifier: GPL-2.0 */
/* The root of the page map, as those see it who install leaves. */
#ifndef _KSPAN_PAGEMAP_ROOT_H
#define _KSPAN_PAGEMAP_ROOT_H

#include <linux/atomic.h>
#include <linux/spinlock.h>

#include "heap/pagemap.h"

/* Stands where there is no leaf, and is never written to. */
extern struct kspan_leaf kspan_no_leaf;

/* Bytes of all leaves, of pages of the root and of roots themselves. */
extern atomic_long_t kspan_pagemap_size;

/* Guards the installation of leaves and of another root: a leaf lock. */
extern spinlock_t kspan_pagemap_lock;

/* The present root, and whether it has room for leaf @i; both under kspan_pagemap_lock. */
struct kspan_pagemap *kspan_root_map(void);
bool kspan_root_has_room(const struct kspan_pagemap *map, unsigned long i);

/* The leaf behind @i, or behind all that cannot be since there is no memory. Under RCU. */
unsigned long kspan_root_next(const struct kspan_pagemap *map, unsigned long i);

#endif /* _KSPAN_PAGEMAP_ROOT_H */
