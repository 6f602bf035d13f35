/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Buckets: mm/profile/bucket.c and snapshot.c. All samples have the same stack, so that all meet in one
 * chain; the weight of a sample is one. Counts are loaded and stored in two steps, as a CPU does.
 */

/* Of a bucket: not used yet; there; kfree_rcu() was called, or kfree() in the end. */
#define BUCKET_NONE	0
#define BUCKET_THERE	1
#define BUCKET_FREED	2

byte bucket_is[NBUCKETS];
bool hashed[NBUCKETS];		/* in its chain */
bool unhashed[NBUCKETS];	/* bucket->unhashed */
bool listed[NBUCKETS];		/* in kspan_buckets */
byte refs[NBUCKETS];
byte allocs[NBUCKETS];
byte live[NBUCKETS];

#if defined(EXPORT) || defined(RESET)
byte last_cut;
bool cut_resets;
byte born[NBUCKETS];
byte cut[NBUCKETS];
byte cut_allocs[NBUCKETS];
byte cut_live[NBUCKETS];
byte moment_allocs[NBUCKETS];	/* as they were when the last cut was made: nowhere in the code */
byte moment_live[NBUCKETS];
byte moment_listed;		/* likewise: the buckets that there were */
#endif

#ifdef EVICT
bool cut_kept;
byte passed[NBUCKETS];
byte cut_missed;		/* a set */
#endif

#ifdef PEAK
byte in_use;			/* table->peak.live, .most, .number and .lost_objects */
byte most;
byte peak;
byte lost;
byte cut_peak_is;		/* table->cut_peak.number */
byte peak_live[NBUCKETS];
byte peak_number[NBUCKETS];
byte cut_peak[NBUCKETS];
byte peak_was[NBUCKETS];	/* what was in use when most was: nowhere in the code */
byte moment_peak[NBUCKETS];	/* likewise, at the last cut */
#endif

/* What must hold, and is nowhere in the code. */
byte counted[NBUCKETS];		/* allocations since the last reset */
byte before[NBUCKETS];		/* in use at the last reset */
byte samples;			/* allocations that were sampled */

#define BUCKET_IS_THERE(b)	(bucket_is[b] == BUCKET_THERE || \
				 (bucket_is[b] == BUCKET_FREED && bucket_waits[b] != 0))
#define TOUCH_BUCKET(b)		assert(BUCKET_IS_THERE(b))

inline find_bucket()
{
	d_step {
		bucket = NONE;
		for (tmp : 0 .. NBUCKETS - 1) {
			if
			:: hashed[tmp] -> bucket = tmp
			:: else
			fi
		}
		tmp = 0
	}
}

/* In @spare, or NONE: no memory. */
inline bucket_new()
{
	NOTHING_HELD;
	d_step {
		spare = NONE;
		for (tmp : 0 .. NBUCKETS - 1) {
			if
			:: spare == NONE && bucket_is[tmp] == BUCKET_NONE -> spare = tmp
			:: else
			fi
		}
		if
		:: spare != NONE ->
			bucket_is[spare] = BUCKET_THERE;
			refs[spare] = 1
		:: else
		fi;
		tmp = 0
	}
}

/* Of a spare that nobody has seen. */
inline kfree_spare()
{
	NOTHING_HELD;
	d_step {
		if
		:: spare != NONE ->
			assert(!listed[spare]);
			bucket_is[spare] = BUCKET_NONE;
			refs[spare] = 0;
			spare = NONE
		:: else
		fi
	}
}

inline publish()
{
	d_step {
		for (tmp : 0 .. NBUCKETS - 1) {
			assert(!hashed[tmp])	/* or two buckets would have one stack */
		}
		listed[spare] = true;
		hashed[spare] = true;
#if defined(EXPORT) || defined(RESET)
		born[spare] = last_cut;
		cut[spare] = last_cut;
#endif
#ifdef PEAK
		peak_number[spare] = peak;
#endif
		tmp = 0
	}
}

#ifdef PEAK
/* kspan_bucket_at_peak() */
#define AT_PEAK(b, number)	(peak_number[b] == number -> peak_live[b] : live[b])

inline kspan_bucket_keep_peak(b)
{
	if
#ifndef PEAK_NOT_KEPT
	:: peak_number[b] != peak ->
		peak_live[b] = live[b];
		peak_number[b] = peak
#endif
	:: else
	fi
}

inline kspan_table_peak_now()
{
	d_step {
		most = in_use;
		peak++;
		lost = 0;
		for (tmp : 0 .. NBUCKETS - 1) {
			peak_was[tmp] = live[tmp]
		}
		tmp = 0
	}
}

