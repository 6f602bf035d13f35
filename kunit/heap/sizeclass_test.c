// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the size classes: what slot a request gets, what that wastes, and that the index of
 * an object in its span is found exactly, for the slots of the classes and for any others.
 */
#include "suite.h"

#include <linux/dma-mapping.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/slab.h>

#include "allocator.h"

/* Below this the classes are the steps that users expect, whatever they waste. */
#define SEARCHED_FROM	128

static void every_request_gets_the_smallest_slot_that_holds_it(struct kunit *test)
{
	unsigned int too_small = 0, too_large = 0;
	size_t size;

	for (size = 1; size <= KSPAN_MAX_CLASS_SIZE; size++) {
		unsigned int class = kspan_class_of(size);

		KUNIT_ASSERT_LT(test, class, (unsigned int)KSPAN_NR_CLASSES);
		too_small += kspan_classes[class].slot_size < size;
		too_large += class && kspan_classes[class - 1].slot_size >= size;
	}
	KUNIT_EXPECT_EQ(test, too_small, 0U);
	KUNIT_EXPECT_EQ(test, too_large, 0U);
}

static void powers_of_two_have_slots_of_their_own(struct kunit *test)
{
	size_t size;

	for (size = 8; size <= KSPAN_MAX_CLASS_SIZE; size *= 2)
		KUNIT_EXPECT_EQ(test, (size_t)kspan_classes[kspan_class_of(size)].slot_size, size);
}

/* The worst request of a class is one byte more than the class below it holds. */
static void request_wastes_at_most_an_eighth(struct kunit *test)
{
	unsigned int i;

	for (i = 1; i < KSPAN_NR_CLASSES; i++) {
		const struct kspan_class *class = &kspan_classes[i];
		unsigned int least = kspan_classes[i - 1].slot_size + 1;
		unsigned int used = class->span_bytes / class->slot_size * least;

		if (class->slot_size > SEARCHED_FROM)
			KUNIT_EXPECT_LE_MSG(test, (class->span_bytes - used) * 8,
					    (unsigned int)class->span_bytes,
					    "slots of %u bytes", class->slot_size);
	}
}

static void slots_keep_the_least_alignment(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < KSPAN_NR_CLASSES; i++)
		KUNIT_EXPECT_EQ(test, kspan_class_cache[i]->slot_size % ARCH_KMALLOC_MINALIGN,
				0UL);
}

/* Machines, by the least alignment of kmalloc() and the cache line that DMA needs. */
static const struct machine_case {
	const char *desc;
	unsigned int least, dma;
} machine_cases[] = {
	{ "coherent", 8, 1 },
	{ "lines of 64", 8, 64 },
	{ "lines of 128", 8, 128 },
	{ "lines of 128, and nothing smaller", 128, 128 },
	{ "lines of 32", 16, 32 },
};

static void machine_desc(const struct machine_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(machine, machine_cases, machine_desc);

/* What kmalloc() makes whole lines, the kernel takes for whole lines. */
static void slots_share_no_line_where_kmalloc_does_not(struct kunit *test)
{
	const struct machine_case *c = test->param_value;
	unsigned int own, class, small = 0, unaligned = 0, shared = 0, moved = 0;
	size_t size;

	for (size = 1; size <= KSPAN_MAX_CLASS_SIZE; size++) {
		own = kspan_class_of(size);
		class = kspan_class_stand_in(own, c->least, c->dma);
		KUNIT_ASSERT_LT(test, class, (unsigned int)KSPAN_NR_CLASSES);
		small += kspan_classes[class].slot_size < size;
		unaligned += kspan_classes[class].slot_size % c->least;
		shared += kmalloc_size_roundup(size) % c->dma == 0 &&
			  kspan_classes[class].slot_size % c->dma;
		moved += class != own;
	}
	KUNIT_EXPECT_EQ(test, small, 0U);
	KUNIT_EXPECT_EQ(test, unaligned, 0U);
	KUNIT_EXPECT_EQ(test, shared, 0U);
	KUNIT_EXPECT_EQ(test, moved > 0, c->dma > 1);
}

static void cache_of_a_class_has_its_slots(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < KSPAN_NR_CLASSES; i++) {
		const struct kspan_class *class = kspan_classes;

		class += kspan_class_stand_in(i, ARCH_KMALLOC_MINALIGN, dma_get_cache_alignment());
		KUNIT_EXPECT_EQ(test, kspan_class_cache[i]->slot_size,
				(unsigned int)class->slot_size);
		KUNIT_EXPECT_EQ(test, kspan_cache_own(kspan_class_cache[i])->span_pages,
				DIV_ROUND_UP(class->span_bytes, (u32)PAGE_SIZE));
	}
}

/* ------------------------------------------------------------------ object index */

/* A span of which only the geometry is real. */
static struct kspan_span *span_new(struct kunit *test)
{
	struct kspan_span *span = kunit_kzalloc(test, sizeof(*span), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, span);
	return span;
}

static void span_set(struct kspan_span *span, u32 slot_size, u32 bytes)
{
	span->base = (void *)PAGE_OFFSET;
	span->slot_size = slot_size;
	span->nr_objs = bytes / slot_size;
	span->reciprocal = kspan_span_reciprocal(slot_size, span->nr_objs);
}

