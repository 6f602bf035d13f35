/* SPDX-License-Identifier: GPL-2.0 */
/* Labels: interned names of caches, which outlive the caches in the profile. */
#ifndef _KSPAN_LABEL_H
#define _KSPAN_LABEL_H

#include <linux/list.h>
#include <linux/refcount.h>

#include "base/lock.h"

struct kspan_label {
	refcount_t refs;
	struct list_head list;	/* under kspan_label_mutex */
	char name[];
};

/* Process context, may sleep. The same name gives the same pointer. NULL without memory. */
struct kspan_label *kspan_label_get(const char *name) kspan_no_lock;
/* Process context, may sleep. */
void kspan_label_put(struct kspan_label *label) kspan_no_lock;

#endif /* _KSPAN_LABEL_H */
