/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The torture module: everything that kspan's interface offers, at random, from every context
 * at once, with the contents of every object checked. What it needs of the kernel is exported
 * by stock ones too.
 *
 * main.c	parameters, threads, the choice of what comes next, the sums at the end
 * object.c	the table of objects, their contents, allocation and free
 * special.c	finalizers, cleanups and weak handles
 * pool.c	caches that come and go
 * context.c	timers, tasklets and interrupts
 */
#ifndef _KSPAN_TORTURE_H
#define _KSPAN_TORTURE_H

#include <linux/atomic.h>
#include <linux/kconfig.h>
#include <linux/kernel.h>
#include <linux/prandom.h>
#include <linux/sizes.h>
#include <linux/types.h>

#include <kspan/kspan.h>

/* X(enumerator, name in the sums): each of these must have happened in a run. */
#define TORTURE_OPS(X) \
	X(ALLOC,	"alloc") \
	X(ALLOC_CONST,	"alloc-const") \
	X(ALLOC_NODE,	"alloc-node") \
	X(ALLOC_NOFAIL,	"alloc-nofail") \
	X(ALLOC_DMA,	"alloc-dma") \
	X(ALLOC_LARGE,	"alloc-large") \
	X(ZALLOC,	"zalloc") \
	X(CALLOC,	"calloc") \
	X(MEMDUP,	"memdup") \
	X(STRDUP,	"strdup") \
	X(STRNDUP,	"strndup") \
	X(CACHE_ALLOC,	"cache-alloc") \
	X(CACHE_NODE,	"cache-alloc-node") \
	X(CACHE_ZALLOC,	"cache-zalloc") \
	X(BULK,		"bulk") \
	X(REALLOC,	"realloc") \
	X(FREE,		"free") \
	X(CACHE_FREE,	"cache-free") \
	X(FREE_BULK,	"free-bulk") \
	X(FREE_RCU,	"free-rcu") \
	X(SENSITIVE,	"free-sensitive") \
	X(CHECK,	"check") \
	X(QUERY,	"query") \
	X(FINALIZER,	"finalizer-set") \
	X(CLEAR,	"finalizer-clear") \
	X(CLEANUP,	"cleanup-add") \
	X(WEAK_GET,	"weak-get") \
	X(WEAK_DEREF,	"weak-deref") \
	X(WEAK_PUT,	"weak-put") \
	X(CREATE,	"cache-create") \
	X(DESTROY,	"cache-destroy") \
	X(SHRINK,	"cache-shrink") \
	X(FLUSH,	"flush-finalizers") \
	X(FINALIZED,	"finalizer-run") \
	X(CLEANED,	"cleanup-run")

#define TORTURE_OP_ENUM(id, name) OP_##id,
enum torture_op { TORTURE_OPS(TORTURE_OP_ENUM) NR_OPS };
#undef TORTURE_OP_ENUM

/* X(enumerator, name): where operations run: some in each. */
#define TORTURE_CONTEXTS(X) \
	X(TASK,		"task") \
	X(NO_PREEMPT,	"task-preemption-off") \
	X(NO_IRQ,	"task-interrupts-off") \
	X(NO_BH,	"task-softirqs-off") \
	X(TIMER,	"timer") \
	X(HRTIMER_SOFT,	"hrtimer-soft") \
	X(TASKLET,	"tasklet") \
	X(HRTIMER_HARD,	"hrtimer-hard") \
	X(IRQ_WORK,	"irq-work")

#define TORTURE_CONTEXT_ENUM(id, name) IN_##id,
enum torture_context { TORTURE_CONTEXTS(TORTURE_CONTEXT_ENUM) NR_CONTEXTS };
#undef TORTURE_CONTEXT_ENUM

/* Who does operations, one after the other. */
struct torture_actor {
	struct rnd_state rnd;
	enum torture_context context;
};

static inline bool torture_may_sleep(const struct torture_actor *actor)
{
	return actor->context == IN_TASK;
}

/* A number below @below. */
static inline u32 torture_random(struct torture_actor *actor, u32 below)
{
	return ((u64)prandom_u32_state(&actor->rnd) * below) >> 32;
}

static inline bool torture_one_in(struct torture_actor *actor, u32 n)
{
	return !torture_random(actor, n);
}

/* A cache that comes and goes. */
struct torture_pool {
	struct kspan_cache *cache;
	atomic_t users;		/* one while it lives, and one for each object; 0: nobody's */
	atomic_t busy;		/* somebody makes, shrinks or destroys it */
	bool dying;		/* under busy: no longer alive */
	unsigned int size;	/* bytes of an object; written while nobody uses it */
	bool ctor;
};

/*
 * What the content of an object was made from, in the bits of a pointer: it is all that a
 * finalizer gets.
 */
struct torture_content {
	u32 seed;
	u32 size:24;		/* bytes */
	u32 head:8;		/* bytes at the beginning that the constructor wrote */
};

static_assert(sizeof(struct torture_content) == sizeof(void *));

/* An object and who owns it for the moment: whoever made busy 1 may touch the rest. */
struct torture_slot {
	atomic_t busy;
	void *obj;			/* NULL: none */
	struct torture_content content;
	struct torture_pool *pool;	/* that it came from, or NULL */
	struct kspan_weak *weak;	/* its handle, once it had one */
	bool finalizer;
};

static inline bool torture_trylock(atomic_t *busy)
{
	return !atomic_read(busy) && atomic_cmpxchg_acquire(busy, 0, 1) == 0;
}

static inline void torture_unlock(atomic_t *busy)
{
	atomic_set_release(busy, 0);
}

/* main.c */
void torture_count(enum torture_op op, bool failed);
__printf(1, 2) void torture_error(const char *fmt, ...);
void torture_act(struct torture_actor *actor, unsigned int nr);
gfp_t torture_gfp(struct torture_actor *actor);

/* object.c */
extern struct torture_slot *torture_slots;
extern unsigned int torture_nr_slots;
struct torture_slot *torture_slot_any(struct torture_actor *actor);
void torture_content_check(const void *mem, const void *addr, struct torture_content content,
			   size_t limit, const char *when);
void torture_object_alloc(struct torture_actor *actor, struct torture_slot *slot);
void torture_object_use(struct torture_actor *actor, struct torture_slot *slot);
void torture_object_free(struct torture_actor *actor, struct torture_slot *slot);
void torture_object_bulk(struct torture_actor *actor);

/* special.c */
void torture_special_any(struct torture_actor *actor, struct torture_slot *slot);
void torture_special_freed(const struct torture_slot *old);
void torture_weak_any(struct torture_actor *actor);
void torture_special_end(void);

/* pool.c */
struct torture_pool *torture_pool_get(struct torture_actor *actor);
void torture_pool_put(struct torture_pool *pool);
bool torture_ctor_ok(const void *obj);
void torture_pool_any(struct torture_actor *actor);
void torture_pool_end(void);

/* context.c */
struct torture_contexts;
struct torture_contexts *torture_contexts_new(u64 seed);
void torture_contexts_arm(struct torture_contexts *contexts, struct torture_actor *actor);
void torture_contexts_free(struct torture_contexts *contexts);

#endif /* _KSPAN_TORTURE_H */
