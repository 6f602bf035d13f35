// SPDX-License-Identifier: GPL-2.0
/*
 * Reads and writes kspan's files from user space, in a guest where kspan.ko is loaded.
 *
 * usage: debugfs [--unload]
 *
 * Checks that any way to cut a read gives the same content, that what an open file says is of
 * the moment of its opening, that bad writes fail and change nothing, and that the module cannot
 * be removed while a file is open. With --unload the module is removed at the end, which must
 * succeed: for a guest where nothing uses kspan.
 *
 * Build with cc -static. Prints a line for each failure and "N passed, N failed" at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DIR "/sys/kernel/debug/kspan/"

struct content {
	char *data;
	size_t len;
};

static int passed, failed;

__attribute__((format(printf, 2, 3)))
static int check(int ok, const char *fmt, ...)
{
	va_list args;

	if (ok) {
		passed++;
		return ok;
	}
	failed++;
	printf("FAIL: ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	return ok;
}

static int open_file(const char *name, int flags)
{
	char path[256];

	snprintf(path, sizeof(path), DIR "%s", name);
	return open(path, flags);
}

/* Everything from the descriptor's position on, in pieces of at most @piece bytes. */
static struct content read_all(int fd, size_t piece)
{
	struct content c = { malloc(piece), 0 };
	ssize_t n;

	while (c.data && (n = read(fd, c.data + c.len, piece)) > 0) {
		c.len += n;
		c.data = realloc(c.data, c.len + piece);
	}
	if (!c.data) {
		perror("debugfs");
		exit(2);
	}
	return c;
}

static int same(const struct content *a, const struct content *b)
{
	return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

/* ------------------------------------------------------------------ reading */

static void check_pieces(const char *name, int fd, const struct content *whole)
{
	static const size_t pieces[] = { 1, 3, 7, 64, 511, 4095, 4096, 4097, 65537 };
	size_t i;

	for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct content cut;

		/* a system call a byte takes its time in a large file */
		if (whole->len / pieces[i] > 100000)
			continue;
		check(lseek(fd, 0, SEEK_SET) == 0, "%s: no way back to the start", name);
		cut = read_all(fd, pieces[i]);
		check(same(whole, &cut), "%s: pieces of %zu bytes give other content", name,
		      pieces[i]);
		free(cut.data);
	}
}

static void check_offsets(const char *name, int fd, const struct content *whole)
{
	char got[5000];
	int i, wrong = 0;

	srand(1);
	for (i = 0; i < 200; i++) {
		size_t at = rand() % (whole->len + 100), len = rand() % sizeof(got);
		size_t left = at < whole->len ? whole->len - at : 0;
		size_t want = len < left ? len : left;
		ssize_t n = pread(fd, got, len, at);

		wrong += n != (ssize_t)want || (n > 0 && memcmp(got, whole->data + at, n));
	}
	check(!wrong, "%s: %d of 200 reads at an offset are wrong", name, wrong);
	check(lseek(fd, 0, SEEK_END) == (off_t)whole->len, "%s: its end is not where it is", name);
	check(read(fd, got, 1) == 0, "%s: goes on after its end", name);
	check(lseek(fd, -1, SEEK_SET) == -1 && errno == EINVAL, "%s: starts before 0", name);
}

static void check_file(const char *name, mode_t mode)
{
	int fd = open_file(name, O_RDONLY);
	struct content whole;
	struct stat st;

	if (!check(fd >= 0, "%s: open: %s", name, strerror(errno)))
		return;
	check(!fstat(fd, &st) && st.st_mode == (S_IFREG | mode), "%s: mode %o", name, st.st_mode);
	whole = read_all(fd, 1 << 20);
	/* these say nothing where nothing is allocated */
	check(whole.len || !strcmp(name, "reset") || !strcmp(name, "heap.folded") ||
	      !strcmp(name, "spans"), "%s: is empty", name);
	check_pieces(name, fd, &whole);
	check_offsets(name, fd, &whole);
	free(whole.data);
	close(fd);
}

