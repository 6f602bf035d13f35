/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Taps: the heap of the whole kernel, on the kernel as it is.
 *
 * A tap listens to an allocator of the kernel's and is a client of the profile (profile/profile.h)
 * as the heap is one, with samples that hang by their address in a table of its own instead of on
 * objects as special records. It knows nothing of the heap, nor the heap of it. The slab tap is
 * the one on kmalloc() and kmem_cache_alloc(), the pages tap that on alloc_pages(), but for what
 * slab takes.
 *
 * Its handlers are called in the middle of others' code, in any context. Their fast halves
 * (handler.h) count bytes down and ask a filter, some ten instructions without a lock; the slow
 * ones (tap.c) keep the rule: on allocation the bucket counts and its lock is dropped, then the
 * sample is hung up by its address; on free it is taken down first, and the bucket counts after.
 *
 * This is the one header that others include. In the wing:
 *
 *	tap.c		samples and their frees
 *	control.c	switching on and off, stats
 *	change.c	samples that are split, or move
 *	handler.h	the fast halves
 *	live.c		live samples by address, and the filter
 *	pool.c		memory for them
 *	label.c		labels, which are made in handlers
 *	slab.c		the handlers of the slab tap
 *	slab_layout.c	what the slab allocator tells nobody: names, sizes, whose an object is
 *	pages.c		the handlers of the pages tap
 *	pages_text.c	whose pages are, by the functions that took them
 *	text.c		functions of the kernel's by address, where stacks are cut
 *	hooks.c		puts handlers in and takes them out
 */
#ifndef _KSPAN_TAP_H
#define _KSPAN_TAP_H

#include <linux/types.h>

struct kspan_buf;
struct kspan_profile;
struct kspan_tap;

extern struct kspan_tap kspan_slab_tap, kspan_pages_tap;

/*
 * Puts the handlers in (1), with a profile that begins anew, or takes them out (0): then nothing
 * is in use in the profile, since frees are not seen any more, and what was allocated can still be
 * read. May be called before kspan_taps_init() and after kspan_taps_exit(), which only notes what
 * is wanted. Process context, may sleep. 0, -EINVAL for another number, or another errno with
 * nothing left behind.
 */
int kspan_tap_enable(struct kspan_tap *tap, u64 value);
bool kspan_tap_enabled(const struct kspan_tap *tap);

const char *kspan_tap_name(const struct kspan_tap *tap);
struct kspan_profile *kspan_tap_profile(const struct kspan_tap *tap);

/*
 * Waits for what handlers have put off. A snapshot that is taken after it has all that was freed
 * before. Process context, may sleep.
 */
void kspan_tap_settle(struct kspan_tap *tap);

/* "name value" lines: counters, gauges, and which handlers are in. Process context. */
void kspan_tap_show_stats(struct kspan_tap *tap, struct kspan_buf *buf);

/*
 * All taps; what was asked for by then is on. @max_bytes: of each one's table of buckets. 0, or an
 * errno with nothing left behind; a tap that cannot be switched on is said in the log, and none.
 */
int kspan_taps_init(size_t max_bytes);
void kspan_taps_exit(void);

#endif /* _KSPAN_TAP_H */
