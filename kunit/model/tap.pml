/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A tap: mm/tap/tap.c and live.c. What the kernel's own slab hands out are addresses, of which each
 * is somebody's alone. All of them are in one shard, and everything sampled has one stack. It is
 * searched by itself, with TAP: then the heap does nothing.
 *
 * With TAP_MOVES, what is at an address may move to another one, as folios do.
 *
 * TAP_NMI adds one on CPU 0, which puts off the free of an object that somebody has left it, and the
 * interrupt that does it later, when another may have come to lie there.
 */
#ifdef TAP

#define ADDRS		2

byte live_at[ADDRS] = NONE;	/* the bucket of the live sample there; under shard_lock */
bool handed_out[ADDRS];		/* by the slab */
bool sampled[ADDRS];		/* the object that is there now was: nowhere in the code */
bool missed[ADDRS];		/* a free of it could not be counted */
byte born[ADDRS];		/* how many samples there were there: which one it is */
byte late_slot = NONE;		/* a free that was put off, */
byte late_born;			/* and of which sample */
byte left_to_nmi = NONE;
bool nmi_done, late_done;

/* The sample of @slot, with @bucket. What was there, if its free was missed, goes. */
inline kspan_live_add()
{
	spin_lock_irqsave(shard_lock);
	STEP {
		d_step {
			old = live_at[slot];
			live_at[slot] = bucket;
			born[slot]++;
			assert(old == NONE || missed[slot]);
			missed[slot] = false;
			sampled[slot] = true
		}
		spin_unlock_irqrestore(shard_lock)
	}
}

inline kspan_tap_sample()
{
	kspan_bucket_alloc();
	if
	:: bucket != NONE ->
		samples++;
#ifdef TAP_ALLOC_HALF
		spin_lock_irqsave(bucket_lock);
#endif
		kspan_live_add();
#ifdef TAP_ALLOC_HALF
		spin_unlock_irqrestore(bucket_lock);
#endif
		bucket = old;
		old = NONE;
		if
		:: bucket != NONE -> kspan_bucket_free()
		:: else
		fi;
		bucket = NONE
	:: else
	fi
}

/* forget(), for the object of @slot, which is freed. */
inline kspan_tap_known_freed()
{
	if
	:: live_at[slot] != NONE ->
		spin_lock_irqsave(shard_lock);
		STEP {
			d_step {
				bucket = live_at[slot];
				live_at[slot] = NONE;
				/* That of this object, or one whose free was missed before it. */
				assert(bucket == NONE || sampled[slot] || missed[slot]);
				assert(bucket != NONE || !sampled[slot]);
				sampled[slot] = false;
				missed[slot] = false
			}
#ifdef TAP_FREE_HALF
			if
			:: bucket != NONE -> kspan_bucket_free()
			:: else
			fi;
#endif
			spin_unlock_irqrestore(shard_lock)
		}
#ifndef TAP_FREE_HALF
		if
		:: bucket != NONE -> kspan_bucket_free()
		:: else
		fi;
#endif
		bucket = NONE
	:: else -> assert(!sampled[slot])
	fi
}

#ifdef TAP_MOVES
/* To @to, which is the caller's as well. What was known there is not known any more. */
inline kspan_tap_known_moved()
{
	spin_lock_irqsave(shard_lock);
	STEP {
#ifndef TAP_MOVE_KEEPS
		d_step {
			bucket = live_at[to];
			live_at[to] = NONE;
			sampled[to] = false;
			missed[to] = false
		}
#endif
		spin_unlock_irqrestore(shard_lock)
	}
	if
	:: bucket != NONE -> kspan_bucket_free()
	:: else
	fi;
	bucket = NONE;
	spin_lock_irqsave(shard_lock);
	STEP {
		d_step {
			bucket = live_at[slot];
			live_at[slot] = NONE
		}
		spin_unlock_irqrestore(shard_lock)
	}
	if
	:: bucket != NONE ->
		spin_lock_irqsave(shard_lock);
		STEP {
			d_step {
				live_at[to] = bucket;
				born[to]++;
				sampled[to] = sampled[slot];
				missed[to] = missed[slot];
				sampled[slot] = false;
				missed[slot] = false
			}
			spin_unlock_irqrestore(shard_lock)
		}
	:: else
	fi;
	bucket = NONE
}

/* Whoever has @slot takes another for what is in it, and gives the first back. */
inline move()
{
	atomic {
		to = 1 - slot;
		if
		:: !handed_out[to] -> handed_out[to] = true
		:: else -> to = NONE
		fi
	}
	if
	:: to != NONE ->
		atomic { slot = to; to = 1 - slot };
		/* It may be a sample itself. */
		if
		:: kspan_tap_sample()
		:: true
		fi;
		atomic { slot = to; to = 1 - slot };
		kspan_tap_known_moved();
		atomic {
			handed_out[slot] = false;
			slot = to;
			to = NONE
		}
	:: else
	fi
}
#endif

