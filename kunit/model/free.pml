/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Freeing, at once, after a finalizer or after a grace period: mm/api/free.c, release.c,
 * deferred.c; finalizer.c.
 */

/* What waits for the workers. */
byte finalizers;		/* a bit for each object whose finalizer is queued */
byte finalizers_had_weak;
byte cleanups;			/* how many are queued */
byte rcu_pending;		/* a bit for each span on the list of mm/api/deferred.c */
bool rcu_queued[NSPANS];	/* KSPAN_SPAN_RCU_QUEUED */
bool rcu_work;			/* the work is queued */
byte refused;			/* frees of what is free already */

/* State FREEING: the end of the object of @slot. */
inline free_last()
{
#ifdef SLOT_BEFORE_SPECIALS
	old = slot;
	put_slot();
	slot = old;
	old = 0;
#endif
	kspan_special_unlink(CLEANUP | FINALIZER | WEAK, true);
#ifdef SLOT_BEFORE_RELEASE
	old = slot;
	put_slot();
	slot = old;
	old = 0;
#endif
	if
	:: bucket != NONE -> kspan_tracing_release()
	:: else
	fi;
	assert(!(kinds & (FINALIZER | WEAK)));
#if defined(SLOT_BEFORE_SPECIALS) || defined(SLOT_BEFORE_RELEASE)
	slot = NONE;
#else
	put_slot();
#endif
	if
	:: kinds & CLEANUP ->
		NOTHING_HELD;
		cleanups++
	:: else
	fi;
	kinds = 0
}

/* Takes the weak handle off; @had_weak tells if there was one. */
inline kspan_free_clear_weak()
{
	kspan_special_unlink(WEAK, false);
	atomic {
		had_weak = kinds != 0;
		kinds = 0
	}
	if
	:: had_weak -> kspan_weak_release()
	:: else
	fi
}

/* ---- mm/api/deferred.c ---- */

inline enqueue(s)
{
	atomic {
		assert(SPAN_IS_THERE(s));
		hit = !rcu_queued[s];
		rcu_queued[s] = true
	}
	if
	:: hit ->
		atomic {
			assert(SPAN_IS_THERE(s));
			assert(!(rcu_pending & (1 << (s))));
			rcu_pending = rcu_pending | (1 << (s))
		}
		atomic {
			NOTHING_HELD;
			rcu_work = true;
			hit = false
		}
	:: else
	fi
}

inline kspan_free_later()
{
	span = SPAN_OF(slot);
#ifndef DEFER_WITHOUT_RCU
	rcu_read_lock();
#endif
	state[slot] = RCU_NEXT;
	slot = NONE;
	enqueue(span);
#ifndef DEFER_WITHOUT_RCU
	rcu_read_unlock();
#endif
	span = NONE
}

/* What the worker frees after a grace period. RCU_ONE_MARK: it knows no RCU_WAIT. */
#ifdef RCU_ONE_MARK
#define WAITED	RCU_NEXT
#else
#define WAITED	RCU_WAIT
#endif

/* Off the list while an object of it still waits: after the last, the span may be gone. */
inline off_the_list()
{
	atomic {
		assert(SPAN_IS_THERE(s));
		rcu_queued[s] = false
	}
#ifndef RCU_WITHOUT_RECHECK
	/* has_next() */
	i = s * SLOTS;
	do
	:: i < (s + 1) * SLOTS && state[i] != RCU_NEXT -> i++
	:: else -> break
	od;
	if
	:: i < (s + 1) * SLOTS -> enqueue(s)
	:: else
	fi
#endif
}

#ifdef WEAK_WITHOUT_GRACE_PERIOD
#define MUST_WAIT	false
#else
#define MUST_WAIT	had_weak
#endif

/* State FREEING: finalizer first, then readers of the weak handle, then the end. */
inline kspan_free_claimed()
{
	kspan_free_clear_weak();
	kspan_special_unlink(FINALIZER, false);
	if
	:: kinds ->
		kinds = 0;
		TOUCH(slot);
		state[slot] = FINALIZING;
		atomic {
			NOTHING_HELD;
			finalizers = finalizers | (1 << slot);
			finalizers_had_weak = finalizers_had_weak | (had_weak << slot);
			slot = NONE
		}
	:: else ->
		if
		:: MUST_WAIT -> kspan_free_later()
		:: else -> free_last()
		fi
	fi;
	had_weak = false
}

/* Makes the caller the only one who frees the object of @slot: in @accepted. */
inline claim()
{
	atomic {
		TOUCH(slot);
		seen = state[slot]
	}
	if
	:: seen == ALLOCATED || seen == SPECIALS ->
#ifdef CLAIM_WITHOUT_CMPXCHG
		atomic {
			state[slot] = FREEING;
			accepted = true
		}
#else
		atomic {
			if
			:: state[slot] == seen ->
				state[slot] = FREEING;
				accepted = true
			:: else
			fi
		}
#endif
	:: else
	fi;
	seen = 0
}

/* The objects of span @s that have waited long enough. Uses @i and @left. */
inline free_waiting()
{
	d_step {
		TOUCH(s * SLOTS);
		left = 0;
		for (i : s * SLOTS .. s * SLOTS + SLOTS - 1) {
			if
			:: state[i] == WAITED -> left++
			:: else
			fi
		}
	}
#ifndef RCU_OFF_THE_LIST_LATE
	off_the_list();
#endif
	i = s * SLOTS;
	do
	:: left > 0 ->
		atomic {
			TOUCH(i);
			assert(i < (s + 1) * SLOTS);
			if
			:: state[i] == WAITED ->
				left--;
				slot = i;
				state[i] = FREEING
			:: else
			fi;
			i++
		}
		if
		:: slot != NONE -> kspan_free_claimed()	/* kspan_free_waited() */
		:: else
		fi
	:: else -> break
	od;
#ifdef RCU_OFF_THE_LIST_LATE
	off_the_list();
#endif
	i = 0
}

/* ---- What users call. @slot is NONE after them. ---- */

/* kspan_free(): free_fast() and, where that gives up, free_object(). */
inline kspan_free()
{
	atomic {
		TOUCH(slot);
		seen = state[slot]
	}
	if
	:: seen == ALLOCATED ->
		put_slot()
	:: seen == SPECIALS ->
		claim();
		if
		:: accepted -> kspan_free_claimed()
		:: else ->
			atomic {
				refused++;
				slot = NONE
			}
		fi;
		accepted = false
	:: else ->
		atomic {
			refused++;
			slot = NONE
		}
	fi;
	seen = 0
}

inline kspan_free_rcu()
{
	claim();
	if
	:: accepted ->
		kspan_free_clear_weak();
		had_weak = false;
		kspan_free_later()
	:: else ->
		atomic {
			refused++;
			slot = NONE
		}
	fi;
	accepted = false
}
