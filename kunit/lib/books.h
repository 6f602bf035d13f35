/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The books agree: what kspan keeps in several places, in spans, bitmaps, state bytes, CPUs'
 * arrays, depots, trees of records, the table of stacks, counters and files, is counted one by one
 * and compared. Every suite of the allocator and of the profile does that after each of its tests.
 *
 * Nobody else may allocate, free or change the rate meanwhile. What waits for a grace period or a
 * finalizer is waited for. kspan_cache_mutex keeps the shrinker and CPUs that come and go away,
 * so that lists and arrays are read without their locks.
 */
#ifndef _KSPAN_KUNIT_BOOKS_H
#define _KSPAN_KUNIT_BOOKS_H

#include <linux/bitmap.h>
#include <linux/cpu.h>
#include <linux/ctype.h>
#include <linux/mm.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/topology.h>

#include <kspan/kspan.h>

#include "api/deferred.h"
#include "base/buf.h"
#include "export/stats.h"
#include "export/debugfs.h"
#include "heap/bypass.h"
#include "heap/heap.h"
#include "heap/node.h"
#include "heap/own.h"
#include "heap/pagemap_root.h"
#include "heap/pcpu.h"
#include "profile/label.h"
#include "special/special.h"
#include "heap.h"

#define BOOKS_WORDS	8	/* the most that is said of one look */

struct books_bucket {
	const struct kspan_bucket *bucket;
	u64 allocs, live, found;	/* weights: as the bucket has them, and of the records */
};

/* A file, and how far it has been compared. */
struct books_file {
	const char *name;
	struct kspan_buf buf;
	size_t at;
};

struct books {
	struct kunit *test;
	unsigned int wrong;
	bool all_sampled;	/* the rate has been 1 since books_begin() */
	struct books_file caches, spans, specials, stats;

	/* Of all caches. */
	unsigned long in_use, unsampled, nr_spans, pages, map_pages, nr_specials;
	unsigned long kinds[KSPAN_NR_SPECIALS];
	size_t span_bytes, bucket_bytes, map_bytes;
	struct books_bucket *buckets;
	unsigned long nr_buckets;

	/* Of the cache that is being counted. */
	void **cached;
	unsigned long nr_cached, room;
	unsigned long used, marked, out, objs, cache_spans, cache_pages;
};

/* What was so when the test began: that of each suite. */
static struct books_base {
	bool begun;
	u32 epoch;
	unsigned long dropped, unsampled;
} books_base __maybe_unused;

__printf(2, 3)
static inline void books_wrong(struct books *b, const char *fmt, ...)
{
	char text[160];
	va_list args;

	if (b->wrong++ >= BOOKS_WORDS)
		return;
	va_start(args, fmt);
	vscnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	KUNIT_FAIL(b->test, "books: %s", text);
}

#define books_same(b, what, have, want)						\
do {										\
	unsigned long __have = (have), __want = (want);				\
										\
	if (__have != __want)							\
		books_wrong(b, "%s: %lu, not %lu", what, __have, __want);	\
} while (0)

/* Does no finalizer or cleanup of any cache wait, or run? */
static inline bool books_finalized(void)
{
	struct list_head *const lists[] = { &kspan_caches, &kspan_left_caches };
	struct kspan_cache *cache;
	bool idle = true;
	int i;

	mutex_lock(&kspan_cache_mutex);
	for (i = 0; i < ARRAY_SIZE(lists); i++)
		list_for_each_entry(cache, lists[i], list)
			idle &= kspan_finalizers_idle(&cache->finalizers);
	mutex_unlock(&kspan_cache_mutex);
	return idle;
}

/* Each may hand on to the other. */
static inline bool books_settled(void)
{
	return books_finalized() && kspan_rcu_idle() && books_finalized() && kspan_rcu_idle();
}

/* Everything that was freed is gone, whatever it had to wait for: mostly there is nothing. */
static inline void books_settle(void)
{
	int i;

	for (i = 0; i < 4 && !books_settled(); i++)
		kspan_flush_finalizers();
}

/* ------------------------------------------------------------------ files */

static inline void books_open(struct books *b, struct books_file *file, const char *name)
{
	file->name = name;
	file->at = 0;
	if (kspan_debugfs_render(name, &file->buf))
		books_wrong(b, "%s cannot be read", name);
	kspan_buf_append(&file->buf, "", 1);
	file->buf.len--;
}