/* Does the index of this offset come out as division has it? */
static bool index_is_right(const struct kspan_span *span, u32 offset)
{
	u32 index = offset / span->slot_size;
	int begins = offset % span->slot_size ? -1 : (int)index;
	const void *addr = span->base + offset;

	/* Of a span with one object, the tail has no index either. */
	if (span->nr_objs == 1 && offset)
		begins = -1;
	return kspan_span_index(span, addr) == begins &&
	       kspan_span_index_inside(span, addr) == min(index, span->nr_objs);
}

static void index_is_exact_at_every_offset_of_every_class(struct kunit *test)
{
	struct kspan_span *span = span_new(test);
	unsigned int i;
	u32 offset;

	for (i = 0; i < KSPAN_NR_CLASSES; i++) {
		u32 pages = kspan_cache_own(kspan_class_cache[i])->span_pages;
		u32 bytes = pages * PAGE_SIZE, wrong = 0;

		span_set(span, kspan_classes[i].slot_size, bytes);
		for (offset = 0; offset < bytes; offset++)
			wrong += !index_is_right(span, offset);
		KUNIT_EXPECT_EQ_MSG(test, wrong, 0U, "slots of %u bytes", span->slot_size);
		cond_resched();
	}
}

/* When memory is short a span has just enough pages for one object, or as many as a class. */
static void index_is_exact_around_objects_of_every_slot_size(struct kunit *test)
{
	static const u32 pages[] = { 1, 2, 3, 8, 16 };
	struct kspan_span *span = span_new(test);
	u32 slot, at, wrong = 0;
	unsigned int i, n;

	for (slot = 8; slot <= KSPAN_MAX_CLASS_SIZE; slot += slot < 1024 ? 8 : 72) {
		for (n = 0; n < ARRAY_SIZE(pages); n++) {
			u32 bytes = pages[n] * PAGE_SIZE;

			if (bytes < slot || bytes > SZ_64K)
				continue;
			span_set(span, slot, bytes);
			for (i = 0, at = 0; i < span->nr_objs; i++, at += slot) {
				wrong += !index_is_right(span, at);
				wrong += !index_is_right(span, at + 1);
				wrong += !index_is_right(span, at + slot / 2);
				wrong += !index_is_right(span, at + slot - 1);
			}
			wrong += !index_is_right(span, bytes - 1);
		}
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
}

static void index_of_a_large_object_is_zero(struct kunit *test)
{
	struct kspan_span *span = span_new(test);
	u32 wrong = 0, offset;

	span_set(span, KMALLOC_MAX_SIZE, KMALLOC_MAX_SIZE);
	KUNIT_ASSERT_EQ(test, span->nr_objs, 1U);
	KUNIT_EXPECT_EQ(test, kspan_span_index(span, span->base), 0);
	for (offset = 1; offset < KMALLOC_MAX_SIZE; offset += 509)
		wrong += kspan_span_index(span, span->base + offset) != -1 ||
			 kspan_span_index_inside(span, span->base + offset) != 0;
	KUNIT_EXPECT_EQ(test, wrong, 0U);
}

/* By the inverse of the slot, an address that is no object's of the span has no index of it. */
static void index_by_inverse_is_exact_for_any_address(struct kunit *test)
{
	u32 slot, wrong = 0, nr;
	unsigned int shift;
	u64 inverse;
	long at;

	for (slot = 8; slot <= KSPAN_MAX_CLASS_SIZE; slot += slot < 1024 ? 8 : 72) {
		inverse = kspan_slot_inverse(slot, &shift);
		nr = SZ_64K / slot;
		for (at = -2L * slot; at < SZ_64K + 2L * slot; at += 4) {
			bool is = at >= 0 && at % slot == 0 && at / slot < nr;
			u64 index = kspan_slot_index(at, inverse, shift);

			wrong += is ? index != at / slot : index < nr;
		}
		/* As far away as two addresses can be, and where 32 bits of them are the same. */
		wrong += kspan_slot_index(BIT_ULL(32) + 1, inverse, shift) < nr;
		wrong += kspan_slot_index(BIT_ULL(32) * slot, inverse, shift) < nr;
		wrong += kspan_slot_index(BIT_ULL(63), inverse, shift) < nr;
		cond_resched();
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
}

/* ------------------------------------------------------------------ suite */

static struct kunit_case sizeclass_cases[] = {
	KUNIT_CASE(every_request_gets_the_smallest_slot_that_holds_it),
	KUNIT_CASE(powers_of_two_have_slots_of_their_own),
	KUNIT_CASE(request_wastes_at_most_an_eighth),
	KUNIT_CASE(slots_keep_the_least_alignment),
	KUNIT_CASE_PARAM(slots_share_no_line_where_kmalloc_does_not, machine_gen_params),
	KUNIT_CASE(cache_of_a_class_has_its_slots),
	KUNIT_CASE(index_is_exact_at_every_offset_of_every_class),
	KUNIT_CASE(index_is_exact_around_objects_of_every_slot_size),
	KUNIT_CASE(index_of_a_large_object_is_zero),
	KUNIT_CASE(index_by_inverse_is_exact_for_any_address),
	{}
};

static struct kunit_suite sizeclass_suite = {
	.name = "kspan_sizeclass",
	.test_cases = sizeclass_cases,
};

kunit_test_suite(sizeclass_suite);
