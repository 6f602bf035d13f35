// SPDX-License-Identifier: GPL-2.0
/*
 * An object's index by multiplication is that by division, for every slot and every place in a span
 * of several objects; what is no object's first byte has none. A span of one object has that one
 * alone. By the inverse of the slot, no other number than an object's offset gives its index.
 */
#define max_t(type, a, b)	max((type)(a), (type)(b))
#define is_power_of_2(n)	(((n) & ((n) - 1)) == 0)

#include "../../mm/heap/span.h"
#include "kspan_span_reciprocal.inc"
#include "kspan_slot_inverse.inc"
#include "every.h"

static void several(u32 slot)
{
	struct kspan_span span = {
		.nr_objs = SZ_64K / slot,
		.slot_size = slot,
		.reciprocal = kspan_span_reciprocal(slot, SZ_64K / slot),
	};
	u32 offset, quotient = 0, rest = 0;
	size_t index;

	/* Without a division: by counting. */
	for (offset = 0; offset < SZ_64K; offset++) {
		bool found = __kspan_span_index(&span, (void *)(size_t)offset, &index);

		prove(found == !rest);
		prove(!found || index == quotient);
		prove(kspan_span_index_inside(&span, (void *)(size_t)offset) == quotient);
		if (++rest == slot) {
			rest = 0;
			quotient++;
		}
	}
	prove(kspan_span_index(&span, (void *)(size_t)slot) == 1);
	prove(kspan_span_index(&span, (void *)(size_t)slot - 1) == -1);
}

static void alone(u32 slot)
{
	struct kspan_span span = {
		.nr_objs = 1, .slot_size = slot, .reciprocal = kspan_span_reciprocal(slot, 1),
	};
	u32 offset;

	for (offset = 0; offset < SZ_64K; offset++) {
		prove(kspan_span_index(&span, (void *)(size_t)offset) == (offset ? -1 : 0));
		prove(kspan_span_index_inside(&span, (void *)(size_t)offset) == (offset >= slot));
	}
}

/*
 * With an inverse that is one, multiplying is one to one for all numbers, and so is rotating: since
 * the multiples of the slot up to the last have their quotients, nothing else has.
 */
static void inverse(u32 slot)
{
	unsigned int shift;
	u64 inverse = kspan_slot_inverse(slot, &shift);
	u32 i;

	prove(inverse * (slot >> shift) == 1);
	prove(slot >> shift << shift == slot && slot >> shift & 1);
	for (i = 0; i <= SZ_64K / slot; i++)
		prove(kspan_slot_index((u64)i * slot, inverse, shift) == i);
	for (i = 1; i < slot; i++)
		prove(kspan_slot_index(i, inverse, shift) > SZ_64K / slot);
	prove(kspan_slot_index(-(u64)slot, inverse, shift) > SZ_64K / slot);
	prove(kspan_slot_index((1ULL << 32) * slot, inverse, shift) > SZ_64K / slot);
}

static void prove_index(void)
{
	u32 slot = choose(SZ_32K - 7) + 8;

	inverse(slot);

	several(slot);
	if (slot < 64)
		alone(slot);
}

EVERY(prove_index)
