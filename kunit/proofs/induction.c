// SPDX-License-Identifier: GPL-2.0
/*
 * The fast path on one CPU, and any number of interrupts, each of which does whatever it likes with
 * the array and is interrupted in turn: by induction over how they nest, and how many are over.
 *
 *	nested	with others inside, whoever comes changes nothing: no word, no slot and no state,
 *		whatever these are at that moment
 *	alone	with nobody inside, whoever comes finds an array in order, and leaves one: each
 *		object that is ready lies in it once, with the array's mark; what he took was
 *		ready, is his and is counted; what he gave is ready; nobody else's changes
 *
 * Each is proven of one call, from any state, where interrupt() does all that these two lines let
 * others do: those that are nested deeper, and those that are over sooner. So it is true of however
 * many there are, where word.c goes through a few. How many may be inside at once is limited by how
 * far marks are apart (fields.c). Objects that several free at once, strays, are not part of it.
 */
static void inside(void);
static void writes(void);
#define STEP_INSIDE()		inside()
#define STEP_WRITES()		writes()

#include "pcpu.h"

#define min3(a, b, c)		min(min(a, b), c)
#define swap(a, b)		\
	do { __typeof__(a) tmp = (a); (a) = (b); (b) = tmp; } while (0)
#define this_cpu_ptr(p)		(p)

#ifndef ROOM
#define ROOM		4		/* of 64: that any number fits in the word fields.c shows */
#endif
#define OBJECTS		(ROOM + 1)
#define BULK		2		/* of calls that take or give several */

/* Whose an object is. */
enum { READY, OURS, OTHERS };

static struct world {
	struct {
		struct kspan_pcpu pcpu;
		struct kspan_slot slot[ROOM];
	} array;
	u8 state[OBJECTS];
	u8 owner[OBJECTS];
	u8 place[OBJECTS];	/* of one that is ready: its slot */
	u64 taken;		/* allocations from this array */
} now, then;
static struct kspan_cache cache;
static u64 memory[OBJECTS];
static u8 mark, no_state;
static bool nested;		/* others are inside, from the first step to the last */

struct kspan_profile kspan_heap_profile;

static bool is_mark(u8 state)
{
	return state >= KSPAN_MARK_FIRST && state < kspan_mark_of(KSPAN_NR_MARKS - 1) + 1 &&
	       (state - KSPAN_MARK_FIRST) % KSPAN_MARK_STEP == 0;
}

/* Anything at all, but that what a slot points to is some object and its state. */
static void any_world(void)
{
	unsigned int i, k;

	for (i = 0; i < ROOM; i++) {
		k = nondet_uint();
		given(k < OBJECTS);
		now.array.slot[i].obj = &memory[k];
		now.array.slot[i].state = &now.state[k];
	}
	for (i = 0; i < OBJECTS; i++) {
		now.state[i] = nondet_u8();
		given(now.state[i] < KSPAN_NR_STATES || is_mark(now.state[i]));
		now.owner[i] = nondet_u8();
		now.place[i] = nondet_u8();
	}
	now.taken = nondet_u64();
	now.array.pcpu.word = nondet_u64();
	now.array.pcpu.allocs = nondet_u64();
	now.array.pcpu.bottom.state = &no_state;
}

/* Does the array look as it has to when nobody is inside? @i and @j are any slot and any object. */
static bool slot_in_order(unsigned int i)
{
	const struct kspan_slot *slot = &now.array.slot[i];
	unsigned int k = (u64 *)slot->obj - memory;

	return i >= kspan_word_count(now.array.pcpu.word) ||
	       (k < OBJECTS && slot->obj == &memory[k] && slot->state == &now.state[k] &&
		now.owner[k] == READY && now.place[k] == i && now.state[k] == mark);
}

static bool object_in_order(unsigned int j)
{
	return now.owner[j] <= OTHERS &&
	       (now.owner[j] != READY ||
		(now.place[j] < kspan_word_count(now.array.pcpu.word) &&
		 now.array.slot[now.place[j]].obj == &memory[j]));
}

static bool word_in_order(void)
{
	u64 word = now.array.pcpu.word;

	return (s64)word >= 0 && kspan_word_alone(word) && (u8)word == mark &&
	       kspan_word_count(word) <= ROOM && word % KSPAN_SLOT < BIT(8) &&
	       now.array.pcpu.allocs - (word >> 32) == now.taken;
}

