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

struct kspan_buf;
struct kspan_snapshot;

/* Which profile of a snapshot, named after what readers show unless asked for another. */
enum kspan_pprof_kind {
	KSPAN_INUSE_SPACE,	/* what is in use and what was allocated */
	KSPAN_ALLOC_SPACE,	/* the same */
	/*
	 * What was in use at the peak. It has the other two numbers as well, as they are now: some
	 * readers compare only profiles that have the same.
	 */
	KSPAN_PEAK_SPACE,
	KSPAN_FREE_SPACE,	/* what is free where something is in use */
	KSPAN_FREED_SPACE,	/* what was freed, by how long it was in use */
};

/* Each returns 0, or -ENOMEM with @buf good for nothing but kspan_buf_free(). */
int kspan_encode_pprof(const struct kspan_snapshot *snap, enum kspan_pprof_kind kind,
		       struct kspan_buf *buf);
int kspan_encode_text(const struct kspan_snapshot *snap, struct kspan_buf *buf);
int kspan_encode_folded(const struct kspan_snapshot *snap, struct kspan_buf *buf);

/* A base-128 integer of protobuf; for the tests, which look at its edges. */
void kspan_encode_varint(struct kspan_buf *buf, u64 value);

#endif /* _KSPAN_ENCODE_H */
