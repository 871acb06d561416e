/* Where a node lies below the mount, for *at() calls. Nothing here resolves a visible path. */
#ifndef FS_LOWER_H
#define FS_LOWER_H

#include "session.h"

/* A folder's descriptor and a name in it. Valid while the tree lock is held for reading. */
struct place {
    int dir;
    int owned;    /* descriptor to close, or -1 */
    int nofollow; /* AT_SYMLINK_NOFOLLOW, or 0 when `base` leads through /proc to an open file */
    const char *base;
    char *text; /* holds `base`, or it is held here: */
    char staged[96];
};

/* -ENOENT when the folder has gone, -EACCES in virtual folders. */
int place_child(struct ym_fs *f, struct node *parent, const char *name, struct place *ret);
int place_node(struct ym_fs *f, struct node *n, struct place *ret);
void place_fini(struct place *p);
#define PLACE_AUTO __attribute__((cleanup(place_fini))) struct place
#define PLACE_NONE                                                                                 \
    {                                                                                              \
        .dir = -1, .owned = -1                                                                     \
    }

struct facts { /* of a file below */
    struct stat st;
    int64_t btime_ns;
};
int lower_stat(int dir, const char *base, int flags, struct facts *ret);
int lower_stat_place(const struct place *p, struct facts *ret);
int lower_stat_fd(int fd, struct facts *ret);
int lower_open(const struct place *p, int flags);
/* "/proc/self/fd/N" */
const char *lower_fd_path(int fd, char out[static 32]);

#endif
