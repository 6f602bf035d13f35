// SPDX-License-Identifier: GPL-2.0
/*
 * The records themselves, and the tree of each span. What a record means and what releasing it
 * does is none of this file's business: see tracing.c, finalizer.c and weak.c.
 *
 * Locks: the span's special_lock, a leaf: records are allocated before and freed after it, and
 * no callback runs under it.
 */
#include <linux/rbtree.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include "base/buf.h"
#include "base/compat.h"
#include "base/hooks.h"
#include "base/lock.h"
#include "heap/span.h"
#include "special/special.h"

static struct kmem_cache *special_cache;
static atomic_long_t nr_specials[KSPAN_NR_SPECIALS];

static const char *const kind_names[] = {
	[KSPAN_SPECIAL_PROFILE]		= "profile",
	[KSPAN_SPECIAL_FINALIZER]	= "finalizer",
	[KSPAN_SPECIAL_CLEANUP]		= "cleanup",
	[KSPAN_SPECIAL_WEAK]		= "weak",
};

static_assert(ARRAY_SIZE(kind_names) == KSPAN_NR_SPECIALS);

/*
 * Some records on each CPU that are kept for the next samples: most come and go at the same rate,
 * and the slab allocator takes as long as all else that is done to a record. KASAN shall see
 * each one go.
 */
#define NR_SPARES	4

struct spares {
	struct kspan_special *special[NR_SPARES];
};

static DEFINE_PER_CPU(struct spares, spares);

static struct kspan_special *take_spare(void)
{
	struct kspan_special *special = NULL;
	int i;

	for (i = 0; i < NR_SPARES && !special; i++)
		special = this_cpu_xchg(spares.special[i], NULL);
	return special;
}

static bool keep_spare(struct kspan_special *special)
{
	int i;

	for (i = 0; i < NR_SPARES && !IS_ENABLED(CONFIG_KASAN); i++)
		if (!this_cpu_cmpxchg(spares.special[i], NULL, special))
			return true;
	return false;
}

struct kspan_special *kspan_special_new(enum kspan_special_kind kind, gfp_t gfp)
{
	struct kspan_special *special;

	/* Nor could it be hung on its object. */
	if (kspan_refuse_nested())
		return NULL;
	if (kspan_test_point(KSPAN_FAIL_SPECIAL))
		return NULL;
	special = take_spare();
	if (!special)
		special = kmem_cache_alloc(special_cache,
					   (gfp & KSPAN_GFP_METADATA) | __GFP_NOWARN);
	if (!special)
		return NULL;
	memset(special, 0, sizeof(*special));
	special->kind = kind;
	atomic_long_inc(&nr_specials[kind]);
	return special;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_special_new);

void kspan_special_delete(struct kspan_special *special)
{
	atomic_long_dec(&nr_specials[special->kind]);
	if (!keep_spare(special))
		kmem_cache_free(special_cache, special);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_special_delete);

/* The order of the tree. */
static int compare(u32 offset, u8 kind, const struct kspan_special *special)
{
	if (offset != special->offset)
		return offset < special->offset ? -1 : 1;
	return (int)kind - (int)special->kind;
}

