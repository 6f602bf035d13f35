// SPDX-License-Identifier: GPL-2.0
/*
 * files: what a file system is made to do in the guest, and the proof that it did it.
 *
 * usage: files DIRECTORY COUNT STEP...
 *
 * The steps, each done by two processes at a time, over COUNT files in 64 directories:
 *
 *	make	files of 0 to 64 KiB, some of them synced, linked, given an xattr
 *	read	compare each file, byte by byte, with what it has to contain
 *	rename	every third file into another directory
 *	delete	every fourth file
 *	check	that exactly the files are there that should be, and read them
 *	remove	everything
 *
 * Size and content of a file follow from its number, so that a later run of "check", say
 * after an unmount, needs nothing but the same arguments. Exit status 0 means that every
 * byte was right.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define DIRECTORIES	64
#define WORKERS		2
#define MAX_SIZE	65536
#define STEPS		(sizeof(steps) / sizeof(*steps))

static unsigned int count;
static unsigned char wanted[MAX_SIZE], found[MAX_SIZE + 1];

static void die(const char *what, const char *name)
{
	fprintf(stderr, "files: %s %s: %s\n", what, name, errno ? strerror(errno) : "wrong");
	exit(1);
}

static unsigned int scramble(unsigned int x)
{
	x = (x ^ (x >> 16)) * 0x45d9f3b;
	x = (x ^ (x >> 16)) * 0x45d9f3b;
	return x ^ (x >> 16);
}

/* Mostly small, as files are. */
static size_t fill(unsigned int i)
{
	static const unsigned int limits[] = { 64, 1024, 4096, 4096, 4096, 8192, 16384, MAX_SIZE };
	unsigned int x = scramble(i + 1);
	size_t size = x / 8 % limits[x % 8], at;

	for (at = 0; at < size; at++) {
		x = x * 1664525 + 1013904223;
		wanted[at] = x >> 24;
	}
	return size;
}

static bool is_renamed(unsigned int i)
{
	return i % 3 == 0;
}

static bool is_deleted(unsigned int i)
{
	return i % 4 == 1;
}

static const char *path_of(unsigned int i, bool renamed)
{
	static char path[2][64];

	if (renamed)
		snprintf(path[1], sizeof(path[1]), "d%02u/renamed-%u", (i + 7) % DIRECTORIES, i);
	else
		snprintf(path[0], sizeof(path[0]), "d%02u/file-%u", i % DIRECTORIES, i);
	return path[renamed];
}

static void make(unsigned int i)
{
	const char *path = path_of(i, false);
	size_t size = fill(i);
	char link_path[64];
	int fd;

	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0644);
	if (fd < 0 || write(fd, wanted, size) != (ssize_t)size)
		die("make", path);
	if (i % 128 == 5 && fsync(fd))
		die("sync", path);
	if (i % 16 == 3 && fsetxattr(fd, "user.origin", path, strlen(path), 0) &&
	    errno != EOPNOTSUPP)
		die("set an xattr of", path);
	if (close(fd))
		die("close", path);
	if (i % 32 == 7) {
		snprintf(link_path, sizeof(link_path), "d%02u/link-%u", i % DIRECTORIES, i);
		if (symlink(path, link_path) && errno != EPERM && errno != EOPNOTSUPP)
			die("link to", path);
	}
}

static void compare(unsigned int i, bool renamed)
{
	const char *path = path_of(i, renamed);
	size_t size = fill(i);
	int fd;

	fd = open(path, O_RDONLY);
	if (fd < 0)
		die("open", path);
	if (read(fd, found, sizeof(found)) != (ssize_t)size || memcmp(found, wanted, size))
		die("read", path);
	close(fd);
}

static void compare_fresh(unsigned int i)
{
	compare(i, false);
}

static void move(unsigned int i)
{
	if (is_renamed(i) && rename(path_of(i, false), path_of(i, true)))
		die("rename", path_of(i, false));
}

static void delete(unsigned int i)
{
	if (is_deleted(i) && unlink(path_of(i, is_renamed(i))))
		die("delete", path_of(i, is_renamed(i)));
}

static void check(unsigned int i)
{
	struct stat st;

	if (!is_deleted(i))
		compare(i, is_renamed(i));
	else if (!stat(path_of(i, is_renamed(i)), &st))
		die("find deleted", path_of(i, is_renamed(i)));
	errno = 0;
}

static void discard(unsigned int i)
{
	char link_path[64];

	if (!is_deleted(i) && unlink(path_of(i, is_renamed(i))))
		die("remove", path_of(i, is_renamed(i)));
	snprintf(link_path, sizeof(link_path), "d%02u/link-%u", i % DIRECTORIES, i);
	if (i % 32 == 7 && unlink(link_path) && errno != ENOENT)
		die("remove", link_path);
}

static const struct step {
	const char *name;
	void (*one)(unsigned int i);
} steps[] = {
	{ "make", make },
	{ "read", compare_fresh },
	{ "rename", move },
	{ "delete", delete },
	{ "check", check },
	{ "remove", discard },
};

static void run(const struct step *step)
{
	bool failed = false;
	unsigned int i, w;
	char name[16];
	int status;

	for (i = 0; i < DIRECTORIES && step->one == make; i++) {
		snprintf(name, sizeof(name), "d%02u", i);
		if (mkdir(name, 0755))
			die("make", name);
	}
	for (w = 0; w < WORKERS; w++) {
		if (fork())
			continue;
		for (i = w; i < count; i += WORKERS) {
			errno = 0;
			step->one(i);
		}
		exit(0);
	}
	for (w = 0; w < WORKERS; w++) {
		if (wait(&status) < 0 || status)
			failed = true;
	}
	if (failed)
		exit(1);
	for (i = 0; i < DIRECTORIES && step->one == discard; i++) {
		snprintf(name, sizeof(name), "d%02u", i);
		if (rmdir(name))
			die("remove", name);
	}
	printf("files: %s: %u done\n", step->name, count);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	unsigned int i;

	if (argc < 4 || chdir(argv[1])) {
		fprintf(stderr, "usage: files DIRECTORY COUNT STEP...\n");
		return 2;
	}
	count = strtoul(argv[2], NULL, 10);
	for (argv += 3; *argv; argv++) {
		for (i = 0; i < STEPS; i++) {
			if (!strcmp(*argv, steps[i].name))
				break;
		}
		if (i == STEPS) {
			fprintf(stderr, "files: there is no step %s\n", *argv);
			return 2;
		}
		run(&steps[i]);
	}
	return 0;
}