/* Whatever has left the table since the peak, the rest is what was lost. */
inline peak_adds_up()
{
	for (tmp : 0 .. NBUCKETS - 1) {
		if
		:: listed[tmp] ->
			assert(AT_PEAK(tmp, peak) == peak_was[tmp]);
			seen = seen + peak_was[tmp]
		:: else
		fi;
		moment_peak[tmp] = peak_was[tmp]
	}
	assert(seen + lost == most);
	seen = 0
}
#else
#define kspan_bucket_keep_peak(b)	skip
#endif

/* Before the counts of bucket @b change. */
#if defined(EXPORT) || defined(RESET)
inline kspan_bucket_bring_to_cut(b)
{
	if
	:: cut[b] != last_cut ->
		cut[b] = last_cut;
		cut_allocs[b] = allocs[b];
		cut_live[b] = live[b];
#ifdef PEAK
		cut_peak[b] = AT_PEAK(b, cut_peak_is);
#endif
		if
		:: cut_resets -> allocs[b] = 0
		:: else
		fi
	:: else
	fi
}
#else
#define kspan_bucket_bring_to_cut(b)	skip
#endif

#ifdef COUNT_OVER_CUT
#define BEFORE_COUNT(b)	skip
#else
#define BEFORE_COUNT(b)	kspan_bucket_bring_to_cut(b)
#endif

inline count_alloc()
{
	BEFORE_COUNT(bucket);
	kspan_bucket_keep_peak(bucket);
	atomic {
		TOUCH_BUCKET(bucket);
		assert(listed[bucket]);		/* or nobody will ever see it */
		seen = allocs[bucket]
	}
	atomic {
		allocs[bucket] = seen + 1;
		counted[bucket]++;
		seen = 0
	}
	seen = live[bucket];
	atomic {
		live[bucket] = seen + 1;
		seen = 0
	}
#ifdef PEAK
	in_use++;
	if
	:: in_use > most -> kspan_table_peak_now()
	:: else
	fi
#endif
}

#ifdef NO_RCU_AROUND_FIND
#define FIND_LOCK	skip
#define FIND_UNLOCK	skip
#else
#define FIND_LOCK	rcu_read_lock()
#define FIND_UNLOCK	rcu_read_unlock()
#endif

/* The bucket that has counted, in @bucket, or NONE. */
inline kspan_bucket_alloc()
{
	STEP {
		FIND_LOCK;
		find_bucket()
	}
	if
	:: bucket != NONE ->
		spin_lock_irqsave(bucket_lock);
		STEP {
			TOUCH_BUCKET(bucket);
#ifndef NO_UNHASHED_CHECK
			if
			:: unhashed[bucket] -> bucket = NONE
			:: else
			fi;
#endif
#ifdef COUNT_AFTER_UNLOCK
			spin_unlock_irqrestore(bucket_lock);
			if
			:: bucket != NONE -> count_alloc()
			:: else
			fi
#else
			if
			:: bucket != NONE -> count_alloc()
			:: else
			fi;
			spin_unlock_irqrestore(bucket_lock)
#endif
		}
	:: else
	fi;
	FIND_UNLOCK;
	if
	:: bucket == NONE ->
		bucket_new();
		if
		:: spare != NONE ->
			spin_lock_irqsave(bucket_lock);
			STEP {
#ifndef NO_RECHECK
				find_bucket();
#endif
				if
				:: bucket == NONE ->
					publish();
					bucket = spare;
					spare = NONE
				:: else
				fi;
				count_alloc();
				spin_unlock_irqrestore(bucket_lock)
			}
			kfree_spare()
		:: else
		fi
	:: else
	fi
}

/* The special's bucket is in @bucket. */
inline kspan_bucket_free()
{
#ifndef FREE_COUNTS_UNLOCKED
	spin_lock_irqsave(bucket_lock);
#endif
	STEP {
		BEFORE_COUNT(bucket);
		kspan_bucket_keep_peak(bucket);
		atomic {
			TOUCH_BUCKET(bucket);
			assert(live[bucket] > 0);
			seen = live[bucket]
		}
		atomic {
			live[bucket] = seen - 1;
			seen = 0
		}
#ifdef PEAK
		in_use--;
#endif
#ifndef FREE_COUNTS_UNLOCKED
		spin_unlock_irqrestore(bucket_lock)
#endif
	}
}

