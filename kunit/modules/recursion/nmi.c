// SPDX-License-Identifier: GPL-2.0
/*
 * Real NMIs, which one CPU sends the one that works kspan, without mercy. Some hit kspan's own
 * code, and some of those code that has interrupts off, which is to say a lock of kspan's. Only
 * x86 has a way that modules may go.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>

#include "recursion.h"

#ifdef CONFIG_X86

#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <asm/apic.h>
#include <asm/nmi.h>
#include <asm/processor-flags.h>

#define LOCKED_LEAST	20	/* NMIs that are to hit kspan while it has interrupts off */

static struct task_struct *sender;
static atomic_long_t sent, arrived, inside, locked;

static int arrives(unsigned int type, struct pt_regs *regs)
{
	atomic_long_inc(&arrived);
	if (within_module_core(regs->ip, recursion_kspan)) {
		atomic_long_inc(&inside);
		if (!(regs->flags & X86_EFLAGS_IF))
			atomic_long_inc(&locked);
	}
	recursion_nest();
	return NMI_HANDLED;
}

static int send(void *unused)
{
	unsigned int gap = 0;

	while (!kthread_should_stop()) {
		apic->send_IPI(0, NMI_VECTOR);
		atomic_long_inc(&sent);
		/*
		 * Not in step with what it is to hit. Asleep: an emulator that runs one CPU after
		 * the other then stops the other one just anywhere.
		 */
		gap = (gap + 1) % 97;
		usleep_range(50 + gap, 51 + gap);
	}
	return 0;
}

int recursion_nmi_start(void)
{
	int err, cpu = cpumask_last(cpu_online_mask);

	if (!cpu)
		return -ENODEV;
	err = register_nmi_handler(NMI_LOCAL, arrives, 0, "kspan_recursion");
	if (err)
		return err;
	sender = kthread_create(send, NULL, "kspan_nmi");
	if (IS_ERR(sender)) {
		unregister_nmi_handler(NMI_LOCAL, "kspan_recursion");
		return PTR_ERR(sender);
	}
	kthread_bind(sender, cpu);
	wake_up_process(sender);
	return 0;
}

void recursion_nmi_stop(void)
{
	kthread_stop(sender);
	/* The last one is still on its way. */
	msleep(20);
	unregister_nmi_handler(NMI_LOCAL, "kspan_recursion");
	pr_info("count nmis %ld\n", atomic_long_read(&arrived));
	pr_info("count nmis-inside %ld\n", atomic_long_read(&inside));
	pr_info("count nmis-inside-interrupts-off %ld\n", atomic_long_read(&locked));
}

bool recursion_nmi_enough(void)
{
	return atomic_long_read(&locked) >= LOCKED_LEAST;
}

#else

int recursion_nmi_start(void)
{
	pr_info("skipped: no way to send an NMI here\n");
	return -EOPNOTSUPP;
}

void recursion_nmi_stop(void)
{
}

bool recursion_nmi_enough(void)
{
	return true;
}

#endif
