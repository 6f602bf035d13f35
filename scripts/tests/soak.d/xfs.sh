# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# Of XFS: what is built through the shim, in this order, with what settings of its Makefile, and
# the programs that make and check a filesystem. Read on the host and in the guest.
fs_sources="linux:fs/xfs"
fs_settings="CONFIG_XFS_FS=m CONFIG_XFS_POSIX_ACL=y"
fs_programs="mkfs.xfs xfs_repair"

fs_make() {
	mkfs.xfs -q -f "$1"
}

fs_check() {
	xfs_repair -n "$1"
}