inline kspan_bucket_put(b)
{
	NOTHING_HELD;
	d_step {
		TOUCH_BUCKET(b);
		assert(refs[b] > 0);
		refs[b]--;
		if
		:: refs[b] == 0 ->
			assert(!hashed[b] && !listed[b] && live[b] == 0);
			bucket_is[b] = BUCKET_FREED;
#ifndef EVICTED_AT_ONCE
			bucket_waits[b] = readers
#endif
		:: else
		fi
	}
}

/* ---- Eviction: a stack of another chain wants room ---- */

#ifdef EVICT
inline kspan_table_take_out(b)
{
	hashed[b] = false;
	unhashed[b] = true;
	listed[b] = false
}

/* A bucket that is evicted before the walk of a snapshot has come by is kept for it. */
inline awaited(b)
{
	if
#ifndef EVICTED_OVER_CUT
#ifdef EXPORT
	:: cut_kept && born[b] != last_cut && passed[b] != last_cut ->
#ifndef AWAITED_OVER_CUT
		kspan_bucket_bring_to_cut(b);
#endif
		cut_missed = cut_missed | (1 << b)
#endif
#endif
	:: else -> evicted = evicted | (1 << b)
	fi
}

#ifdef EVICTED_IN_USE
#define EVICTABLE
#else
#define EVICTABLE && live[b] == 0
#endif

/* Whichever pop_gone() or next_idle() may come upon, or none, and there is no room. */
inline kspan_table_make_room()
{
	b = 0;
	do
	:: b < NBUCKETS && listed[b] EVICTABLE ->
		TOUCH_BUCKET(b);
		kspan_table_take_out(b);
#if defined(PEAK) && !defined(EVICTED_PEAK)
		lost = lost + AT_PEAK(b, peak);
#endif
		awaited(b);
		break
	:: b < NBUCKETS -> b++
	:: b == NBUCKETS -> break
	od;
	b = 0
}

/* kspan_bucket_put_later() of each, which are those of @set. */
inline kspan_table_put_evicted(set)
{
	for (b : 0 .. NBUCKETS - 1) {
		if
		:: set & (1 << b) -> kspan_bucket_put(b)
		:: else
		fi
	}
	set = 0
}
#endif

/* ---- Whoever walks the whole table: one after the other, by the mutex ---- */

#if defined(EXPORT) || defined(RESET)
inline make_cut(resets)
{
	spin_lock_irqsave(bucket_lock);
	d_step {
		last_cut++;
		cut_resets = resets;
		moment_listed = 0;
#ifdef EVICT
		cut_kept = !resets;
#endif
#ifdef PEAK
		if
		:: resets ->
			most = in_use;
			peak++;
			lost = 0;
			for (tmp : 0 .. NBUCKETS - 1) {
				peak_was[tmp] = live[tmp]
			}
		:: else
		fi;
		cut_peak_is = peak;
		peak_adds_up();
#endif
		for (tmp : 0 .. NBUCKETS - 1) {
			moment_allocs[tmp] = allocs[tmp];
			moment_live[tmp] = live[tmp];
			moment_listed = moment_listed | (listed[tmp] << tmp);
			if
			:: resets && listed[tmp] ->
				counted[tmp] = 0;
				before[tmp] = live[tmp]
			:: else
			fi
		}
		tmp = 0
	}
	spin_unlock_irqrestore(bucket_lock)
}
#endif

/* The walk of kspan_table_copy_cut() looks at one bucket in a hold of the lock. */
#ifdef RESET
inline drop_unused()
{
	d_step {
		if
#ifdef RESET_DROPS_LIVE
		:: true ->
#else
#ifdef RESET_DROPS_COUNTED
		:: live[b] == 0 ->
#else
#if defined(PEAK) && !defined(RESET_DROPS_PEAK)
		:: live[b] == 0 && allocs[b] == 0 && AT_PEAK(b, peak) == 0 ->
#else
		:: live[b] == 0 && allocs[b] == 0 ->
#endif
#endif
			assert(counted[b] == 0);
#endif
			hashed[b] = false;
			unhashed[b] = true;
			listed[b] = false;
			unused = unused | (1 << b)
		:: else
		fi
	}
}

inline kspan_profile_reset()
{
	mutex_lock(bucket_mutex);
	make_cut(true);
	for (b : 0 .. NBUCKETS - 1) {
		spin_lock_irqsave(bucket_lock);
		STEP {
			if
			:: listed[b] ->
				kspan_bucket_bring_to_cut(b);
				if
				:: born[b] != last_cut -> drop_unused()
				:: else
				fi
			:: else
			fi;
			spin_unlock_irqrestore(bucket_lock)
		}
	}
	mutex_unlock(bucket_mutex);
	for (b : 0 .. NBUCKETS - 1) {
		if
		:: unused & (1 << b) -> kspan_bucket_put(b)
		:: else
		fi
	}
	unused = 0
}
#endif

