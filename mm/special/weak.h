/* SPDX-License-Identifier: GPL-2.0 */
/* Weak handles, as the free path sees them. */
#ifndef _KSPAN_WEAK_H
#define _KSPAN_WEAK_H

#include "base/lock.h"

struct kspan_special;

/* Clears the handle of an unlinked weak special and deletes the special. No lock held. */
void kspan_weak_release(struct kspan_special *special) kspan_no_lock;

#endif /* _KSPAN_WEAK_H */
