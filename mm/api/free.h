/* SPDX-License-Identifier: GPL-2.0 */
/* Freeing, as the deferred paths see it. */
#ifndef _KSPAN_FREE_H
#define _KSPAN_FREE_H

#include <linux/types.h>

struct kspan_span;

/* The span of the allocated object that begins at @obj; NULL for anything else. */
struct kspan_span *kspan_free_find(const void *obj);

/* @obj was allocated, and nobody has been told of it. Any context but NMI, no lock held. */
void kspan_free_unused(void *obj);

/* Object @index, in state RCU_WAIT, has waited for its grace period. Process context. */
void kspan_free_waited(struct kspan_span *span, unsigned int index);

/* Releases the records of all objects of @span, for good. Process context. */
void kspan_free_forget(struct kspan_span *span);

#endif /* _KSPAN_FREE_H */