#if defined(EXPORT) && defined(EVICT)
inline walk_missed()
{
	for (b : 0 .. NBUCKETS - 1) {
		if
		:: missed & (1 << b) ->
			spin_lock_irqsave(bucket_lock);
			TOUCH_BUCKET(b);
			copy_bucket();
			spin_unlock_irqrestore(bucket_lock)
		:: else
		fi
	}
	kspan_table_put_evicted(missed)
}
#endif

#ifdef EXPORT
/* copy_bucket(), and what is done with the copies: they are of one moment. */
inline copy_bucket()
{
	assert(cut_allocs[b] == moment_allocs[b] && cut_live[b] == moment_live[b]);
#ifdef PEAK
	assert(cut_peak[b] == moment_peak[b]);
#endif
	/* In use is what was allocated before or since the reset, and no more. */
	assert(cut_live[b] <= cut_allocs[b] + before[b]);
	d_step {
		copied = copied | (1 << b);
#ifndef SNAPSHOT_WITHOUT_REFERENCE
		refs[b]++
#endif
	}
}

inline kspan_snapshot_take()
{
	mutex_lock(bucket_mutex);
	make_cut(false);
	for (b : 0 .. NBUCKETS - 1) {
#ifndef SNAPSHOT_UNLOCKED
		spin_lock_irqsave(bucket_lock);
#endif
		STEP {
			if
			:: listed[b] ->
				kspan_bucket_bring_to_cut(b);
#ifdef EVICT
				passed[b] = last_cut;
#endif
				if
				:: born[b] != last_cut -> copy_bucket()
				:: else
				fi
			:: else
			fi;
#ifndef SNAPSHOT_UNLOCKED
			spin_unlock_irqrestore(bucket_lock)
#endif
		}
	}
#ifdef EVICT
	spin_lock_irqsave(bucket_lock);
	d_step {
		cut_kept = false;
		missed = cut_missed;
		cut_missed = 0
	}
	spin_unlock_irqrestore(bucket_lock);
	walk_missed();
	/* All that there were at the cut, whatever became of them since. */
	assert(copied == moment_listed);
#endif
	/* resolve_copies() */
	NOTHING_HELD;
	mutex_unlock(bucket_mutex);
}

/* fill_row(), the encoders, and kspan_snapshot_free(). */
inline use_snapshot()
{
	for (b : 0 .. NBUCKETS - 1) {
		if
		:: copied & (1 << b) ->
			TOUCH_BUCKET(b);
#ifndef SNAPSHOT_WITHOUT_REFERENCE
			kspan_bucket_put(b)
#endif
		:: else
		fi
	}
	copied = 0
}
#endif

#ifdef EVICT
/* Bucket @b, if it is there; with a reference. */
inline kspan_table_walk_next()
{
	spin_lock_irqsave(bucket_lock);
	d_step {
		listed_then = listed[b];
		if
		:: listed_then ->
#ifndef LEAVES_WITHOUT_REFERENCE
			refs[b]++
#endif
		:: else
		fi
	}
	spin_unlock_irqrestore(bucket_lock)
}

inline mark_gone()
{
	spin_lock_irqsave(bucket_lock);
	d_step {
		TOUCH_BUCKET(b);
		hashed[b] = false;
		unhashed[b] = true
	}
	spin_unlock_irqrestore(bucket_lock)
}
#endif

/* text_leaves(): the module whose functions are in every stack. */
inline text_leaves()
{
#ifndef WALK_WITHOUT_MUTEX
	mutex_lock(bucket_mutex);
#endif
#ifdef EVICT
	for (b : 0 .. NBUCKETS - 1) {
		kspan_table_walk_next();
		if
		:: listed_then ->
			/* kspan_bucket_resolve() */
			NOTHING_HELD;
			mark_gone();
			kspan_bucket_put(b)
		:: else
		fi
	}
#else
	for (b : 0 .. NBUCKETS - 1) {
		/* From one to the next under the lock, the names of each without it. */
		if
		:: listed[b] ->
			NOTHING_HELD;
			spin_lock_irqsave(bucket_lock);
			d_step {
				TOUCH_BUCKET(b);
				assert(listed[b]);
				hashed[b] = false;
				unhashed[b] = true
			}
			spin_unlock_irqrestore(bucket_lock)
		:: else
		fi
	}
#endif
#ifndef WALK_WITHOUT_MUTEX
	mutex_unlock(bucket_mutex)
#endif
}
