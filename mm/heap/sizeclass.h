/* SPDX-License-Identifier: GPL-2.0 */
/* Size classes: which slot serves a request of so many bytes. */
#ifndef _KSPAN_SIZECLASS_TABLES_H
#define _KSPAN_SIZECLASS_TABLES_H

#include <linux/minmax.h>
#include <linux/types.h>

#include <kspan/sizeclass.h>

struct kspan_class {
	u16 slot_size;		/* bytes */
	u16 span_bytes;		/* as generated; rounded up to whole pages when used */
};

extern const struct kspan_class kspan_classes[KSPAN_NR_CLASSES];
extern u8 kspan_class_by_8[128 + 1];
extern u8 kspan_class_by_128[KSPAN_MAX_CLASS_SIZE / 128 + 1];

/* The class of a request of @size bytes, 1 to KSPAN_MAX_CLASS_SIZE. */
static inline unsigned int kspan_class_of(size_t size)
{
	if (size <= 1024)
		return kspan_class_by_8[(size + 7) / 8];
	return kspan_class_by_128[(size + 127) / 128];
}

unsigned int kspan_class_stand_in(unsigned int class, unsigned int least, unsigned int dma);
void kspan_sizeclass_init(void);

#endif /* _KSPAN_SIZECLASS_TABLES_H */
