/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Specials: records that hang on single objects. A span keeps those of its objects in a tree
 * sorted by (offset, kind), under its special_lock.
 */
#ifndef _KSPAN_SPECIAL_H
#define _KSPAN_SPECIAL_H

#include <linux/llist.h>
#include <linux/rbtree.h>
#include <linux/types.h>

#include "base/lock.h"
#include "heap/span.h"

struct kspan_bucket;
struct kspan_buf;
struct kspan_span;
struct kspan_weak;

/* In the order in which they stand in the tree; at most one of each but cleanups. */
enum kspan_special_kind {
	KSPAN_SPECIAL_PROFILE,
	KSPAN_SPECIAL_FINALIZER,
	KSPAN_SPECIAL_CLEANUP,
	KSPAN_SPECIAL_WEAK,
	KSPAN_NR_SPECIALS
};

struct kspan_special {
	union {
		struct rb_node node;		/* in the tree; under special_lock */
		struct kspan_special *next;	/* on the private list of whoever unlinked it */
		struct llist_node queue;	/* a finalizer or cleanup that waits to run */
	};
	u32 offset;				/* bytes from span->base */
	u8 kind;
	union {
		struct {
			struct kspan_bucket *bucket;
			u64 weight;		/* what the bucket counted; 1 / probability */
		} profile;
		struct {
			void (*fn)(void *obj, void *arg);
			void *arg;
			void *obj;
			bool had_weak;		/* readers may hold obj until a grace period */
		} finalizer;
		struct {
			void (*fn)(void *arg);
			void *arg;
		} cleanup;
		struct {
			struct kspan_weak *handle;	/* holds a reference */
		} weak;
	};
};

#define KSPAN_KIND(kind)	(1U << (kind))
#define KSPAN_KINDS_ALL		(KSPAN_KIND(KSPAN_NR_SPECIALS) - 1)

/* Any context but NMI; sleeps only if @gfp lets it. NULL without memory. */
struct kspan_special *kspan_special_new(enum kspan_special_kind kind, gfp_t gfp) kspan_no_lock;
void kspan_special_delete(struct kspan_special *special) kspan_no_lock;

/* These take the span's special_lock; the caller holds no lock of kspan's. */
int kspan_special_add(struct kspan_span *span, void *obj, struct kspan_special *special)
	kspan_no_lock;
struct kspan_special *kspan_special_unlink(struct kspan_span *span, u32 offset,
					   unsigned int kinds) kspan_no_lock;
struct kspan_special *kspan_special_unlink_first(struct kspan_span *span, u32 offset,
						 unsigned int first) kspan_no_lock;
struct kspan_special *kspan_special_remove(struct kspan_span *span, void *obj,
					   enum kspan_special_kind kind) kspan_no_lock;

/* The special of @kind at @offset; the caller holds special_lock. */
struct kspan_special *kspan_special_find(struct kspan_span *span, u32 offset,
					 enum kspan_special_kind kind)
	kspan_must_hold(&span->special_lock);
int kspan_special_add_locked(struct kspan_span *span, void *obj, struct kspan_special *special)
	kspan_must_hold(&span->special_lock);

unsigned long kspan_special_count(void);
size_t kspan_special_bytes(void);
void kspan_specials_show(struct kspan_buf *buf);

int kspan_special_init(void);
void kspan_special_exit(void);

#endif /* _KSPAN_SPECIAL_H */
