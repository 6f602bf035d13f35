/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which kspan this is, for people, modinfo and packages. Between releases it is the next one's.
 * dkms.conf and CHANGELOG.md say the same, which scripts/check compares.
 */
#ifndef _KSPAN_VERSION_H
#define _KSPAN_VERSION_H

#define KSPAN_VERSION	"0.9.0"

#endif /* _KSPAN_VERSION_H */
