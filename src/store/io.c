#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"

int io_fail(struct ym_err *e, int err, const char *what, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, what);
    vsnprintf(text, sizeof(text), what, ap);
    va_end(ap);
    switch (err) {
    case ENOSPC:
        return ym_fail(e, YM_LOCAL, err,
                       "The disk of the library is full: could not %s; free some space.", text);
    case EDQUOT:
        return ym_fail(e, YM_LOCAL, err,
                       "Your disk quota is used up: could not %s; free some space.", text);
    case EROFS:
        return ym_fail(e, YM_LOCAL, err,
                       "The library lies on a read-only file system: could not %s.", text);
    case EIO:
        return ym_fail(e, YM_BROKEN, err,
                       "The disk of the library reports an error: could not %s; check the disk.",
                       text);
    case EACCES:
    case EPERM:
        return ym_fail(e, YM_LOCAL, err, "Permission denied: could not %s; check owner and mode.",
                       text);
    default:
        return ym_fail(e, YM_LOCAL, err, "Could not %s: %s.", text, strerrordesc_np(err));
    }
}

int io_pwrite_all(int fd, const void *data, size_t len, int64_t offset)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = pwrite(fd, p, len, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        p += n;
        len -= (size_t)n;
        offset += n;
    }
    return 0;
}

ssize_t io_pread(int fd, void *buf, size_t len, int64_t offset)
{
    ssize_t n;
    do
        n = pread(fd, buf, len, offset);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

int io_sync(int fd)
{
    return fsync(fd) < 0 ? -errno : 0;
}

int io_sync_dir(int dirfd)
{
    YM_AUTOCLOSE int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = io_sync(fd);
    return r == -EINVAL ? 0 : r; /* some file systems have nothing to sync in a folder */
}

int io_private_dir(int dirfd, const char *name, bool *ret_made)
{
    bool made = mkdirat(dirfd, name, 0700) == 0;
    if (!made && errno != EEXIST)
        return -errno;
    YM_AUTOCLOSE int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    /* Root may serve a folder that belongs to someone else (a container's volume). */
    if (st.st_uid != geteuid() && geteuid() != 0)
        return -EPERM;
    if ((st.st_mode & 07777) != 0700 && fchmod(fd, 0700) < 0)
        return -errno;
    if (ret_made)
        *ret_made = made;
    return ym_steal_fd(&fd);
}

void io_temp_name(const char *prefix, const char *suffix, char *out, size_t size)
{
    uint64_t r;
    ym_random(&r, sizeof(r));
    int n = snprintf(out, size, "%s%016llx%s", prefix, (unsigned long long)r, suffix);
    ym_assert(n > 0 && (size_t)n < size);
}

int io_unlink(int dirfd, const char *name)
{
    return unlinkat(dirfd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}
