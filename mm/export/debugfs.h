/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Export: the files under /sys/kernel/debug/kspan, and what is in them. This is the one header that
 * others include. In the wing:
 *
 *	debugfs.c	the directory, and which sets of files are in it
 *	files.c		sets of files: one is rendered whole when it is opened, and takes a number
 *			when it is written
 *	profile_files.c	the set of a profile, the same for each client
 *	encode_*.c	a snapshot in the formats that tools read: they see it, and a buffer
 *	tables.c	caches and spans; stats.c counters, and what the other wings know in numbers
 *
 * What is shown is of one moment, and copied before a reader sees the first byte: whoever reads
 * slowly, or not at all, holds nothing up. The wings below know of no file: each has functions that
 * show what it has, or let walk over it.
 *
 * Locks: none of its own. Process context; what is called takes kspan_cache_mutex, or the mutex of
 * a profile's table, and for fragmentation the former inside the latter.
 */
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
