/* SPDX-License-Identifier: GPL-2.0 */
/* Labels of what the taps see: names of caches, which are found where nothing may sleep. */
#ifndef _KSPAN_TAP_LABEL_H
#define _KSPAN_TAP_LABEL_H

#include <linux/gfp.h>

struct kspan_label;

/*
 * The label @name, which stays until the exit; NULL if there is none yet, and no memory for it.
 * Preemption off, any context but NMI, no lock held.
 */
struct kspan_label *kspan_tap_label(const char *name, gfp_t gfp);

/* Nobody asks meanwhile; what buckets have stays theirs. Process context. */
void kspan_tap_labels_exit(void);

#endif /* _KSPAN_TAP_LABEL_H */
