// SPDX-License-Identifier: GPL-2.0
/*
 * The objects of the torture module: a table that all contexts share, so that most are freed on
 * another CPU than they were allocated on. The content of each depends on its address, its size
 * and a seed that stands in the table, and is checked whenever the object is touched; what two
 * users believe to be theirs does not stay as either wrote it.
 */
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "torture.h"

struct torture_slot *torture_slots;
unsigned int torture_nr_slots;

/* A slot that nobody has, or NULL when a few tries find none. */
struct torture_slot *torture_slot_any(struct torture_actor *actor)
{
	int tries;

	for (tries = 0; tries < 4; tries++) {
		struct torture_slot *slot =
			&torture_slots[torture_random(actor, torture_nr_slots)];

		if (torture_trylock(&slot->busy))
			return slot;
	}
	return NULL;
}

/* ---- Content ------------------------------------------------------------------------- */

static u64 first_word(const void *addr, struct torture_content content)
{
	return ((unsigned long)addr ^ ((u64)content.seed << 32 | content.size)) *
	       0x9e3779b97f4a7c15ULL;
}

#define WORD_STEP	0xbf58476d1ce4e5b9ULL

/* Objects are aligned to a word at least; this is most of what the module does. */
static void content_fill(void *obj, struct torture_content content)
{
	size_t size = content.size, at, words = round_down(size, sizeof(u64));
	u64 word = first_word(obj, content);

	for (at = content.head; at < words; at += sizeof(word), word += WORD_STEP)
		*(u64 *)(obj + at) = word;
	memcpy(obj + words, &word, size - words);
}

/*
 * Does @mem hold what was written at @addr? Up to @limit bytes are looked at, which may be more
 * than there are.
 */
void torture_content_check(const void *mem, const void *addr, struct torture_content content,
			   size_t limit, const char *when)
{
	size_t end = min_t(size_t, content.size, limit), at, words = round_down(end, sizeof(u64));
	u64 word = first_word(addr, content);

	for (at = content.head; at < words; at += sizeof(word), word += WORD_STEP)
		if (*(const u64 *)(mem + at) != word)
			break;
	if (at < words || memcmp(mem + words, &word, end - words))
		torture_error("%s: object %px of %u bytes, seed %x: byte %zu on is %*ph, not %*ph",
			      when, mem, content.size, content.seed, at,
			      (int)min(sizeof(word), end - at), mem + at, (int)sizeof(word),
			      &word);
	if (content.head && !torture_ctor_ok(mem))
		torture_error("%s: object %px lost what its constructor wrote", when, mem);
}

static void check(const struct torture_slot *slot, const char *when)
{
	torture_content_check(slot->obj, slot->obj, slot->content, SIZE_MAX, when);
}

/* ---- Allocation ---------------------------------------------------------------------- */

static size_t random_size(struct torture_actor *actor)
{
	u32 kind = torture_random(actor, 1000);

	/* What is long to fill is rare, and not for contexts that hold others up. */
	if (kind < 800)
		return 1 + torture_random(actor, 256);
	if (kind < 990 || !torture_may_sleep(actor))
		return 1 + torture_random(actor, 4096);
	if (kind < 999)
		return 1 + torture_random(actor, 40000);
	return 1 + torture_random(actor, SZ_256K);
}

/* What was just allocated becomes @slot's. */
static void adopt(struct torture_actor *actor, struct torture_slot *slot, void *obj, size_t size,
		  struct torture_pool *pool)
{
	slot->obj = obj;
	slot->pool = pool;
	slot->content.size = size;
	slot->content.head = pool && pool->ctor ? sizeof(u64) : 0;
	slot->content.seed = prandom_u32_state(&actor->rnd);
	slot->weak = NULL;
	slot->finalizer = false;
	if (slot->content.head && !torture_ctor_ok(obj))
		torture_error("allocated: object %px is not as its constructor made it", obj);
	content_fill(obj, slot->content);
}

