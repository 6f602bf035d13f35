// SPDX-License-Identifier: GPL-2.0
/*
 * Random operations, beside a model of what they do: which objects there are, of what size and
 * content, with which records, what the sampler has seen of them, and what has run after them.
 * After each step what the step touched is compared, every now and then everything.
 *
 * A run is repeated by its seed: insmod kspan_reference_test.ko seed=N steps=N.
 */
#include "suite.h"

#include <linux/cpu.h>
#include <linux/moduleparam.h>
#include <linux/overflow.h>
#include <linux/poison.h>
#include <linux/prandom.h>

#include "profile/fixmath.h"
#include "profile_helpers.h"

static unsigned int seed = 1;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "of the random operations (default 1)");

static unsigned int steps = 1200;
module_param(steps, uint, 0444);
MODULE_PARM_DESC(steps, "of each test (default 1200)");

#define NR_THINGS	128
#define NR_LIVES	256
#define NR_CACHES	6
#define NR_BUSY		300
#define NR_CLEANUPS	3
#define NR_NAMES	(KSPAN_NR_CLASSES + NR_CACHES + 8)
#define MOST_BYTES	70000
#define PATTERN_BYTES	(MOST_BYTES + 256)
#define SOME_RATE	3000	/* bytes; neither all nor next to none */
#define MADE		0x6d616465

/* The records of an object, and what has run of them. Outlives the object until all has settled. */
struct life {
	bool used, freed, finalizer;
	const void *obj;
	const void *content;	/* what the object must have when its finalizer runs, */
	size_t from, size;	/* from this byte on */
	unsigned int cleanups;
	struct life_cleanup {
		struct life *life;
		unsigned int nth;
	} cleanup[NR_CLEANUPS];

	unsigned int finalizers_ran, cleanups_ran;
	const char *bad;
};

/* An object that the model has. */
struct thing {
	u8 *obj;		/* NULL: a free place */
	size_t size;		/* as asked for */
	u8 pattern;		/* where in the pattern its content begins */
	bool zeroed;		/* every allocation of it promised that, of what is behind it too */
	int cache;		/* which named one, or -1 */
	u64 weight;		/* of the sample that it is; 0: it is none */
	struct life *life;	/* NULL: no records but perhaps a weak handle */
	struct kspan_weak *weak;
	unsigned int weak_refs;
};

struct ref_cache {
	struct kspan_cache *cache;
	char name[16];
	unsigned int size, align, flags;
	bool ctor;
};

struct tally {
	char name[24];
	u64 allocs, live;	/* weights; the first since the last reset */
};

struct ref {
	struct kunit *test;
	struct rnd_state rnd;
	bool only_rate_one;
	unsigned int changes;		/* of the rate */
	u64 rate;
	int away;			/* a CPU that is off, or -1 */
	unsigned int step, wrong;
	const char *doing;
	bool fails;			/* a step may fail */

	unsigned long allocs, frees, failures;	/* as the counters should be */
	struct thing things[NR_THINGS];
	struct life lives[NR_LIVES];
	struct ref_cache caches[NR_CACHES];
	struct kspan_cache *busy;
	struct tally tallies[NR_NAMES];
	unsigned int nr_tallies;
	u8 bytes[PATTERN_BYTES];
};

/* ------------------------------------------------------------------ what is wrong */

