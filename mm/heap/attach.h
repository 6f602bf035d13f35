/* SPDX-License-Identifier: GPL-2.0 */
/* Records on the objects of spans. */
#ifndef _KSPAN_ATTACH_H
#define _KSPAN_ATTACH_H

#include "base/lock.h"
#include "heap/span.h"
#include "special/special.h"

/* Any context but NMI, no lock of kspan's held. */
int kspan_attach(struct kspan_span *span, void *obj, struct kspan_special *special) kspan_no_lock;
struct kspan_special *kspan_detach(struct kspan_span *span, void *obj,
				   enum kspan_special_kind kind) kspan_no_lock;

/* As kspan_attach(); the caller holds span->specials.lock. */
int kspan_attach_locked(struct kspan_span *span, void *obj, struct kspan_special *special)
	kspan_must_hold(&span->specials.lock);

#endif /* _KSPAN_ATTACH_H */
