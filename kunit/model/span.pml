/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Spans, their node and the arrays of the CPUs: mm/heap/span.c, node.c, pcpu.c. One cache, one node,
 * an array of one slot for each CPU, batches of one.
 */

/* enum kspan_state */
#define FREE		0
#define CACHED		1
#define ALLOCATED	2
#define SPECIALS	3
#define FREEING		4
#define FINALIZING	5
#define RCU_NEXT	6
#define RCU_WAIT	7

byte state[NOBJS];

/* Of a span: not made yet; on its node's books; taken off them; its memory given back. */
#define SPAN_NONE	0
#define SPAN_LISTED	1
#define SPAN_REMOVED	2
#define SPAN_FREED	3

byte span_is[NSPANS];
bool in_map[NOBJS];		/* span->free_map; under node_lock */
byte array[NCPUS] = NONE;	/* by its own CPU with preemption off, so in one step */

/* What must hold, and is nowhere in the code. */
bool owned[NOBJS];		/* handed out, and not given back yet */
byte unreleased[NOBJS];		/* profile specials that the bucket still counts as live */

#define SPAN_OF(obj)		((obj) / SLOTS)
#define SPAN_IS_THERE(s)	(span_is[s] != SPAN_NONE && \
				 !(span_is[s] == SPAN_FREED && span_waits[s] == 0))
#define TOUCH(obj)		assert(SPAN_IS_THERE(SPAN_OF(obj)))
#define NO_SPECIALS(obj)	(on_profile[obj] == NONE && on_kinds[obj] == 0)

/* Marks an object as handed out. */
inline hand_out(obj)
{
	TOUCH(obj);
	assert(state[obj] == CACHED);
	assert(!owned[obj]);
	assert(NO_SPECIALS(obj) && unreleased[obj] == 0);
	owned[obj] = true;
	state[obj] = ALLOCATED;
	if
	:: weak_of == obj -> weak_reused = true
	:: else
	fi
}

inline take()
{
	d_step {
		assert(slot == NONE);
		for (tmp : 0 .. NOBJS - 1) {
			if
			:: slot == NONE && in_map[tmp] && span_is[SPAN_OF(tmp)] == SPAN_LISTED ->
				assert(state[tmp] == FREE);
				in_map[tmp] = false;
				state[tmp] = CACHED;
				slot = tmp
			:: else
			fi
		}
		tmp = 0
	}
}

inline kspan_node_take()
{
	spin_lock_irqsave(node_lock);
	STEP {
		take();
		spin_unlock_irqrestore(node_lock)
	}
}

/* Enters a new span with its node, and takes an object from it. */
inline kspan_node_add()
{
	spin_lock_irqsave(node_lock);
	STEP {
		d_step {
			span_is[span] = SPAN_LISTED;
			for (tmp : 0 .. SLOTS - 1) {
				in_map[span * SLOTS + tmp] = true
			}
			tmp = 0
		}
		take();
		spin_unlock_irqrestore(node_lock)
	}
}

/* A span that was never used, or none: no memory. The page map's lock is for a new leaf. */
inline kspan_span_new()
{
	NOTHING_HELD;
	d_step {
		span = NONE;
		for (tmp : 0 .. NSPANS - 1) {
			if
			:: span == NONE && span_is[tmp] == SPAN_NONE ->
				span = tmp
			:: else
			fi
		}
		if
		:: span != NONE -> span_is[span] = SPAN_REMOVED
		:: else
		fi
		tmp = 0
	}
	if
	:: span != NONE ->
		spin_lock_irqsave(pagemap_lock);
		spin_unlock_irqrestore(pagemap_lock)
	:: else
	fi
}

inline kspan_span_free()
{
	NOTHING_HELD;
	d_step {
		for (tmp : 0 .. SLOTS - 1) {
			assert(state[span * SLOTS + tmp] == FREE);
			assert(NO_SPECIALS(span * SLOTS + tmp));
			if
			:: weak_of == span * SLOTS + tmp -> weak_reused = true
			:: else
			fi
		}
		span_is[span] = SPAN_FREED;
		span_waits[span] = readers;
		span = NONE;
		tmp = 0
	}
}

/* Returns an object to its span; in @span then the span, if that makes one too many empty. */
inline give(obj)
{
	d_step {
		TOUCH(obj);
		assert(state[obj] == CACHED && !in_map[obj]);
		assert(span_is[SPAN_OF(obj)] == SPAN_LISTED);
		state[obj] = FREE;
		in_map[obj] = true;
		/* How many spans are empty. */
		seen = 0;
		for (tmp : 0 .. NSPANS - 1) {
			if
			:: span_is[tmp] == SPAN_LISTED && in_map[tmp * SLOTS] &&
			   in_map[tmp * SLOTS + SLOTS - 1] -> seen++
			:: else
			fi
		}
		span = NONE;
		tmp = SPAN_OF(obj);
		if
		:: seen > KEEP_EMPTY && in_map[tmp * SLOTS] && in_map[tmp * SLOTS + SLOTS - 1] ->
			span = tmp;
			span_is[span] = SPAN_REMOVED
		:: else
		fi;
		tmp = 0;
		seen = 0
	}
}

inline kspan_node_give(obj)
{
	spin_lock_irqsave(node_lock);
	STEP {
		give(obj);
#ifdef PAGES_UNDER_LOCK
		if
		:: span != NONE -> kspan_span_free()
		:: else
		fi;
#endif
		spin_unlock_irqrestore(node_lock)
	}
	if
	:: span != NONE -> kspan_span_free()
	:: else
	fi
}

/* kspan_alloc() up to the sampler's look: the object in @slot, or NONE. */
inline alloc_object()
{
	atomic {
		if
		:: array[cpu] != NONE ->	/* kspan_pcpu_pop() */
			slot = array[cpu];
			array[cpu] = NONE;
			hand_out(slot);
			goto ready
#ifdef IRQ
		:: array[cpu] != NONE && in_irq	/* interrupted in the middle of it: busy */
#endif
		:: array[cpu] == NONE
		fi
	}
	/* kspan_supply() */
	kspan_node_take();
	if
	:: slot == NONE ->
		kspan_span_new();
		if
		:: span != NONE ->
			kspan_node_add();
			span = NONE
		:: else
		fi
	:: else
	fi;
	atomic {
		if
		:: slot != NONE -> hand_out(slot)
		:: else
		fi
	}
ready:	skip
}

/*
 * put_slot() and kspan_pcpu_free_slow(): the object of @slot has no specials and nobody. Nor is
 * it the caller's any more, so that @slot is NONE after it.
 */
inline put_slot()
{
	atomic {
		TOUCH(slot);
		assert(owned[slot]);
		assert(NO_SPECIALS(slot) && unreleased[slot] == 0);
		owned[slot] = false;
		state[slot] = CACHED;
		if
		:: array[cpu] == NONE ->	/* kspan_pcpu_push() */
			array[cpu] = slot;
			slot = NONE
#ifdef IRQ
		:: array[cpu] == NONE && in_irq
#endif
		:: array[cpu] != NONE
		fi
	}
	if
	:: slot != NONE ->
		atomic {
			got = array[cpu];	/* kspan_pcpu_take_oldest() */
			array[cpu] = NONE
		}
		if
		:: got != NONE -> kspan_node_give(got)
		:: else
		fi;
		got = 0;
		kspan_node_give(slot);
		slot = NONE
	:: else
	fi
}