/* The next of the file is this. */
__printf(3, 4)
static inline void books_line(struct books *b, struct books_file *file, const char *fmt, ...)
{
	const char *have = file->buf.data + file->at, *end;
	char want[192];
	va_list args;
	size_t len;

	if (file->buf.err)
		return;
	va_start(args, fmt);
	len = vscnprintf(want, sizeof(want), fmt, args);
	va_end(args);
	end = strchrnul(have, '\n');
	file->at += end - have + (*end == '\n');
	if (end - have + 1 != len || memcmp(have, want, len))
		books_wrong(b, "%s has \"%.*s\", not \"%.*s\"", file->name,
			    min_t(int, end - have, 90), have, (int)len - 1, want);
}

static inline void books_end(struct books *b, struct books_file *file)
{
	if (!file->buf.err && file->at != file->buf.len)
		books_wrong(b, "%s goes on: \"%.60s\"", file->name, file->buf.data + file->at);
	kspan_buf_free(&file->buf);
}

/* The number behind @name in the stats file. */
static inline unsigned long books_stat(struct books *b, const char *name)
{
	const char *at = b->stats.buf.data;
	size_t len = strlen(name);
	unsigned long value;

	while (!b->stats.buf.err && at && *at) {
		if (!strncmp(at, name, len) && sscanf(at + len, " %lu\n", &value) == 1)
			return value;
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	books_wrong(b, "stats has no %s", name);
	return 0;
}

/* ------------------------------------------------------------------ ready objects */

/*
 * A slot in an array or a magazine. @nid: where its memory must be, or NUMA_NO_NODE. @mark: the
 * state of its object, that of the array or of the one where the magazine was filled.
 */
static inline void books_slot(struct books *b, const struct kspan_cache *cache,
			      const struct kspan_slot *slot, int nid, u8 mark)
{
	const struct kspan_span *span = kspan_pagemap_find(slot->obj);
	int index = span ? kspan_span_index(span, slot->obj) : -1;

	if (!span || span->cache != cache || index < 0 || index >= span->nr_objs) {
		books_wrong(b, "a ready object of cache %s is none", kspan_cache_name(cache));
		return;
	}
	if (slot->state != &span->state[index])
		books_wrong(b, "a ready object has the state of another");
	if (span->state[index] != mark)
		books_wrong(b, "a ready object of cache %s is in state %u, not %u",
			    kspan_cache_name(cache), span->state[index], mark);
	if (nid != NUMA_NO_NODE && nr_online_nodes > 1 && span->nid != nid)
		books_wrong(b, "a ready object is of node %d, not %d", span->nid, nid);
	if (b->nr_cached < b->room)
		b->cached[b->nr_cached] = slot->obj;
	b->nr_cached++;
}

static inline void books_array(struct books *b, const struct kspan_cache *cache, int cpu)
{
	const struct kspan_pcpu *pcpu = per_cpu_ptr(cache->pcpu, cpu);
	u32 word = pcpu->word, filled = kspan_word_count(word), i;
	u8 mark = kspan_mark_of(cpu);

	if (word >= (cache->pcpu_limit ?: 1) + KSPAN_SLOT || word != filled * KSPAN_SLOT + mark) {
		books_wrong(b, "the array of CPU %d of cache %s has the word %x, its limit is %x",
			    cpu, kspan_cache_name(cache), word, cache->pcpu_limit);
		return;
	}
	/* What budget a cache has that is kept for late frees alone, nobody asks. */
	if (!cpu_online(cpu) && (filled || pcpu->spare ||
				 (!cache->destroyed && (pcpu->word >> 32 || pcpu->stride.epoch))))
		books_wrong(b, "CPU %d has gone and left something of cache %s", cpu,
			    kspan_cache_name(cache));
	for (i = 0; i < filled; i++)
		books_slot(b, cache, &pcpu->slot[i], cpu_to_mem(cpu), mark);
}

static inline void books_depot(struct books *b, const struct kspan_cache *cache, int nid)
{
	const struct kspan_node *node = kspan_cache_node(cache, nid);
	unsigned int most = node->depot_limit;
	const struct kspan_magazine *mag;
	unsigned int full = 0, spares = 0, i;

	for (mag = node->magazines; mag; mag = mag->next) {
		full++;
		for (i = 0; i < kspan_cache_own(cache)->batch; i++)
			books_slot(b, cache, &mag->slot[i], nid, mag->mark);
	}
	for (mag = node->spares; mag; mag = mag->next)
		spares++;
	books_same(b, "full magazines", node->nr_magazines, full);
	books_same(b, "spare magazines", node->nr_spares, spares);
	if (most > kspan_cache_own(cache)->depot_most || full > most || spares > most)
		books_wrong(b, "a depot of cache %s has %u and %u magazines, at most %u",
			    kspan_cache_name(cache), full, spares, most);
}

static inline int books_order(const void *a, const void *b)
{
	const void *x = *(void *const *)a, *y = *(void *const *)b;

	return x < y ? -1 : x > y;
}

/* Ready objects, each once. */
static inline void books_cached(struct books *b, struct kspan_cache *cache)
{
	unsigned long i;
	int cpu, nid;

	b->nr_cached = 0;
	for_each_possible_cpu(cpu)
		books_array(b, cache, cpu);
	books_same(b, "objects in arrays", kspan_pcpu_cached(cache), b->nr_cached);
	for_each_node(nid)
		books_depot(b, cache, nid);
	if (b->nr_cached > b->room) {
		kvfree(b->cached);
		b->room = b->nr_cached + 256;
		b->cached = kvmalloc_array(b->room, sizeof(*b->cached), GFP_KERNEL);
		if (!b->cached) {
			b->room = 0;
			books_wrong(b, "no memory");
			return;
		}
		books_cached(b, cache);
		return;
	}
	sort(b->cached, b->nr_cached, sizeof(*b->cached), books_order, NULL);
	for (i = 1; i < b->nr_cached; i++)
		if (b->cached[i] == b->cached[i - 1])
			books_wrong(b, "an object of cache %s is ready twice",
				    kspan_cache_name(cache));
}

/* ------------------------------------------------------------------ records */

static inline void books_weight(struct books *b, const struct kspan_span *span,
				const struct kspan_special *special)
{
	const struct kspan_bucket *bucket = special->profile.bucket;
	unsigned long i;

	for (i = 0; i < b->nr_buckets && b->buckets[i].bucket != bucket; i++)
		;
	if (i == b->nr_buckets) {
		books_wrong(b, "a sample of cache %s has a bucket that is not in the table",
			    kspan_cache_name(span->cache));
		return;
	}
	b->buckets[i].found += special->profile.weight;
	if (bucket->label != span->cache->label ||
	    bucket->slot_size != (span->cache->slot_size ?: span->slot_size))
		books_wrong(b, "a sample of cache %s, %u bytes, is one of %s, %u bytes",
			    kspan_cache_name(span->cache), span->slot_size, bucket->label->name,
			    bucket->slot_size);
	if (span->cache->flags & KSPAN_NO_PROFILE)
		books_wrong(b, "a sample of a cache that has none");
	if (special->profile.weight < KSPAN_WEIGHT_ONE ||
	    (b->all_sampled && special->profile.weight != KSPAN_WEIGHT_ONE))
		books_wrong(b, "a sample weighs %llu", special->profile.weight);
}

static inline void books_special(struct books *b, const struct kspan_span *span,
				 const struct kspan_special *special)
{
	void *obj = span->base + special->offset;
	int index = kspan_span_index(span, obj);

	if (special->kind >= KSPAN_NR_SPECIALS) {
		books_wrong(b, "a record of kind %u", special->kind);
		return;
	}
	b->kinds[special->kind]++;
	b->nr_specials++;
	if (index < 0 || index >= span->nr_objs || span->state[index] != KSPAN_STATE_SPECIALS)
		books_wrong(b, "a record of kind %u hangs on no object that has any",
			    special->kind);
	if (special->kind == KSPAN_SPECIAL_PROFILE)
		books_weight(b, span, special);
	if (special->kind == KSPAN_SPECIAL_FINALIZER && special->finalizer.obj != obj)
		books_wrong(b, "a finalizer is that of another object");
	if (special->kind == KSPAN_SPECIAL_WEAK) {
		rcu_read_lock();
		if (kspan_weak_deref(special->weak.handle) != obj)
			books_wrong(b, "a weak handle is that of another object");
		rcu_read_unlock();
	}
}

/* How many objects of @span are samples. */
static inline unsigned int books_specials(struct books *b, const struct kspan_span *span)
{
	const struct kspan_special *special, *last = NULL;
	const struct rb_node *node;
	unsigned int samples = 0;

	for (node = rb_first(&span->specials.tree); node; node = rb_next(node)) {
		special = rb_entry(node, struct kspan_special, node);
		if (last && (last->offset > special->offset ||
			     (last->offset == special->offset && last->kind > special->kind)))
			books_wrong(b, "records are not in order");
		if (last && last->offset == special->offset && last->kind == special->kind &&
		    special->kind != KSPAN_SPECIAL_CLEANUP)
			books_wrong(b, "an object has two records of kind %u", special->kind);
		books_special(b, span, special);
		samples += special->kind == KSPAN_SPECIAL_PROFILE;
		last = special;
	}
	return samples;
}

/* ------------------------------------------------------------------ spans */

static inline void books_objects(struct books *b, const struct kspan_span *span)
{
	const struct kspan_cache *cache = span->cache;
	unsigned int counts[KSPAN_NR_STATES] = {}, ready = 0, i, used, samples;

	for (i = 0; i < span->nr_objs; i++) {
		unsigned int state = span->state[i];
		bool free = state == KSPAN_STATE_FREE;

		if (state >= KSPAN_MARK_FIRST) {
			ready++;
		} else if (state < KSPAN_NR_STATES) {
			counts[state]++;
		} else {
			books_wrong(b, "state %u", state);
			return;
		}
		if (test_bit(i, span->free_map) != free)
			books_wrong(b, "object %u of a span of cache %s is in state %u and %sfree",
				    i, kspan_cache_name(cache), state,
				    test_bit(i, span->free_map) ? "" : "not ");
	}
	if (span->state[span->nr_objs] != KSPAN_STATE_FREE)
		books_wrong(b, "the tail of a span is in state %u", span->state[span->nr_objs]);
	used = counts[KSPAN_STATE_ALLOCATED] + counts[KSPAN_STATE_SPECIALS];
	books_same(b, "free objects of a span", kspan_span_own(span)->nr_free,
		   counts[KSPAN_STATE_FREE]);
	if (used + ready + counts[KSPAN_STATE_FREE] != span->nr_objs)
		books_wrong(b, "objects of cache %s are neither free nor used: %u, %u, %u, %u, %u",
			    kspan_cache_name(cache), counts[KSPAN_STATE_CACHED],
			    counts[KSPAN_STATE_FREEING],
			    counts[KSPAN_STATE_FINALIZING], counts[KSPAN_STATE_RCU_NEXT],
			    counts[KSPAN_STATE_RCU_WAIT]);
	samples = books_specials(b, span);
	b->used += used;
	b->marked += ready;
	b->out += span->nr_objs - kspan_span_own(span)->nr_free;
	if (!(cache->flags & KSPAN_NO_PROFILE))
		b->unsampled += used - min(used, samples);
}

static inline size_t books_header_bytes(const struct kspan_span *span)
{
	size_t bytes = ALIGN(struct_size(kspan_span_own(span), span.state, span->nr_objs + 1),
			     sizeof(long)) +
		       BITS_TO_LONGS(span->nr_objs) * sizeof(long);

	if (span->asked)
		bytes += ALIGN(span->nr_objs * sizeof(u32), sizeof(long));
	return bytes + (kspan_span_single(span) ? KSPAN_SINGLE_TAIL : 0);
}

static inline void books_span(struct books *b, const struct kspan_cache *cache, int nid,
			      const struct kspan_span *span, enum kspan_span_list where)
{
	const struct kspan_span_own *own = kspan_span_own(span);
	enum kspan_span_list want = !own->nr_free ? KSPAN_LIST_FULL :
		own->nr_free == span->nr_objs ? KSPAN_LIST_EMPTY : KSPAN_LIST_PARTIAL;
	unsigned int i, wrong = 0;

	if (span->cache != cache || span->nid != nid)
		books_wrong(b, "a span is on the list of cache %s, node %d, and not its",
			    kspan_cache_name(cache), nid);
	if (where != want || own->where != want)
		books_wrong(b, "a span with %u of %u free is on list %d and says %d",
			    own->nr_free, span->nr_objs, where, own->where);
	if (test_bit(KSPAN_SPAN_RCU_QUEUED, &span->flags))
		books_wrong(b, "a span still waits for a grace period");
	if (test_bit(KSPAN_SPAN_BYPASSED, &span->flags)) {
		wrong = kspan_bypass_find(span->base) != span;
	} else {
		for (i = 0; i < span->nr_pages; i++)
			wrong += kspan_pagemap_find(span->base + i * PAGE_SIZE) != span;
		b->map_pages += span->nr_pages;
	}
	if (wrong)
		books_wrong(b, "%u pages of a span of cache %s are not known to be its", wrong,
			    kspan_cache_name(cache));
	if (!kspan_span_single(span)) {
		b->pages += span->nr_pages;
		if (span->slot_size > ((size_t)span->nr_pages << PAGE_SHIFT) / span->nr_objs)
			books_wrong(b, "the objects of a span do not fit into its pages");
	}
	b->cache_pages += span->nr_pages;
	b->objs += span->nr_objs;
	b->cache_spans++;
	b->span_bytes += books_header_bytes(span);
	books_objects(b, span);
}

static inline void books_node(struct books *b, const struct kspan_cache *cache, int nid,
			      bool listed)
{
	const struct kspan_node *node = kspan_cache_node(cache, nid);
	const struct {
		const struct list_head *list;
		enum kspan_span_list where;
	} lists[] = {
		{ &node->full, KSPAN_LIST_FULL },
		{ &node->partial, KSPAN_LIST_PARTIAL },
		{ &node->empty, KSPAN_LIST_EMPTY },
	};
	unsigned long spans = b->cache_spans, pages = b->cache_pages, objs = b->objs;
	unsigned long out = b->out, empty = 0, all = 0, limit;
	const struct kspan_span_own *own;
	const struct kspan_span *span;
	int i;

	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		list_for_each_entry(own, lists[i].list, list) {
			books_span(b, cache, nid, &own->span, lists[i].where);
			empty += lists[i].where == KSPAN_LIST_EMPTY;
		}
	}
	/* Once more, by their age. */
	list_for_each_entry(own, &node->all, all) {
		span = &own->span;
		all++;
		if (listed)
			books_line(b, &b->spans,
				   "%px %s node %d pages %u objects %u free %u\n",
				   span->base, kspan_cache_name(cache), nid,
				   span->nr_pages, span->nr_objs, kspan_span_own(span)->nr_free);
	}
	books_same(b, "spans of a node by their age", all, b->cache_spans - spans);
	if (node->walk)
		books_wrong(b, "a walk over spans of cache %s has not ended",
			    kspan_cache_name(cache));
	books_same(b, "spans of a node", node->nr_spans, b->cache_spans - spans);
	books_same(b, "pages of a node", node->nr_pages, b->cache_pages - pages);
	books_same(b, "objects of a node", node->nr_objs, b->objs - objs);
	books_same(b, "objects a node has handed out", node->nr_out, b->out - out);
	books_same(b, "empty spans of a node", node->nr_empty, empty);
	limit = cache->slot_size && !cache->destroyed ?
		node->nr_spans / 16 + (kspan_cache_own(cache)->span_pages == 1) : 0;
	if (empty > limit)
		books_wrong(b, "cache %s keeps %lu empty spans, at most %lu",
			    kspan_cache_name(cache), empty, limit);
}

