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
__printf(2, 3) void kspan_buf_printf(struct kspan_buf *buf, const char *fmt, ...);
void kspan_buf_free(struct kspan_buf *buf);

/* Profiles: the heap, the same with another default, as it was at its peak, and what was freed. */
enum kspan_sample_type {
	KSPAN_INUSE_SPACE, KSPAN_ALLOC_SPACE, KSPAN_PEAK_SPACE, KSPAN_FREED_SPACE,
	KSPAN_SPARSE_SPACE,
};

/* What a row has in spans that are mostly free, see fragment.c. */
struct kspan_sparse {
	u64 spans;
	u64 bytes;		/* that are free there */
};

/* Each returns 0, or -ENOMEM with @buf good for nothing but kspan_buf_free(). */
int kspan_encode_pprof(const struct kspan_snapshot *snap, enum kspan_sample_type def,
		       struct kspan_buf *buf);
int kspan_encode_sparse(const struct kspan_snapshot *snap, const struct kspan_sparse *sparse,
			struct kspan_buf *buf);
int kspan_encode_text(const struct kspan_snapshot *snap, struct kspan_buf *buf);
int kspan_encode_folded(const struct kspan_snapshot *snap, struct kspan_buf *buf);
int kspan_fragmentation(const struct kspan_snapshot *snap, struct kspan_sparse *sparse);
int kspan_encode_fragments(const struct kspan_snapshot *snap, struct kspan_buf *buf);
int kspan_encode_live(const struct kspan_snapshot *snap, struct kspan_buf *buf);

/* One stack, "outer;...;leaf", and one word of it or beside it. */
void kspan_encode_stack(struct kspan_buf *buf, const struct kspan_row *row);
void kspan_encode_word(struct kspan_buf *buf, const char *word);

/* A base-128 integer of protobuf; for the tests, which look at its edges. */
void kspan_encode_varint(struct kspan_buf *buf, u64 value);

#endif /* _KSPAN_ENCODE_H */