inline slab_alloc()
{
	atomic {
		if
		:: !handed_out[0] -> slot = 0
		:: !handed_out[1] -> slot = 1
		:: handed_out[0] && handed_out[1] -> slot = NONE
		fi;
		if
		:: slot != NONE -> handed_out[slot] = true
		:: else
		fi
	}
	if
	:: slot != NONE -> kspan_tap_sample()
	:: true
	fi
}

/* The kernel's tracepoint is in front of what it tells of. */
inline slab_free()
{
#ifdef TAP_TOLD_LATE
	handed_out[slot] = false;
	kspan_tap_known_freed();
	slot = NONE
#else
	kspan_tap_known_freed();
	atomic {
		handed_out[slot] = false;
		slot = NONE
	}
#endif
}

/* That of CPU 0 is the first process. */
proctype TapClient(byte me; byte cpu)
	provided ((!in_irq && !in_nmi) || _pid != 1)
{
	LOCALS;
	byte round;
#ifdef TAP_MOVES
	byte to = NONE;
#endif

	do
	:: round < ROUNDS ->
		round++;
		slab_alloc();
#ifdef TAP_MOVES
		if
		:: slot != NONE -> move()
		:: true
		fi;
#endif
		if
		:: slot == NONE
		:: slot != NONE -> slab_free()
		:: atomic { slot != NONE && mail == NONE -> mail = slot; slot = NONE }
#ifdef TAP_NMI
		:: atomic { slot != NONE && left_to_nmi == NONE && !nmi_done ->
			left_to_nmi = slot;
			slot = NONE }
#endif
		fi
	:: atomic { round == ROUNDS && mail != NONE ->
		slot = mail;
		mail = NONE };
		slab_free()
	:: round == ROUNDS && mail == NONE -> break
	od;
	done++
}

#ifdef IRQ
/* In the middle of whatever CPU 0 does with interrupts on. */
proctype TapInterrupt(byte me; byte cpu)
	provided (!in_nmi)
{
	LOCALS;

	atomic { irqs_off == 0 && !in_irq -> in_irq = true }
	if
	:: atomic { mail != NONE -> slot = mail; mail = NONE };
		slab_free()
	:: true
	fi;
	slab_alloc();
	if
	:: slot != NONE -> slab_free()
	:: else
	fi;
	in_irq = false;
	done++
}
#endif

#ifdef TAP_NMI
/* put_off(): it waits for no lock. */
proctype TapNmi(byte me; byte cpu)
{
	LOCALS;

	if
	:: atomic { left_to_nmi != NONE -> in_nmi = true; slot = left_to_nmi };
#ifdef TAP_NMI_WAITS
		atomic { !shard_lock -> shard_lock = true };
		shard_lock = false;
#endif
		d_step {
			if
			:: live_at[slot] != NONE ->
				late_slot = slot;
				late_born = born[slot];
				missed[slot] = true
			:: else -> assert(!sampled[slot])
			fi;
			sampled[slot] = false
		}
		atomic {
			handed_out[slot] = false;
			left_to_nmi = NONE;
			nmi_done = true;
			in_nmi = false
		}
	:: atomic { done == CLIENTS + INTERRUPTS && left_to_nmi == NONE -> nmi_done = true }
	fi
}

/* forget_late(): an interrupt on CPU 0. */
proctype TapLate(byte me; byte cpu)
	provided (!in_nmi)
{
	LOCALS;

	atomic { nmi_done && !in_nmi && irqs_off == 0 && !in_irq -> in_irq = true }
	if
	:: late_slot != NONE ->
		slot = late_slot;
		spin_lock_irqsave(shard_lock);
		STEP {
			d_step {
				if
#ifdef TAP_LATE_TAKES_ANY
				:: live_at[slot] != NONE ->
#else
				:: live_at[slot] != NONE && born[slot] == late_born ->
#endif
					bucket = live_at[slot];
					live_at[slot] = NONE;
					missed[slot] = false
				:: else
				fi
			}
			spin_unlock_irqrestore(shard_lock)
		}
		if
		:: bucket != NONE -> kspan_bucket_free()
		:: else
		fi
	:: else
	fi;
	atomic {
		in_irq = false;
		late_done = true
	}
}
#endif

/* Everything is free; what the buckets have in use are the samples whose free was missed. */
inline check_tap()
{
	d_step {
		found = 0;
		for (i : 0 .. ADDRS - 1) {
			assert(!handed_out[i] && !sampled[i]);
			assert((live_at[i] != NONE) == missed[i]);
			found = found + missed[i]
		}
		j = 0;
		for (i : 0 .. NBUCKETS - 1) {
			assert(found >= live[i]);
			found = found - live[i];
			j = j + allocs[i]
		}
		assert(found == 0 && j == samples)
	}
}

#endif
