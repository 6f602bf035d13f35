// SPDX-License-Identifier: GPL-2.0
/*
 * The profile as pprof's legacy heap text, that of gperftools and of Go's heap?debug=1.
 *
 * People read it with a pager: under each record stand its frames with names. Tools read the
 * numbers and addresses; they subtract one from each address themselves, so return addresses are
 * written. "heap_v2/<n>" tells them to scale each record up from a mean of n bytes between
 * samples, so what is written is what was sampled, not the estimate.
 *
 * That holds as long as all samples were taken at one mean. Where the mean was changed there is
 * no n that scales the records right, and where sampling is off there is none at all: then the
 * estimates are written, with n = 1, at which readers leave them as they are.
 *
 * Where the ages of what is in use are known, and what it goes by, a line with these follows the
 * frames. Tools take it for a comment.
 *
 * Reads a snapshot only, takes no locks, allocates memory; process context.
 */
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <linux/stdarg.h>
#include <linux/string.h>
#include <linux/time64.h>

#include "base/buf.h"
#include "base/compat.h"
#include "export/encode.h"
#include "profile/profile.h"

struct kspan_text_counts {
	u64 inuse_objects;
	u64 inuse_bytes;
	u64 alloc_objects;
	u64 alloc_bytes;
};

/* Is there a rate that readers can scale what was sampled by? */
static bool text_has_rate(const struct kspan_snapshot *snap)
{
	return snap->sample_bytes && !snap->mixed;
}

static struct kspan_text_counts text_counts(const struct kspan_snapshot *snap,
					    const struct kspan_row *row)
{
	/* With everything sampled it is the same, but for parts of what was sampled as a whole. */
	if (!text_has_rate(snap) || snap->sample_bytes == 1)
		return (struct kspan_text_counts){
			row->inuse_objects, row->inuse_bytes, row->alloc_objects, row->alloc_bytes,
		};
	return (struct kspan_text_counts){
		row->inuse_samples, row->inuse_samples * row->slot_size,
		row->alloc_samples, row->alloc_samples * row->slot_size,
	};
}

static bool text_is_zero(const struct kspan_text_counts *c)
{
	return !(c->inuse_objects || c->inuse_bytes || c->alloc_objects || c->alloc_bytes);
}

/*
 * Readers take a header whose alloc columns say the same as the inuse ones, or "0", for that of a
 * profile without alloc columns, and drop them from every record. That is what a profile looks
 * like from which nothing was freed yet. They compare the text, not the numbers, so a leading
 * zero keeps the columns and the value.
 */
static void text_header(const struct kspan_snapshot *snap, struct kspan_buf *buf)
{
	struct kspan_text_counts sum = {};
	bool same;
	size_t i;

	for (i = 0; i < snap->nr_rows; i++) {
		struct kspan_text_counts c = text_counts(snap, &snap->rows[i]);

		sum.inuse_objects += c.inuse_objects;
		sum.inuse_bytes += c.inuse_bytes;
		sum.alloc_objects += c.alloc_objects;
		sum.alloc_bytes += c.alloc_bytes;
	}
	same = (!sum.alloc_objects || sum.alloc_objects == sum.inuse_objects) &&
	       (!sum.alloc_bytes || sum.alloc_bytes == sum.inuse_bytes);

	kspan_buf_printf(buf, "heap profile: %llu: %llu [%s%llu: %llu] @ heap_v2/%llu\n",
			 sum.inuse_objects, sum.inuse_bytes, same ? "0" : "",
			 sum.alloc_objects, sum.alloc_bytes,
			 text_has_rate(snap) ? snap->sample_bytes : 1);
}

/* A frame whose function is not known has its address for a name, and no offset. */
static void text_frame(struct kspan_buf *buf, unsigned long addr, const struct kspan_symbol *sym)
{
	kspan_buf_printf(buf, "#\t0x%lx\t", addr + 1);
	kspan_buf_put_field(buf, sym->name);
	if (sym->start)
		kspan_buf_printf(buf, "+0x%lx", addr + 1 - sym->start);
	kspan_buf_puts(buf, "\t");
	kspan_buf_put_field(buf, sym->module);
	kspan_buf_puts(buf, "\n");
}

static void text_seconds(struct kspan_buf *buf, const char *what, u64 ms)
{
	u32 rest;
	u64 seconds = div_u64_rem(ms, MSEC_PER_SEC, &rest);

	kspan_buf_printf(buf, "%s %llu.%03u s", what, seconds, rest);
}

static void text_age(struct kspan_buf *buf, const struct kspan_row *row)
{
	kspan_buf_puts(buf, "# age:");
	text_seconds(buf, " min", row->age_min);
	text_seconds(buf, ", average", row->age_average);
	text_seconds(buf, ", max", row->age_max);
	kspan_buf_puts(buf, "; cache: ");
	kspan_buf_put_field(buf, row->label);
	kspan_buf_puts(buf, "\n");
}

static void text_record(struct kspan_buf *buf, const struct kspan_row *row,
			const struct kspan_text_counts *c)
{
	unsigned int i;

	kspan_buf_printf(buf, "%llu: %llu [%llu: %llu] @", c->inuse_objects, c->inuse_bytes,
			 c->alloc_objects, c->alloc_bytes);
	for (i = 0; i < row->nr_frames; i++)
		kspan_buf_printf(buf, " 0x%lx", row->addrs[i] + 1);
	if (!row->nr_frames)
		kspan_buf_puts(buf, " 0x1");
	kspan_buf_puts(buf, "\n");
	for (i = 0; i < row->nr_frames; i++)
		text_frame(buf, row->addrs[i], row->symbols[i]);
	if (!row->nr_frames)
		text_frame(buf, 0, &kspan_no_stack);
	if (row->has_age)
		text_age(buf, row);
	kspan_buf_puts(buf, "\n");
}

/*
 * One mapping for the whole address space, in the form of /proc/<pid>/maps. The brackets tell
 * pprof not to look for a binary; without a mapping it complains that there is none.
 */
static void text_mapping(struct kspan_buf *buf)
{
	kspan_buf_printf(buf, "MAPPED_LIBRARIES:\n%0*lx-%lx r-xp 00000000 00:00 0 [kernel]\n",
			 (int)(2 * sizeof(long)), 0UL, ULONG_MAX);
}

/**
 * kspan_encode_text() - write a snapshot as pprof's legacy heap text
 * @snap: the snapshot
 * @buf: where to; appended
 *
 * Rows that are all zero are left out.
 *
 * Context: process context; may sleep.
 * Return: 0 or -ENOMEM.
 */
int kspan_encode_text(const struct kspan_snapshot *snap, struct kspan_buf *buf)
{
	size_t i;

	text_header(snap, buf);
	for (i = 0; i < snap->nr_rows && !buf->err; i++) {
		struct kspan_text_counts c = text_counts(snap, &snap->rows[i]);

		if (!text_is_zero(&c))
			text_record(buf, &snap->rows[i], &c);
		cond_resched();
	}
	text_mapping(buf);
	return buf->err;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_encode_text);
