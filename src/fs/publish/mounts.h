/* What the kernel says is mounted, and taking a mount of ours away. */
#ifndef FS_MOUNTS_H
#define FS_MOUNTS_H

#include <sys/types.h>
#include <ymago/base.h>

struct mount_row {
    char point[4096];
    dev_t dev;
    bool is_ours; /* type fuse.ymago */
};
/* The topmost mount at a path, or (path NULL) the one with that device number. -ENOENT. */
int mounts_find(const char *point, dev_t dev, struct mount_row *ret);
/* Whether nobody serves what is mounted there any more. Asks; a daemon that hangs makes this hang.
 */
bool mounts_is_dead(const char *point);
/* umount(2) for root, else fusermount3. -EBUSY without lazy. */
int mounts_detach(const char *point, bool lazy);

#endif
