/* SPDX-License-Identifier: GPL-2.0 */
/* A buffer that grows as it is written: what the files of debugfs and reports are made in. */
#ifndef _KSPAN_BUF_H
#define _KSPAN_BUF_H

#include <linux/types.h>

#include "base/lock.h"

/**
 * struct kspan_buf - a growing run of bytes
 * @data: the bytes (kvmalloc); not terminated; NULL while nothing was appended
 * @len: bytes in use
 * @size: bytes allocated
 * @err: 0, or the errno of the first append that failed: later ones do nothing
 *
 * Starts out all zero. Its owner looks at @err once, after the last append.
 */
struct kspan_buf {
	char *data;
	size_t len;
	size_t size;
	int err;
};

void kspan_buf_append(struct kspan_buf *buf, const void *data, size_t len) kspan_no_lock;
void kspan_buf_puts(struct kspan_buf *buf, const char *str) kspan_no_lock;
void kspan_buf_put_utf8(struct kspan_buf *buf, const char *str) kspan_no_lock;
void kspan_buf_put_field(struct kspan_buf *buf, const char *str) kspan_no_lock;
__printf(2, 3) void kspan_buf_printf(struct kspan_buf *buf, const char *fmt, ...);
void kspan_buf_free(struct kspan_buf *buf) kspan_no_lock;

#endif /* _KSPAN_BUF_H */