static void check_zero(const void *obj, size_t size)
{
	const u8 *bad = memchr_inv(obj, 0, size);

	if (bad)
		torture_error("allocated: byte %zu of %zu at %px is not zero",
			      (size_t)((const void *)bad - obj), size, obj);
}

/* An object of a cache; false when there is no cache now. */
static bool alloc_from_pool(struct torture_actor *actor, struct torture_slot *slot)
{
	struct torture_pool *pool = torture_pool_get(actor);
	gfp_t gfp = torture_gfp(actor);
	enum torture_op op = OP_CACHE_ALLOC;
	void *obj;

	if (!pool)
		return false;
	if (pool->ctor)
		gfp &= ~__GFP_ZERO;
	if (torture_one_in(actor, 8)) {
		op = OP_CACHE_NODE;
		obj = kspan_cache_alloc_node(pool->cache, gfp, first_online_node);
	} else if (!pool->ctor && torture_one_in(actor, 4)) {
		op = OP_CACHE_ZALLOC;
		gfp |= __GFP_ZERO;
		obj = kspan_cache_zalloc(pool->cache, gfp);
	} else {
		obj = kspan_cache_alloc(pool->cache, gfp);
	}
	torture_count(op, !obj);
	if (!obj) {
		torture_pool_put(pool);
		return true;
	}
	if (gfp & __GFP_ZERO)
		check_zero(obj, pool->size);
	adopt(actor, slot, obj, pool->size, pool);
	return true;
}

static const char text[] = "the quick brown fox jumps over the lazy dog";

static void *alloc_text(struct torture_actor *actor, enum torture_op op, size_t *size, gfp_t gfp)
{
	size_t len = torture_random(actor, sizeof(text));
	char *obj;

	if (op == OP_STRDUP)
		obj = kspan_strdup(text + sizeof(text) - 1 - len, gfp);
	else if (op == OP_STRNDUP)
		obj = kspan_strndup(text + sizeof(text) - 1 - len, len + 7, gfp);
	else
		obj = kspan_memdup(text + sizeof(text) - 1 - len, len + 1, gfp);
	*size = len + 1;
	if (obj && strcmp(obj, text + sizeof(text) - 1 - len))
		torture_error("copied: %px is not a copy", obj);
	return obj;
}

/* Memory of any size, by one of the functions for that. */
static void alloc_any(struct torture_actor *actor, struct torture_slot *slot)
{
	static const enum torture_op kinds[] = {
		OP_ALLOC, OP_ALLOC, OP_ALLOC, OP_ALLOC, OP_ALLOC_CONST, OP_ALLOC_CONST,
		OP_ALLOC_NODE, OP_ALLOC_NOFAIL, OP_ALLOC_DMA, OP_ALLOC_LARGE, OP_ZALLOC, OP_CALLOC,
		OP_MEMDUP, OP_STRDUP, OP_STRNDUP,
	};
	enum torture_op op = kinds[torture_random(actor, ARRAY_SIZE(kinds))];
	size_t size = random_size(actor);
	gfp_t gfp = torture_gfp(actor);
	void *obj;

	switch (op) {
	case OP_ALLOC_CONST:
		size = 192;
		obj = kspan_alloc(192, gfp);
		break;
	case OP_ALLOC_NODE:
		obj = kspan_alloc_node(size, gfp, first_online_node);
		break;
	case OP_ALLOC_NOFAIL:
		/* Only who may sleep can insist. */
		if (torture_may_sleep(actor))
			gfp = GFP_KERNEL | __GFP_NOFAIL;
		obj = kspan_alloc(size, gfp);
		if (!obj && gfp & __GFP_NOFAIL)
			torture_error("allocated: __GFP_NOFAIL of %zu bytes failed", size);
		break;
	case OP_ALLOC_DMA:
		obj = kspan_alloc(size, gfp | __GFP_DMA);
		break;
	case OP_ALLOC_LARGE:
		if (torture_may_sleep(actor) && torture_one_in(actor, 8))
			size = KSPAN_MAX_CLASS_SIZE + 1 + torture_random(actor, SZ_256K);
		obj = kspan_alloc(size, gfp);
		break;
	case OP_ZALLOC:
		gfp |= __GFP_ZERO;
		obj = kspan_zalloc(size, gfp);
		break;
	case OP_CALLOC:
		gfp |= __GFP_ZERO;
		size = round_up(size, 8);
		obj = kspan_calloc(size / 8, 8, gfp);
		break;
	case OP_MEMDUP:
	case OP_STRDUP:
	case OP_STRNDUP:
		gfp &= ~__GFP_ZERO;
		obj = alloc_text(actor, op, &size, gfp);
		break;
	default:
		obj = kspan_alloc(size, gfp);
	}
	torture_count(op, !obj);
	if (!obj)
		return;
	if (gfp & __GFP_ZERO)
		check_zero(obj, size);
	adopt(actor, slot, obj, size, NULL);
}

