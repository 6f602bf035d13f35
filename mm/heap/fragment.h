/* SPDX-License-Identifier: GPL-2.0 */
/* Which samples keep spans that are mostly free. */
#ifndef _KSPAN_FRAGMENT_H
#define _KSPAN_FRAGMENT_H

#include "base/lock.h"
#include "heap/cache.h"
#include "profile/profile.h"

/* Process context. 0, or -ENOMEM with some spans left out. */
int kspan_fragment_walk(struct kspan_shares *shares)
	kspan_no_lock kspan_must_not_hold(&kspan_cache_mutex);

#endif /* _KSPAN_FRAGMENT_H */
