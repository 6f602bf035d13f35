# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
fs_sources="linux:fs/f2fs"
fs_settings="CONFIG_F2FS_FS=m CONFIG_F2FS_FS_XATTR=y CONFIG_F2FS_FS_POSIX_ACL=y"
fs_packages="f2fs-tools"
fs_programs="mkfs.f2fs fsck.f2fs"

fs_make() {
	mkfs.f2fs -q -f "$1"
}

# --dry-run finds faults and says so in its last lines only.
fs_check() {
	fsck.f2fs --dry-run "$1" >/tmp/fsck 2>&1 && ! grep '\[Fail\]' /tmp/fsck
}
