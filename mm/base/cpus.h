/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Work on other CPUs. What is one CPU's own, and changed there without a lock and without an atomic
 * instruction, can be changed by nobody else; so whoever wants it changed has that CPU do it. It is
 * interrupted for that, for about a microsecond, which works whatever runs there. A task would not
 * do: none gets a CPU that a real-time task never gives up, and whoever waited for it would never
 * end.
 *
 * The CPU may be interrupted in the middle of a change of its own. Then it says so and is asked
 * again: it is through in a few instructions. In an interrupt nobody else comes in between, since
 * in NMI nothing is allocated or freed; and nothing is done there that takes a lock, so that it is
 * the same on PREEMPT_RT.
 */
#ifndef _KSPAN_CPUS_H
#define _KSPAN_CPUS_H

#include <linux/types.h>

#include "base/lock.h"

/* Runs on the CPU that is asked, with interrupts off. False: in the middle of it; ask again. */
typedef bool (*kspan_ask_fn)(void *arg);

/* Asks @cpu once, which is online and stays so; what @fn says. Any context with interrupts on. */
bool kspan_ask_cpu(int cpu, kspan_ask_fn fn, void *arg) kspan_no_lock;

/* Asks all that are online until none is in the middle. Process context, with cpus_read_lock(). */
void kspan_ask_all_cpus(kspan_ask_fn fn, void *arg) kspan_no_lock;

#endif /* _KSPAN_CPUS_H */
