// SPDX-License-Identifier: GPL-2.0
/*
 * Live samples by stack, with their age: what scripts/kspan leaks compares. One line a bucket,
 *
 *	bytes objects oldest cache outer;...;leaf
 *
 * the age of the oldest live sample in seconds. The first line names the columns.
 *
 * Reads a snapshot only, takes no locks, allocates memory; process context.
 */
#include <linux/math64.h>

#include "compat.h"
#include "encode.h"
#include "snapshot.h"

/**
 * kspan_encode_live() - write the live buckets of a snapshot with their ages
 * @snap: the snapshot
 * @buf: where to; appended
 *
 * Context: process context; may sleep.
 * Return: 0 or -ENOMEM.
 */
int kspan_encode_live(const struct kspan_snapshot *snap, struct kspan_buf *buf)
{
	size_t i;

	kspan_buf_puts(buf, "# bytes objects oldest_s cache stack\n");
	for (i = 0; i < snap->nr_rows && !buf->err; i++) {
		const struct kspan_row *row = &snap->rows[i];

		if (!row->inuse_bytes)
			continue;
		kspan_buf_printf(buf, "%llu %llu %llu ", row->inuse_bytes, row->inuse_objects,
				 div_u64(row->oldest_ms, 1000));
		kspan_encode_word(buf, row->label);
		kspan_buf_puts(buf, " ");
		kspan_encode_stack(buf, row);
		kspan_buf_puts(buf, "\n");
	}
	return buf->err;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_encode_live);
