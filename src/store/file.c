/* Small files, read and written whole. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "path.h"

static int temp_write(int dirfd, const char *temp, const void *data, size_t len, mode_t mode)
{
    YM_AUTOCLOSE int fd =
        openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int r = io_pwrite_all(fd, data, len, 0);
    if (r == 0 && fchmod(fd, mode) < 0)
        r = -errno;
    return r < 0 ? r : io_sync(fd);
}

int ym_write_whole(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
                   struct ym_err *e)
{
    if (name[0] == '\0' || strchr(name, '/'))
        return ym_fail(e, YM_INVALID, EINVAL, "A file name must be one plain name.");
    char temp[64]; /* hidden, and short however long the name is */
    io_temp_name(".ymago-", ".tmp", temp, sizeof(temp));
    int r = temp_write(dirfd, temp, data, len, mode);
    if (r == 0 && renameat(dirfd, temp, dirfd, name) < 0)
        r = -errno;
    if (r < 0)
        io_unlink(dirfd, temp);
    else
        r = io_sync_dir(dirfd);
    if (r < 0) {
        char shown[80];
        return io_fail(e, -r, "write %s", ym_text_show(name, shown, sizeof(shown)));
    }
    return 0;
}

int ym_read_whole(int dirfd, const char *name, size_t max, char **ret, size_t *ret_len)
{
    /* O_NONBLOCK: a pipe of that name must not hold us up. */
    YM_AUTOCLOSE int fd = path_open(dirfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    return fd < 0 ? fd : ym_read_fd(fd, max, ret, ret_len);
}

int ym_read_fd(int fd, size_t max, char **ret, size_t *ret_len)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (st.st_size < 0 || (uint64_t)st.st_size > max)
        return -EFBIG;
    /* One byte more than the file claims, to notice that it grew (or claims nothing, as in /proc).
     */
    size_t cap = (size_t)st.st_size + 1, len = 0;
    YM_AUTOFREE char *buf = ym_alloc(cap + 1);
    for (;;) {
        ssize_t n = io_pread(fd, buf + len, cap - len, (int64_t)len);
        if (n < 0)
            return (int)n;
        len += (size_t)n;
        if (len > max)
            return -EFBIG;
        if (n == 0)
            break;
        if (len == cap) {
            cap = cap > max / 2 ? max + 1 : cap * 2 + 4096;
            buf = ym_realloc(buf, cap + 1);
        }
    }
    buf[len] = '\0';
    *ret = ym_steal(&buf);
    if (ret_len)
        *ret_len = len;
    return 0;
}
