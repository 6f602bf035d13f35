/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Profiles: which call stacks allocate how much of something, and how much of it is in use.
 *
 * A client is whoever sees allocations and frees; the heap is one. This wing knows nothing of what
 * a client hands out, nor where it keeps its samples. The life of a sample:
 *
 *	kspan_profile_due()	On each allocation: count its bytes. Some instructions, no lock.
 *	kspan_profile_take()	When due: is this one a sample, and how many does it stand for? That
 *				is its weight.
 *	kspan_stack_capture()	Who allocates?
 *	kspan_bucket_alloc()	Count the weight in the bucket of that stack, which is the client's
 *				to remember with the object, as is the weight.
 *	kspan_bucket_free_aged() On the free of that object: take the same weight out, and count how
 *				long it was in use.
 *
 * Each profile has its own rate, generators, table of buckets with its lock and its cap, counters
 * and files (export/). Nothing is shared but what does not depend on who asks: learned steps
 * of stacks, names of functions, labels, and the mutex under which rates change.
 *
 * All that a sample needs works in any context but NMI, takes one leaf lock with interrupts off
 * for some hundred instructions, and does not sleep unless the gfp of kspan_bucket_alloc() says
 * so. The client must hold no lock of its own meanwhile: tracing never runs under a lock, see
 * Documentation/design.rst. What allocates for the profile, or is called back by RCU, are the
 * kernel's kmalloc() and call_rcu(): a client that listens to these has to expect itself.
 *
 * This is the one header that others include. In the wing:
 *
 *	profile.c	beginning and end, counters; sample.c rates, samplers and strides
 *	stack.c		call stacks by known steps; learn.c by the unwinder, which teaches steps;
 *			step.c their table; text.c what the name of code says
 *	bucket.c	the table of buckets: looking up, counting; evict.c makes room in it;
 *			cut.c walks over it, at one moment; names.c keeps names when modules leave
 *	snapshot.c	the whole table at one moment, with names, for the encoders
 *	label.c, symbol.c, fixmath.c	interned names; logarithm and exponential
 */
#ifndef _KSPAN_PROFILE_H
#define _KSPAN_PROFILE_H

#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/gfp.h>
#include <linux/jump_label.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/prandom.h>
#include <linux/timekeeping.h>
#include <linux/types.h>

#include "base/lock.h"

struct kspan_ages;
struct kspan_buf;
struct kspan_bucket;
struct kspan_label;
struct kspan_profile;
struct kspan_shares;
struct kspan_table;
struct module;

/* ---- Profiles ------------------------------------------------------------------------ */

#define KSPAN_SAMPLE_BYTES_DEFAULT	(512ULL << 10)
#define KSPAN_SAMPLE_BYTES_MAX		BIT_ULL(40)

/* Weights are fixed point with this many fractional bits. */
#define KSPAN_WEIGHT_SHIFT	20
#define KSPAN_WEIGHT_ONE	BIT_ULL(KSPAN_WEIGHT_SHIFT)

/* X(enumerator, name in a stats file): the counters of events that each profile has. */
#define KSPAN_PROFILE_COUNTERS(X) \
	X(KSPAN_SAMPLES,		"samples") \
	X(KSPAN_SAMPLES_DROPPED,	"samples_dropped") \
	X(KSPAN_BUCKETS_EVICTED,	"buckets_evicted") \
	X(KSPAN_STACKS_WALKED,		"stacks_walked")

#define KSPAN_PROFILE_COUNTER_ENUM(id, name) id,
enum kspan_profile_counter {
	KSPAN_PROFILE_COUNTERS(KSPAN_PROFILE_COUNTER_ENUM)
	KSPAN_NR_PROFILE_COUNTERS
};

#undef KSPAN_PROFILE_COUNTER_ENUM

/* Of one CPU and profile. Touched by its own CPU alone, with interrupts off but for left. */
struct kspan_sampler {
	long left;		/* bytes until the next sample; negative: one is due */
	u32 epoch;		/* of the rate that left was drawn at */
	u64 mean;		/* that rate: mean bytes between samples */
	struct rnd_state rnd;
	unsigned long counts[KSPAN_NR_PROFILE_COUNTERS];	/* one instruction each */
};

struct kspan_profile_ops {
	/*
	 * The rate has changed, and each CPU's countdown has ended; so are to end those that the
	 * client has handed out (budgets of strides). May be NULL. Process context, may sleep;
	 * cpus_read_lock() and kspan_rate_mutex are held.
	 */
	void (*rate_changed)(struct kspan_profile *profile);

