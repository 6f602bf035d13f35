// SPDX-License-Identifier: GPL-2.0
/*
 * What taking a profile costs, from user space, in a guest where kunit/modules/bench has filled
 * the table of call stacks. Prints figures in its form to the kernel's log.
 *
 * usage: snapshot time STACKS		opens and reads the profile ten times; cycles are
 *					instructions where the guest counts them (-icount)
 *        snapshot beside STACKS ROUNDS	on CPU 1 of two, reads it in a loop for 100 ms and does
 *					sums for 100 ms by turns, and looks how far the load of
 *					kunit/modules/bench on CPU 0 comes in each
 *
 * Build with cc -static.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define PROFILE		"/sys/kernel/debug/kspan/heap"
#define OPS		"/sys/module/kspan_bench/parameters/ops"
#define TIMES		10
#define MOST_ROUNDS	101
#define WINDOW		0.1	/* seconds */

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* Reads all of @path; returns its length. */
static size_t read_all(const char *path, char *buf, size_t len)
{
	int fd = open(path, O_RDONLY);
	size_t sum = 0;
	ssize_t n;

	if (fd < 0)
		fail(path);
	while ((n = read(fd, buf, len)) > 0)
		sum += n;
	if (n < 0)
		fail(path);
	close(fd);
	return sum;
}

static size_t read_profile(void)
{
	static char buf[1 << 20];

	return read_all(PROFILE, buf, sizeof(buf));
}

static unsigned long read_ops(void)
{
	char buf[32] = "";

	read_all(OPS, buf, sizeof(buf) - 1);
	return strtoul(buf, NULL, 10);
}

__attribute__((format(printf, 1, 2)))
static void print(const char *fmt, ...)
{
	FILE *log = fopen("/dev/kmsg", "w");
	va_list args;
	char line[256];

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (!log || fprintf(log, "<6>bench: group=snapshot %s\n", line) < 0 || fclose(log))
		fail("/dev/kmsg");
}

/* ------------------------------------------------------------------ time */

static void take_time(const char *stacks)
{
	unsigned long long first = 0, least = ~0ULL;
	size_t bytes = 0;
	int i;

	for (i = 0; i < TIMES; i++) {
		unsigned long long time = __rdtsc();

		bytes = read_profile();
		time = __rdtsc() - time;
		if (!i)
			first = time;
		else if (time < least)
			least = time;
	}
	print("name=first unit=instructions stacks=%s bytes=%zu kspan=%llu", stacks, bytes, first);
	print("name=again unit=instructions stacks=%s bytes=%zu kspan=%llu", stacks, bytes, least);
}

/* ------------------------------------------------------------------ beside */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void sums(void)
{
	volatile unsigned long sum = 0;
	int i;

	for (i = 0; i < 100000; i++)
		sum += i;
}

/* Operations of the load in a second while @busy() runs over and over here. */
static double window(void (*busy)(void))
{
	unsigned long ops = read_ops();
	double began = now(), time;

	do {
		busy();
		time = now() - began;
	} while (time < WINDOW);
	return (read_ops() - ops) / time;
}

static void take(void)
{
	read_profile();
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, int n)
{
	qsort(values, n, sizeof(*values), compare);
	return values[n / 2];
}

static void beside(const char *stacks, int rounds)
{
	double with[MOST_ROUNDS], without[MOST_ROUNDS], ratio[MOST_ROUNDS];
	cpu_set_t cpus;
	int i;

	CPU_ZERO(&cpus);
	CPU_SET(1, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		fail("CPU 1");
	read_profile();
	for (i = 0; i < rounds; i++) {
		if (i % 2)
			without[i] = window(sums);
		with[i] = window(take);
		if (i % 2 == 0)
			without[i] = window(sums);
		ratio[i] = without[i] ? with[i] / without[i] : 0;
	}
	print("name=beside unit=per_second stacks=%s rounds=%d alone=%.0f kspan=%.0f ratio=%.0f",
	      stacks, rounds, median(without, rounds), median(with, rounds),
	      1000 * median(ratio, rounds));
}

int main(int argc, char **argv)
{
	int rounds = argc > 3 ? atoi(argv[3]) : 0;

	if (argc == 3 && !strcmp(argv[1], "time")) {
		take_time(argv[2]);
	} else if (argc == 4 && !strcmp(argv[1], "beside") && rounds > 0 && rounds <= MOST_ROUNDS) {
		beside(argv[2], rounds);
	} else {
		fprintf(stderr, "usage: snapshot time STACKS | beside STACKS ROUNDS\n");
		return 2;
	}
	return 0;
}
