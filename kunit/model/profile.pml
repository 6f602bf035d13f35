/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Specials and where they meet the buckets: mm/special/special.c, tracing.c, weak.c. Of each object the
 * tree holds at most one special of each kind.
 */

/* A bit for each kind but the profile's, which has its bucket with it. */
#define CLEANUP		1
#define FINALIZER	2
#define WEAK		4

byte on_profile[NOBJS] = NONE;	/* special->profile.bucket, in the tree; under special_lock */
byte on_kinds[NOBJS];		/* the others */
byte nr_specials;		/* those that exist, in a tree or not */

/* The one weak handle of a run. */
byte weak_of = NONE;		/* its object; weak->obj is that or, with weak_null, NULL */
bool weak_null;
bool weak_posted;		/* given to the reader */
byte weak_refs;
byte weak_waits;		/* kfree_rcu() of it waits for these */
bool weak_freed;
bool weak_reused;		/* the memory of its object has been handed out again */

inline kspan_special_new()
{
	atomic {
		NOTHING_HELD;
		nr_specials++
	}
}

inline kspan_special_delete()
{
	atomic {
		NOTHING_HELD;
		assert(nr_specials > 0);
		nr_specials--
	}
}

/* Marks an object that got a special. */
inline mark_specials(obj)
{
	TOUCH(obj);
	assert(state[obj] == ALLOCATED || state[obj] == SPECIALS);
#ifndef ADD_LEAVES_STATE
	state[obj] = SPECIALS
#else
	skip
#endif
}

/* A profile special, with @bucket, for the object of @slot. */
inline special_add_profile()
{
	spin_lock_irqsave(special_lock[SPAN_OF(slot)]);
	STEP {
		d_step {
			assert(on_profile[slot] == NONE);	/* or it was sampled twice */
			on_profile[slot] = bucket;
			mark_specials(slot)
		}
		spin_unlock_irqrestore(special_lock[SPAN_OF(slot)])
	}
}

inline special_add(kind)
{
	spin_lock_irqsave(special_lock[SPAN_OF(slot)]);
	STEP {
		d_step {
			assert(!(on_kinds[slot] & kind));
			on_kinds[slot] = on_kinds[slot] | kind;
			mark_specials(slot)
		}
		spin_unlock_irqrestore(special_lock[SPAN_OF(slot)])
	}
}

/* ---- mm/tracing.c ---- */

/* The sampler has chosen the object of @slot. A sample may be dropped, and then leaves nothing. */
inline kspan_tracing_alloc()
{
#ifdef UNDO_MISSING
	/* As if the special were allocated last, and the bucket not told when that fails. */
	kspan_bucket_alloc();
	if
	:: bucket != NONE -> bucket = NONE
	:: bucket != NONE -> kspan_special_new()
	:: else
	fi;
#else
	kspan_special_new();
	kspan_bucket_alloc();
#endif
	if
	:: bucket != NONE ->
		atomic {
			unreleased[slot]++;
			samples++
		}
#ifdef ALLOC_HALF
		spin_lock_irqsave(bucket_lock);
#endif
		special_add_profile();
#ifdef ALLOC_HALF
		spin_unlock_irqrestore(bucket_lock);
#endif
		bucket = NONE
#ifdef UNDO_MISSING
	:: else
#else
	:: else -> kspan_special_delete()
#endif
	fi
}

/* The special's bucket is in @bucket, its object in @slot. */
inline kspan_tracing_release()
{
	TOUCH(slot);
	kspan_bucket_free();
	atomic {
		unreleased[slot]--;
		bucket = NONE
	}
	kspan_special_delete()
}

/*
 * Takes specials of the kinds in @mask off the object of @slot, and the profile's if @whole: into
 * @kinds and @bucket, the private list.
 */
inline kspan_special_unlink(mask, whole)
{
	spin_lock_irqsave(special_lock[SPAN_OF(slot)]);
	STEP {
		d_step {
			TOUCH(slot);
			kinds = on_kinds[slot] & (mask);
			on_kinds[slot] = on_kinds[slot] & ~(mask);
			if
			:: whole ->
				bucket = on_profile[slot];
				on_profile[slot] = NONE
			:: else
			fi
		}
#ifdef FREE_HALF
		if
		:: whole && bucket != NONE -> kspan_tracing_release()
		:: else
		fi;
#endif
		spin_unlock_irqrestore(special_lock[SPAN_OF(slot)])
	}
}

/* ---- mm/special/weak.c ---- */

inline kspan_weak_get()
{
	kspan_special_new();
	atomic {
		weak_of = slot;
		weak_refs = 2
	}
	special_add(WEAK);
	weak_posted = true
}

inline kspan_weak_put()
{
	d_step {
		assert(weak_refs > 0);
		weak_refs--;
		if
		:: weak_refs == 0 ->
			weak_freed = true;
			weak_waits = readers
		:: else
		fi
	}
}

inline kspan_weak_release()
{
	weak_null = true;
	kspan_weak_put();
	kspan_special_delete()
}
