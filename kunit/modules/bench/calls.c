// SPDX-License-Identifier: GPL-2.0
/*
 * What sampling costs a program that is in the kernel by system calls, as programs are: the mixed
 * steps of sampling.c, a chunk in each read() of a file in debugfs. Whoever reads that to its end
 * has them measured. Where the kernel moves the stack of each system call by a few bytes, a
 * sample's stack is a different one each time.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/mutex.h>

#include "bench.h"

/* What is measured, one after the other, for each number of call paths. */
static const unsigned int levels[] = { 0, BENCH_MIXED_LEVELS };
static const enum bench_who order[] = { BENCH_NOTHING, BENCH_SLAB, BENCH_KSPAN };

static struct dentry *file;

static DEFINE_MUTEX(lock);	/* of all of this */
static unsigned int turn;	/* which level and who */
static unsigned long chunk;	/* of this turn */
static u32 random;
static u64 sum, loop;

static void end_turn(const struct bench_side *side, unsigned int level, unsigned long chunks)
{
	bench_mixed_free(side);
	if (side == &bench_sides[BENCH_NOTHING])
		loop = sum;
	else
		bench_figure("sampling", "calls", "instructions",
			     "paths=%u objects=%lu loop=%llu %s=%llu", 1U << level,
			     chunks * BENCH_MIXED_CHUNK, loop, side->name, sum - loop);
	turn++;
	chunk = 0;
}

/* One chunk; false at the end. */
static bool next_chunk(void)
{
	unsigned long chunks = bench_scaled(BENCH_MIXED_CHUNKS);
	const struct bench_side *side;
	unsigned int level;
	u64 time;

	while (turn < ARRAY_SIZE(levels) * ARRAY_SIZE(order) &&
	       order[turn % ARRAY_SIZE(order)] != BENCH_NOTHING &&
	       !bench_wants(order[turn % ARRAY_SIZE(order)]))
		turn++;
	if (turn == ARRAY_SIZE(levels) * ARRAY_SIZE(order))
		return false;

	level = levels[turn / ARRAY_SIZE(order)];
	side = &bench_sides[order[turn % ARRAY_SIZE(order)]];
	if (!chunk) {
		random = 1;
		sum = 0;
	}
	time = bench_mixed_chunk(side, level, &random);
	if (chunk >= BENCH_MIXED_WARM)
		sum += time;
	if (++chunk == BENCH_MIXED_WARM + chunks)
		end_turn(side, level, chunks);
	return true;
}

static ssize_t calls_read(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	bool more;

	mutex_lock(&lock);
	more = next_chunk();
	mutex_unlock(&lock);
	return more;
}

static const struct file_operations calls_fops = {
	.owner = THIS_MODULE,
	.read = calls_read,
};

int bench_calls(void)
{
	int err = bench_mixed_begin();

	if (!err)
		file = debugfs_create_file("kspan_bench", 0400, NULL, NULL, &calls_fops);
	return err;
}

void bench_calls_end(void)
{
	if (!file)
		return;
	debugfs_remove(file);
	/* A reader who gave up has left something. */
	if (chunk)
		bench_mixed_free(&bench_sides[order[turn % ARRAY_SIZE(order)]]);
	bench_mixed_end();
}
