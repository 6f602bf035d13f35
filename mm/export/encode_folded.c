// SPDX-License-Identifier: GPL-2.0
/*
 * The live heap as folded stacks, the input of flamegraph.pl and its relatives.
 *
 * One line a stack, outermost function first: "outer;...;leaf bytes". Rows with one stack (other
 * sizes, other caches, other call sites in the same functions) become one line, and lines are
 * sorted, so that two files can be compared with diff. Frames are plain function names: a module
 * would need a separator that some reader takes for part of the format.
 *
 * Reads a snapshot only, takes no locks, allocates memory; process context.
 */
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "base/buf.h"
#include "base/compat.h"
#include "export/encode.h"
#include "profile/profile.h"

/* Order by the names from the outermost in: an interned name is mostly equal by its pointer. */
static int folded_cmp(const void *a, const void *b)
{
	const struct kspan_row *x = *(const struct kspan_row *const *)a;
	const struct kspan_row *y = *(const struct kspan_row *const *)b;
	unsigned int i = x->nr_frames, j = y->nr_frames;

	cond_resched();
	while (i && j) {
		const struct kspan_symbol *s = x->symbols[--i], *t = y->symbols[--j];
		int cmp = s == t ? 0 : strcmp(s->name, t->name);

		if (cmp)
			return cmp;
	}
	return i ? 1 : j ? -1 : 0;
}

/*
 * ';' ends a frame and the last space ends the stack. No C function has them; others might. Bytes
 * above ASCII are parts of a character, whatever the kernel's ctype says of them.
 */
static void folded_frame(struct kspan_buf *buf, const char *name)
{
	size_t start = buf->len;

	kspan_buf_put_utf8(buf, name);
	if (buf->err)
		return;
	for (; start < buf->len; start++) {
		char *c = &buf->data[start];

		if (*c == ';' || (isascii(*c) && (isspace(*c) || iscntrl(*c))))
			*c = '_';
	}
}

static void folded_line(struct kspan_buf *buf, const struct kspan_row *row, u64 bytes)
{
	unsigned int i = row->nr_frames;

	if (!i)
		folded_frame(buf, kspan_no_stack.name);
	while (i) {
		folded_frame(buf, row->symbols[--i]->name);
		if (i)
			kspan_buf_puts(buf, ";");
	}
	kspan_buf_printf(buf, " %llu\n", bytes);
}

/**
 * kspan_encode_folded() - write the live heap of a snapshot as folded stacks
 * @snap: the snapshot
 * @buf: where to; appended
 *
 * Stacks with nothing in use are left out.
 *
 * Context: process context; may sleep.
 * Return: 0 or -ENOMEM.
 */
int kspan_encode_folded(const struct kspan_snapshot *snap, struct kspan_buf *buf)
{
	const struct kspan_row **rows;
	size_t i, nr = 0;
	u64 bytes = 0;

	if (!snap->nr_rows)
		return buf->err;
	rows = kvmalloc_array(snap->nr_rows, sizeof(*rows), GFP_KERNEL | __GFP_NOWARN);
	if (!rows) {
		buf->err = -ENOMEM;
		return buf->err;
	}

	for (i = 0; i < snap->nr_rows; i++)
		if (snap->rows[i].inuse_bytes)
			rows[nr++] = &snap->rows[i];
	sort(rows, nr, sizeof(*rows), folded_cmp, NULL);

	for (i = 0; i < nr && !buf->err; i++) {
		bytes += rows[i]->inuse_bytes;
		if (i + 1 < nr && !folded_cmp(&rows[i], &rows[i + 1]))
			continue;
		folded_line(buf, rows[i], bytes);
		bytes = 0;
	}
	kvfree(rows);
	return buf->err;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_encode_folded);