/* Fills @slot, which is empty. */
void torture_object_alloc(struct torture_actor *actor, struct torture_slot *slot)
{
	if (torture_one_in(actor, 2) || !alloc_from_pool(actor, slot))
		alloc_any(actor, slot);
}

/* Many at once, and back again: half of them one by one. */
void torture_object_bulk(struct torture_actor *actor)
{
	struct torture_pool *pool = torture_pool_get(actor);
	struct torture_content content = {};
	gfp_t gfp = torture_gfp(actor);
	void *objs[24];
	int n = 1 + torture_random(actor, ARRAY_SIZE(objs)), got, i;

	if (!pool)
		return;
	if (pool->ctor)
		gfp &= ~__GFP_ZERO;
	got = kspan_cache_alloc_bulk(pool->cache, gfp, n, objs);
	torture_count(OP_BULK, !got);
	if (got && got != n)
		torture_error("allocated: %d objects of %d in bulk", got, n);
	content.size = pool->size;
	content.head = pool->ctor ? sizeof(u64) : 0;
	for (i = 0; i < got; i++) {
		if (gfp & __GFP_ZERO)
			check_zero(objs[i], pool->size);
		content_fill(objs[i], content);
	}
	for (i = 0; i < got; i++)
		torture_content_check(objs[i], objs[i], content, SIZE_MAX, "in bulk");
	for (i = 0; i < got / 2; i++)
		kspan_cache_free(pool->cache, objs[i]);
	kspan_cache_free_bulk(torture_one_in(actor, 2) ? pool->cache : NULL, got - i, objs + i);
	torture_pool_put(pool);
}

/* The object that @old had has been freed. */
static void freed(const struct torture_slot *old)
{
	torture_special_freed(old);
	if (old->pool)
		torture_pool_put(old->pool);
}

/* ---- Use ----------------------------------------------------------------------------- */

static void query(struct torture_actor *actor, const struct torture_slot *slot)
{
	const void *inside = slot->obj + torture_random(actor, slot->content.size);
	const void *wild = (void *)((u64)prandom_u32_state(&actor->rnd) << 32 |
				    prandom_u32_state(&actor->rnd));

	torture_count(OP_QUERY, false);
	if (kspan_size(slot->obj) < slot->content.size)
		torture_error("asked: object %px has %zu bytes, not %u", slot->obj,
			      kspan_size(slot->obj), slot->content.size);
	if (!kspan_owns(inside) || !kspan_in_span(inside))
		torture_error("asked: %px of object %px is not kspan's", inside, slot->obj);
	/* Any answer will do, but one must come. */
	kspan_owns(wild);
	kspan_size(wild);
	kspan_owns(slot->obj + SZ_2M);
}