static void given_order(void)
{
	unsigned int i;

	given(word_in_order());
	for (i = 0; i < ROOM; i++)
		given(slot_in_order(i));
	for (i = 0; i < OBJECTS; i++)
		given(object_in_order(i));
}

static void prove_order(void)
{
	unsigned int i = nondet_uint(), j = nondet_uint();

	given(i < ROOM && j < OBJECTS);
	prove(word_in_order());
	prove(slot_in_order(i));
	prove(object_in_order(j));
}

/* What others do while somebody is inside: nothing. But the limit is another CPU's to change. */
static void inside(void)
{
	prove(!kspan_word_alone(now.array.pcpu.word));
	cache.pcpu_limit = nondet_uint() % (ROOM + 1) * KSPAN_SLOT;
}

/*
 * Who is nested never comes to a step that writes. That is proven where one is, so that what would
 * be behind it, a write through any pointer, is not part of the formula.
 */
static void writes(void)
{
	inside();
	prove(!nested);
	given(!nested);
}

/* All that others do before. */
static void interrupt(void)
{
	unsigned int i;

	prove(!nested || !kspan_word_alone(now.array.pcpu.word));
	if (nested || !kspan_word_alone(now.array.pcpu.word))
		return;
	then = now;
	any_world();
	given_order();
	for (i = 0; i < OBJECTS; i++) {
		given((now.owner[i] == OURS) == (then.owner[i] == OURS));
		given(now.owner[i] != OURS || now.state[i] == then.state[i]);
	}
	then = now;
}

bool kspan_stride_next(struct kspan_profile *profile, struct kspan_stride *stride, size_t size,
		       bool alone, u32 *budget)
{
	*budget = nondet_u32();
	given(*budget <= S32_MAX);
	return nondet_bool();
}

void kspan_node_stray(struct kspan_cache *from, const struct kspan_slot *slot)
{
	prove(false);
}

bool kspan_pcpu_charge_alone(const struct kspan_cache *from, size_t slot_size, u64 *weight)
{
	return false;
}

#include "charge.inc"
#include "copy_slots.inc"
#include "kspan_pcpu_take_oldest.inc"
#include "kspan_pcpu_pop_any.inc"
#include "kspan_pcpu_charge.inc"
#include "put_one.inc"
#include "kspan_pcpu_put.inc"

static void begin(void)
{
	mark = kspan_mark_of(nondet_uint());
	cache.pcpu = &now.array.pcpu;
	any_world();
}

/* An object of ours, in some state. */
static unsigned int ours(u8 in)
{
	unsigned int k = nondet_uint();

	given(k < OBJECTS && now.owner[k] == OURS && now.state[k] == in);
	return k;
}

static void took(const void *obj)
{
	unsigned int k = (u64 *)obj - memory;

	prove(k < OBJECTS && obj == &memory[k]);
	prove(now.owner[k] == READY);
	prove(now.state[k] == KSPAN_STATE_ALLOCATED);
	now.owner[k] = OURS;
	now.taken++;
}

static void gave(unsigned int k, unsigned int place)
{
	now.owner[k] = READY;
	now.place[k] = place;
}

/* Objects that were and are not in the array are as they were. */
static void prove_others(void)
{
	unsigned int k = nondet_uint();

	given(k < OBJECTS && then.owner[k] != READY && now.owner[k] == then.owner[k]);
	prove(now.state[k] == then.state[k]);
}

