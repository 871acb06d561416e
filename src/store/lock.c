/* One engine per library. An open-file-description lock: it can be asked about without being taken
 * (flock cannot), a fork shares it, and the kernel gives it back however the holder ends. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "io.h"

static struct flock whole_file(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

static pid_t pid_read(int fd)
{
    char text[24];
    ssize_t n = io_pread(fd, text, sizeof(text) - 1, 0);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    char *end;
    errno = 0;
    long v = strtol(text, &end, 10);
    return errno == 0 && end > text && *end == '\n' && v > 0 && v <= INT32_MAX ? (pid_t)v : 0;
}

static int lock_busy(const struct ym_store *s, int fd, struct ym_err *e)
{
    pid_t pid = pid_read(fd);
    if (pid > 0)
        return ym_fail(e, YM_LOCAL, EBUSY,
                       "The library %s is in use by process %d; end it with: ymago umount",
                       s->lib_path, (int)pid);
    return ym_fail(e, YM_LOCAL, EBUSY,
                   "The library %s is in use by another process; end it with: ymago umount",
                   s->lib_path);
}

int ym_store_lock(struct ym_store *s, struct ym_err *e)
{
    ym_assert(s->lock_fd < 0);
    YM_AUTOCLOSE int fd =
        openat(s->state_fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return io_fail(e, errno, "open the lock of the library");
    if (fchmod(fd, 0600) < 0)
        return io_fail(e, errno, "set the mode of the lock of the library");
    struct flock fl = whole_file();
    if (fcntl(fd, F_OFD_SETLK, &fl) < 0) {
        if (errno == EAGAIN || errno == EACCES)
            return lock_busy(s, fd, e);
        return io_fail(e, errno, "lock the library (does its file system know locks?)");
    }
    s->lock_fd = ym_steal_fd(&fd);
    ym_store_lock_write_pid(s);
    return 0;
}

void ym_store_lock_write_pid(struct ym_store *s)
{
    if (s->lock_fd < 0)
        return;
    char text[24];
    int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    /* Only a message depends on it, so a full disk does not matter: the lock itself is held. */
    if (io_pwrite_all(s->lock_fd, text, (size_t)n, 0) == 0 && ftruncate(s->lock_fd, n) < 0)
        ym_log(YM_WARN, "store", "could not shorten the lock file");
}

pid_t ym_store_holder(const struct ym_store *s)
{
    YM_AUTOCLOSE int fd = openat(s->state_fd, "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return 0;
    struct flock fl = whole_file();
    if (fcntl(fd, F_OFD_GETLK, &fl) < 0 || fl.l_type == F_UNLCK)
        return 0;
    pid_t pid = pid_read(fd);
    return pid > 0 ? pid : -1; /* held, but its holder has not written its number yet */
}
