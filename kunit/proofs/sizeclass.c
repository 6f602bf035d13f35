// SPDX-License-Identifier: GPL-2.0
/* Every request is served by the smallest class in which it fits, or one that stands in for it. */
#include <stddef.h>

size_t kmalloc_size_roundup(size_t size);

#include "../../mm/heap/sizeclass.c"

/* Any value that is possible: what the kernel rounds to depends on its configuration. */
size_t kmalloc_size_roundup(size_t size)
{
	size_t rounded = nondet_size();

	given(rounded >= size && rounded <= 2 * size);
	return rounded;
}

void prove_class_of(void)
{
	size_t size = nondet_size();
	unsigned int class;

	kspan_sizeclass_init();
	given(size && size <= KSPAN_MAX_CLASS_SIZE);
	class = kspan_class_of(size);
	prove(class < KSPAN_NR_CLASSES);
	prove(kspan_classes[class].slot_size >= size);
	prove(!class || kspan_classes[class - 1].slot_size < size);
}

/* @least and @dma are powers of two up to a cache line of the largest machines. */
void prove_stand_in(void)
{
	unsigned int class = nondet_uint(), least = nondet_uint(), dma = nondet_uint(), other;

	given(class < KSPAN_NR_CLASSES);
	given(least == 8 || least == 16 || least == 32 || least == 64 || least == 128);
	given(dma == 1 || dma == 8 || dma == 16 || dma == 32 || dma == 64 || dma == 128);
	other = kspan_class_stand_in(class, least, dma);
	prove(other < KSPAN_NR_CLASSES);
	prove(other >= class);
	prove(kspan_classes[other].slot_size % least == 0);
}
