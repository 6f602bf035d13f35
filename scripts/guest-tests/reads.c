// SPDX-License-Identifier: GPL-2.0
/*
 * Reads from a device for ever, three hundred times in each tenth of a second, into a buffer of
 * 64 bytes: the program of Documentation/story.rst which comes upon a driver's leak.
 */
#include <fcntl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char buf[64];
	int fd, i;

	if (argc != 2)
		return 1;
	fd = open(argv[1], O_RDONLY);
	if (fd < 0)
		return 1;
	for (;;) {
		for (i = 0; i < 300; i++)
			(void)!read(fd, buf, sizeof(buf));
		usleep(100000);
	}
}
