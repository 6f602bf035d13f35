/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Encoders: a snapshot in the formats that profiling tools read.
 *
 * They see a snapshot and a buffer, and nothing else of the module. Process context, may sleep;
 * no lock is taken and none should be held.
 */
#ifndef _KSPAN_ENCODE_H
#define _KSPAN_ENCODE_H

#include <linux/types.h>

struct kspan_row;
struct kspan_snapshot;
struct kspan_symbol;

/* Stands for the stack of a row without frames: readers want a place for each sample. */
extern const struct kspan_symbol kspan_no_stack;

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

void kspan_buf_append(struct kspan_buf *buf, const void *data, size_t len);
void kspan_buf_puts(struct kspan_buf *buf, const char *str);
void kspan_buf_put_utf8(struct kspan_buf *buf, const char *str);
void kspan_buf_put_field(struct kspan_buf *buf, const char *str);
__printf(2, 3) void kspan_buf_printf(struct kspan_buf *buf, const char *fmt, ...);
void kspan_buf_free(struct kspan_buf *buf);

enum kspan_sample_type { KSPAN_INUSE_SPACE, KSPAN_ALLOC_SPACE };

/* Each returns 0, or -ENOMEM with @buf good for nothing but kspan_buf_free(). */
int kspan_encode_pprof(const struct kspan_snapshot *snap, enum kspan_sample_type def,
		       struct kspan_buf *buf);
int kspan_encode_text(const struct kspan_snapshot *snap, struct kspan_buf *buf);
int kspan_encode_folded(const struct kspan_snapshot *snap, struct kspan_buf *buf);

/* A base-128 integer of protobuf; for the tests, which look at its edges. */
void kspan_encode_varint(struct kspan_buf *buf, u64 value);

#endif /* _KSPAN_ENCODE_H */
