/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls of kspan from the middle of kspan: from handlers of its own tracepoints, from kprobes on
 * its functions, under its locks too, and from NMIs that hit it. Each call must return, with what
 * was asked for or without.
 *
 * main.c	parameters, the task that works kspan, what a handler does, the sums
 * probes.c	tracepoints and kprobes
 * nmi.c	NMIs, which one CPU sends to the other
 */
#ifndef _KSPAN_RECURSION_H
#define _KSPAN_RECURSION_H

#include <linux/types.h>

struct module;

/* kspan.ko; it stays, since this module uses it. */
extern struct module *recursion_kspan;

/* main.c: what every handler does. */
void recursion_nest(void);

/* probes.c */
int recursion_find_kspan(void);
int recursion_tracepoints_start(void);
void recursion_tracepoints_stop(void);
bool recursion_tracepoints_enough(void);
int recursion_kprobes_start(void);
void recursion_kprobes_stop(void);
bool recursion_kprobes_enough(void);

/* nmi.c */
int recursion_nmi_start(void);
void recursion_nmi_stop(void);
bool recursion_nmi_enough(void);

#endif /* _KSPAN_RECURSION_H */
