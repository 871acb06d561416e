#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io.h"
#include "path.h"

static int sys_openat2(int dirfd, const char *path, int flags, mode_t mode)
{
    bool makes = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
    struct open_how how = {
        .flags = (uint64_t)(unsigned)flags,
        .mode = makes ? mode & 07777 : 0, /* else EINVAL */
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd;
    do
        fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
    while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : (int)fd;
}

/* Asked once, on a folder that surely can be opened: a sandbox may answer EPERM instead of ENOSYS,
 * which could otherwise not be told from a refusal of the file itself. */
static bool have_openat2(int dirfd)
{
    static atomic_int known; /* 0 = not asked, 1 = yes, 2 = no */
    int k = atomic_load(&known);
    if (k == 0) {
        int fd = sys_openat2(dirfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
        if (fd >= 0)
            close(fd);
        k = fd == -ENOSYS || fd == -EPERM ? 2 : 1;
        if (fd >= 0 || k == 2)
            atomic_store(&known, k);
    }
    return k == 1;
}

/* Relative and without "..": what RESOLVE_BENEATH may allow ("a/../b") is refused here too, so that
 * both ways of walking agree. */
static bool path_is_plain(const char *path)
{
    if (path[0] == '/')
        return false;
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.')
            return false;
        p += n;
        p += strspn(p, "/");
    }
    return true;
}

static bool is_link(int dirfd, const char *name)
{
    struct stat st;
    return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

/* One component; links give ELOOP as openat2 does, but for a caller who asks for the link itself.
 */
static int walk_step(int dirfd, const char *name, int flags, mode_t mode)
{
    bool wants_link = (flags & O_PATH) && (flags & O_NOFOLLOW) && !(flags & O_DIRECTORY);
    YM_AUTOCLOSE int fd = openat(dirfd, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0) {
        int err = errno;
        return err == ENOTDIR && is_link(dirfd, name) ? -ELOOP : -err;
    }
    if ((flags & O_PATH) && !wants_link) {
        struct stat st;
        if (fstat(fd, &st) < 0)
            return -errno;
        if (S_ISLNK(st.st_mode))
            return -ELOOP;
    }
    return ym_steal_fd(&fd);
}

int path_walk(int dirfd, const char *path, int flags, mode_t mode)
{
    YM_AUTOFREE char *copy = ym_strdup(path);
    YM_AUTOCLOSE int at = -1;
    char *p = copy;
    for (;;) {
        size_t n = strcspn(p, "/"), gap = strspn(p + n, "/");
        bool last = p[n + gap] == '\0';
        p[n] = '\0';
        if (last) {
            if (gap > 0 && (flags & O_CREAT))
                return -EISDIR;
            if (gap > 0)
                flags |= O_DIRECTORY;
            return walk_step(at < 0 ? dirfd : at, n > 0 ? p : ".", flags, mode);
        }
        int next = walk_step(at < 0 ? dirfd : at, p, O_PATH | O_DIRECTORY, 0);
        if (next < 0)
            return next;
        ym_closep(&at);
        at = next;
        p += n + gap;
    }
}

int path_open(int dirfd, const char *path, int flags, mode_t mode)
{
    if (!path_is_plain(path))
        return -EXDEV;
    if (path[0] == '\0')
        path = ".";
    if (have_openat2(dirfd))
        return sys_openat2(dirfd, path, flags | O_CLOEXEC, mode);
    return path_walk(dirfd, path, flags, mode);
}

int ym_store_openat(const struct ym_store *s, const char *path, int flags, mode_t mode)
{
    return path_open(s->lib_fd, path, flags, mode);
}

int ym_store_parent(const struct ym_store *s, const char *path, const char **ret_base)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    if (base[0] == '\0' || strcmp(base, ".") == 0)
        return -EINVAL;
    if (!path_is_plain(path))
        return -EXDEV;
    YM_AUTOFREE char *dir = slash ? ym_strndup(path, (size_t)(slash - path)) : ym_strdup(".");
    int fd = path_open(s->lib_fd, dir, O_PATH | O_DIRECTORY, 0);
    if (fd >= 0)
        *ret_base = base;
    return fd;
}

/* Files may claim any time; far-off ones are held at the ends instead of wrapping round. */
static int64_t stamp_ns(struct statx_timestamp t)
{
    int64_t ns;
    if (__builtin_mul_overflow(t.tv_sec, INT64_C(1000000000), &ns) ||
        __builtin_add_overflow(ns, (int64_t)t.tv_nsec, &ns))
        return t.tv_sec < 0 ? INT64_MIN : INT64_MAX;
    return ns;
}

static int ident_statx(int dirfd, const char *name, int flags, struct ym_ident *ret)
{
    struct statx sx;
    if (statx(dirfd, name, flags, STATX_INO | STATX_BTIME | STATX_SIZE | STATX_MTIME, &sx) < 0)
        return -errno;
    *ret = (struct ym_ident){
        .ino = sx.stx_ino,
        .btime_ns = sx.stx_mask & STATX_BTIME ? stamp_ns(sx.stx_btime) : 0,
        .size = (int64_t)sx.stx_size,
        .mtime_ns = stamp_ns(sx.stx_mtime),
    };
    return 0;
}

int ym_store_ident(int dirfd, const char *path, struct ym_ident *ret)
{
    if (path[0] != '\0' && !strchr(path, '/') && path_is_plain(path))
        return ident_statx(dirfd, path, AT_SYMLINK_NOFOLLOW, ret);
    YM_AUTOCLOSE int fd = path_open(dirfd, path, O_PATH | O_NOFOLLOW, 0);
    return fd < 0 ? fd : ident_statx(fd, "", AT_EMPTY_PATH, ret);
}

int ym_store_ident_fd(int fd, struct ym_ident *ret)
{
    return ident_statx(fd, "", AT_EMPTY_PATH, ret);
}

bool ym_ident_same_file(const struct ym_ident *a, const struct ym_ident *b)
{
    return a->ino == b->ino && a->btime_ns == b->btime_ns;
}

bool ym_ident_unchanged(const struct ym_ident *a, const struct ym_ident *b)
{
    return ym_ident_same_file(a, b) && a->size == b->size && a->mtime_ns == b->mtime_ns;
}