/* ------------------------------------------------------------------ writing */

/* Returns 0 or the errno of the write. */
static int write_file(const char *name, const char *text, size_t len)
{
	int fd = open_file(name, O_WRONLY);
	ssize_t n;
	int err;

	if (fd < 0)
		return errno;
	n = write(fd, text, len);
	err = n == (ssize_t)len ? 0 : n < 0 ? errno : EIO;
	close(fd);
	return err;
}

static int sample_bytes_are(const char *want)
{
	int fd = open_file("sample_bytes", O_RDONLY);
	struct content c = read_all(fd, 64);
	int ok = c.len == strlen(want) && !memcmp(c.data, want, c.len);

	free(c.data);
	close(fd);
	return ok;
}

static void check_writes(void)
{
	static const char *const bad[] = {
		"", "\n", "on", "-1", "+1", "0x10", "1.5", " 1", "1 ", "1k", "1\n\n",
		"1099511627777", "18446744073709551616", "000000000000000000000000000000000001",
	};
	size_t i;

	check(!write_file("sample_bytes", "777\n", 4), "sample_bytes: 777 is refused");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		check(write_file("sample_bytes", bad[i], strlen(bad[i])) == EINVAL,
		      "sample_bytes: \"%s\" is not EINVAL", bad[i]);
		check(write_file("reset", bad[i], strlen(bad[i])) == EINVAL,
		      "reset: \"%s\" is not EINVAL", bad[i]);
	}
	check(write_file("sample_bytes", (void *)8, 4) == EFAULT, "sample_bytes: reads address 8");
	check(write_file("reset", "2", 1) == EINVAL, "reset: 2 is not EINVAL");
	check(sample_bytes_are("777\n"), "sample_bytes: a bad write changed it");
	check(!write_file("reset", "1\n", 2), "reset: 1 is refused");
	check(write_file("heap", "1", 1) == EINVAL, "heap: takes a write");
}

/* The content is that of the moment of opening, even when the first read comes later. */
static void check_snapshot(void)
{
	int fd = open_file("sample_bytes", O_RDONLY);
	struct content c;

	check(!write_file("sample_bytes", "778", 3), "sample_bytes: 778 is refused");
	c = read_all(fd, 64);
	check(c.len == 4 && !memcmp(c.data, "777\n", 4), "sample_bytes: an open file changed");
	free(c.data);
	close(fd);
	check(sample_bytes_are("778\n"), "sample_bytes: was not written");
}

/* ------------------------------------------------------------------ the module */

static void check_removal(int unload)
{
	int fd = open_file("heap", O_RDONLY);

	check(syscall(SYS_delete_module, "kspan", O_NONBLOCK) == -1,
	      "the module goes while a file is open");
	check(read_all(fd, 4096).len > 0, "heap: cannot be read any more");
	close(fd);
	if (unload)
		check(!syscall(SYS_delete_module, "kspan", O_NONBLOCK), "the module stays: %s",
		      strerror(errno));
}

int main(int argc, char **argv)
{
	static const char *const readable[] = {
		"heap", "allocs", "peak", "lifetime", "fragmentation", "heap.txt", "heap.folded",
		"caches", "spans", "specials", "stats",
	};
	struct content before;
	size_t i;
	int fd;

	fd = open_file("sample_bytes", O_RDONLY);
	if (fd < 0) {
		printf("FAIL: kspan is not loaded: %s\n0 passed, 1 failed\n", strerror(errno));
		return 1;
	}
	before = read_all(fd, 64);
	close(fd);

	for (i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
		check_file(readable[i], 0400);
	check_file("sample_bytes", 0600);
	check_file("reset", 0600);
	check_writes();
	check_snapshot();
	check(!write_file("sample_bytes", before.data, before.len),
	      "sample_bytes: does not take back what it said");
	check_removal(argc > 1 && !strcmp(argv[1], "--unload"));

	printf("%d passed, %d failed\n", passed, failed);
	return !!failed;
}
