// SPDX-License-Identifier: GPL-2.0
/*
 * Frees that a tap puts off, on one CPU: an NMI comes between any two steps of whoever puts one
 * off, and puts one off as well, or the interrupt that sees to them does, and an NMI in the middle
 * of that. None is lost, none comes twice, and each comes as it was put off.
 */
#define preempt_disable()		do { } while (0)
#define preempt_enable()		do { } while (0)
#define this_cpu_ptr(p)			(p)
#define cmpxchg_local(p, old, new)					\
({									\
	__typeof__(*(p)) was;						\
									\
	interrupt();							\
	was = *(p);							\
	if (was == (old))						\
		*(p) = (new);						\
	was;								\
})
#undef READ_ONCE
#undef WRITE_ONCE
#define READ_ONCE(x)			(interrupt(), (x))
#define WRITE_ONCE(x, value)		(interrupt(), (void)((x) = (value)))
#define ____cacheline_aligned_in_smp
#define GOLDEN_RATIO_64			1

static void interrupt(void);

struct irq_work {};
typedef struct {} raw_spinlock_t, atomic64_t;

static void irq_work_queue(struct irq_work *work);

#include "../../mm/tap/handler.h"
#include "every.h"

#define FREES		4	/* all in all */
/* Of 16 entries: with one less than there are frees, one may find none. */
#undef KSPAN_TAP_LATE
#define KSPAN_TAP_LATE	3

static struct kspan_tap_cpu cpu;
static struct kspan_tap tap = { .cpus = &cpu };
static unsigned int put[FREES], seen[FREES], nr, dropped;
static unsigned long now;	/* which is being put off */
static bool in_interrupt, in_nmi, queued;

static void irq_work_queue(struct irq_work *work)
{
	queued = true;
}

static u64 kspan_live_added_now(void)
{
	return now * 2;
}

static u64 now_of(void)
{
	return now * 2 + 1;
}
#define kspan_live_added(live)		kspan_live_added_now()
#define kspan_profile_now()		now_of()
#define kspan_tap_count(tap, what)	(dropped++)
#define LATE_CLAIMED			1UL

static void forget(struct kspan_tap *of, unsigned long addr, u64 last, u64 freed,
		   enum kspan_tap_counter what)
{
	prove(of == &tap && addr % 8 == 0 && addr / 8 - 1 < nr);
	prove(last == addr * 2 && freed == addr * 2 + 1);
	prove(!seen[addr / 8 - 1]++);
}

#include "put_off.inc"
#include "forget_late.inc"

static void put_one_off(void)
{
	unsigned long before = now;

	if (nr == FREES)
		return;
	now = ++nr * 8;
	put_off(&tap, now);
	now = before;
}

static void work(void)
{
	queued = false;
	in_interrupt = true;
	forget_late(&cpu.work);
	in_interrupt = false;
}

/* What may come between two steps. */
static void interrupt(void)
{
	if (in_nmi)
		return;
	if (nr < FREES && choose(2)) {
		in_nmi = true;
		put_one_off();
		in_nmi = false;
	}
	if (queued && !in_interrupt && choose(2))
		work();
}

void prove_late(void)
{
	unsigned int i, came = 0;

	cpu = (struct kspan_tap_cpu) { .tap = &tap };
	nr = 0;
	dropped = 0;
	queued = false;
	for (i = 0; i < FREES; i++)
		seen[i] = 0;
	put_one_off();
	put_one_off();
	/* Whoever comes in the middle of that asks for it once more. */
	while (queued)
		work();
	for (i = 0; i < nr; i++)
		came += seen[i];
	prove(came + dropped == nr);
}

EVERY(prove_late)
