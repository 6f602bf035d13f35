/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A model of the paths on which kspan's locks meet, for spin to search exhaustively. It is run by
 * scripts/tests/model and by make check; configs lists what is searched. A change of mm/ on these
 * paths is to be made here too.
 *
 *	locks.pml	spinlocks, interrupts, RCU
 *	span.pml	slots: CPUs' arrays, the node, making and freeing spans
 *	bucket.pml	the table of buckets; snapshot, reset, a module that leaves
 *	profile.pml	specials, samples, weak handles
 *	free.pml	freeing, at once and later
 *	tap.pml		a tap, by itself
 *	kspan.pml	who does it, and what must hold at the end
 *
 * Every inline has the name of its function where there is one. Those that stand for several, or
 * have another name:
 *
 *	here				in mm/
 *	alloc_object()			alloc.c alloc_from(), alloc_slow(); supply.c kspan_supply();
 *					pcpu.h kspan_pcpu_pop()
 *	take(), give()			node.c take_from_span(), give(), with relist() and remove()
 *	put_slot()			supply.c kspan_supply_put(); pcpu.h kspan_pcpu_push();
 *					magazine.c kspan_pcpu_free_slow(); pcpu.c
 *					kspan_pcpu_take_oldest()
 *	make_cut()			cut.c; kspan_profile_reset() and kspan_snapshot_take() have
 *					kspan_table_copy_cut() and its walk_cut() in them
 *	kspan_snapshot_take()		snapshot.c, with take_copies() and resolve_copies()
 *	use_snapshot()			snapshot.c fill_row(), kspan_snapshot_free()
 *	text_leaves()			names.c, from kspan_table_module_event()
 *	kspan_table_make_room()		evict.c, with pop_gone() and next_idle(): any bucket that
 *					one of these might come upon
 *	awaited()			cut.c kspan_bucket_awaited(), and what
 *					kspan_table_make_room() does by what it says
 *	hand_out(), mark_specials(), kfree_spare()	parts of what is said above
 *	add_specials(), check_end(), peak_adds_up()	the model's own
 *	special_add_profile(), special_add()	attach.c kspan_attach(); special.c
 *					kspan_special_add()
 *	kspan_free()			free.c kspan_free(), free_fast(), free_object(), free_slow()
 *	enqueue(), free_waiting(), off_the_list()	deferred.c
 *	FinalizerWorker			finalizer.c run_queue(), run_one(); release.c
 *					free_finalized(), free_finalized_later()
 *	RcuWorker			deferred.c rcu_worker(), mark_waiting()
 *	Exporter, Resetter, Leaver	debugfs.c reading a profile, writing reset; names.c
 *					kspan_table_module_event()
 *	Evicter				bucket.c kspan_bucket_alloc(), for a stack of another chain
 *	slab_alloc(), slab_free()	the kernel's slab, with tap/slab.c and handler.h
 *	move()				whoever moves what is in memory, with tap/change.c
 *	TapNmi, TapLate			tap.c put_off(), forget_late()
 *	check_tap()			the model's own
 *	Client, Interrupt, Reader	users of kspan, in a thread, in an interrupt, of a weak handle
 *
 * What must hold, in every state that can be reached:
 *
 *	- somebody can go on, or all is done: no deadlock
 *	- a spinlock is taken, memory allocated or freed, work queued and a callback run with no
 *	  spinlock held (NOTHING_HELD)
 *	- an object is handed out once until it is given back, with no special on it and no sample
 *	  of its last life that the bucket still counts (hand_out(), put_slot())
 *	- an object is sampled once (special_add_profile())
 *	- one hashed bucket for a stack (publish()); no count in one that nobody will see
 *	- a snapshot is of one moment, and sees no more in use than was allocated (copy_bucket());
 *	  it has every bucket of that moment (kspan_snapshot_take()); a reset drops nothing that has
 *	  been counted since (drop_unused()); nothing in use is evicted (kspan_bucket_put())
 *	- what the buckets had in use when most was, and what of it was lost when they were evicted,
 *	  adds up to that (peak_adds_up()), and a snapshot shows each its part (copy_bucket())
 *	- nothing is touched that has been given back: buckets, spans, what a weak handle led to
 *	and at the end (check_end()):
 *	- everything is free, on one list or in one array, and every special is gone
 *	- what the buckets have counted is what was sampled, and nothing is in use
 *	- of several frees of one object one was accepted
 *	- of what a tap has sampled nothing is in use, but what it could not take out in NMI
 *
 * Beyond the model: memory is sequentially consistent; a CPU's array holds one object and batches
 * are of one; one cache, one node, one stack, one weak handle; the list of objects that wait for a
 * finalizer has no order; budgets, rates and weights. Specials are of the kinds of mm/special/special.h but
 * one of each for an object. Bounds are small on purpose: what goes wrong between two or three
 * threads goes wrong with few objects.
 *
 * The other definitions that configs uses put a mistake back each, and stand where it is made.
 */
