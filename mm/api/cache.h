/* SPDX-License-Identifier: GPL-2.0 */
/* The life of caches, as reports of leaks see it. */
#ifndef _KSPAN_API_CACHE_H
#define _KSPAN_API_CACHE_H

#include <linux/types.h>

#include "base/lock.h"

struct kspan_left;
struct module;

/*
 * A cache that functions of @mod created and have not destroyed, once each; false if there is
 * none any more. The label is the caller's to put. Process context.
 */
bool kspan_cache_left_by(const struct module *mod, struct kspan_left *left)
	kspan_no_lock;

#endif /* _KSPAN_API_CACHE_H */