static inline void books_cache(struct books *b, struct kspan_cache *cache, bool listed)
{
	unsigned long bytes;
	int nid;

	b->used = 0;
	b->marked = 0;
	b->out = 0;
	b->objs = 0;
	b->cache_spans = 0;
	b->cache_pages = 0;
	books_cached(b, cache);
	for_each_node(nid)
		books_node(b, cache, nid, listed);
	/* All of them have marks and are different, so these are the same objects. */
	books_same(b, "objects that are marked as ready", b->marked, b->nr_cached);
	books_same(b, "objects in use and ready ones", b->out, b->used + b->nr_cached);
	b->in_use += b->used;
	b->nr_spans += b->cache_spans;
	if (!listed)
		return;
	bytes = cache->slot_size ? b->cache_pages * PAGE_SIZE : 0;
	books_line(b, &b->caches, "%-24s %8u %8u %10lu %10lu %8lu %8lu %12lu\n",
		   kspan_cache_name(cache), cache->object_size, cache->slot_size, b->used,
		   b->objs, b->cache_spans, b->cache_pages,
		   bytes - min(bytes, b->used * cache->object_size));
}

/* ------------------------------------------------------------------ page map */

static unsigned long books_map_pages __maybe_unused;

static inline void books_map_page(struct kspan_span *span, const void *page)
{
	books_map_pages++;
}