#ifndef CLIENTS
#define CLIENTS		2
#endif
#ifndef ROUNDS
#define ROUNDS		1
#endif
#ifndef NBUCKETS
#define NBUCKETS	2
#endif
#ifndef NSPANS
#define NSPANS		1
#endif
#ifndef KEEP_EMPTY
#define KEEP_EMPTY	1
#endif

#define SLOTS		2		/* objects of a span; what is written here relies on it */
#define NOBJS		(NSPANS * SLOTS)
#define NCPUS		CLIENTS
#define NONE		255

/* Bits in the sets of RCU readers: clients have those from 0. */
#define FINALIZER_WORKER	4
#define RCU_WORKER		5
#define WEAK_READER		6
#define TABLE_WALKER		7
#define TABLE_EVICTER		6	/* no reader, nor is there a weak handle */

#include "locks.pml"
#include "span.pml"
#include "bucket.pml"
#include "profile.pml"
#include "free.pml"

byte started;		/* clients */
byte done;		/* processes that have ended, but workers */
byte working;		/* workers that are at it */
byte mail = NONE;	/* an object on its way from one client to another */
bool reader_done;

/* ---- Users ---- */

inline add_specials()
{
	if
#ifndef NONE_SAMPLED
	:: kspan_tracing_alloc()
#endif
#ifndef ALL_SAMPLED
	:: true
#endif
	fi;
	if
	:: true
#ifdef CLEANUPS
	:: kspan_special_new();
	   special_add(CLEANUP)
#endif
#ifdef FINALIZERS
	:: kspan_special_new();
	   special_add(FINALIZER)
#endif
#ifdef WEAK_HANDLES
	:: atomic { weak_of == NONE -> weak_of = slot };
	   kspan_weak_get();
#ifdef WEAK_AND_FINALIZER
	   kspan_special_new();
	   special_add(FINALIZER)
#endif
#endif
	fi
}

/* Allocates and frees. An object may be freed by another client than its own. */
proctype Client(byte me; byte cpu)
#ifdef IRQ
	provided (!in_irq || _pid != 1)
#endif
{
	LOCALS;
	byte round;

#ifndef IRQ
	/* They are alike: who comes first may as well have the first number. */
	atomic { started == me -> started++ };
#endif
	do
	:: round < ROUNDS ->
		round++;
		alloc_object();
		if
		:: slot == NONE
		:: else -> add_specials()
		fi;
		atomic {
			if
			:: true
#ifdef MAIL
			:: slot != NONE && mail == NONE ->
				mail = slot;
				slot = NONE
#endif
			fi
		}
		if
		:: slot == NONE
		:: slot != NONE -> kspan_free()
#ifdef FREES_AFTER_GRACE_PERIOD
		:: slot != NONE -> kspan_free_rcu()
#endif
		fi
#ifdef MAIL
	:: atomic { round == ROUNDS && mail != NONE ->
		slot = mail;
		mail = NONE };
		kspan_free()
#endif
	:: round == ROUNDS && mail == NONE -> break
	od;
	done++
}