	/*
	 * A snapshot is about to be taken: what the client was told of and has put off is to be
	 * counted first. May be NULL. Process context, may sleep.
	 */
	void (*settle)(struct kspan_profile *profile);

	/*
	 * Calls kspan_ages_add() for each sample that is in use, which has to be there meanwhile.
	 * NULL: the client does not know when they were taken. Process context, kspan_bucket_mutex
	 * is held.
	 */
	void (*walk_samples)(struct kspan_profile *profile, struct kspan_ages *ages);

	/*
	 * Calls kspan_shares_add() for each sample in use that keeps memory which is free and
	 * cannot be given back. NULL: the memory is not the client's. Likewise; 0 or -ENOMEM.
	 */
	int (*walk_shares)(struct kspan_profile *profile, struct kspan_shares *shares);
};

/* Static, by DEFINE_KSPAN_PROFILE(): so what each allocation looks at has a constant address. */
struct kspan_profile {
	const char *name;			/* these three never change */
	const struct kspan_profile_ops *ops;
	struct kspan_sampler __percpu *samplers;

	struct static_key_false sampling;	/* is the rate not 0? under kspan_rate_mutex */

	/* What was asked for last, and whether that is in force; written under kspan_rate_mutex. */
	u64 rate_asked kspan_marked;
	bool rate_started;
	/* Likewise, and read without: the mean is written first, then the epoch. */
	u64 rate_mean kspan_marked;
	u32 rate_epoch kspan_marked;

	struct hlist_node hotplug;		/* the hotplug core's */
	struct kspan_table *table;		/* of buckets: bucket.h; from init to destroy */
};