static void resize(struct torture_actor *actor, struct torture_slot *slot)
{
	size_t size = random_size(actor);
	struct torture_slot old = *slot;
	void *obj;

	/* What a constructor wrote, and a finalizer or reader of the handle expects, must stay. */
	if (slot->pool || slot->weak || slot->finalizer)
		size = max_t(size_t, size, slot->content.size);
	obj = kspan_realloc(slot->obj, size, torture_gfp(actor) & ~__GFP_ZERO);
	torture_count(OP_REALLOC, !obj);
	if (!obj) {
		check(slot, "not resized");
		return;
	}
	if (obj == old.obj) {
		torture_content_check(obj, obj, old.content, size, "resized in place");
		if (size < old.content.size) {
			slot->content.size = size;
			content_fill(obj, slot->content);
		}
		return;
	}
	torture_content_check(obj, old.obj,
			      (struct torture_content) {
				      .seed = old.content.seed, .size = old.content.size,
			      }, old.content.head ? 0 : size, "resized");
	/* The old one is free now, and took its records with it. */
	adopt(actor, slot, obj, size, NULL);
	freed(&old);
}

/* Does something with the object of @slot that leaves it there. */
void torture_object_use(struct torture_actor *actor, struct torture_slot *slot)
{
	check(slot, "used");
	torture_count(OP_CHECK, false);
	switch (torture_random(actor, 4)) {
	case 0:
		query(actor, slot);
		break;
	case 1:
		resize(actor, slot);
		break;
	default:
		torture_special_any(actor, slot);
	}
}

/* ---- Free ---------------------------------------------------------------------------- */

/* Takes what would be next to be handed out, were it not for a grace period, and writes to it. */
static void write_to_next(const struct torture_slot *old)
{
	void *obj = old->pool ? kspan_cache_alloc(old->pool->cache, GFP_NOWAIT | __GFP_NOWARN)
			      : kspan_alloc(old->content.size, GFP_NOWAIT | __GFP_NOWARN);

	if (!obj)
		return;
	memset(obj + old->content.head, 0xff, old->content.size - old->content.head);
	kspan_free(obj);
}

/* The object of @slot, and those of some more slots that nobody has, in one call. */
static void free_bulk(struct torture_actor *actor, struct torture_slot *slot)
{
	struct torture_slot old[8], *more = slot;
	void *objs[ARRAY_SIZE(old)];
	unsigned int n = 0, tries = 0, i;

	do {
		if (more->obj) {
			check(more, "freed");
			old[n] = *more;
			objs[n++] = more->obj;
			more->obj = NULL;
		}
		if (more != slot)
			torture_unlock(&more->busy);
		more = ++tries < ARRAY_SIZE(old) ? torture_slot_any(actor) : NULL;
	} while (more);
	kspan_cache_free_bulk(NULL, n, objs);
	for (i = 0; i < n; i++)
		freed(&old[i]);
}

/* Frees the object of @slot, which is empty after. */
void torture_object_free(struct torture_actor *actor, struct torture_slot *slot)
{
	struct torture_slot old = *slot;
	enum torture_op op = OP_FREE;
	bool waits;

	switch (torture_random(actor, 8)) {
	case 0:
		op = OP_FREE_RCU;
		break;
	case 1:
		op = OP_FREE_BULK;
		break;
	case 2:
		/* A finalizer, a reader of the handle or a constructor would miss it. */
		if (!slot->weak && !slot->finalizer && !slot->content.head)
			op = OP_SENSITIVE;
		break;
	default:
		if (slot->pool)
			op = OP_CACHE_FREE;
	}
	torture_count(op, false);
	if (op == OP_FREE_BULK) {
		free_bulk(actor, slot);
		return;
	}

	check(slot, "freed");
	slot->obj = NULL;
	/* Readers who were there before such a free see the object as it was. */
	waits = op == OP_FREE_RCU || old.weak;
	if (waits)
		rcu_read_lock();
	if (op == OP_FREE_RCU)
		kspan_free_rcu(old.obj);
	else if (op == OP_SENSITIVE)
		kspan_free_sensitive(old.obj);
	else if (op == OP_CACHE_FREE)
		kspan_cache_free(old.pool->cache, old.obj);
	else
		kspan_free(old.obj);
	if (waits) {
		write_to_next(&old);
		check(&old, "freed, in a grace period");
		rcu_read_unlock();
	}
	freed(&old);
}
