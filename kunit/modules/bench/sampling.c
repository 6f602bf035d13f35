// SPDX-License-Identifier: GPL-2.0
/*
 * What sampling costs: instructions of a million mixed allocations and frees, at whatever rate
 * kspan has then, and of the kernel's own slab beside it.
 *
 * Sizes of 8 to 8191 bytes, every doubling as likely as another; 4096 objects are alive, and each
 * step frees one of them by lot and allocates another, from one place, or from one of 64 call
 * paths, by lot as well and six calls deeper. Ticks are kept out by counting a hundred
 * steps at a time with interrupts off (hence GFP_ATOMIC), and adding up. The same steps without
 * an allocator are taken off, and given too. calls.c has the same steps done in system calls.
 */
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/stacktrace.h>
#include <linux/timex.h>

#include "bench.h"

#define LIVE		4096
#define CHUNK		BENCH_MIXED_CHUNK
#define LEVELS		BENCH_MIXED_LEVELS

static void **live;

int bench_mixed_begin(void)
{
	live = kvcalloc(LIVE, sizeof(*live), GFP_KERNEL);
	return live ? 0 : -ENOMEM;
}

void bench_mixed_end(void)
{
	kvfree(live);
	live = NULL;
}

static noinline void steps(const struct bench_side *side, unsigned int levels, unsigned int n,
			   u32 *random)
{
	while (n--) {
		void **slot = &live[bench_random(random) % LIVE];
		size_t size = bench_random_size(random, 8, 10);

		if (*slot)
			side->free(*slot);
		*slot = bench_alloc_from(*random >> 16, levels, side, size, GFP_ATOMIC);
	}
}

/* Instructions of the steps of one chunk. */
u64 bench_mixed_chunk(const struct bench_side *side, unsigned int levels, u32 *random)
{
	unsigned long flags;
	u64 time;

	local_irq_save(flags);
	time = get_cycles();
	steps(side, levels, CHUNK, random);
	time = get_cycles() - time;
	local_irq_restore(flags);
	return time;
}

/* Frees what is alive. */
void bench_mixed_free(const struct bench_side *side)
{
	int i;

	for (i = 0; i < LIVE; i++) {
		if (live[i])
			side->free(live[i]);
		live[i] = NULL;
	}
}

/* Instructions of @n steps. */
static u64 count(const struct bench_side *side, unsigned int levels, unsigned long n,
		 u32 *random)
{
	u64 sum = 0;

	for (; n; n -= CHUNK) {
		sum += bench_mixed_chunk(side, levels, random);
		cond_resched();
	}
	return sum;
}

/* The same steps for every side, once as many are alive as will be. */
static u64 mixed(const struct bench_side *side, unsigned int levels, unsigned long n)
{
	u32 random = 1;
	u64 sum;

	count(side, levels, BENCH_MIXED_WARM * CHUNK, &random);
	sum = count(side, levels, n, &random);
	bench_mixed_free(side);
	return sum;
}

/* What the kernel's unwinder alone takes at the depth of an allocation. */
static noinline void stack(void)
{
	static unsigned long entries[64];
	u64 least = U64_MAX;
	unsigned int frames = 0;
	int i;

	for (i = 0; i < 40; i++) {
		unsigned long flags;
		u64 time;

		local_irq_save(flags);
		time = get_cycles();
		frames = stack_trace_save(entries, ARRAY_SIZE(entries), 0);
		time = get_cycles() - time;
		local_irq_restore(flags);
		least = min(least, time);
	}
	bench_figure("sampling", "stack_trace", "instructions", "frames=%u kernel=%llu", frames,
		     least);
}

static void print_mixed(unsigned int levels, unsigned long n)
{
	u64 loop = mixed(&bench_sides[BENCH_NOTHING], levels, n);
	enum bench_who who;

	for (who = BENCH_SLAB; who <= BENCH_KSPAN; who++) {
		const struct bench_side *side = &bench_sides[who];

		if (!bench_wants(who))
			continue;
		bench_figure("sampling", "mixed", "instructions",
			     "paths=%u objects=%lu loop=%llu %s=%llu", 1U << levels, n, loop,
			     side->name, mixed(side, levels, n) - loop);
	}
}

int bench_sampling(void)
{
	unsigned long n = bench_scaled(BENCH_MIXED_CHUNKS) * CHUNK;
	int err = bench_mixed_begin();

	if (err)
		return err;
	print_mixed(0, n);
	print_mixed(LEVELS, n);
	stack();
	bench_mixed_end();
	return 0;
}