/* The root has a page for so many places; of those without memory only a pointer to that. */
static inline void books_pagemap(struct books *b)
{
	const unsigned long places = PAGE_SIZE / sizeof(struct kspan_leaf *);
	unsigned long place = 0, at, leaves = 0, filled = 0, holes = 0;
	enum kspan_visit found;

	books_map_pages = 0;
	do {
		at = place;
		found = kspan_pagemap_visit(&place, books_map_page);
		leaves += found == KSPAN_LEAF_VISITED;
		holes += place - at == places;
		filled += place - at == 1 && at % places == 0;
		cond_resched();
	} while (found != KSPAN_LEAF_BEYOND);
	books_same(b, "pages in the page map", books_map_pages, b->map_pages);
	b->map_bytes = (leaves + filled + 1) * PAGE_SIZE + (filled + holes + 1) * sizeof(void *);
}

/* ------------------------------------------------------------------ the profile */

/* What is in use, and what was at the peak, in bytes by stack and as a whole. */
struct books_peak {
	u64 live, most;
	struct kspan_peak all;
};

static inline void books_peak_add(struct books_peak *peak, const struct kspan_bucket *bucket)
{
	peak->live += kspan_bucket_bytes(bucket, bucket->live);
	peak->most += kspan_bucket_bytes(bucket, kspan_bucket_at_peak(bucket, &peak->all));
}

