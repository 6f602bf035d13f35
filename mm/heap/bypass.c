// SPDX-License-Identifier: GPL-2.0
/*
 * Bypass. kspan takes whole pages and cuts them up by itself, so that KASAN, kmemleak, KFENCE and
 * slab_debug, which watch over each object of the kernel's slab, see little of what happens
 * within. In a cache that bypasses kspan each object is one of the kernel's slab, of exactly the
 * size that was asked for: of a kmem_cache of the same geometry for a named cache, else from
 * kmalloc(). Freed, it goes back there at once.
 *
 * To the rest of kspan such an object is a single, as one in guard mode is: a span of its own on
 * its node's lists. But many may lie in one page, so that the page map cannot say which span an
 * address belongs to. These spans are in a tree by address, which may be read in any context, NMI
 * included, at any time: there are two copies of it, of which only one changes at a time.
 *
 * For finding bugs, not for speed: an allocation takes three of the kernel's.
 *
 * Locks: kspan_bypass_lock, a leaf lock, guards changes of the tree.
 */
#include <linux/kasan.h>
#include <linux/kmemleak.h>
#include <linux/mm.h>
#include <linux/rbtree_latch.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "base/compat.h"
#include "base/lock.h"
#include "heap/bypass.h"
#include "heap/cache.h"
#include "heap/node.h"
#include "heap/own.h"
#include "heap/pagemap.h"

/* In the tree; behind the span's header. */
struct bypassed {
	struct latch_tree_node node;
	struct kspan_span *span;
};

static_assert(sizeof(struct bypassed) <= KSPAN_SINGLE_TAIL);

DEFINE_STATIC_KEY_FALSE(kspan_bypassing);
EXPORT_SYMBOL_FOR_TESTS(kspan_bypassing);

/* Guards changes of the tree: a leaf lock. */
static DEFINE_SPINLOCK(kspan_bypass_lock);
static struct latch_tree_root tree;		/* read under RCU, in NMI too */

/* ---- The tree ------------------------------------------------------------------------ */

static const struct kspan_span *span_of(struct latch_tree_node *node)
{
	return container_of(node, struct bypassed, node)->span;
}

static __always_inline bool less(struct latch_tree_node *a, struct latch_tree_node *b)
{
	return kasan_reset_tag(span_of(a)->base) < kasan_reset_tag(span_of(b)->base);
}

static __always_inline int comp(void *addr, struct latch_tree_node *node)
{
	const struct kspan_span *span = span_of(node);
	const void *base = kasan_reset_tag(span->base);

	if (addr < base)
		return -1;
	return addr - base >= span->slot_size;
}

static const struct latch_tree_ops ops = { .less = less, .comp = comp };

struct kspan_span *kspan_bypass_find(const void *addr)
{
	struct latch_tree_node *node = latch_tree_find(kasan_reset_tag(addr), &tree, &ops);

	return node ? container_of(node, struct bypassed, node)->span : NULL;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_bypass_find);

static void enter(struct kspan_span *span)
{
	struct bypassed *self = kspan_span_tail(span);
	unsigned long flags;

	self->span = span;
	kspan_lock(&kspan_bypass_lock, flags);
	latch_tree_insert(&self->node, &tree, &ops);
	kspan_unlock(&kspan_bypass_lock, flags);
}

void kspan_bypass_forget(struct kspan_span *span)
{
	struct bypassed *self = kspan_span_tail(span);
	unsigned long flags;

	kspan_lock(&kspan_bypass_lock, flags);
	latch_tree_erase(&self->node, &tree, &ops);
	kspan_unlock(&kspan_bypass_lock, flags);
}

/* ---- Objects ------------------------------------------------------------------------- */

static void *take_from_slab(struct kspan_cache *cache, size_t size, gfp_t gfp, int node)
{
	struct kmem_cache *kernels = kspan_cache_own(cache)->kernels;
	gfp_t plain = gfp & KSPAN_GFP_PAGES & ~__GFP_NOFAIL;
	void *obj;

	do {
		if (kernels)
			obj = kmem_cache_alloc_node(kernels, plain, node);
		else
			obj = kmalloc_node(size, plain, node);
		if (obj || !(gfp & __GFP_NOFAIL))
			return obj;
		memalloc_retry_wait(gfp);
	} while (true);
}

void *kspan_bypass_alloc(struct kspan_cache *cache, size_t size, gfp_t gfp, int node)
{
	void *obj = take_from_slab(cache, size, gfp, node);
	struct kspan_slot handed;
	struct kspan_span *span;

	if (!obj)
		return NULL;
	span = kspan_span_new_single(cache, obj, size, size, KSPAN_SPAN_BYPASSED,
				     page_to_nid(virt_to_page(obj)), gfp);
	if (!span) {
		kfree(obj);
		return NULL;
	}
	/* What was allocated is told as of any object, with its size and its caller. */
	kmemleak_free(obj);
	enter(span);
	kspan_node_add(span, &handed, 1);
	WRITE_ONCE(*handed.state, KSPAN_STATE_ALLOCATED);
	return obj;
}

void kspan_bypass_free(struct kspan_span *span)
{
	/* One from a kmem_cache, too. kmemleak has heard of it. */
	kfree(span->base);
}

/* ---- Caches -------------------------------------------------------------------------- */

int kspan_bypass_open(struct kspan_cache *cache)
{
	/* Names of the kernel's caches are in sysfs, and must be different. */
	static atomic_t serial;
	struct kspan_cache_own *own = kspan_cache_own(cache);
	char *name;

	static_branch_enable(&kspan_bypassing);
	/* Only named caches have one of their own. */
	if (!own->align)
		return 0;
	name = kasprintf(GFP_KERNEL, "kspan:%d:%s", atomic_inc_return(&serial),
			 kspan_cache_name(cache));
	if (!name)
		return -ENOMEM;
	own->kernels = kmem_cache_create_usercopy(name, cache->object_size, own->align, 0, 0,
						  cache->object_size, NULL);
	kfree(name);
	return own->kernels ? 0 : -ENOMEM;
}

void kspan_bypass_close(struct kspan_cache *cache)
{
	struct kmem_cache *kernels = kspan_cache_own(cache)->kernels;

	if (!kernels)
		return;
	/* Objects that wait for a grace period, and for nobody else. */
	if (cache->flags & KSPAN_TYPESAFE_BY_RCU)
		rcu_barrier();
	kmem_cache_destroy(kernels);
}