/* The first record that is not below (@offset, @kind), or NULL. */
static struct kspan_special *first_from(struct kspan_span *span, u32 offset, u8 kind)
	kspan_must_hold(&span->special_lock)
{
	struct rb_node *node = span->specials.rb_node;
	struct kspan_special *found = NULL;

	lockdep_assert_held(&span->special_lock);
	while (node) {
		struct kspan_special *special = rb_entry(node, struct kspan_special, node);

		if (compare(offset, kind, special) <= 0) {
			found = special;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

struct kspan_special *kspan_special_find(struct kspan_span *span, u32 offset,
					 enum kspan_special_kind kind)
{
	struct kspan_special *special = first_from(span, offset, kind);

	return special && !compare(offset, kind, special) ? special : NULL;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_special_find);

static void insert(struct kspan_span *span, struct kspan_special *special)
	kspan_must_hold(&span->special_lock)
{
	struct rb_node **link = &span->specials.rb_node, *parent = NULL;

	lockdep_assert_held(&span->special_lock);
	while (*link) {
		struct kspan_special *at = rb_entry(*link, struct kspan_special, node);

		parent = *link;
		/* Behind its equals: cleanups run in the order in which they were added. */
		link = compare(special->offset, special->kind, at) < 0 ? &parent->rb_left
								       : &parent->rb_right;
	}
	rb_link_node(&special->node, parent, link);
	rb_insert_color(&special->node, &span->specials);
}

/*
 * Hangs @special on @obj. 0; -EINVAL when the object is not allocated; -EEXIST when it has one
 * of that kind and may have only one.
 */
int kspan_special_add_locked(struct kspan_span *span, void *obj, struct kspan_special *special)
{
	int index = kspan_span_index(span, obj);
	u8 state;

	lockdep_assert_held(&span->special_lock);
	if (index < 0)
		return -EINVAL;
	state = READ_ONCE(span->state[index]);
	if (state != KSPAN_STATE_ALLOCATED && state != KSPAN_STATE_SPECIALS)
		return -EINVAL;
	special->offset = obj - span->base;
	/* One that is only ALLOCATED has none. */
	if (state == KSPAN_STATE_SPECIALS && special->kind != KSPAN_SPECIAL_CLEANUP &&
	    kspan_special_find(span, special->offset, special->kind))
		return -EEXIST;
	insert(span, special);
	/*
	 * The owner of the object reads this when it frees. Whoever has come by a weak handle is
	 * not the owner, who may be freeing at this moment: then it is SPECIALS already.
	 */
	if (state == KSPAN_STATE_ALLOCATED)
		WRITE_ONCE(span->state[index], KSPAN_STATE_SPECIALS);
	return 0;
}

int kspan_special_add(struct kspan_span *span, void *obj, struct kspan_special *special)
{
	unsigned long flags;
	int err;

	kspan_lock(&span->special_lock, flags);
	err = kspan_special_add_locked(span, obj, special);
	kspan_unlock(&span->special_lock, flags);
	return err;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_special_add);

/* The next record of the same object, or NULL. */
static struct kspan_special *next_of_object(struct kspan_special *special)
{
	struct rb_node *node = rb_next(&special->node);
	struct kspan_special *next = rb_entry_safe(node, struct kspan_special, node);

	return next && next->offset == special->offset ? next : NULL;
}

/* Takes those of @kinds off the object whose first record is @special, in order. */
static struct kspan_special *unlink(struct kspan_span *span, struct kspan_special *special,
				    unsigned int kinds)
	kspan_must_hold(&span->special_lock)
{
	struct kspan_special *list, **tail = &list, *next;

	lockdep_assert_held(&span->special_lock);
	for (; special; special = next) {
		next = next_of_object(special);
		if (!(kinds & KSPAN_KIND(special->kind)))
			continue;
		rb_erase(&special->node, &span->specials);
		*tail = special;
		tail = &special->next;
	}
	*tail = NULL;
	return list;
}

/* The first record of the object at @offset, or NULL. */
static struct kspan_special *first_of_object(struct kspan_span *span, u32 offset)
	kspan_must_hold(&span->special_lock)
{
	struct kspan_special *special = first_from(span, offset, 0);

	return special && special->offset == offset ? special : NULL;
}

/*
 * Takes the records of @kinds (KSPAN_KIND() bits) off the object at @offset and returns them as
 * a list linked by next, in the order of the tree. Nothing is released here.
 */
struct kspan_special *kspan_special_unlink(struct kspan_span *span, u32 offset,
					   unsigned int kinds)
{
	struct kspan_special *list;
	unsigned long flags;

	kspan_lock(&span->special_lock, flags);
	list = unlink(span, first_of_object(span, offset), kinds);
	kspan_unlock(&span->special_lock, flags);
	return list;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_special_unlink);

/* As kspan_special_unlink(), of the kinds @first if there are any, else of all. */
struct kspan_special *kspan_special_unlink_first(struct kspan_span *span, u32 offset,
						 unsigned int first)
{
	struct kspan_special *list, *special;
	unsigned int kinds = 0;
	unsigned long flags;

	kspan_lock(&span->special_lock, flags);
	list = first_of_object(span, offset);
	for (special = list; special; special = next_of_object(special))
		kinds |= KSPAN_KIND(special->kind);
	list = unlink(span, list, kinds & first ? first : KSPAN_KINDS_ALL);
	kspan_unlock(&span->special_lock, flags);
	return list;
}

/* Takes the one record of @kind off an allocated object; NULL if it has none. */
struct kspan_special *kspan_special_remove(struct kspan_span *span, void *obj,
					   enum kspan_special_kind kind)
{
	struct kspan_special *special = NULL;
	int index = kspan_span_index(span, obj);
	unsigned long flags;

	if (kspan_refuse_nested())
		return NULL;
	kspan_lock(&span->special_lock, flags);
	/* In any other state the records belong to whoever is freeing the object. */
	if (index >= 0 && READ_ONCE(span->state[index]) == KSPAN_STATE_SPECIALS) {
		special = kspan_special_find(span, obj - span->base, kind);
		if (special)
			rb_erase(&special->node, &span->specials);
	}
	kspan_unlock(&span->special_lock, flags);
	return special;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_special_remove);

unsigned long kspan_special_count(void)
{
	unsigned long sum = 0;
	int kind;

	for (kind = 0; kind < KSPAN_NR_SPECIALS; kind++)
		sum += atomic_long_read(&nr_specials[kind]);
	return sum;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_special_count);

size_t kspan_special_bytes(void)
{
	return kspan_special_count() * kmem_cache_size(special_cache);
}

/* The specials file: how many there are of each kind, those that wait to run included. */
void kspan_specials_show(struct kspan_buf *buf)
{
	int kind;

	for (kind = 0; kind < KSPAN_NR_SPECIALS; kind++)
		kspan_buf_printf(buf, "%s %lu\n", kind_names[kind],
				 atomic_long_read(&nr_specials[kind]));
}

int kspan_special_init(void)
{
	special_cache = KMEM_CACHE(kspan_special, 0);
	return special_cache ? 0 : -ENOMEM;
}

void kspan_special_exit(void)
{
	int cpu, i;

	for_each_possible_cpu(cpu)
		for (i = 0; i < NR_SPARES; i++)
			if (per_cpu(spares, cpu).special[i])
				kmem_cache_free(special_cache, per_cpu(spares, cpu).special[i]);
	kmem_cache_destroy(special_cache);
}