#define DECLARE_KSPAN_PROFILE(var)						\
	DECLARE_PER_CPU(struct kspan_sampler, var##_sampler);			\
	extern struct kspan_profile var

/* @shown: its name in the log; @its_ops: a struct kspan_profile_ops, or NULL. Declare it before. */
#define DEFINE_KSPAN_PROFILE(var, shown, its_ops)				\
	DEFINE_PER_CPU(struct kspan_sampler, var##_sampler);			\
	struct kspan_profile var = {						\
		.name = shown,							\
		.ops = its_ops,							\
		.samplers = &var##_sampler,					\
		.sampling = STATIC_KEY_FALSE_INIT,				\
		.rate_asked = KSPAN_SAMPLE_BYTES_DEFAULT,			\
	}

/* The wing itself, before the first profile and after the last. @seed: of all chance; 0: real. */
int kspan_profiles_init(u64 seed) kspan_no_lock;
void kspan_profiles_exit(void)
	kspan_no_lock;

/*
 * A table that takes at most @max_bytes, and counters of zero. Samples are taken from
 * kspan_profile_start() to kspan_profile_stop(). After that, and after the last sample was taken
 * out and the last snapshot freed, kspan_profile_destroy() gives back what the first one made; it
 * may be used anew. Process context, may sleep. 0, or an errno with nothing left behind.
 */
int kspan_profile_init(struct kspan_profile *profile, size_t max_bytes) kspan_no_lock;
void kspan_profile_start(struct kspan_profile *profile) kspan_no_lock;
void kspan_profile_stop(struct kspan_profile *profile) kspan_no_lock;
void kspan_profile_destroy(struct kspan_profile *profile) kspan_no_lock;

/*
 * The mean distance between samples, in bytes; 1 samples everything, 0 nothing. When it has been
 * set it is in force on every CPU, if the profile was started and not stopped; else it is noted.
 * May be called before init and after destroy. Process context, may sleep. 0, or -EINVAL above
 * KSPAN_SAMPLE_BYTES_MAX.
 */
int kspan_profile_set_sample_bytes(struct kspan_profile *profile, u64 bytes) kspan_no_lock;
u64 kspan_profile_sample_bytes(const struct kspan_profile *profile);
/* Changes with every change of the rate, to the same one too. */
u32 kspan_profile_epoch(const struct kspan_profile *profile);

/* Zeroes the cumulative counts, drops the buckets with nothing in use. Process context, sleeps. */
void kspan_profile_reset(struct kspan_profile *profile) kspan_no_lock;
/* Since when the cumulative counts count: ktime_get_ns(). */
u64 kspan_profile_start_ns(const struct kspan_profile *profile);

/* Likewise as kspan_counter_id(): no counter of anything else. */
static __always_inline enum kspan_profile_counter
kspan_profile_counter_id(enum kspan_profile_counter id)
{
	return id;
}

/* Counts an event. Any context. */
#define kspan_profile_count(profile, id)					\
	this_cpu_inc((profile)->samplers->counts[kspan_profile_counter_id(id)])
/* The sum over all CPUs; exact once nobody counts any more. */
unsigned long kspan_profile_counter(const struct kspan_profile *profile,
				    enum kspan_profile_counter id);

unsigned long kspan_profile_buckets(const struct kspan_profile *profile);
/* Bytes of the table: chains and buckets, without their names. */
size_t kspan_profile_bytes(const struct kspan_profile *profile);

/* "name value" lines: the counters; buckets and bucket_bytes. For the client's stats file. */
void kspan_profile_show_counters(const struct kspan_profile *profile, struct kspan_buf *buf)
	kspan_no_lock;
void kspan_profile_show_gauges(const struct kspan_profile *profile, struct kspan_buf *buf)
	kspan_no_lock;

/* ---- Samples ------------------------------------------------------------------------- */

/*
 * Counts @size bytes in the profile @var, which is its name and no pointer; true when
 * kspan_profile_take() should look whether this allocation is a sample.
 */
#define kspan_profile_due(var, size)						\
	(static_branch_likely(&(var).sampling) &&				\
	 unlikely(this_cpu_sub_return(var##_sampler.left, (long)(size)) < 0))

/*
 * After kspan_profile_due(): is this allocation of @size bytes a sample? Then its weight is in
 * *@weight. Any context but NMI.
 */
bool kspan_profile_take(struct kspan_profile *profile, size_t size, u64 *weight);

/* Instead of that, in any context: as if it had not been, so that no point lies in it. */
void kspan_profile_pass_over(struct kspan_profile *profile, size_t size);

/*
 * Instead of these two, for objects of one size that one CPU hands out: when the next sample is
 * due, counted in allocations. The owner has it to himself.
 */
struct kspan_stride {
	u64 left;		/* allocations before it, beyond the budget that was handed out */
	u64 mean;		/* bytes between samples, as they were drawn */
	u64 weight;		/* of a sample of one object at that rate */
	u32 epoch;		/* of that rate; 0: of none */
	struct rnd_state rnd;
};

void kspan_stride_init(struct kspan_stride *stride);
bool kspan_stride_next(struct kspan_profile *profile, struct kspan_stride *stride, size_t size,
		       bool off, u32 *budget);

/* ---- Stacks -------------------------------------------------------------------------- */

/*
 * The deepest stack that is kept whole, in frames. A deeper one loses its outermost frames, and has
 * kspan_stack_truncated() for its root.
 */
#define KSPAN_MAX_FRAMES	64

/* Frames of kspan's own at the top of a stack, before its caller, are fewer than this. */
#define KSPAN_OWN_FRAMES	8

/* A stack as it was captured: return addresses less one, the innermost frame first. */
struct kspan_stack {
	unsigned int nr_frames;		/* at most KSPAN_MAX_FRAMES; the rest is scratch */
	unsigned long frames[KSPAN_MAX_FRAMES + KSPAN_OWN_FRAMES];
};

/*
 * The stack of kspan's caller; the profile is the one that counts it if the unwinder was needed.
 * Any context but NMI; no lock held.
 */
void kspan_stack_capture(struct kspan_profile *profile, struct kspan_stack *stack) kspan_no_lock;

/*
 * The stack is deeper than the @most frames of it that are kept: its root says so, instead of the
 * outermost of them. Any context.
 */
void kspan_stack_truncated(struct kspan_stack *stack, unsigned int most);

/* ---- Buckets ------------------------------------------------------------------------- */

/*
 * Counts an allocation of @weight objects of @slot_size bytes at @stack. Any context but NMI, no
 * lock held; sleeps only if @gfp lets it. The bucket, which stays until kspan_bucket_free() with
 * the same weight; NULL, and nothing counted, when there is no memory or the table is full.
 */
struct kspan_bucket *kspan_bucket_alloc(struct kspan_profile *profile,
					const struct kspan_stack *stack, u32 slot_size,
					struct kspan_label *label, u64 weight, gfp_t gfp)
	kspan_no_lock;
/*
 * From then on there is memory for @nr new buckets of whoever may not allocate (a @gfp of
 * KSPAN_GFP_NOTHING), if it could be had; they use it up, so that this is to be called again and
 * again. 0: none is kept. Process context; memory is not waited for.
 */
void kspan_profile_keep_spares(struct kspan_profile *profile, unsigned int nr) kspan_no_lock;
/*
 * Takes @weight objects out again, which were in use for @age_ns nanoseconds, that is for
 * kspan_profile_age(). Any context but NMI, no lock held.
 */
void kspan_bucket_free_aged(struct kspan_bucket *bucket, u64 weight, u64 age_ns) kspan_no_lock;

/* Of which that is not known, or which have not been freed. */
#define KSPAN_AGE_UNKNOWN	U64_MAX

static inline void kspan_bucket_free(struct kspan_bucket *bucket, u64 weight)
	kspan_no_lock
{
	kspan_bucket_free_aged(bucket, weight, KSPAN_AGE_UNKNOWN);
}

/* The clock of ages, for when a sample is taken, and for when it ends. Any context, NMI too. */
static inline u64 kspan_profile_now(void)
{
	return ktime_get_mono_fast_ns();
}

/* Of what was taken @then, @now. The clock of one CPU may be a little behind another's. */
static inline u64 kspan_profile_age(u64 then, u64 now)
{
	return now - min(then, now);
}

/* Its stack, as struct kspan_stack has it: how many frames. The caller has a sample of it. */
unsigned int kspan_bucket_frames(const struct kspan_bucket *bucket, const unsigned long **frames);

/* For a client's assertion that the two halves of tracing are apart; nothing without lockdep. */
#ifdef CONFIG_LOCKDEP
void kspan_profile_assert_unlocked(const struct kspan_profile *profile);
#else
static inline void kspan_profile_assert_unlocked(const struct kspan_profile *profile)
{
}
#endif

/* A stack that holds memory, as kspan_profile_walk() shows it: valid in the call alone. */
struct kspan_holder {
	const struct kspan_label *label;
	u32 slot_size;				/* bytes */
	unsigned int nr_frames;
	const unsigned long *addrs;		/* return addresses less one, innermost first */
	/* One for each address; NULL: not looked up, or lost. */
	const struct kspan_symbol *const *symbols;
	bool gone;				/* its text has left, or leaves now */
	u64 untold;				/* weight in use of which no report has told */
	struct kspan_bucket *bucket;
};

/*
 * Calls @fn for each stack that holds memory. True: now a report has told of it. Process context,
 * may sleep; takes kspan_bucket_mutex, under which @fn is called.
 */
void kspan_profile_walk(struct kspan_profile *profile,
			bool (*fn)(struct kspan_holder *holder, void *arg), void *arg)
	kspan_no_lock;
/* In @fn: looks the symbols up, if there is memory for them and the text is there still. */
void kspan_holder_resolve(struct kspan_holder *holder) kspan_no_lock;

/* ---- Names --------------------------------------------------------------------------- */

/* What stands for a module where a function is in none, and where no function is known. */
#define KSPAN_VMLINUX		"vmlinux"
#define KSPAN_UNKNOWN_MODULE	"unknown"

/* A function, interned: equal name and module give the same pointer as long as one is held. */
struct kspan_symbol {
	const char *name;	/* "kmem_func", or "0xffffffffc0123456" where none is known */
	const char *module;	/* "xfs"; "vmlinux" for the core kernel; "unknown" */
	unsigned long start;	/* the address where the function began; 0 when unknown */
};

/* Stands for the stack of a row without frames: readers want a place for each sample. */
extern const struct kspan_symbol kspan_no_stack;

/* And for what was in use at the peak by stacks that were evicted since. */
extern const struct kspan_symbol kspan_lost_stacks;

/* The function of a return address less one, with a reference; NULL without memory. */
const struct kspan_symbol *kspan_symbol_get(unsigned long addr) kspan_no_lock;
void kspan_symbol_put(const struct kspan_symbol *sym) kspan_no_lock;
/* Of all profiles. */
size_t kspan_symbol_bytes(void);

/*
 * Labels: interned names of caches, or of what else a client tells apart, which outlive them. The
 * same name gives the same pointer; NULL without memory. Any context but NMI, no lock held; sleeps
 * only if @gfp lets it.
 */
struct kspan_label *kspan_label_get(const char *name, gfp_t gfp) kspan_no_lock;
/* Likewise. */
void kspan_label_put(struct kspan_label *label) kspan_no_lock;
/* One more reference of a label that the caller has one of. Any context. */
struct kspan_label *kspan_label_hold(struct kspan_label *label);
const char *kspan_label_name(const struct kspan_label *label);

/* ---- Snapshots ----------------------------------------------------------------------- */

/*
 * How long objects lived, of those that were freed: in so many bins, of which the first has those
 * that were freed within 2^KSPAN_LIFETIME_SHIFT nanoseconds, the second those that lived as long
 * but not twice as long, and so on, and the last all others: from 18 minutes.
 */
#define KSPAN_LIFETIME_SHIFT	10
#define KSPAN_NR_LIFETIMES	32

/* The bin of @age_ns, and where a bin begins, in nanoseconds. */
static inline unsigned int kspan_lifetime_bin(u64 age_ns)
{
	return min_t(unsigned int, fls64(age_ns >> KSPAN_LIFETIME_SHIFT), KSPAN_NR_LIFETIMES - 1);
}

static inline u64 kspan_lifetime_begin(unsigned int bin)
{
	return bin ? 1ULL << (KSPAN_LIFETIME_SHIFT - 1 + bin) : 0;
}

/* What a bin counts in: so many fractional bits of an object. It lasts for decades. */
#define KSPAN_LIFETIME_WEIGHT_SHIFT	10

/* One bucket: estimates of the real numbers, rounded to whole objects and bytes. */
struct kspan_row {
	const unsigned long *addrs;		/* return addresses less one, innermost first */
	const struct kspan_symbol *const *symbols;	/* one for each address, never NULL */
	unsigned int nr_frames;
	const char *label;			/* name of the cache */
	u32 slot_size;				/* bytes */
	u64 alloc_objects;
	u64 alloc_bytes;
	u64 inuse_objects;
	u64 inuse_bytes;
	u64 peak_objects;			/* in use when most was, in bytes of all rows */
	u64 peak_bytes;
	/* Of those that were freed and lived so long, KSPAN_NR_LIFETIMES; NULL if not asked for. */
	const u64 *lifetimes;
	/* What is free where its objects lie, that nobody can give back; 0 if not asked for. */
	u64 free_objects;
	u64 free_bytes;
	/* What the sampler would have seen at sample_bytes: for readers that scale by it. */
	u64 alloc_samples;
	u64 inuse_samples;
	/* Of the samples in use, in milliseconds; if the client knows, and there are any. */
	bool has_age;
	u64 age_min;
	u64 age_average;
	u64 age_max;
};

/* Of the row's objects whose lifetime is in @bin, to the nearest, @each counts for so much. */
static inline u64 kspan_row_freed(const struct kspan_row *row, unsigned int bin, u64 each)
{
	u64 weight = row->lifetimes[bin];
	u64 half = (weight * each) >> (KSPAN_LIFETIME_WEIGHT_SHIFT - 1) & 1;

	return mul_u64_u64_shr(weight, each, KSPAN_LIFETIME_WEIGHT_SHIFT) + half;
}

/* For walk_samples(): one was taken at @taken_ns, kspan_profile_now(). Takes no lock. */
void kspan_ages_add(struct kspan_ages *ages, struct kspan_bucket *bucket, u64 taken_ns);

/*
 * For walk_shares(): a sample of @weight objects, each of which is one of @used that keep @free
 * slots of its size, at least one. Takes no lock. The caller is inside rcu_read_lock() since the
 * sample was in use.
 */
void kspan_shares_add(struct kspan_shares *shares, struct kspan_bucket *bucket, u64 weight,
		      unsigned int free, unsigned int used) kspan_must_rcu;

/* A profile at one moment, with names; it belongs to whoever took it, and needs no lock. */
struct kspan_snapshot {
	u64 time_ns;		/* CLOCK_REALTIME */
	u64 duration_ns;	/* since the profile was made or last reset */
	/* Likewise, of the peak; and what of it is in no row, its stacks having been evicted. */
	u64 peak_time_ns;
	u64 peak_duration_ns;
	u64 peak_lost_objects;
	u64 peak_lost_bytes;
	u64 sample_bytes;	/* mean distance in bytes; 0 is off */
	/* Some samples were taken at another mean: no one rate scales what was sampled. */
	bool mixed;
	size_t nr_rows;
	struct kspan_row *rows;
};

/*
 * Take a snapshot. Process context, may sleep. Every row's alloc and inuse belong together.
 * Returns ERR_PTR(-ENOMEM) when there is no memory. Symbols stay valid until the snapshot is freed.
 */
struct kspan_snapshot *kspan_snapshot_take(struct kspan_profile *profile) kspan_no_lock;
/* The same with more of each row, which takes room or time: bits. */
#define KSPAN_WITH_LIFETIMES	BIT(0)
#define KSPAN_WITH_FREE		BIT(1)
struct kspan_snapshot *kspan_snapshot_take_with(struct kspan_profile *profile, unsigned int more)
	kspan_no_lock;
void kspan_snapshot_free(struct kspan_snapshot *snap) kspan_no_lock;

#endif /* _KSPAN_PROFILE_H */