#ifdef IRQ
/* An interrupt on CPU 0, whose handler allocates and frees. */
proctype Interrupt(byte me; byte cpu)
{
	LOCALS;

	atomic { irqs_off == 0 -> in_irq = true }
	alloc_object();
	if
	:: slot == NONE
	:: else ->
		add_specials();
		kspan_free()
	fi;
	in_irq = false;
	done++
}
#define INTERRUPTS	1
#else
#define INTERRUPTS	0
#endif

#ifdef DOUBLE_FREE
/* An object that was sampled is freed by all of these; one succeeds. */
#define REFUSED	(CLIENTS - 1)

proctype Owner(byte me; byte cpu)
{
	LOCALS;

	alloc_object();
	kspan_tracing_alloc();
	mail = slot
}

proctype Freer(byte me; byte cpu)
{
	LOCALS;

	(mail != NONE);
	slot = mail;
	kspan_free();
	done++
}
#else
#define REFUSED	0
#endif

#ifdef WEAK_HANDLES
proctype Reader(byte me)
{
	byte tmp;
	bool hit;

end:	(weak_posted);
	rcu_read_lock();
	assert(!weak_freed);
	hit = !weak_null;
	/* What was found stays what it is, until here. */
	assert(!hit || !weak_reused);
	rcu_read_unlock();
	kspan_weak_put();
	reader_done = true
}
#define READER_DONE	(!weak_posted || reader_done)
#else
#define READER_DONE	true
#endif

#include "tap.pml"

/* ---- Workers ---- */

#ifdef FINALIZER_WORK
/* run_queue() */
proctype FinalizerWorker(byte me; byte cpu)
{
	LOCALS;

end:	do
	:: atomic {
		finalizers != 0 ->
			working++;
			slot = 0;
			do
			:: finalizers & (1 << slot) -> break
			:: else -> slot++
			od;
			finalizers = finalizers & ~(1 << slot);
			had_weak = (finalizers_had_weak >> slot) & 1;
			finalizers_had_weak = finalizers_had_weak & ~(1 << slot)
		}
		kspan_special_delete();
		assert(owned[slot] && state[slot] == FINALIZING);
		state[slot] = FREEING;
#ifdef FINALIZED_WITHOUT_GRACE_PERIOD
		had_weak = false;
#endif
		if
		:: had_weak -> kspan_free_later()
		:: else -> free_last()
		fi;
		atomic {
			had_weak = false;
			working--
		}
	:: atomic { cleanups > 0 -> cleanups--; working++ };
		kspan_special_delete();
		working--
	od
}
#endif

#ifdef RCU_WORK
/* rcu_worker() */
proctype RcuWorker(byte me; byte cpu)
{
	LOCALS;
	byte batch, s, i, left;

end:	do
	:: atomic { rcu_work -> rcu_work = false; working++ };
		atomic { batch = rcu_pending; rcu_pending = 0 };
		/* mark_waiting() */
		for (i : 0 .. NOBJS - 1) {
			atomic {
				if
#ifndef RCU_ONE_MARK
				:: (batch & (1 << SPAN_OF(i))) && state[i] == RCU_NEXT ->
					TOUCH(i);
					state[i] = RCU_WAIT
#endif
				:: else
				fi
			}
		}
		if
		:: batch -> synchronize_rcu()
		:: else
		fi;
		for (s : 0 .. NSPANS - 1) {
			if
			:: batch & (1 << s) -> free_waiting()
			:: else
			fi
		}
		atomic {
			batch = 0;
			working--
		}
	od
}
#endif

/* ---- Walks over the table of buckets ---- */

#ifdef EXPORT
proctype Exporter(byte me; byte cpu)
{
	LOCALS;
	byte b, copied, missed;

	kspan_snapshot_take();
	use_snapshot();
	done++
}
#define EXPORTS	1
#else
#define EXPORTS	0
#endif

#ifdef RESET
proctype Resetter(byte me; byte cpu)
{
	LOCALS;
	byte b, unused;

	kspan_profile_reset();
	done++
}
#define RESETS	1
#else
#define RESETS	0
#endif

#ifdef MODULE_LEAVES
proctype Leaver(byte me; byte cpu)
{
	LOCALS;
	byte b;
	bool listed_then;

	text_leaves();
	done++
}
#define LEAVERS	1
#else
#define LEAVERS	0
#endif

