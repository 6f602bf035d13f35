/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fast path, whose CPU is the only one. What an interrupt does not divide is one step, in front
 * of which a proof may do something else: interrupt() is its. The steps of somebody who is inside
 * the array, or should be, a proof may tell apart by STEP_INSIDE(); of these, those that write, but
 * for who comes to the word and leaves it, by STEP_WRITES().
 */
#ifndef PCPU_H
#define PCPU_H

#ifndef STEP_INSIDE
#define STEP_INSIDE()			interrupt()
#endif
#ifndef STEP_WRITES
#define STEP_WRITES()			STEP_INSIDE()
#endif

#define preempt_disable()		do { } while (0)
#define preempt_enable()		do { } while (0)
#define this_cpu_add_return(x, n)	(interrupt(), (x) += (n))
#define this_cpu_sub(x, n)		(STEP_INSIDE(), (void)((x) -= (n)))
#define __this_cpu_read(x)		(STEP_INSIDE(), (x))
#define __this_cpu_write(x, value)	(STEP_WRITES(), (void)((x) = (value)))
#define this_cpu_read(x)		__this_cpu_read(x)
#define this_cpu_ptr(p)			(p)
#define this_cpu_inc(x)			do { } while (0)
#define this_cpu_add(x, n)		do { } while (0)
#define this_cpu_sub_return(x, n)	(0)
#define is_power_of_2(n)		(((n) & ((n) - 1)) == 0)
#define numa_mem_id()			0
#define min3(a, b, c)			min(min(a, b), c)
#define max_t(type, a, b)		max((type)(a), (type)(b))
#define ARCH_KMALLOC_MINALIGN		8

/* So that few objects are more than that. */
#define KSPAN_AT_ONCE			2

static void interrupt(void);

#undef READ_ONCE
#undef WRITE_ONCE
#undef data_race
#define READ_ONCE(x)			(STEP_INSIDE(), (x))
#define WRITE_ONCE(x, value)		(STEP_WRITES(), (void)((x) = (value)))
#define data_race(x)			(STEP_INSIDE(), (x))

#include "../../mm/heap/pcpu.h"

#endif /* PCPU_H */
