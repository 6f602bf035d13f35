// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of the kernel's slab, as much as is wanted, by System V messages: each is in segments of a
 * page. They stay in their queues when the program has ended; by then it has sent and received as
 * many besides.
 *
 * usage: messages MEGABYTES | messages gone
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#define TEXT	65536			/* bytes of a message */
#define PER_MB	(1048576 / TEXT)
#define QUEUE	64			/* megabytes in one */

static struct {
	long type;
	char text[TEXT];
} message = { .type = 1 };

static int queue_of(int n, int flags)
{
	return msgget(0x6b737000 + n, flags | 0600);
}

static int send_all(int queue, int nr)
{
	while (nr--)
		if (msgsnd(queue, &message, TEXT, IPC_NOWAIT))
			return 1;
	return 0;
}

static int receive_all(int queue, int nr)
{
	while (nr--)
		if (msgrcv(queue, &message, TEXT, 0, IPC_NOWAIT) != TEXT)
			return 1;
	return 0;
}

static int fill(int megabytes)
{
	int n, spare = queue_of(0, IPC_CREAT);

	for (n = 1; n * QUEUE <= megabytes; n++) {
		int queue = queue_of(n, IPC_CREAT);

		if (spare < 0 || queue < 0 || send_all(queue, QUEUE * PER_MB) ||
		    send_all(spare, QUEUE * PER_MB) || receive_all(spare, QUEUE * PER_MB))
			return 1;
	}
	return 0;
}

static int remove_all(void)
{
	int n, queue;

	for (n = 0; (queue = queue_of(n, 0)) >= 0; n++)
		if (msgctl(queue, IPC_RMID, NULL))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 1;
	return strcmp(argv[1], "gone") ? fill(atoi(argv[1])) : remove_all();
}
