/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A snapshot: the whole profile at one moment, with names, as the encoders read it.
 *
 * Encoders see only this header: no lock, no bucket and no span.
 */
#ifndef _KSPAN_SNAPSHOT_H
#define _KSPAN_SNAPSHOT_H

#include <linux/types.h>

/* A function, interned: equal name and module give the same pointer for the module's life. */
struct kspan_symbol {
	const char *name;	/* "kmem_func", or "0xffffffffc0123456" where none is known */
	const char *module;	/* "xfs"; "vmlinux" for the core kernel; "unknown" */
	unsigned long start;	/* the address where the function began; 0 when unknown */
};

/* Stands for the stack of a row without frames: readers want a place for each sample. */
extern const struct kspan_symbol kspan_no_stack;

/* One bucket: estimates of the real numbers, rounded to whole objects and bytes. */
struct kspan_row {
	const unsigned long *addrs;		/* return addresses less one, innermost first */
	const struct kspan_symbol *const *symbols;	/* one for each address, never NULL */
	unsigned int nr_frames;
	const char *label;			/* name of the cache */
	u32 slot_size;				/* bytes */
	u64 alloc_objects;
	u64 alloc_bytes;
	u64 inuse_objects;
	u64 inuse_bytes;
	/* What the sampler would have seen at sample_bytes: for readers that scale by it. */
	u64 alloc_samples;
	u64 inuse_samples;
};

struct kspan_snapshot {
	u64 time_ns;		/* CLOCK_REALTIME */
	u64 duration_ns;	/* since the module was loaded or the profile last reset */
	u64 sample_bytes;	/* mean distance in bytes; 0 is off */
	/* Some samples were taken at another mean: no one rate scales what was sampled. */
	bool mixed;
	size_t nr_rows;
	struct kspan_row *rows;
};

/*
 * Take a snapshot. Process context, may sleep. Every row's alloc and inuse belong together.
 * Returns ERR_PTR(-ENOMEM) when there is no memory. Symbols stay valid until the snapshot is freed.
 */
struct kspan_snapshot *kspan_snapshot_take(void);
void kspan_snapshot_free(struct kspan_snapshot *snap);

#endif /* _KSPAN_SNAPSHOT_H */
