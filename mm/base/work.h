/* SPDX-License-Identifier: GPL-2.0 */
/* Where kspan's own work runs. */
#ifndef _KSPAN_WORK_H
#define _KSPAN_WORK_H

#include <linux/workqueue.h>

/* For kspan's own work alone, none of it other modules' code: memory reclaim may wait for it. */
extern struct workqueue_struct *kspan_wq;

int kspan_work_init(void);
void kspan_work_exit(void);

#endif /* _KSPAN_WORK_H */
