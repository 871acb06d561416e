/* Space kept back, so that the journal can still be written when the disk is full. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "io.h"

enum { BALLAST_BYTES = 4 * 1024 * 1024 };

static int fill(int fd)
{
    if (fallocate(fd, 0, 0, BALLAST_BYTES) == 0)
        return 0;
    if (errno != EOPNOTSUPP && errno != ENOSYS)
        return -errno;
    /* Written in full, with bytes that no file system can leave out or compress away. */
    YM_AUTOFREE char *buf = ym_alloc(BALLAST_BYTES);
    ym_random(buf, BALLAST_BYTES);
    return io_pwrite_all(fd, buf, BALLAST_BYTES, 0);
}

void ym_ballast_keep(const struct ym_store *s)
{
    struct stat st;
    if (fstatat(s->state_fd, "ballast", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        st.st_blocks * 512 >= BALLAST_BYTES)
        return;
    YM_AUTOCLOSE int fd =
        openat(s->state_fd, "ballast", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || fchmod(fd, 0600) < 0 || fill(fd) < 0)
        io_unlink(s->state_fd, "ballast"); /* too little space: take none of it */
}

void ym_ballast_drop(const struct ym_store *s)
{
    io_unlink(s->state_fd, "ballast");
}
