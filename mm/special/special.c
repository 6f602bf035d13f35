// SPDX-License-Identifier: GPL-2.0
/*
 * The records themselves, and the tree of each set. What a record means and what releasing it
 * does is none of this file's business.
 *
 * Locks: the set's, a leaf: records are allocated before and freed after it.
 */
#include <linux/rbtree.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include "base/buf.h"
#include "base/compat.h"
#include "base/gfp.h"
#include "base/hooks.h"
#include "base/lock.h"
#include "special/special.h"

/* ---- Records ------------------------------------------------------------------------- */

static struct kmem_cache *special_cache;
static atomic_long_t nr_specials[KSPAN_NR_SPECIALS];	/* that exist; read by the books */

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

static struct kspan_special *take_spare_record(void)
{
	struct kspan_special *special = NULL;
	int i;

	for (i = 0; i < NR_SPARES && !special; i++)
		special = this_cpu_xchg(spares.special[i], NULL);
	return special;
}

static bool keep_spare_record(struct kspan_special *special)
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
	special = take_spare_record();
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
	if (!keep_spare_record(special))
		kmem_cache_free(special_cache, special);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_special_delete);

/* ---- The tree ------------------------------------------------------------------------ */

void kspan_special_set_init(struct kspan_special_set *set)
	kspan_not_checked
{
	kspan_spin_lock_init(&set->lock, "kspan_special_lock");
	set->tree = RB_ROOT;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_special_set_init);

/* The order of the tree. */
static int compare(u32 offset, u8 kind, const struct kspan_special *special)
{
	if (offset != special->offset)
		return offset < special->offset ? -1 : 1;
	return (int)kind - (int)special->kind;
}

/* The first record that is not below (@offset, @kind), or NULL. */
static struct kspan_special *first_from(struct kspan_special_set *set, u32 offset, u8 kind)
	kspan_must_hold(&set->lock)
{
	struct rb_node *node = set->tree.rb_node;
	struct kspan_special *found = NULL;

	lockdep_assert_held(&set->lock);
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

/* The record of @kind of the object at @offset, or NULL. */
struct kspan_special *kspan_special_find(struct kspan_special_set *set, u32 offset,
					 enum kspan_special_kind kind)
{
	struct kspan_special *special = first_from(set, offset, kind);

	return special && !compare(offset, kind, special) ? special : NULL;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_special_find);

/*
 * Hangs @special on the object at @offset. 0; -EEXIST when it has one of that kind and may have
 * only one.
 */
int kspan_special_add(struct kspan_special_set *set, u32 offset, struct kspan_special *special)
{
	struct rb_node **link = &set->tree.rb_node, *parent = NULL;
	int order;

	lockdep_assert_held(&set->lock);
	while (*link) {
		struct kspan_special *at = rb_entry(*link, struct kspan_special, node);

		parent = *link;
		order = compare(offset, special->kind, at);
		if (!order && special->kind != KSPAN_SPECIAL_CLEANUP)
			return -EEXIST;
		/* Behind its equals: cleanups run in the order in which they were added. */
		link = order < 0 ? &parent->rb_left : &parent->rb_right;
	}
	special->offset = offset;
	rb_link_node(&special->node, parent, link);
	rb_insert_color(&special->node, &set->tree);
	return 0;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_special_add);

/* Takes the one record of @kind off the object at @offset; NULL if it has none. */
struct kspan_special *kspan_special_remove(struct kspan_special_set *set, u32 offset,
					   enum kspan_special_kind kind)
{
	struct kspan_special *special = kspan_special_find(set, offset, kind);

	if (special)
		rb_erase(&special->node, &set->tree);
	return special;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_special_remove);

/* The next record of the same object, or NULL. */
static struct kspan_special *next_of_object(struct kspan_special *special)
{
	struct rb_node *node = rb_next(&special->node);
	struct kspan_special *next = rb_entry_safe(node, struct kspan_special, node);

	return next && next->offset == special->offset ? next : NULL;
}

/* Takes those of @kinds off the object whose first record is @special, in order. */
static struct kspan_special *unlink_kinds(struct kspan_special_set *set,
					  struct kspan_special *special, unsigned int kinds)
	kspan_must_hold(&set->lock)
{
	struct kspan_special *list, **tail = &list, *next;

	lockdep_assert_held(&set->lock);
	for (; special; special = next) {
		next = next_of_object(special);
		if (!(kinds & KSPAN_KIND(special->kind)))
			continue;
		rb_erase(&special->node, &set->tree);
		*tail = special;
		tail = &special->next;
	}
	*tail = NULL;
	return list;
}

/* The first record of the object at @offset, or NULL. */
static struct kspan_special *first_of_object(struct kspan_special_set *set, u32 offset)
	kspan_must_hold(&set->lock)
{
	struct kspan_special *special = first_from(set, offset, 0);

	return special && special->offset == offset ? special : NULL;
}

/*
 * Takes the records of @kinds (KSPAN_KIND() bits) off the object at @offset and returns them as
 * a list linked by next, in the order of the tree. Nothing is released here.
 */
struct kspan_special *kspan_special_unlink(struct kspan_special_set *set, u32 offset,
					   unsigned int kinds)
{
	struct kspan_special *list;
	unsigned long flags;

	kspan_lock(&set->lock, flags);
	list = unlink_kinds(set, first_of_object(set, offset), kinds);
	kspan_unlock(&set->lock, flags);
	return list;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_special_unlink);

/* As kspan_special_unlink(), of the kinds @first if there are any, else of all. */
struct kspan_special *kspan_special_unlink_first(struct kspan_special_set *set, u32 offset,
						 unsigned int first)
{
	struct kspan_special *list, *special;
	unsigned int kinds = 0;
	unsigned long flags;

	kspan_lock(&set->lock, flags);
	list = first_of_object(set, offset);
	special = list ? next_of_object(list) : NULL;
	if (list && !special) {
		/* Most have one, the profile's: of whatever kind, it goes. */
		rb_erase(&list->node, &set->tree);
		list->next = NULL;
	} else if (list) {
		kinds = KSPAN_KIND(list->kind);
		for (; special; special = next_of_object(special))
			kinds |= KSPAN_KIND(special->kind);
		list = unlink_kinds(set, list, kinds & first ? first : KSPAN_KINDS_ALL);
	}
	kspan_unlock(&set->lock, flags);
	return list;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_special_unlink_first);

unsigned int kspan_special_samples(struct kspan_special_set *set, u32 *offset,
				   struct kspan_sampled *samples, unsigned int room)
{
	struct kspan_special *special;
	unsigned long flags;
	unsigned int n;

	kspan_lock(&set->lock, flags);
	for (n = 0; n < room; n++) {
		special = first_from(set, *offset, 0);
		if (!special)
			break;
		samples[n] = (struct kspan_sampled) {};
		/* It is the first in the tree of those of its object. */
		if (special->kind == KSPAN_SPECIAL_PROFILE)
			samples[n] = (struct kspan_sampled) {
				special->profile.bucket, special->profile.weight,
			};
		*offset = special->offset + 1;
	}
	kspan_unlock(&set->lock, flags);
	return n;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_special_samples);

/* ---- The books ----------------------------------------------------------------------- */

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
