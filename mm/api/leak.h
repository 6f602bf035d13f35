/* SPDX-License-Identifier: GPL-2.0 */
/* Reports of what is left behind: by a cache that is destroyed, and by a module that leaves. */
#ifndef _KSPAN_LEAK_H
#define _KSPAN_LEAK_H

#include <linux/types.h>

#include "base/lock.h"

struct kspan_buf;
struct kspan_cache;
struct kspan_label;
struct module;

/**
 * struct kspan_left - objects that are left in a cache
 * @addr: of the cache, for the report
 * @label: its name
 * @creator: the module that created it, or NULL
 * @objects: how many
 * @slot_size: bytes of each; 0 for objects of several sizes, all large
 * @not_profiled: the cache has KSPAN_NO_PROFILE
 */
struct kspan_left {
	const void *addr;
	struct kspan_label *label;
	const char *creator;
	unsigned long objects;
	u32 slot_size;
	bool not_profiled;
};

/* Process context; take kspan_bucket_mutex. */
void kspan_leak_of_cache(const struct kspan_left *left) kspan_no_lock;
void kspan_leak_of_module(const struct module *mod) kspan_no_lock;

/* The text of each, without the line that says how many; for the tests. */
void kspan_leak_show_cache(struct kspan_buf *buf, const struct kspan_left *left) kspan_no_lock;
void kspan_leak_show_module(struct kspan_buf *buf, const char *name) kspan_no_lock;

#endif /* _KSPAN_LEAK_H */
