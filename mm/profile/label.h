/* SPDX-License-Identifier: GPL-2.0 */
/* What a label is; profile.h says what it is for. */
#ifndef _KSPAN_LABEL_H
#define _KSPAN_LABEL_H

#include <linux/list.h>
#include <linux/refcount.h>

#include "profile/profile.h"

struct kspan_label {
	refcount_t refs;
	struct hlist_node chain;	/* under kspan_label_lock */
	char name[];
};

#endif /* _KSPAN_LABEL_H */
