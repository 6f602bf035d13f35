/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Spinlocks, the mutex and RCU, and what each process knows of itself.
 */

/* What every process that runs kspan's code has. */
#define LOCALS								\
	byte held, slot = NONE, span = NONE, bucket = NONE, spare = NONE, got, kinds, seen, tmp, old; \
	bool hit, had_weak, accepted

/*
 * Every spinlock is a leaf, and nothing but plain work on memory is done under one: this stands
 * in front of every lock and of every call out of kspan (allocating, freeing, capturing a stack,
 * queueing work, a callback). NO_LEAF takes it away, to see what happens then.
 */
#ifdef NO_LEAF
#define NOTHING_HELD	true
#else
#define NOTHING_HELD	assert(held == 0)
#endif

bool node_lock, pagemap_lock, bucket_lock, special_lock[NSPANS], shard_lock;
bool bucket_mutex;

/*
 * What is done under a lock is many steps, between which others may run. With three clients those
 * are too many; there COARSE takes what one hold of a lock does, up to where it blocks, for one.
 */
#ifdef COARSE
#define STEP	atomic
#else
#define STEP
#endif

/* ---- Interrupts on CPU 0 ---- */

byte irqs_off;		/* how often they have been masked there */
bool in_irq;		/* the handler runs, and the thread of CPU 0 does not */
bool in_nmi;		/* likewise, and no handler either */

#if defined(IRQ) || defined(TAP_NMI)
#ifdef IRQS_ON
#define LOCAL_IRQ_SAVE
#define LOCAL_IRQ_RESTORE
#else
#define LOCAL_IRQ_SAVE		if :: cpu == 0 -> irqs_off++ :: else fi;
#define LOCAL_IRQ_RESTORE	if :: cpu == 0 -> irqs_off-- :: else fi;
#endif
#else
#define LOCAL_IRQ_SAVE
#define LOCAL_IRQ_RESTORE
#endif

/* ---- Locks ---- */

inline spin_lock_irqsave(lock)
{
	atomic {
		NOTHING_HELD;
		LOCAL_IRQ_SAVE
		!lock -> lock = true;
		held++
	}
}

inline spin_unlock_irqrestore(lock)
{
	atomic {
		assert(lock && held > 0);
		lock = false;
		held--;
		LOCAL_IRQ_RESTORE
	}
}

inline mutex_lock(mutex)
{
	atomic {
		NOTHING_HELD;
		!mutex -> mutex = true
	}
}

inline mutex_unlock(mutex)
{
	atomic {
		assert(mutex);
		mutex = false
	}
}

/* ---- RCU ---- */

/*
 * Whoever waits for a grace period notes who is reading, and each of those strikes itself off
 * when it stops. What waits goes at the earliest moment that the rules allow.
 */
byte readers;			/* a bit for each process */
byte gp_waits;			/* synchronize_rcu() waits for these */
byte bucket_waits[NBUCKETS];	/* kfree_rcu() of a bucket does */
byte span_waits[NSPANS];	/* kfree_rcu() of a span's header does */

#define READER	(1 << me)

inline rcu_read_lock()
{
	atomic {
		assert(!(readers & READER));
		readers = readers | READER
	}
}

inline rcu_read_unlock()
{
	d_step {
		assert(readers & READER);
		readers = readers & ~READER;
		gp_waits = gp_waits & ~READER;
		weak_waits = weak_waits & ~READER;
		for (tmp : 0 .. NBUCKETS - 1) {
			bucket_waits[tmp] = bucket_waits[tmp] & ~READER
		}
		for (tmp : 0 .. NSPANS - 1) {
			span_waits[tmp] = span_waits[tmp] & ~READER
		}
		tmp = 0
	}
}

inline synchronize_rcu()
{
	NOTHING_HELD;
	gp_waits = readers;
	gp_waits == 0
}