#define wrong(r, fmt, ...)							\
do {										\
	struct ref *__r = (r);							\
										\
	if (__r->wrong++ < 8)							\
		KUNIT_FAIL(__r->test, "seed %u step %u, %s: " fmt, seed, __r->step,	\
			   __r->doing, ##__VA_ARGS__);				\
} while (0)

#define right(r, condition)							\
do {										\
	if (!(condition))							\
		wrong(r, "%s", #condition);					\
} while (0)

static u32 chance(struct ref *r, u32 below)
{
	return prandom_u32_state(&r->rnd) % below;
}

static void construct(void *obj)
{
	*(u32 *)obj = MADE;
}

/* ------------------------------------------------------------------ contents */

static bool has_ctor(const struct ref *r, const struct thing *t)
{
	return t->cache >= 0 && r->caches[t->cache].ctor;
}

/* Bytes at the beginning that the test leaves as they are. */
static size_t kept(const struct ref *r, const struct thing *t)
{
	return has_ctor(r, t) ? sizeof(u32) : 0;
}

static void keep_content(struct ref *r, const struct thing *t)
{
	t->life->from = kept(r, t);
	t->life->size = t->size;
	t->life->content = r->bytes + t->pattern;
}

static void write_content(struct ref *r, struct thing *t)
{
	size_t from = kept(r, t);

	t->pattern = chance(r, 256);
	memcpy(t->obj + from, r->bytes + t->pattern + from, t->size - from);
	if (t->life)
		keep_content(r, t);
}

static void check_content(struct ref *r, const struct thing *t)
{
	size_t from = kept(r, t);

	right(r, !memcmp(t->obj + from, r->bytes + t->pattern + from, t->size - from));
	if (from)
		right(r, *(u32 *)t->obj == MADE);
}

/* ------------------------------------------------------------------ the profile */

static struct tally *tally_of(struct ref *r, const char *name)
{
	unsigned int i;

	for (i = 0; i < r->nr_tallies; i++)
		if (!strcmp(r->tallies[i].name, name))
			return &r->tallies[i];
	if (r->nr_tallies == NR_NAMES) {
		wrong(r, "too many names");
		return &r->tallies[0];
	}
	strscpy(r->tallies[i].name, name, sizeof(r->tallies[i].name));
	r->nr_tallies++;
	return &r->tallies[i];
}

static u64 weight_of(struct kspan_span *span, const void *obj)
{
	struct kspan_special *special;
	unsigned long flags;
	u64 weight = 0;

	spin_lock_irqsave(&span->specials.lock, flags);
	special = kspan_special_find(&span->specials, obj - span->base,
				     KSPAN_SPECIAL_PROFILE);
	if (special)
		weight = special->profile.weight;
	spin_unlock_irqrestore(&span->specials.lock, flags);
	return weight;
}

/* A new object: is it a sample as it should be? */
static void look_at_sample(struct ref *r, struct thing *t)
{
	struct kspan_span *span = span_of(t->obj);
	const struct kspan_cache *cache = span->cache;
	u32 slot = cache->slot_size ?: span->slot_size;
	struct tally *tally = tally_of(r, cache->label->name);

	t->weight = weight_of(span, t->obj);
	if (cache->flags & KSPAN_NO_PROFILE || !r->rate)
		right(r, !t->weight);
	else if (r->rate == 1 && !r->fails)
		right(r, t->weight == KSPAN_WEIGHT_ONE);
	if (t->weight && r->rate)
		right(r, t->weight == (r->rate == 1 ? KSPAN_WEIGHT_ONE :
						      kspan_weight(slot, r->rate)));
	right(r, state_of(t->obj) == (t->weight ? KSPAN_STATE_SPECIALS : KSPAN_STATE_ALLOCATED));
	tally->allocs += t->weight;
	tally->live += t->weight;
}

static void check_tallies(struct ref *r)
{
	const struct kspan_bucket *bucket;
	struct tally *sums, *tally;
	unsigned long flags;
	unsigned int i;

	sums = kvcalloc(NR_NAMES, sizeof(*sums), GFP_KERNEL);
	if (!sums) {
		wrong(r, "no memory");
		return;
	}
	spin_lock_irqsave(&HEAP->table->lock, flags);
	list_for_each_entry(bucket, &HEAP->table->all, all) {
		for (i = 0; i < r->nr_tallies; i++)
			if (!strcmp(r->tallies[i].name, bucket->label->name))
				break;
		if (i == r->nr_tallies)
			continue;
		sums[i].allocs += bucket->allocs;
		sums[i].live += bucket->live;
	}
	spin_unlock_irqrestore(&HEAP->table->lock, flags);
	for (i = 0; i < r->nr_tallies; i++) {
		tally = &r->tallies[i];
		if (sums[i].allocs != tally->allocs || sums[i].live != tally->live)
			wrong(r, "%s: %llu allocated and %llu in use, not %llu and %llu",
			      tally->name, sums[i].allocs, sums[i].live, tally->allocs,
			      tally->live);
	}
	kvfree(sums);
}

/* ------------------------------------------------------------------ records that run */

static void finalize(void *obj, void *arg)
{
	struct life *life = arg;

	if (!life->used || !life->freed || !life->finalizer || obj != life->obj)
		life->bad = "a finalizer ran that should not";
	else if (life->cleanups_ran)
		life->bad = "a finalizer ran after a cleanup";
	else if (!kspan_owns(obj))
		life->bad = "a finalizer ran after its object had gone";
	else if (memcmp(obj + life->from, life->content + life->from, life->size - life->from))
		life->bad = "a finalizer does not find what was in its object";
	life->finalizers_ran++;
}

static void clean_up(void *arg)
{
	struct life_cleanup *cleanup = arg;
	struct life *life = cleanup->life;

	if (!life->used || !life->freed || cleanup->nth >= life->cleanups)
		life->bad = "a cleanup ran that should not";
	else if (cleanup->nth != life->cleanups_ran)
		life->bad = "cleanups ran in another order";
	else if (life->finalizers_ran != life->finalizer)
		life->bad = "a cleanup ran before the finalizer";
	life->cleanups_ran++;
}

/* Everything that was freed has run, once, and all the rest has not. */
static void settle(struct ref *r)
{
	unsigned int i;

	books_settle();
	for (i = 0; i < NR_LIVES; i++) {
		struct life *life = &r->lives[i];

		if (!life->used)
			continue;
		if (life->bad)
			wrong(r, "%s", life->bad);
		right(r, life->finalizers_ran == (life->freed && life->finalizer));
		right(r, life->cleanups_ran == (life->freed ? life->cleanups : 0));
		if (life->freed)
			memset(life, 0, sizeof(*life));
	}
}

static struct life *life_of(struct ref *r, struct thing *t)
{
	unsigned int i, k;

	for (i = 0; !t->life && i < NR_LIVES; i++) {
		struct life *life = &r->lives[i];

		if (life->used)
			continue;
		life->used = true;
		life->obj = t->obj;
		for (k = 0; k < NR_CLEANUPS; k++)
			life->cleanup[k] = (struct life_cleanup) { life, k };
		t->life = life;
		keep_content(r, t);
	}
	if (!t->life)
		settle(r);
	return t->life;
}

/* ------------------------------------------------------------------ coming and going */

static struct thing *free_place(struct ref *r)
{
	unsigned int i;

	for (i = 0; i < NR_THINGS; i++)
		if (!r->things[i].obj)
			return &r->things[i];
	return NULL;
}

static struct thing *any_thing(struct ref *r)
{
	unsigned int i, from = chance(r, NR_THINGS);

	for (i = 0; i < NR_THINGS; i++) {
		struct thing *t = &r->things[(from + i) % NR_THINGS];

		if (t->obj)
			return t;
	}
	return NULL;
}

/* @t has an object: what may be said of each, and its first content. */
static void came(struct ref *r, struct thing *t, size_t size, int cache, bool zero)
{
	unsigned int i;

	r->allocs++;
	t->size = size;
	t->cache = cache;
	t->zeroed = zero;
	t->life = NULL;
	t->weak = NULL;
	t->weak_refs = 0;
	look_at_sample(r, t);
	for (i = 0; i < NR_THINGS; i++)
		if (&r->things[i] != t && r->things[i].obj)
			right(r, t->obj + size <= r->things[i].obj ||
			      r->things[i].obj + r->things[i].size <= t->obj);
	right(r, kspan_owns(t->obj) && kspan_owns(t->obj + size - 1));
	if (cache >= 0) {
		const struct ref_cache *c = &r->caches[cache];

		right(r, span_of(t->obj)->cache == c->cache);
		right(r, IS_ALIGNED((unsigned long)t->obj, c->align ?: ARCH_KMALLOC_MINALIGN));
		right(r, kspan_size(t->obj) == c->size);
		if (c->flags & KSPAN_POISON && !c->ctor && !zero &&
		    !(c->flags & KSPAN_TYPESAFE_BY_RCU))
			right(r, filled_with(t->obj, POISON_INUSE, size));
	} else {
		if (is_power_of_2(size))
			right(r, IS_ALIGNED((unsigned long)t->obj, size));
		/* Whoever asks for it may use all of the slot: not always, or KASAN sees little. */
		if (!chance(r, 4))
			right(r, kspan_size(t->obj) >= size);
	}
}

/* @t is about to be freed: what is left to see to later. */
static void goes(struct ref *r, struct thing *t)
{
	check_content(r, t);
	tally_of(r, span_of(t->obj)->cache->label->name)->live -= t->weight;
	r->frees++;
	if (t->life)
		t->life->freed = true;
}

/* It was freed. @later: it stays for a grace period. */
static void went(struct ref *r, struct thing *t, bool later)
{
	bool stays = later || t->weak || (t->life && t->life->finalizer);

	if (!stays)
		right(r, !kspan_owns(t->obj));
	right(r, !kspan_size(t->obj));
	if (t->weak) {
		rcu_read_lock();
		right(r, !kspan_weak_deref(t->weak));
		rcu_read_unlock();
		while (t->weak_refs--)
			kspan_weak_put(t->weak);
	}
	t->obj = NULL;
}

/* A class has kept the content, which must be gone. */
static void check_wiped(struct ref *r, const u8 *obj, size_t size)
{
	if (kspan_in_span(obj) && size <= KSPAN_MAX_CLASS_SIZE)
		right(r, left_filled_with(obj, 0, size));
}

/* While a sample is taken out of its bucket, nobody else can get its slot. */
static struct releasing {
	struct task_struct *task;
	const void *obj;
	unsigned int released, early;
} releasing;

static bool look_at_release(enum kspan_test_point point)
{
	if (point != KSPAN_AT_RELEASE || !in_task() || current != releasing.task)
		return false;
	releasing.released++;
	releasing.early += !span_of(releasing.obj) ||
			   state_of(releasing.obj) != KSPAN_STATE_FREEING;
	return false;
}

static void free_in_some_way(struct ref *r, struct thing *t);

static void free_thing(struct ref *r, struct thing *t)
{
	bool now = t->weight && !t->weak && !(t->life && t->life->finalizer);

	releasing = (struct releasing) { current, t->obj };
	if (!r->fails)
		kspan_set_test_hook(look_at_release);
	free_in_some_way(r, t);
	if (r->fails)
		return;
	kspan_set_test_hook(NULL);
	right(r, !releasing.early);
	right(r, releasing.released <= now);
}

static void free_in_some_way(struct ref *r, struct thing *t)
{
	struct kspan_cache *cache = t->cache >= 0 ? r->caches[t->cache].cache : NULL;
	const u8 *obj = t->obj;
	bool plain = t->cache < 0 && !t->weak && !(t->life && t->life->finalizer);

	goes(r, t);
	switch (chance(r, 5)) {
	case 0:
		kspan_free(t->obj);
		went(r, t, false);
		return;
	case 1:
		/* A finalizer finds what is left of it. */
		if (t->life)
			t->life->size = t->life->from;
		if (has_ctor(r, t))
			kspan_free(t->obj);
		else
			kspan_free_sensitive(t->obj);
		/* Nobody else runs here, and nothing else came since. */
		if (plain)
			check_wiped(r, obj, t->size);
		went(r, t, false);
		return;
	case 2:
		kspan_free_rcu(t->obj);
		/* It is as it was until the grace period, which may be over. */
		went(r, t, true);
		return;
	case 3:
		kspan_cache_free_bulk(cache, 1, (void **)&t->obj);
		went(r, t, false);
		return;
	default:
		if (cache)
			kspan_cache_free(cache, t->obj);
		else
			kspan_free(t->obj);
		went(r, t, false);
	}
}

/* ------------------------------------------------------------------ operations */

static size_t some_size(struct ref *r)
{
	switch (chance(r, 8)) {
	case 0:
		return 1 + chance(r, MOST_BYTES);
	case 1:
		return 1UL << chance(r, 14);
	case 2:
		return 1 + chance(r, 4096);
	default:
		return 1 + chance(r, 300);
	}
}

static gfp_t some_gfp(struct ref *r)
{
	switch (chance(r, 3)) {
	case 0:
		return GFP_ATOMIC;
	case 1:
		return GFP_NOWAIT | __GFP_NOWARN;
	default:
		return GFP_KERNEL;
	}
}

/* Did the allocation work, or may it fail? */
static bool had(struct ref *r, struct thing *t)
{
	if (t->obj)
		return true;
	r->failures++;
	right(r, r->fails);
	return false;
}

/* A copy of the beginning of what goes on: no more than was asked for is copied. */
static void *copy_exactly(struct ref *r, size_t size, gfp_t gfp, bool string)
{
	char *source = kmalloc(size + 8, GFP_KERNEL | __GFP_NOFAIL), *copy;

	gfp |= __GFP_ZERO;
	memset(source, 'x', size + 8);
	if (string && size > 1) {
		copy = kspan_strndup(source, size - 1, gfp);
		if (copy)
			right(r, strlen(copy) == size - 1);
	} else {
		copy = kspan_memdup(source, size, gfp);
		if (copy)
			right(r, filled_with(copy, 'x', size));
	}
	kfree(source);
	if (copy)
		right(r, filled_with(copy + size, 0, kspan_size(copy) - size));
	return copy;
}

static void alloc_one(struct ref *r)
{
	struct thing *t = free_place(r);
	size_t size = some_size(r), n;
	gfp_t gfp = some_gfp(r);
	u8 from = chance(r, 256);
	bool zero = false;

	if (!t)
		return;
	switch (chance(r, 9)) {
	case 0:
		t->obj = kspan_alloc(size, gfp);
		break;
	case 7:
	case 8:
		size = min_t(size_t, size, 500);
		t->obj = copy_exactly(r, size, gfp, chance(r, 2));
		break;
	case 1:
		t->obj = kspan_zalloc(size, gfp);
		zero = true;
		break;
	case 2:
		t->obj = kspan_alloc_node(size, gfp, first_online_node);
		break;
	case 3:
		n = 1 + chance(r, 4);
		size = max_t(size_t, size / n, 1);
		t->obj = kspan_calloc(n, size, gfp);
		size *= n;
		zero = true;
		break;
	case 4:
		t->obj = kspan_memdup(r->bytes + from, size, gfp);
		if (t->obj)
			right(r, !memcmp(t->obj, r->bytes + from, size));
		break;
	case 5:
		t->obj = kspan_alloc(48, gfp);
		size = 48;
		break;
	default:
		t->obj = kspan_realloc(NULL, size, gfp | __GFP_ZERO);
		zero = true;
	}
	if (!had(r, t))
		return;
	if (zero)
		right(r, filled_with(t->obj, 0, size));
	came(r, t, size, -1, zero);
	write_content(r, t);
}

static int some_cache(struct ref *r)
{
	unsigned int i, from = chance(r, NR_CACHES);

	for (i = 0; i < NR_CACHES; i++)
		if (r->caches[(from + i) % NR_CACHES].cache)
			return (from + i) % NR_CACHES;
	return -1;
}

static void alloc_from_cache(struct ref *r)
{
	struct thing *t = free_place(r);
	int i = some_cache(r);
	struct ref_cache *c;
	gfp_t gfp = some_gfp(r);
	bool zero = false;

	if (i < 0 || !t)
		return;
	c = &r->caches[i];
	switch (chance(r, 3)) {
	case 0:
		t->obj = kspan_cache_alloc(c->cache, gfp);
		break;
	case 1:
		t->obj = kspan_cache_alloc_node(c->cache, gfp, chance(r, 2) ? NUMA_NO_NODE :
								first_online_node);
		break;
	default:
		zero = !c->ctor;
		t->obj = zero ? kspan_cache_zalloc(c->cache, gfp) :
				kspan_cache_alloc(c->cache, gfp);
	}
	if (!had(r, t))
		return;
	if (zero)
		right(r, filled_with(t->obj, 0, c->size));
	if (c->ctor)
		right(r, *(u32 *)t->obj == MADE);
	came(r, t, c->size, i, zero);
	write_content(r, t);
}

static void alloc_bulk(struct ref *r)
{
	int i = some_cache(r), n = 1 + chance(r, 24), got, k;
	unsigned long allocs, frees;
	void *objs[24];

	if (i < 0)
		return;
	for (k = 0, got = 0; k < NR_THINGS; k++)
		got += !r->things[k].obj;
	if (got < n)
		return;
	/* Frees that wait would be counted meanwhile. */
	if (r->fails)
		settle(r);
	allocs = kspan_counter_sum(KSPAN_ALLOCS);
	frees = kspan_counter_sum(KSPAN_FREES);
	got = kspan_cache_alloc_bulk(r->caches[i].cache, GFP_KERNEL, n, objs);
	right(r, got == n || (!got && r->fails));
	if (!got) {
		/* Those that were had first have gone again, and are in the profile's past. */
		allocs = kspan_counter_sum(KSPAN_ALLOCS) - allocs;
		frees = kspan_counter_sum(KSPAN_FREES) - frees;
		right(r, allocs == frees && allocs < n);
		r->allocs += allocs;
		r->frees += frees;
		r->failures++;
		/* What they were to the sampler is not known. */
		kspan_profile_reset(HEAP);
		for (k = 0; k < r->nr_tallies; k++)
			r->tallies[k].allocs = 0;
		return;
	}
	for (k = 0; k < n; k++) {
		struct thing *t = free_place(r);

		t->obj = objs[k];
		came(r, t, r->caches[i].size, i, false);
		write_content(r, t);
	}
}

static void free_one(struct ref *r)
{
	struct thing *t = any_thing(r);

	if (t)
		free_thing(r, t);
}

/* Of several caches, some with records, in one call. */
static void free_bulk(struct ref *r)
{
	struct thing *ts[16];
	void *objs[16];
	unsigned int n = 0, i;

	for (i = 0; i < NR_THINGS && n < ARRAY_SIZE(objs); i++) {
		struct thing *t = &r->things[i];

		if (!t->obj || chance(r, 3))
			continue;
		goes(r, t);
		ts[n] = t;
		objs[n++] = t->obj;
	}
	kspan_cache_free_bulk(NULL, n, objs);
	for (i = 0; i < n; i++)
		went(r, ts[i], false);
}

static void realloc_one(struct ref *r)
{
	struct thing *t = any_thing(r), old;
	size_t size = some_size(r), room, same;
	gfp_t gfp = some_gfp(r);
	u8 *obj;

	if (!t || has_ctor(r, t))
		return;
	if (t->zeroed)
		gfp |= __GFP_ZERO;
	room = kspan_size(t->obj);
	old = *t;
	same = min(size, t->size);
	if (size > room)
		goes(r, t);
	obj = kspan_realloc(t->obj, size, gfp);
	if (!obj) {
		right(r, r->fails && size > room);
		r->failures++;
		/* All is as it was. */
		r->frees--;
		tally_of(r, span_of(t->obj)->cache->label->name)->live += t->weight;
		if (t->life)
			t->life->freed = false;
		check_content(r, t);
		return;
	}
	right(r, !memcmp(obj, r->bytes + t->pattern, same));
	if (size <= room) {
		right(r, obj == t->obj);
		/* What lies behind has been written to. */
		t->zeroed &= size == t->size;
		t->size = size;
	} else {
		right(r, obj != t->obj);
		if (t->zeroed)
			right(r, filled_with(obj + same, 0, size - same));
		went(r, &old, false);
		t->obj = obj;
		came(r, t, size, -1, old.zeroed);
	}
	write_content(r, t);
}

/* -------- records */

static int result(struct ref *r, int err)
{
	if (err == -ENOMEM)
		right(r, r->fails);
	return err;
}

static void set_finalizer(struct ref *r)
{
	struct thing *t = any_thing(r);
	struct life *life = t ? life_of(r, t) : NULL;
	int err;

	if (!life)
		return;
	err = result(r, kspan_set_finalizer(t->obj, finalize, life, some_gfp(r)));
	if (err != -ENOMEM)
		right(r, err == (life->finalizer ? -EEXIST : 0));
	if (!err)
		life->finalizer = true;
}

static void clear_finalizer(struct ref *r)
{
	struct thing *t = any_thing(r);

	if (!t)
		return;
	right(r, kspan_clear_finalizer(t->obj) == (t->life && t->life->finalizer));
	if (t->life)
		t->life->finalizer = false;
}

static void add_cleanup(struct ref *r)
{
	struct thing *t = any_thing(r);
	struct life *life = t ? life_of(r, t) : NULL;
	int err;

	if (!life || life->cleanups == NR_CLEANUPS)
		return;
	err = result(r, kspan_add_cleanup(t->obj, clean_up, &life->cleanup[life->cleanups],
					  some_gfp(r)));
	right(r, !err || err == -ENOMEM);
	life->cleanups += !err;
}

static void get_weak(struct ref *r)
{
	struct thing *t = any_thing(r);
	struct kspan_weak *weak;

	if (!t)
		return;
	weak = kspan_weak_get(t->obj, some_gfp(r));
	if (IS_ERR(weak)) {
		right(r, PTR_ERR(weak) == -ENOMEM && r->fails);
		return;
	}
	right(r, !t->weak || t->weak == weak);
	t->weak = weak;
	t->weak_refs++;
	rcu_read_lock();
	right(r, kspan_weak_deref(weak) == t->obj);
	rcu_read_unlock();
}

/* -------- caches */

static void create_cache(struct ref *r)
{
	static const unsigned int flags[] = {
		0, KSPAN_POISON, KSPAN_RED_ZONE, KSPAN_POISON | KSPAN_RED_ZONE, KSPAN_HWCACHE_ALIGN,
		KSPAN_TYPESAFE_BY_RCU, KSPAN_NO_PROFILE, KSPAN_NO_PROFILE | KSPAN_RED_ZONE,
	};
	unsigned int i = chance(r, NR_CACHES);
	struct ref_cache *c = &r->caches[i];

	if (c->cache)
		return;
	c->size = 8 + chance(r, chance(r, 4) ? 400 : 9000);
	c->align = chance(r, 2) ? 0 : 1U << chance(r, 9);
	c->flags = flags[chance(r, ARRAY_SIZE(flags))];
	c->ctor = !chance(r, 4);
	c->align = max_t(unsigned int, c->align, c->align ? ARCH_KMALLOC_MINALIGN : 0);
	snprintf(c->name, sizeof(c->name), "ref-%u", i);
	c->cache = kspan_cache_create(c->name, c->size, c->align, c->flags,
				      c->ctor ? construct : NULL);
	right(r, c->cache);
	if (c->cache)
		right(r, kspan_cache_size(c->cache) == c->size);
}

static void destroy_cache(struct ref *r)
{
	int i = some_cache(r), k;

	if (i < 0)
		return;
	for (k = 0; k < NR_THINGS; k++)
		if (r->things[k].obj && r->things[k].cache == i)
			free_thing(r, &r->things[k]);
	kspan_cache_destroy(r->caches[i].cache);
	r->caches[i].cache = NULL;
}

static void shrink_cache(struct ref *r)
{
	unsigned int k, left = 0;
	int i = some_cache(r);

	if (i < 0)
		return;
	settle(r);
	for (k = 0; k < NR_THINGS; k++)
		left += r->things[k].obj && r->things[k].cache == i;
	right(r, kspan_cache_shrink(r->caches[i].cache) == !!left);
}

/* -------- the profile, and the CPUs */

static void reset(struct ref *r)
{
	unsigned int k;

	kspan_profile_reset(HEAP);
	for (k = 0; k < r->nr_tallies; k++)
		r->tallies[k].allocs = 0;
}

static void change_rate(struct ref *r)
{
	static const u64 rates[] = { 1, SOME_RATE, 1, 0, 1, KSPAN_SAMPLE_BYTES_MAX };

	r->rate = rates[r->only_rate_one ? 0 : r->changes++ % ARRAY_SIZE(rates)];
	if (r->rate != kspan_profile_sample_bytes(HEAP))
		right(r, !kspan_profile_set_sample_bytes(HEAP, r->rate));
}

static void move(struct ref *r)
{
	unsigned int cpu, skip = chance(r, num_online_cpus());

	for_each_online_cpu(cpu)
		if (!skip--)
			break;
	set_cpus_allowed_ptr(current, cpumask_of(cpu));
}

/* So many objects come and go here that this CPU has some of all that a CPU may have. */
static void __maybe_unused be_busy(struct ref *r)
{
	void **objs = kcalloc(NR_BUSY, sizeof(*objs), GFP_KERNEL);
	unsigned int i;

	for (i = 0; objs && i < NR_BUSY; i++) {
		objs[i] = kspan_cache_alloc(r->busy, GFP_KERNEL);
		right(r, objs[i]);
	}
	for (i = 0; objs && i < NR_BUSY; i++)
		kspan_cache_free(r->busy, objs[i]);
	if (objs) {
		r->allocs += NR_BUSY;
		r->frees += NR_BUSY;
	}
	kfree(objs);
}

static void cpu_goes(struct ref *r)
{
#if IS_ENABLED(CONFIG_HOTPLUG_CPU)
	int cpu = cpumask_last(cpu_online_mask);

	if (r->away >= 0 || cpu == cpumask_first(cpu_online_mask))
		return;
	set_cpus_allowed_ptr(current, cpumask_of(cpu));
	be_busy(r);
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	if (!remove_cpu(cpu))
		r->away = cpu;
#endif
}

static void cpu_comes(struct ref *r)
{
#if IS_ENABLED(CONFIG_HOTPLUG_CPU)
	if (r->away < 0)
		return;
	right(r, !add_cpu(r->away));
	r->away = -1;
#endif
}

/* What comes next may fail at one step of one kind. */
static void fail_next(struct ref *r)
{
	static const enum kspan_test_point points[] = {
		KSPAN_FAIL_PAGES, KSPAN_FAIL_HEADER, KSPAN_FAIL_MAGAZINE, KSPAN_FAIL_SPECIAL,
		KSPAN_FAIL_BUCKET,
	};

	fail_some(points[chance(r, ARRAY_SIZE(points))], chance(r, 3), 1 + chance(r, 3));
	r->fails = true;
}

/* -------- all of them */

static const struct op {
	const char *name;
	void (*fn)(struct ref *r);
	unsigned int share;
} ops[] = {
	{ "alloc", alloc_one, 24 },
	{ "alloc from a cache", alloc_from_cache, 24 },
	{ "alloc bulk", alloc_bulk, 3 },
	{ "free", free_one, 34 },
	{ "free bulk", free_bulk, 2 },
	{ "realloc", realloc_one, 10 },
	{ "set finalizer", set_finalizer, 6 },
	{ "clear finalizer", clear_finalizer, 3 },
	{ "add cleanup", add_cleanup, 6 },
	{ "weak get", get_weak, 6 },
	{ "create", create_cache, 3 },
	{ "destroy", destroy_cache, 1 },
	{ "shrink", shrink_cache, 1 },
	{ "settle", settle, 1 },
	{ "reset", reset, 1 },
	{ "rate", change_rate, 2 },
	{ "move", move, 6 },
};

static void one_step(struct ref *r)
{
	unsigned int sum = 0, i, at;

	for (i = 0; i < ARRAY_SIZE(ops); i++)
		sum += ops[i].share;
	at = chance(r, sum);
	for (i = 0; at >= ops[i].share; i++)
		at -= ops[i].share;
	if (!chance(r, 8))
		fail_next(r);
	r->doing = ops[i].name;
	ops[i].fn(r);
	fail_nothing();
	r->fails = false;
}

/* ------------------------------------------------------------------ all that the model says */

static void check_all(struct ref *r)
{
	unsigned long profile = 0, finalizers = 0, cleanups = 0, weaks = 0;
	struct kspan_buf buf = {};
	char want[120];
	unsigned int i;

	r->doing = "all";
	settle(r);
	for (i = 0; i < NR_THINGS; i++) {
		const struct thing *t = &r->things[i];

		if (!t->obj)
			continue;
		check_content(r, t);
		right(r, weight_of(span_of(t->obj), t->obj) == t->weight);
		profile += !!t->weight;
		weaks += !!t->weak;
		if (t->life) {
			finalizers += t->life->finalizer;
			cleanups += t->life->cleanups;
		}
	}
	snprintf(want, sizeof(want), "profile %lu\nfinalizer %lu\ncleanup %lu\nweak %lu\n",
		 profile, finalizers, cleanups, weaks);
	right(r, !kspan_debugfs_render("specials", &buf));
	kspan_buf_append(&buf, "", 1);
	if (!buf.err && strcmp(buf.data, want))
		wrong(r, "\"%s\", not \"%s\"", buf.data, want);
	kspan_buf_free(&buf);
	right(r, kspan_counter_sum(KSPAN_ALLOCS) == r->allocs);
	right(r, kspan_counter_sum(KSPAN_FREES) == r->frees);
	right(r, kspan_counter_sum(KSPAN_ALLOC_FAILURES) == r->failures);
	right(r, !caught.nr);
	check_tallies(r);
}

static const struct ref_case {
	const char *desc;
	bool only_rate_one;
} ref_cases[] = {
	{ "at a rate of 1", true },
	{ "at all rates", false },
};

static void ref_desc(const struct ref_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(ref, ref_cases, ref_desc);

static void agrees_with_the_model(struct kunit *test)
{
	const struct ref_case *c = test->param_value;
	struct ref *r = test->priv;
	unsigned int i;

	r->test = test;
	r->only_rate_one = c->only_rate_one;
	r->rate = 1;
	r->away = -1;
	r->doing = "begin";
	prandom_seed_state(&r->rnd, seed);
	catch_reports();
	for (i = 0; i < PATTERN_BYTES; i++)
		r->bytes[i] = (i * 2654435761U) >> 24 | 1;
	r->allocs = kspan_counter_sum(KSPAN_ALLOCS);
	r->frees = kspan_counter_sum(KSPAN_FREES);
	r->failures = kspan_counter_sum(KSPAN_ALLOC_FAILURES);

	r->busy = kspan_cache_create("ref-busy", 64, 0, KSPAN_NO_PROFILE, NULL);
	KUNIT_ASSERT_NOT_NULL(test, r->busy);
	for (r->step = 1; r->step <= steps && r->wrong < 8; r->step++) {
		one_step(r);
		if (r->step % 16 == 0)
			change_rate(r);
		if (r->step % 32 == 0)
			check_all(r);
		if (r->step % 256 == 0)
			books_check(test);
		if (r->step % 400 == 200)
			cpu_goes(r);
		if (r->step % 400 == 260) {
			/* While it is away. */
			books_check(test);
			cpu_comes(r);
		}
	}
	cpu_comes(r);
	for (i = 0; i < NR_THINGS; i++)
		if (r->things[i].obj)
			free_thing(r, &r->things[i]);
	check_all(r);
	for (i = 0; i < NR_CACHES; i++)
		kspan_cache_destroy(r->caches[i].cache);
	kspan_cache_destroy(r->busy);
	KUNIT_EXPECT_EQ(test, r->wrong, 0U);
}

/* ------------------------------------------------------------------ suite */

static int reference_init(struct kunit *test)
{
	struct ref *r = kvzalloc(sizeof(*r), GFP_KERNEL);

	test->priv = r;
	if (!r)
		return -ENOMEM;
	return test_begin(test);
}

static void reference_exit(struct kunit *test)
{
	test_end(test);
	kvfree(test->priv);
}

static struct kunit_case reference_tests[] = {
	KUNIT_CASE_PARAM(agrees_with_the_model, ref_gen_params),
	{}
};

static struct kunit_suite reference_suite = {
	.name = "kspan_reference",
	.init = reference_init,
	.exit = reference_exit,
	.test_cases = reference_tests,
};

kunit_test_suite(reference_suite);
