/* SPDX-License-Identifier: GPL-2.0 */
/* Labels of what the taps see, which are made in the hooks. */
#ifndef _KSPAN_TAP_LABEL_H
#define _KSPAN_TAP_LABEL_H

struct kspan_label;

/* The label @name, or "other" when there are too many. Any context but NMI, no lock held. */
struct kspan_label *kspan_tap_label(const char *name);

/* Process context. 0 or -ENOMEM; labels stay until the exit, when no bucket has one any more. */
int kspan_tap_label_init(void);
void kspan_tap_label_exit(void);

#endif /* _KSPAN_TAP_LABEL_H */