#ifdef EVICT
/* kspan_bucket_alloc(), for a stack of another chain, of which nothing else is said. */
proctype Evicter(byte me; byte cpu)
{
	LOCALS;
	byte b, evicted;

	spin_lock_irqsave(bucket_lock);
	STEP {
		kspan_table_make_room();
#ifdef EVICTED_UNDER_LOCK
		kspan_table_put_evicted(evicted);
#endif
		spin_unlock_irqrestore(bucket_lock)
	}
	kspan_table_put_evicted(evicted);
	done++
}
#define EVICTERS	1
#else
#define EVICTERS	0
#endif

/* ---- The end ---- */

inline check_end()
{
	d_step {
		/* All that was allocated is free, and in one place. */
		for (i : 0 .. NOBJS - 1) {
			assert(!owned[i] && NO_SPECIALS(i) && unreleased[i] == 0);
			found = in_map[i];
			for (j : 0 .. NCPUS - 1) {
				found = found + (array[j] == i)
			}
			assert(state[i] == FREE || state[i] == CACHED);
			assert(found == (span_is[SPAN_OF(i)] == SPAN_LISTED || in_map[i]))
		}
		assert(nr_specials == 0);
		/* What was counted was counted once, and taken out again. */
		found = 0;
		for (i : 0 .. NBUCKETS - 1) {
			assert(live[i] == 0);
#ifdef EVICT
			/* What has left the table before a reset came by is told to nobody. */
			assert(allocs[i] == counted[i] || !listed[i]);
#else
			assert(allocs[i] == counted[i]);
#endif
			found = found + allocs[i]
		}
#ifndef RESET
		assert(found == samples);
#endif
		assert(weak_refs == 0);
		assert(refused == REFUSED)
	}
}

#ifdef TAP
init {
	byte i, j, found;

	atomic {
		for (i : 0 .. CLIENTS - 1) {
			run TapClient(i, i)
		}
#ifdef IRQ
		run TapInterrupt(CLIENTS, 0);
#endif
#ifdef TAP_NMI
		run TapNmi(CLIENTS + INTERRUPTS, 0);
		run TapLate(CLIENTS + INTERRUPTS + 1, 0);
#else
		nmi_done = true;
		late_done = true;
#endif
		i = 0
	}
end:	atomic { done == CLIENTS + INTERRUPTS && nmi_done && late_done -> check_tap() }
}
#else
init {
	byte i, j, found;

	atomic {
#ifdef WARM
		/* Each CPU's array holds an object: no client gets to the node. */
		span_is[0] = SPAN_LISTED;
		for (i : 0 .. NCPUS - 1) {
			state[i] = CACHED;
			array[i] = i
		}
#endif
#ifdef DOUBLE_FREE
		run Owner(0, 0);
		for (i : 0 .. CLIENTS - 1) {
			run Freer(i, i)
		}
#else
		for (i : 0 .. CLIENTS - 1) {
			run Client(i, i)
		}
#endif
#ifdef IRQ
		run Interrupt(CLIENTS, 0);
#endif
#ifdef WEAK_HANDLES
		run Reader(WEAK_READER);
#endif
#ifdef FINALIZER_WORK
		run FinalizerWorker(FINALIZER_WORKER, 0);
#endif
#ifdef RCU_WORK
		run RcuWorker(RCU_WORKER, 0);
#endif
#ifdef EXPORT
		run Exporter(TABLE_WALKER, 0);
#endif
#ifdef RESET
		run Resetter(TABLE_WALKER, 0);
#endif
#ifdef MODULE_LEAVES
		run Leaver(TABLE_WALKER, 0);
#endif
#ifdef EVICT
		run Evicter(TABLE_EVICTER, 0);
#endif
		i = 0
	}
end:	atomic {
		done == CLIENTS + INTERRUPTS + EXPORTS + RESETS + LEAVERS + EVICTERS && working == 0 &&
		finalizers == 0 && cleanups == 0 && !rcu_work && READER_DONE ->
		check_end()
	}
}
#endif
