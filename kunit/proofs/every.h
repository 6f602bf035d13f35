/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A proof by going through every case, where there are few enough: what is proven is run again and
 * again, each time with other choices, until all have been made.
 */
#ifndef EVERY_H
#define EVERY_H

#include <stdio.h>
#include <stdlib.h>

#undef prove
#define prove(condition)						\
	do {								\
		if (!(condition))					\
			every_failed(__FILE__, __LINE__, #condition);	\
	} while (0)

static struct { unsigned int made, of; } every_choice[256];
static unsigned int every_nr, every_at;
static unsigned long every_cases;

static void every_failed(const char *file, int line, const char *condition)
{
	unsigned int i;

	printf("FAILED: %s:%d: %s; choices", file, line, condition);
	for (i = 0; i < every_at; i++)
		printf(" %u", every_choice[i].made);
	printf("\n");
	exit(1);
}

/* One of 0 to @of - 1. */
static unsigned int choose(unsigned int of)
{
	if (every_at == every_nr) {
		prove(every_nr < ARRAY_SIZE(every_choice));
		every_choice[every_nr].made = 0;
		every_choice[every_nr++].of = of;
	}
	prove(every_choice[every_at].of == of);
	return every_choice[every_at++].made;
}

/* Has @proof been run with every choice? */
static bool every_next(void)
{
	every_cases++;
	while (every_nr && every_choice[every_nr - 1].made + 1 == every_choice[every_nr - 1].of)
		every_nr--;
	if (every_nr)
		every_choice[every_nr - 1].made++;
	every_at = 0;
	return every_nr;
}

#define EVERY(proof)							\
int main(void)								\
{									\
	do								\
		proof();						\
	while (every_next());						\
	printf("%lu cases\n", every_cases);				\
	return 0;							\
}

#endif /* EVERY_H */
