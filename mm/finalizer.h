/* SPDX-License-Identifier: GPL-2.0 */
/* Finalizers and cleanups that wait to run, and the worker that runs them. */
#ifndef _KSPAN_FINALIZER_H
#define _KSPAN_FINALIZER_H

#include <linux/types.h>

struct kspan_special;
struct workqueue_struct;

extern struct workqueue_struct *kspan_wq;

/* Queues an unlinked finalizer or cleanup. Any context but NMI, no lock held. */
void kspan_finalizer_queue(struct kspan_special *special);
bool kspan_finalizer_idle(void);

int kspan_finalizer_init(void);
void kspan_finalizer_exit(void);

#endif /* _KSPAN_FINALIZER_H */
