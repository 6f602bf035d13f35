/* SPDX-License-Identifier: GPL-2.0 */
/* Freeing, as the deferred paths see it. */
#ifndef _KSPAN_FREE_H
#define _KSPAN_FREE_H

#include <linux/types.h>

#include "api/api.h"
#include "base/lock.h"

struct kspan_span;

/*
 * release.c. An object in state FREEING, which is the caller's: what hangs on it is seen to, and
 * its slot goes back when nothing does any more. Any context but NMI, no lock held.
 */
void kspan_free_claimed(struct kspan_span *span, void *obj, u8 *state) kspan_no_lock;

/* The same after a grace period. Any context but NMI; also where no lock may be taken. */
void kspan_free_later(struct kspan_span *span, u8 *state) kspan_no_lock;

/* Takes the weak handle off; true if there was one. Any context but NMI, no lock held. */
bool kspan_free_clear_weak(struct kspan_span *span, void *obj) kspan_no_lock;

/* Object @index, in state RCU_WAIT, has waited for its grace period. Process context. */
void kspan_free_waited(struct kspan_span *span, unsigned int index) kspan_no_lock;

/*
 * Releases the records of all objects of @span, which nobody will free any more: the module ends,
 * and leaves their memory. Process context.
 */
void kspan_free_forget(struct kspan_span *span) kspan_no_lock;

#endif /* _KSPAN_FREE_H */
