// SPDX-License-Identifier: GPL-2.0
/*
 * The workqueue of kspan's own work: frees after a grace period, headers of spans that have gone.
 * What it runs waits for nothing but grace periods and locks of kspan's, so that it has a thread
 * in reserve for when there is no memory to make one (WQ_MEM_RECLAIM).
 */
#include "base/work.h"

struct workqueue_struct *kspan_wq;

int kspan_work_init(void)
{
	kspan_wq = alloc_workqueue("kspan", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	return kspan_wq ? 0 : -ENOMEM;
}

void kspan_work_exit(void)
{
	destroy_workqueue(kspan_wq);
}
