/* SPDX-License-Identifier: GPL-2.0 */
/* Headers of spans that have gone. */
#ifndef _KSPAN_RETIRE_H
#define _KSPAN_RETIRE_H

#include "base/lock.h"

struct kspan_span;

/* Any context, no lock held. @span is in the page map no more. */
void kspan_retire(struct kspan_span *span) kspan_no_lock;

/* Frees what has been retired before, but for headers that are still pointed to. Sleeps. */
void kspan_retire_flush(void)
	kspan_no_lock;

/* Headers that are retired and not freed yet. */
unsigned long kspan_retired(void);

#endif /* _KSPAN_RETIRE_H */
