// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a span's header. It stays for a grace period, since whoever looks up an address may
 * be looking at it, and of a type-safe cache the pages do too. And it stays for as long as a slot
 * in a CPU's array or in a magazine points to one of its state bytes: a stray, which two CPUs made
 * by freeing an object at the same moment. Its object has come back to the span and the span has
 * gone, but the array will look at the state byte when it comes upon the stray, to find that it is
 * one.
 *
 * A stray may go from an array to a magazine, but no further. So the arrays are looked through,
 * and a grace period later the magazines. Of an array, which is another CPU's, only addresses are
 * looked at, and whatever is seen there is no more than a reason to keep a header until next time.
 * What is on its way from either back to a node needs no header: kspan_node_give() looks at no
 * state before the page map has said that the span is there. Out of an array it goes under RCU, so
 * that it has come to the node, where it is found to be a stray, before another span could have
 * that place.
 *
 * Locks: the nodes' list locks, each a leaf, to look at one magazine at a time.
 */
#include <linux/llist.h>
#include <linux/percpu.h>
#include <linux/rbtree.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "base/compat.h"
#include "base/work.h"
#include "heap/cache.h"
#include "heap/node.h"
#include "heap/own.h"
#include "heap/pcpu.h"
#include "heap/retire.h"
#include "heap/span.h"

static LLIST_HEAD(retired);		/* spans, by rcu_node; anybody adds, the worker takes all */
static atomic_long_t nr_retired;	/* on that list or in the worker */

static void retire_worker(struct work_struct *work);
static DECLARE_WORK(kspan_retire_work, retire_worker);

unsigned long kspan_retired(void)
{
	return atomic_long_read(&nr_retired);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_retired);

void kspan_retire(struct kspan_span *span)
{
	atomic_long_inc(&nr_retired);
	llist_add(&span->rcu_node, &retired);
	queue_work(kspan_wq, &kspan_retire_work);
}

/* Headers that are looked for, also by address; where the first begins and the last ends. */
struct looking {
	struct llist_node *batch;
	struct rb_root tree;
	unsigned long first, end;
};

static unsigned long end_of(const struct kspan_span *span)
{
	return (unsigned long)kspan_span_own(span) + kspan_span_header_bytes(span);
}

static struct kspan_span *owner(struct rb_node *node)
{
	return &rb_entry(node, struct kspan_span_own, by_address)->span;
}

/*
 * A header that has been retired is on no list, so that it has room for its place in the tree:
 * there may be very many, and this must not fail for lack of memory.
 */
static void look_for(struct looking *at, struct kspan_span *span)
{
	struct rb_node **link = &at->tree.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = span < owner(parent) ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&kspan_span_own(span)->by_address, parent, link);
	rb_insert_color(&kspan_span_own(span)->by_address, &at->tree);
	at->first = min_t(unsigned long, at->first, (unsigned long)span);
	at->end = max(at->end, end_of(span));
}

/* A slot has its state at @state: the header that this lies in, if it is one of these, is kept. */
static void keep(const struct looking *at, const u8 *state)
{
	unsigned long addr = (unsigned long)state;
	struct rb_node *node = at->tree.rb_node;
	struct kspan_span *span;

	if (addr < at->first || addr >= at->end)
		return;
	while (node) {
		span = owner(node);
		if (addr < (unsigned long)span) {
			node = node->rb_left;
		} else if (addr >= end_of(span)) {
			node = node->rb_right;
		} else {
			set_bit(KSPAN_SPAN_KEPT, &span->flags);
			return;
		}
	}
}

/*
 * True if there is anything in them or in magazines, or may be between the two, which is said of
 * every cache that has arrays and is not being destroyed.
 */
static bool look_in_arrays(const struct looking *at, struct kspan_cache *cache)
{
	bool any = READ_ONCE(cache->pcpu_limit);
	unsigned int i, n;
	int cpu, nid;

	for_each_possible_cpu(cpu) {
		struct kspan_pcpu *pcpu = per_cpu_ptr(cache->pcpu, cpu);

		n = kspan_word_count(READ_ONCE(pcpu->word));
		for (i = 0; i < n; i++)
			/* Whatever its own CPU does there meanwhile. */
			keep(at, data_race(READ_ONCE(pcpu->slot[i].state)));
		any |= n;
		cond_resched();
	}
	for_each_node(nid)
		any |= READ_ONCE(kspan_cache_node(cache, nid)->nr_magazines);
	return any;
}

/*
 * Here the states may be looked at, also without the node's lock: it is this worker that frees
 * headers, and those of all that has been retired are still there.
 */
static bool look_in_magazines(const struct looking *at, struct kspan_cache *cache)
{
	struct kspan_slot slots[KSPAN_BATCH_MAX];
	unsigned int n, i;
	int nid;
	u8 mark;

	for_each_node(nid) {
		struct kspan_node *node = kspan_cache_node(cache, nid);

		kspan_depot_walk_start(node);
		while ((n = kspan_depot_walk_next(cache, node, slots, &mark))) {
			for (i = 0; i < n; i++) {
				const u8 *state = slots[i].state;

				if (unlikely(READ_ONCE(*state) != mark))
					keep(at, state);
			}
			cond_resched();
		}
	}
	/* The stack is scanned long after, as it is left: these would hide leaks. */
	if (IS_ENABLED(CONFIG_DEBUG_KMEMLEAK))
		memzero_explicit(slots, sizeof(slots));
	return false;
}

/* Calls @fn for each cache that a span is of; true if one of the calls was. */
static bool look_through(const struct looking *at,
			 bool (*fn)(const struct looking *at, struct kspan_cache *cache))
{
	const struct kspan_cache *last = NULL;
	struct kspan_span *span, *before;
	bool any = false;

	llist_for_each_entry(span, at->batch, rcu_node) {
		/* Each cache once. Spans that go at one time are mostly of one. */
		if (span->cache == last)
			continue;
		last = span->cache;
		cond_resched();
		llist_for_each_entry(before, at->batch, rcu_node)
			if (before->cache == span->cache)
				break;
		if (before == span)
			any |= fn(at, span->cache);
	}
	return any;
}

static void retire_worker(struct work_struct *work)
{
	struct looking at = {
		.batch = llist_del_all(&retired), .tree = RB_ROOT, .first = ULONG_MAX,
	};
	struct kspan_span *span, *next;

	if (!at.batch)
		return;
	/* Whoever was in the middle of a free has written what state he had to write. */
	synchronize_rcu();
	llist_for_each_entry(span, at.batch, rcu_node) {
		u8 *state = span->state;	/* nobody else's */

		memset(state, KSPAN_STATE_FREE, span->nr_objs);
		look_for(&at, span);
		cond_resched();
	}
	if (look_through(&at, look_in_arrays)) {
		/* What has left an array before that has come to the depot. */
		synchronize_rcu();
		look_through(&at, look_in_magazines);
	}
	llist_for_each_entry_safe(span, next, at.batch, rcu_node) {
		if (test_and_clear_bit(KSPAN_SPAN_KEPT, &span->flags)) {
			llist_add(&span->rcu_node, &retired);
		} else {
			kspan_span_free_retired(span);
			atomic_long_dec(&nr_retired);
		}
	}
}

void kspan_retire_flush(void)
{
	queue_work(kspan_wq, &kspan_retire_work);
	flush_work(&kspan_retire_work);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_retire_flush);