/* Fractions of bytes are rounded once or many times: where there are none it is exact. */
static inline void books_peak_is(struct books *b, const struct books_peak *peak)
{
	if (!b->all_sampled)
		return;
	books_same(b, "bytes in use of all stacks", peak->all.live, peak->live);
	books_same(b, "bytes at the peak", peak->all.most, peak->most + peak->all.lost_bytes);
}

static inline void books_buckets(struct books *b)
{
	const struct kspan_bucket *bucket;
	struct books_peak peak = {};
	unsigned long room, flags;

	room = kspan_profile_buckets(HEAP) + 64;
	b->buckets = kvcalloc(room, sizeof(*b->buckets), GFP_KERNEL);
	if (!b->buckets) {
		books_wrong(b, "no memory");
		return;
	}
	spin_lock_irqsave(&HEAP->table->lock, flags);
	peak.all = HEAP->table->peak;
	list_for_each_entry(bucket, &HEAP->table->all, all) {
		if (b->nr_buckets == room)
			break;
		b->buckets[b->nr_buckets++] = (struct books_bucket) {
			.bucket = bucket, .allocs = bucket->allocs, .live = bucket->live,
		};
		b->bucket_bytes += struct_size(bucket, frames, bucket->nr_frames);
		books_peak_add(&peak, bucket);
	}
	spin_unlock_irqrestore(&HEAP->table->lock, flags);
	books_peak_is(b, &peak);
	books_same(b, "buckets", kspan_profile_buckets(HEAP), b->nr_buckets);
}

