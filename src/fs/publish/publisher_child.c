/* The publisher process: the only one of ours that makes system calls through the mount. It holds
 * nothing open between two requests, so that the mount is never busy because of it. */
#include "mounts.h"
#include "publisher.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct child {
    char mount[4096]; /* "" = none */
    dev_t dev;
};

static int open_if_ours(const char *path, dev_t dev)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct statx x;
    if (fd < 0)
        return -errno;
    /* Without asking the daemon: only the device number matters. */
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &x) < 0 ||
        makedev(x.stx_dev_major, x.stx_dev_minor) != dev) {
        close(fd);
        return -ENODEV;
    }
    return fd;
}

/* The mount's root. When it does not lie where it was, a folder above it was moved: the kernel
 * knows. */
static int open_mount(struct child *c)
{
    if (!*c->mount)
        return -ENODEV;
    int fd = open_if_ours(c->mount, c->dev);
    if (fd >= 0)
        return fd;
    struct mount_row row;
    if (mounts_find(NULL, c->dev, &row) < 0)
        return -ENODEV;
    snprintf(c->mount, sizeof(c->mount), "%s", row.point);
    return open_if_ours(c->mount, c->dev);
}

/* The folder of a path, reached without leaving the mount. */
static int open_parent(int root, char *path, const char **ret_base)
{
    char *slash = strrchr(path, '/');
    struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    *ret_base = slash ? slash + 1 : path;
    if (slash)
        *slash = '\0';
    long fd = syscall(SYS_openat2, root, slash ? path : ".", &how, sizeof(how));
    return fd < 0 ? -errno : (int)fd;
}

static int carry_out(struct child *c, struct publisher_packet *k)
{
    YM_AUTOCLOSE int root = open_mount(c);
    if (root < 0)
        return root;
    const char *base;
    YM_AUTOCLOSE int dir = open_parent(root, k->path, &base);
    if (dir < 0)
        return dir;
    int r = -1;
    if (k->verb == PUB_RENAME) {
        char from[64];
        snprintf(from, sizeof(from), ".ymago/staging/%s", k->token);
        r = renameat2(root, from, dir, base, k->noreplace ? RENAME_NOREPLACE : 0);
    } else if (k->verb == PUB_UNLINK) {
        r = unlinkat(dir, base, 0);
    } else if (k->verb == PUB_TOUCH) {
        r = utimensat(dir, base, NULL, AT_SYMLINK_NOFOLLOW);
    } else {
        errno = EINVAL;
    }
    return r < 0 ? -errno : 0;
}

/* The daemon died without a word: everybody gets ENOTCONN from its mount. Take it away, so that the
 * plain folder is back, if it is still that mount. */
static void clean_up(const struct child *c)
{
    struct mount_row row;
    if (*c->mount && mounts_find(NULL, c->dev, &row) == 0 && row.is_ours &&
        mounts_is_dead(row.point))
        mounts_detach(row.point, true);
}

static void remember(struct child *c, const struct publisher_packet *k)
{
    snprintf(c->mount, sizeof(c->mount), "%s", k->path);
    c->dev = makedev(k->dev_major, k->dev_minor);
}

int ym_publisher_main(int fd)
{
    struct child *c = ym_alloc(sizeof(*c));
    struct publisher_packet *k = ym_alloc(sizeof(*k));
    /* It ends with its parent's pipe, and not before: a service manager signals every process. */
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_NAME, "ymago-publisher");
    prctl(PR_SET_DUMPABLE, 0);
    bool bye = false;
    while (!bye) {
        ssize_t n = recv(fd, k, sizeof(*k), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < (ssize_t)offsetof(struct publisher_packet, token))
            break;
        ((char *)k)[n < (ssize_t)sizeof(*k) ? n : n - 1] = '\0';
        bye = k->verb == PUB_BYE;
        if (k->verb == PUB_MOUNT) {
            remember(c, k);
        } else if (!bye) {
            k->result = carry_out(c, k);
            send(fd, k, offsetof(struct publisher_packet, token), MSG_NOSIGNAL);
        }
    }
    if (!bye)
        clean_up(c);
    free(k);
    free(c);
    return 0;
}