void prove_nested(void)
{
	struct kspan_slot slots[BULK];
	u32 budget = nondet_u32(), n = nondet_u32(), k = nondet_u32();
	unsigned int i = nondet_uint(), j = nondet_uint(), x = nondet_uint(), l;
	void *objs[BULK], *obj = NULL;
	bool sampled;
	u64 weight;

	begin();
	nested = true;
	given(budget <= S32_MAX && n <= ROOM && k && k < KSPAN_MARK_STEP);
	now.array.pcpu.word = ((u64)budget << 32 | n * KSPAN_SLOT | mark) + k * KSPAN_WORD_BUSY;
	then = now;
	given(x < OBJECTS);
	switch (nondet_uint() % 6) {
	case 0:
		prove(!kspan_pcpu_pop(&cache, &obj));
		break;
	case 1:
		prove(!__kspan_pcpu_push(&cache, &memory[x], &now.state[x]));
		break;
	case 2:
		prove(!kspan_pcpu_pop_any(&cache, &sampled, &weight));
		break;
	case 3:
		kspan_pcpu_charge(&cache, &weight);
		break;
	case 4:
		prove(!kspan_pcpu_pop_bulk(&cache, BULK, objs));
		break;
	case 5:
		for (l = 0; l < BULK; l++)
			slots[l] = (struct kspan_slot) { &memory[x], &now.state[x] };
		prove(kspan_pcpu_put(&cache, 0, slots, BULK, now.state[x]) == BULK);
		break;
	}
	given(i < ROOM && j < OBJECTS);
	prove(now.array.pcpu.word == then.array.pcpu.word);
	prove(now.array.pcpu.allocs == then.array.pcpu.allocs);
	prove(now.array.slot[i].obj == then.array.slot[i].obj);
	prove(now.array.slot[i].state == then.array.slot[i].state);
	prove(now.state[j] == then.state[j]);
}

void prove_pop(void)
{
	void *obj;

	begin();
	given_order();
	if (kspan_pcpu_pop(&cache, &obj))
		took(obj);
	prove_order();
	prove_others();
}

void prove_push(void)
{
	unsigned int k;

	begin();
	given_order();
	k = ours(nondet_u8());
	if (__kspan_pcpu_push(&cache, &memory[k], &now.state[k]))
		gave(k, kspan_word_count(then.array.pcpu.word));
	prove_order();
	prove_others();
}

void prove_pop_any(void)
{
	bool sampled;
	u64 weight;
	void *obj;

	begin();
	given_order();
	obj = kspan_pcpu_pop_any(&cache, &sampled, &weight);
	if (obj)
		took(obj);
	prove_order();
	prove_others();
}

void prove_charge(void)
{
	u64 weight;

	begin();
	given_order();
	kspan_pcpu_charge(&cache, &weight);
	now.taken++;
	prove_order();
	prove_others();
}

void prove_pop_bulk(void)
{
	void *objs[BULK];
	size_t n, i;

	begin();
	given_order();
	n = kspan_pcpu_pop_bulk(&cache, BULK, objs);
	prove(n <= BULK);
	for (i = 0; i < n; i++)
		took(objs[i]);
	prove_order();
	prove_others();
}

/* As whoever makes room does, or an interrupt that empties the array: others come behind it. */
void prove_take(void)
{
	unsigned int most = nondet_uint(), n, k, i;
	struct kspan_slot out[ROOM];
	u64 word;

	begin();
	given_order();
	given(most <= ROOM);
	word = kspan_pcpu_enter(&now.array.pcpu);
	n = kspan_pcpu_take_oldest(&now.array.pcpu, &word, out, most);
	kspan_pcpu_store(&now.array.pcpu, word);
	prove(n == min(most, kspan_word_count(then.array.pcpu.word)));
	for (i = 0; i < n; i++) {
		k = (u64 *)out[i].obj - memory;
		prove(k < OBJECTS && out[i].obj == &memory[k] && out[i].state == &now.state[k]);
		prove(now.owner[k] == READY);
		now.owner[k] = OTHERS;
	}
	for (i = 0; i < OBJECTS; i++)
		now.place[i] -= n;
	prove_order();
	prove_others();
}

/* From a magazine, whose objects had its mark. */
void prove_put(void)
{
	u8 from = nondet_u8();
	struct kspan_slot slots[BULK];
	unsigned int k[BULK], n, i;

	begin();
	given_order();
	for (i = 0; i < BULK; i++) {
		k[i] = ours(from);
		slots[i] = (struct kspan_slot) { &memory[k[i]], &now.state[k[i]] };
	}
	given(k[0] != k[1]);
	n = kspan_pcpu_put(&cache, 0, slots, BULK, from);
	prove(n <= BULK);
	for (i = BULK; i > n; i--)
		gave(k[i - 1], kspan_word_count(then.array.pcpu.word) + BULK - i);
	prove_order();
	prove_others();
}
