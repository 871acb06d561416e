/* What must be true of a mount point before it is mounted over. */
#ifndef FS_CHECK_H
#define FS_CHECK_H

#include <ymago/fs.h>

int check_mountpoint(const struct ym_fs_parts *p, struct ym_err *e);

#endif
