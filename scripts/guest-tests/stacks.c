// SPDX-License-Identifier: GPL-2.0
/*
 * A program that makes the client of kunit/modules/stacks allocate, each way so many times.
 *
 * usage: stacks TIMES
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static int open_file(const char *name, int mode)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/kspan_stacks/%s", name);
	fd = open(path, mode);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

/* One system call for each. */
static void read_times(const char *name, int times)
{
	int fd = open_file(name, O_RDONLY);
	char byte;

	while (times--)
		if (read(fd, &byte, 1) != 1)
			err(1, "%s: read", name);
	close(fd);
}

static char *map(size_t bytes)
{
	int fd = open_file("map", O_RDWR);
	char *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (pages == MAP_FAILED)
		err(1, "mmap");
	close(fd);
	return pages;
}

/* One page fault for each, here. */
static void touch(int times)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *pages = map(times * page);
	int i;

	for (i = 0; i < times; i++)
		pages[i * page] = 1;
	munmap(pages, times * page);
}

/* One page fault for each, in the kernel, as it copies from a page that is not there yet. */
static void have_copied(int times)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *pages = map(times * page);
	int fd = open_file("write", O_WRONLY), i;

	for (i = 0; i < times; i++)
		if (write(fd, pages + i * page, 1) != 1)
			err(1, "write");
	close(fd);
	munmap(pages, times * page);
}

int main(int argc, char **argv)
{
	int times = argc == 2 ? atoi(argv[1]) : 0;

	if (times <= 0)
		errx(2, "usage: stacks TIMES");
	read_times("read", times);
	touch(times);
	have_copied(times);
	read_times("softirq", times);
	read_times("worker", times);
	return 0;
}
