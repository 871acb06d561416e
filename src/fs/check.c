#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Whether `inner` lies in `outer` or is it: walks up by descriptors, so that no name can deceive.
 */
static bool is_inside(int inner, const struct stat *outer)
{
    YM_AUTOCLOSE int fd = openat(inner, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat st, last = {0};
    for (int depth = 0; fd >= 0 && depth < 4096; depth++) {
        if (fstat(fd, &st) < 0 || (depth && same(&st, &last)))
            return false;
        if (same(&st, outer))
            return true;
        last = st;
        int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        ym_closep(&fd);
        fd = up;
    }
    return false;
}

/* A bare folder that is mounted over hides what lies in it. */
static int check_empty(int dir, const char *mountpoint, struct ym_err *e)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        int err = errno;
        ym_closep(&fd);
        return ym_fail(e, YM_LOCAL, err, "%s cannot be read: %s.", mountpoint, strerror(err));
    }
    char shown[80] = "";
    for (struct dirent *en; !*shown && (en = readdir(d));)
        if (strcmp(en->d_name, ".") != 0 && strcmp(en->d_name, "..") != 0)
            ym_text_show(en->d_name, shown, sizeof(shown));
    closedir(d);
    if (*shown)
        return ym_fail(e, YM_INVALID, ENOTEMPTY,
                       "%s is not empty (%s lies in it); mount over an empty folder, or mount the "
                       "folder itself.",
                       mountpoint, shown);
    return 0;
}

int check_mountpoint(const struct ym_fs_parts *p, struct ym_err *e)
{
    struct stat lib, at;
    YM_AUTOCLOSE int dir = open(p->mountpoint, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0 || fstat(dir, &at) < 0 || fstat(p->store->lib_fd, &lib) < 0)
        return ym_fail(e, YM_INVALID, errno, "%s cannot be mounted over: %s.", p->mountpoint,
                       strerror(errno));
    if (geteuid() != 0 && at.st_uid != geteuid())
        return ym_fail(e, YM_INVALID, EPERM,
                       "%s belongs to another user; mount over a folder of your own.",
                       p->mountpoint);
    if (p->in_place)
        return same(&lib, &at) ? 0
                               : ym_fail(e, YM_INVALID, EINVAL, "%s is not the library's folder.",
                                         p->mountpoint);
    /* Inside each other, the library's own files would be reached through the mount: a deadlock. */
    if (is_inside(dir, &lib) || is_inside(p->store->lib_fd, &at))
        return ym_fail(e, YM_INVALID, EINVAL,
                       "The library and the mount point %s must not lie inside each other.",
                       p->mountpoint);
    return check_empty(dir, p->mountpoint, e);
}
