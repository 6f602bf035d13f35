/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Steps: how far it is on a stack from the return address of a function to that of its caller.
 * With ORC that is said for the instruction that the function is at, so how to go on is known by
 * the return address alone, once it has been learned.
 */
#ifndef _KSPAN_STEP_H
#define _KSPAN_STEP_H

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/hash.h>
#include <linux/types.h>

#if defined(CONFIG_X86_64) && defined(CONFIG_UNWINDER_ORC)
#define KSPAN_HAS_STEPS		1
#else
#define KSPAN_HAS_STEPS		0
#endif

/*
 * The steps, which fit into 16 bits. A plain one is so many words long, and perhaps the frame
 * that it leaves has saved its caller's frame pointer, from 15 words below the next return address
 * (1) to just below it (15).
 */
#define KSPAN_STEP_WORDS	0x03ff
#define KSPAN_STEP_SAVED_SHIFT	10
#define KSPAN_STEP_SAVED_BELOW	16	/* words; 0 instead of 1 to 15: has not touched it */
#define KSPAN_STEP_PLAIN	0x3fff	/* the largest plain one */
#define KSPAN_STEP_BP		0x4000	/* the next is above where the frame pointer points to */
#define KSPAN_STEP_BELOW	0x003f	/* or, of so many words below that, what stands there */
#define KSPAN_STEP_LAST		0x8000	/* if this one is at the base, there is no next */
#define KSPAN_STEP_NEVER	0xffff	/* none of these: ask the unwinder */

#define KSPAN_STEP_BITS		12	/* of the table: 32 KiB */
#define KSPAN_STEP_WAYS		4	/* places for each address */
#define KSPAN_STEP_SHIFT	16	/* an address begins with ones: these are not kept */

/* (return address << KSPAN_STEP_SHIFT) | step; 0: none. Read and written whole: no lock. */
extern u64 kspan_steps[1 << KSPAN_STEP_BITS];

/* Where the step from @ip is kept: here, or, the number being @i, in another of its places. */
static inline u64 *kspan_step_place(unsigned long ip, unsigned int i)
{
	return &kspan_steps[hash_64(ip, KSPAN_STEP_BITS) ^ i];
}

/* The step from @ip, if it is where it would be if there were no others. */
static __always_inline u64 kspan_step_first(unsigned long ip)
{
	return READ_ONCE(*kspan_step_place(ip, 0)) ^ (u64)ip << KSPAN_STEP_SHIFT;
}

/* The step from @ip; 0, or a larger number than any step, if there is none. */
static __always_inline u64 kspan_step_find(unsigned long ip)
{
	u64 tag = (u64)ip << KSPAN_STEP_SHIFT;
	u64 step = kspan_step_first(ip);
	unsigned int i;

	for (i = 1; unlikely(step > KSPAN_STEP_NEVER) && i < KSPAN_STEP_WAYS; i++)
		step = READ_ONCE(*kspan_step_place(ip, i)) ^ tag;
	return step;
}

/* Where the next return address stands by the frame pointer, which points into the stack. */
static __always_inline const unsigned long *kspan_step_by_bp(u64 step, const unsigned long *bp)
{
	unsigned long below = step & KSPAN_STEP_BELOW;

	return below ? (unsigned long *)READ_ONCE_NOCHECK(*(bp - below)) - 1 : bp + 1;
}

/* Has the step from that address been learned, be it that it cannot be used? */
static inline bool kspan_step_is_known(u64 step)
{
	/* 0 is what an empty place and a word that is no address make of each other. */
	return step - 1 < KSPAN_STEP_NEVER;
}

/*
 * The step from @ip is @step, or KSPAN_STEP_NEVER, which it also becomes by being another one
 * than was learned before. Any context.
 */
void kspan_step_learn(unsigned long ip, u64 step);

/* Nothing is known. Any context. */
void kspan_step_forget(void);

#endif /* _KSPAN_STEP_H */