static inline bool books_same_stack(const struct kspan_bucket *x, const struct kspan_bucket *y)
{
	return x->hash_value == y->hash_value && !x->unhashed && !y->unhashed &&
	       x->slot_size == y->slot_size && x->label == y->label &&
	       x->nr_frames == y->nr_frames &&
	       !memcmp(x->frames, y->frames, x->nr_frames * sizeof(x->frames[0]));
}

/* Each stack has one bucket: of so many as can be compared with each other in no time. */
static inline void books_stacks(struct books *b)
{
	unsigned long i, k;

	for (i = 0; i < min(b->nr_buckets, 200UL); i++)
		for (k = 0; k < i; k++)
			if (books_same_stack(b->buckets[i].bucket, b->buckets[k].bucket))
				books_wrong(b, "a stack of cache %s has two buckets",
					    b->buckets[i].bucket->label->name);
}

/* What is in use weighs in each bucket what its records do. */
static inline void books_weights(struct books *b)
{
	unsigned long i;

	for (i = 0; i < b->nr_buckets; i++)
		if (b->buckets[i].live != b->buckets[i].found)
			books_wrong(b, "a bucket of cache %s has %llu in use, its samples %llu",
				    b->buckets[i].bucket->label->name, b->buckets[i].live,
				    b->buckets[i].found);
}

struct books_sums {
	u64 v[4];	/* in the order of the profile's columns */
};

static inline u64 books_scaled(u64 weight, u64 scale)
{
	u64 rest = weight & (KSPAN_WEIGHT_ONE - 1);

	return (weight >> KSPAN_WEIGHT_SHIFT) * scale +
	       ((rest * scale + KSPAN_WEIGHT_ONE / 2) >> KSPAN_WEIGHT_SHIFT);
}

