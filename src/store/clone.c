/* Copying and checking bytes. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "io.h"

enum { CHUNK = 256 * 1024 };

/* The kernel copies (and shares extents where it can). 0 with *done short of the end when this pair
 * of files cannot be copied so. */
static int copy_in_kernel(int from, int to, int64_t *done)
{
    for (;;) {
        off_t in = *done, out = *done;
        ssize_t n = copy_file_range(from, &in, to, &out, (size_t)1 << 30, 0);
        if (n > 0) {
            *done += n;
            continue;
        }
        if (n == 0)
            return 0;
        if (errno == EINTR)
            continue;
        bool cannot = errno == EXDEV || errno == ENOSYS || errno == EOPNOTSUPP || errno == EINVAL ||
                      errno == EPERM || errno == EBADF;
        return cannot ? 0 : -errno;
    }
}

static int copy_by_hand(int from, int to, int64_t at)
{
    YM_AUTOFREE char *buf = ym_alloc(CHUNK);
    for (;;) {
        ssize_t n = io_pread(from, buf, CHUNK, at);
        if (n <= 0)
            return (int)n;
        int r = io_pwrite_all(to, buf, (size_t)n, at);
        if (r < 0)
            return r;
        at += n;
    }
}

int ym_clone_fd(int from_fd, int to_fd, struct ym_err *e)
{
    if (ioctl(to_fd, FICLONE, from_fd) == 0)
        return 0;
    int64_t done = 0;
    int r = copy_in_kernel(from_fd, to_fd, &done);
    /* Also after a copy that seems complete: some file systems answer 0 before the end. */
    if (r == 0)
        r = copy_by_hand(from_fd, to_fd, done);
    return r < 0 ? io_fail(e, -r, "copy a file of the library") : 0;
}

int ym_digest_fd(int fd, struct ym_digest *ret, int64_t *ret_size)
{
    YM_AUTOFREE char *buf = ym_alloc(CHUNK);
    struct ym_hash *h = ym_hash_new();
    int64_t at = 0;
    ssize_t n;
    while ((n = io_pread(fd, buf, CHUNK, at)) > 0) {
        ym_hash_add(h, buf, (size_t)n);
        at += n;
    }
    if (n == 0) {
        *ret = ym_hash_end(h);
        if (ret_size)
            *ret_size = at;
    }
    ym_hash_free(h);
    return (int)n;
}
