/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The benchmark of kspan beside the kernel's own slab allocator, in one boot. Each group of
 * figures has a file; each figure is one line of the kernel's log,
 *
 *	bench: group=pairs name=named unit=instructions size=192 slab=192 kspan=75
 *
 * with a field for each allocator that was measured. Documentation/bench.rst says how each is
 * measured and what may be read from it.
 */
#ifndef _KSPAN_BENCH_H
#define _KSPAN_BENCH_H

#include <linux/gfp.h>
#include <linux/printk.h>
#include <linux/types.h>

/* Prints one figure; the format and what follows it are the fields after unit=. */
#define bench_figure(group, name, unit, fmt, ...)			\
	pr_info("bench: group=%s name=%s unit=%s " fmt "\n", group, name, unit, ##__VA_ARGS__)

/*
 * The allocators, as functions to call through where the same workload is given to each. NOTHING
 * allocates nothing: what remains is the cost of the workload itself.
 */
enum bench_who {
	BENCH_SLAB,
	BENCH_KSPAN,
	BENCH_NOTHING,
	BENCH_NR_WHO,
};

struct bench_side {
	const char *name;
	void *(*create)(const char *name, unsigned int size);
	void (*destroy)(void *cache);
	void (*shrink)(void *cache);
	void *(*cache_alloc)(void *cache, gfp_t gfp);
	void (*cache_free)(void *cache, void *obj);
	void *(*alloc)(size_t size, gfp_t gfp);
	void (*free)(void *obj);
};

extern const struct bench_side bench_sides[BENCH_NR_WHO];

/* Parameters of the module. */
bool bench_wants(enum bench_who who);
unsigned long bench_scaled(unsigned long n);
extern unsigned int bench_stacks;

/* Pseudo-random numbers, the same on every run: Marsaglia's xorshift. */
static inline u32 bench_random(u32 *state)
{
	u32 x = *state;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return *state = x;
}

/* Sizes of every order of magnitude alike: a power of two by lot, and evenly up to the next. */
static inline size_t bench_random_size(u32 *state, unsigned int least, unsigned int doublings)
{
	u32 x = bench_random(state);
	size_t low = (size_t)least << ((x >> 24) % doublings);

	return low + (x & (low - 1));
}

/* count.c: guest instructions. */
u64 bench_count(void (*fn)(void), unsigned int runs, bool irqs_off);

/* paths.c: different call stacks. */
void *bench_alloc_from(unsigned int path, unsigned int levels, const struct bench_side *side,
		       size_t size, gfp_t gfp);

/*
 * sampling.c: mixed allocations and frees, a chunk of steps at a time, from 2 to the power of
 * @levels call paths. The first chunks only fill what is alive; one @random for all of a side's.
 */
#define BENCH_MIXED_CHUNK	100	/* steps */
#define BENCH_MIXED_CHUNKS	10000	/* that are measured */
#define BENCH_MIXED_WARM	409	/* that come before */
#define BENCH_MIXED_LEVELS	6

int bench_mixed_begin(void);
void bench_mixed_end(void);
u64 bench_mixed_chunk(const struct bench_side *side, unsigned int levels, u32 *random);
void bench_mixed_free(const struct bench_side *side);

/* The groups; each returns 0 or an error. */
int bench_pairs(void);
int bench_pages(void);
int bench_sizes(void);
int bench_sampling(void);
int bench_calls(void);
int bench_memory(void);
int bench_cpus(void);
int bench_fill(void);
int bench_load(void);

/* Ends what bench_calls() keeps. */
void bench_calls_end(void);

/* Ends what bench_fill() and bench_load() keep. */
void bench_snapshot_end(void);

/* snapshot.c: the operations that the load has done so far. */
unsigned long bench_load_ops(void);

#endif /* _KSPAN_BENCH_H */