static inline u64 books_varint(const u8 **at, const u8 *end)
{
	unsigned int shift = 0;
	u64 value = 0;
	u8 byte;

	do {
		if (*at >= end || shift > 63)
			return 0;
		byte = *(*at)++;
		value |= (u64)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	return value;
}

/* Adds up the values of all samples (field 2) of a profile.proto. */
static inline struct books_sums books_pprof(const struct kspan_buf *buf)
{
	const u8 *at = buf->data, *end = at + buf->len;
	struct books_sums sums = {};

	while (at < end) {
		u64 key = books_varint(&at, end), len = books_varint(&at, end);
		const u8 *in = at, *last = at + len;

		if ((key & 7) != 2)
			continue;
		at = last;
		while (key >> 3 == 2 && in < last) {
			u64 k = books_varint(&in, last), l = books_varint(&in, last), i = 0;
			const u8 *values = in;

			if ((k & 7) != 2)
				continue;
			in += l;
			while (k >> 3 == 2 && values < in && i < 4)
				sums.v[i++] += books_varint(&values, in);
		}
	}
	return sums;
}

static inline u64 books_folded(const struct kspan_buf *buf)
{
	const char *at = buf->data, *end = at + buf->len;
	u64 sum = 0;

	for (; at < end; at++)
		if (*at == '\n' && at > buf->data) {
			u64 bytes = 0, scale = 1;
			const char *digit = at;

			for (; digit > buf->data && isdigit(digit[-1]); scale *= 10)
				bytes += (*--digit - '0') * scale;
			sum += bytes;
		}
	return sum;
}

/* Stacks that tests have made up must not be looked up: their frames are no functions'. */
static inline bool books_made_up(const struct books *b)
{
	unsigned long i;

	for (i = 0; i < b->nr_buckets; i++)
		if (!strcmp(b->buckets[i].bucket->label->name, "bucket_test"))
			return true;
	return false;
}

/* The files of the profile show what the buckets say. */
static inline void books_profile_files(struct books *b)
{
	struct books_file heap = {}, allocs = {}, text = {}, folded = {};
	struct books_sums want = {}, sums;
	unsigned long i;
	int v;

	if (books_made_up(b))
		return;
	for (i = 0; i < b->nr_buckets; i++) {
		const struct books_bucket *at = &b->buckets[i];
		u32 size = at->bucket->slot_size;

		want.v[0] += books_scaled(at->allocs, 1);
		want.v[1] += books_scaled(at->allocs, size);
		want.v[2] += books_scaled(at->live, 1);
		want.v[3] += books_scaled(at->live, size);
	}
	books_open(b, &heap, "heap");
	books_open(b, &allocs, "allocs");
	books_open(b, &text, "heap.txt");
	books_open(b, &folded, "heap.folded");
	sums = books_pprof(&heap.buf);
	for (v = 0; v < 4; v++)
		books_same(b, "the sum of a column of heap", sums.v[v], want.v[v]);
	sums = books_pprof(&allocs.buf);
	for (v = 0; v < 4; v++)
		books_same(b, "the sum of a column of allocs", sums.v[v], want.v[v]);
	books_same(b, "the sum of heap.folded", books_folded(&folded.buf), want.v[3]);
	if (b->all_sampled)
		books_line(b, &text, "heap profile: %llu: %llu [%s%llu: %llu] @ heap_v2/1\n",
			   want.v[2], want.v[3],
			   (!want.v[0] || want.v[0] == want.v[2]) &&
			   (!want.v[1] || want.v[1] == want.v[3]) ? "0" : "",
			   want.v[0], want.v[1]);
	kspan_buf_free(&heap.buf);
	kspan_buf_free(&allocs.buf);
	kspan_buf_free(&text.buf);
	kspan_buf_free(&folded.buf);
}

/* ------------------------------------------------------------------ stats */

#define BOOKS_COUNTER(id, name) [id] = name,
static const char *const books_counters[KSPAN_NR_COUNTERS] __maybe_unused = {
	KSPAN_COUNTERS(BOOKS_COUNTER)
};

static const char *const books_profile_counters[] __maybe_unused = {
	KSPAN_PROFILE_COUNTERS(BOOKS_COUNTER)
};

#undef BOOKS_COUNTER

static inline void books_stats(struct books *b)
{
	unsigned int i;

	for (i = 0; i < KSPAN_NR_COUNTERS; i++)
		books_same(b, books_counters[i], books_stat(b, books_counters[i]),
			   kspan_counter_sum(i));
	for (i = 0; i < KSPAN_NR_PROFILE_COUNTERS; i++)
		books_same(b, books_profile_counters[i], books_stat(b, books_profile_counters[i]),
			   kspan_profile_counter(HEAP, i));
	books_same(b, "allocations less frees",
		   books_stat(b, "allocations") - books_stat(b, "frees"), b->in_use);
	books_same(b, "spans created less freed",
		   books_stat(b, "spans_created") - books_stat(b, "spans_freed"), b->nr_spans);
	books_same(b, "pages", books_stat(b, "pages"), b->pages);
	books_same(b, "buckets", books_stat(b, "buckets"), b->nr_buckets);
	books_same(b, "specials", books_stat(b, "specials"), b->nr_specials);
	books_same(b, "span_bytes", books_stat(b, "span_bytes"), b->span_bytes);
	books_same(b, "special_bytes", books_stat(b, "special_bytes"),
		   b->nr_specials * sizeof(struct kspan_special));
	books_same(b, "pagemap_bytes", books_stat(b, "pagemap_bytes"), b->map_bytes);
	/* The chains are a power of two of pointers. */
	if (!is_power_of_2(books_stat(b, "bucket_bytes") - b->bucket_bytes))
		books_wrong(b, "bucket_bytes: %lu, of which %zu of buckets",
			    books_stat(b, "bucket_bytes"), b->bucket_bytes);
	books_same(b, "metadata_bytes", books_stat(b, "metadata_bytes"),
		   books_stat(b, "span_bytes") + books_stat(b, "pagemap_bytes") +
		   books_stat(b, "special_bytes") + books_stat(b, "bucket_bytes") +
		   books_stat(b, "symbol_bytes") + books_stat(b, "guard_bytes"));
}

/* ------------------------------------------------------------------ all of them */

/* The rate is 1, and stays so: from here on whatever is in use is a sample. */
static inline void books_begin(void)
{
	books_base.begun = kspan_profile_sample_bytes(HEAP) == 1;
	books_base.epoch = kspan_profile_epoch(HEAP);
	books_base.dropped = kspan_profile_counter(HEAP, KSPAN_SAMPLES_DROPPED);
}

static inline void books_walk(struct books *b)
{
	struct kspan_cache *cache;

	cpus_read_lock();
	mutex_lock(&kspan_cache_mutex);
	list_for_each_entry(cache, &kspan_caches, list)
		books_cache(b, cache, true);
	list_for_each_entry(cache, &kspan_left_caches, list)
		books_cache(b, cache, false);
	mutex_unlock(&kspan_cache_mutex);
	cpus_read_unlock();
}

/* All books, settled. Process context, may sleep. */
static inline void books_check(struct kunit *test)
{
	struct books *b = kvzalloc(sizeof(*b), GFP_KERNEL);
	unsigned long dropped;

	if (!b) {
		KUNIT_FAIL(test, "books: no memory");
		return;
	}
	b->test = test;
	b->all_sampled = books_base.begun && books_base.epoch == kspan_profile_epoch(HEAP);
	books_settle();
	books_open(b, &b->caches, "caches");
	books_open(b, &b->spans, "spans");
	books_open(b, &b->specials, "specials");
	books_open(b, &b->stats, "stats");
	books_buckets(b);
	books_line(b, &b->caches, "%-24s %8s %8s %10s %10s %8s %8s %12s\n", "# name", "object",
		   "slot", "in_use", "objects", "spans", "pages", "waste_bytes");
	books_walk(b);
	books_line(b, &b->specials, "profile %lu\n", b->kinds[KSPAN_SPECIAL_PROFILE]);
	books_line(b, &b->specials, "finalizer %lu\n", b->kinds[KSPAN_SPECIAL_FINALIZER]);
	books_line(b, &b->specials, "cleanup %lu\n", b->kinds[KSPAN_SPECIAL_CLEANUP]);
	books_line(b, &b->specials, "weak %lu\n", b->kinds[KSPAN_SPECIAL_WEAK]);
	books_pagemap(b);
	books_weights(b);
	books_stacks(b);
	books_stats(b);
	dropped = kspan_profile_counter(HEAP, KSPAN_SAMPLES_DROPPED) - books_base.dropped;
	if (b->all_sampled && b->unsampled > books_base.unsampled + dropped)
		books_wrong(b, "%lu objects are no samples", b->unsampled);
	books_base.unsampled = b->unsampled;
	books_end(b, &b->caches);
	books_end(b, &b->spans);
	books_end(b, &b->specials);
	kspan_buf_free(&b->stats.buf);
	books_profile_files(b);
	kvfree(b->buckets);
	kvfree(b->cached);
	kvfree(b);
}

#endif /* _KSPAN_KUNIT_BOOKS_H */
