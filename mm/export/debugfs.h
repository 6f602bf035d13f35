/* SPDX-License-Identifier: GPL-2.0 */
/* The files under /sys/kernel/debug/kspan. */
#ifndef _KSPAN_DEBUGFS_H
#define _KSPAN_DEBUGFS_H

#include <linux/types.h>

struct kspan_buf;

#define KSPAN_DEBUGFS_DIR	"kspan"

int kspan_debugfs_init(void);
void kspan_debugfs_exit(void);

/* What opening a file and writing to it do, without a file: for the tests. */
int kspan_debugfs_render(const char *name, struct kspan_buf *buf);
int kspan_debugfs_store(const char *name, const char *text, size_t len);

#endif /* _KSPAN_DEBUGFS_H */
